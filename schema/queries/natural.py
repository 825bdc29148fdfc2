"""The query that answers questions in natural language."""

import asyncio
from contextlib import suppress
from datetime import UTC, date, datetime
from time import perf_counter
from typing import Annotated

import strawberry
from msgspec import structs

from app.db.query_logs import AskedQuestion
from app.domain import tags
from app.domain.directory import Directory
from app.domain.directory_parts import Part
from app.domain.question import Interpretation, QuestionTopic
from app.errors import BadInput, Unavailable
from app.interpreter.answer import answer_of
from app.interpreter.question_records import Question
from app.language_model.opinion import LanguageModel
from app.language_model.opinion_records import FAILED, UnsureQuestion
from app.limits.work_budget import metered
from schema.batch_field import root_field
from schema.context import Context
from schema.directory import load_directory
from schema.queries.natural_figures import answering_figures, load_figures, why_unanswered
from schema.queries.natural_places import with_operator_at_place
from schema.queries.vocabulary import load_vocabulary
from schema.types.question import AnsweredQuestion, NaturalQueryResult

MAX_QUESTION_LENGTH = 1000
_ASKED_OF_MODELS = (None, QuestionTopic.NETZENTGELTE, QuestionTopic.HLZF, QuestionTopic.TIME_OF_USE)
UNANSWERED_CONFIDENCE = 0.5  # at most, where the answer does not hold what was asked for


@strawberry.type
class NaturalQueries:
    @root_field(
        NaturalQueryResult,
        description="Answers a question in plain German or English about Netzentgelte, HLZF and time-variable grid charges "
        "(§ 14a EnWG, Modul 3), the other positions of a price sheet, levies and taxes, peak load at a moment, annual costs, "
        "comparisons and rankings: `netze bw ms 2024`, `Wann ist der Strom bei N-ERGIE heute am günstigsten?`. What is not known or not held is said, without figures of anything else.",
        price=200,
    )
    async def natural_query(
        context: Context,
        query: Annotated[str, strawberry.argument(description="The question, at most 1000 characters.")],
        today: Annotated[
            date | None,
            strawberry.argument(
                description="The day that `this year` is seen from; left out: today in Germany."
            ),
        ] = None,
    ) -> AnsweredQuestion:
        if len(query) > MAX_QUESTION_LENGTH:
            raise BadInput(f"A question has at most {MAX_QUESTION_LENGTH} characters.", argument="query")
        return await answer(context, query, today)


async def answer(context: Context, query: str, today: date | None) -> AnsweredQuestion:
    """Not in the response cache, because each question is logged; the records that it reads are cached."""
    context.read_set.never_keep("questions are logged")
    # Once per operation, in a task of its own: a plan that falls back to the executor must not log it twice, and a
    # sibling whose error cancels this field must not prevent the log entry.
    return await context.run_once((query, today), lambda: _answer_and_log(context, query, today))


async def _answer_and_log(context: Context, query: str, today: date | None) -> AnsweredQuestion:
    began = perf_counter()
    answered = await metered(_answer(context, query, today), context.budget)
    _log(context, query, answered, perf_counter() - began)
    return answered


async def _answer(context: Context, query: str, today: date | None) -> AnsweredQuestion:
    question, directory = await _question(context, query, today)
    (meaning,) = await context.loaders.interpretation_by_question.load_many([question])
    assert meaning is not None
    context.budget.check()
    used = {tags.question(question.digest)}
    model, settings = context.resources.language_model, context.resources.settings
    # Of what is known to be not held, and of other figures, a model can only give those that it has words for.
    unclear = meaning.not_held is None and meaning.unknown is None and meaning.about in _ASKED_OF_MODELS
    if model is not None and unclear and meaning.confidence < settings.language_model_threshold:
        used.add(tags.opinion(question.digest))
        meaning = await _second_opinion(context, question, meaning, model, directory) or meaning
    return await _answered(context, meaning, used, question.today)


async def _second_opinion(
    context: Context,
    question: Question,
    meaning: Interpretation,
    model: LanguageModel,
    directory: Directory,
) -> Interpretation | None:
    resources = context.resources
    (aliases,) = await context.loaders.aliases.load_many([None])
    await directory.prepare(Part.BY_ID, Part.BY_SLUG)
    names = await resources.names.of(directory.entries, aliases or ())
    caller, _ = resources.limiter.subject(context.principal, context.address)
    async with resources.model_calls.call(caller, anonymous=context.principal.anonymous) as call:
        if call is None:
            return None
        unsure = UnsureQuestion(question, meaning, model, directory, names, call)
        with suppress(TimeoutError, Unavailable):
            # The model call has its own time-out; this one includes the time in the queue.
            async with asyncio.timeout(2 * resources.settings.language_model_timeout):
                (opinion,) = await context.loaders.opinion_by_question.load_many([unsure])
                return opinion if opinion is not None and opinion.confidence != FAILED else None
    return None


async def _question(context: Context, query: str, today: date | None) -> tuple[Question, Directory]:
    vocabulary, fingerprint = await load_vocabulary(context.resources, context.read_set)
    directory = await load_directory(context)
    day = today or context.today()
    return Question(query, vocabulary, fingerprint, day, context.budget), directory


async def _answered(
    context: Context, meaning: Interpretation, used: set[str], today: date
) -> AnsweredQuestion:
    """`used`: the tags that the answer depends on; `cached` is false if one of them was fetched."""
    at_place = await with_operator_at_place(context, meaning)
    meaning = at_place.meaning
    found = await load_figures(context, meaning, today, at_place.operators)
    unanswered = why_unanswered(meaning, found)
    text = answer_of(
        meaning,
        dno=found.dno,
        figures=found.figures,
        candidates=found.candidates,
        names=found.names,
        years=found.years,
        levels=found.levels,
        at=found.at,
    )
    if unanswered is not None:
        meaning = structs.replace(meaning, confidence=min(meaning.confidence, UNANSWERED_CONFIDENCE))
    cached = not found.uncached and context.read_set.fetched.isdisjoint(used | found.used | at_place.used)
    figures = answering_figures(meaning, found, unanswered)
    return AnsweredQuestion(meaning, figures, unanswered, text, cached)


def _log(context: Context, query: str, answered: AnsweredQuestion, seconds: float) -> None:
    meaning = answered.interpretation
    resources = context.resources
    caller, _ = resources.limiter.subject(context.principal, context.address)
    resources.query_log.add(
        AskedQuestion(
            asked_at=datetime.now(UTC),
            query=query,
            dno_id=meaning.dno_id,
            year=meaning.year,
            voltage_level=meaning.voltage_level,
            data_type=meaning.data_type,
            confidence=meaning.confidence,
            duration_ms=round(seconds * 1000, 3),
            cached=answered.cached,
            address=context.address or None if resources.settings.query_log_addresses else None,
        ),
        caller,
    )
