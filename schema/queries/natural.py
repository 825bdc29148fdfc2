"""Questions in plain words."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from time import perf_counter
from typing import Annotated, Any

import strawberry
from app.interpreter.answer import answer_of

from app.db.query_logs import AskedQuestion
from app.domain.entry import DataType, DnoYear
from app.domain.question import Interpretation
from app.errors import BadInput
from loaders.questions import Question
from schema.context import Context
from schema.fields import root_field
from schema.types.question import Answered, NaturalQueryResult

LONGEST = 1000


@strawberry.type
class NaturalQueries:
    @root_field(
        NaturalQueryResult,
        description="Answers a question in plain German or English about Netzentgelte or HLZF: `netze bw ms 2024`, "
        "`Wann gelten die Hochlastzeitfenster der Stadtwerke Zirndorf?`",
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
    ) -> Answered:
        if len(query) > LONGEST:
            raise BadInput(f"A question has at most {LONGEST} characters.", argument="query")
        return await answer(context, query, today)


async def answer(context: Context, query: str, today: date | None) -> Answered:
    """Every question is logged, so no whole answer is kept; what it is made of is."""
    began = perf_counter()
    context.read_set.never_keep("questions are logged")
    question = await _question(context, query, today)
    (meaning,) = await context.loaders.interpretation_by_question.load_all([question])
    assert meaning is not None
    answered = await _answered(context, meaning, cached=not question.worked_out)
    _log(context, query, answered, perf_counter() - began)
    return answered


async def _question(context: Context, query: str, today: date | None) -> Question:
    loaders = context.loaders
    (entries,), (aliases,) = await asyncio.gather(
        loaders.directory.load_all([None]), loaders.aliases.load_all([None])
    )
    vocabulary, fingerprint = await context.resources.vocabularies.of(entries or (), aliases or ())
    return Question(query, vocabulary, fingerprint, today or context.today())


async def _answered(context: Context, meaning: Interpretation, *, cached: bool) -> Answered:
    dno = years = None
    tariffs: Sequence[Any] = ()
    hlzf: Sequence[Any] = ()
    if meaning.dno_id is not None and meaning.year is not None:
        key = DnoYear(meaning.dno_id, meaning.year)
        loaders = context.loaders
        entries = (
            loaders.hlzf_by_dno_year if meaning.data_type is DataType.HLZF else loaders.tariffs_by_dno_year
        )
        (dno,), (years,), (found,) = await asyncio.gather(
            loaders.dno_by_id.load_all([meaning.dno_id]),
            loaders.years_by_dno.load_all([meaning.dno_id]),
            entries.load_all([key]),  # type: ignore[attr-defined]
        )
        chosen = [
            entry
            for entry in found or ()
            if meaning.voltage_level is None or entry.voltage_level is meaning.voltage_level
        ]
        tariffs, hlzf = ((), chosen) if meaning.data_type is DataType.HLZF else (chosen, ())
    candidates = await context.loaders.dno_by_id.load_all(list(meaning.candidates))
    text = answer_of(
        meaning,
        dno=dno,
        candidates=[candidate for candidate in candidates if candidate is not None],
        tariffs=tariffs,
        hlzf=hlzf,
        years=years or (),
    )
    return Answered(meaning, tariffs, hlzf, text, cached)


def _log(context: Context, query: str, answered: Answered, seconds: float) -> None:
    meaning = answered.interpretation
    settings = context.resources.settings
    context.resources.query_log.add(
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
            address=context.address or None if settings.query_log_addresses else None,
        )
    )
