"""Second opinions, kept like meanings: a model is not asked again and again about one sentence."""

import asyncio
from collections.abc import Sequence

import msgspec

from app.domain.directory import Directory
from app.domain.dno import DirectoryEntry
from app.domain.question import Interpretation
from app.interpreter.question_records import Question
from app.interpreter.search import Names
from app.language_model.budget import Call
from app.language_model.opinion import MAX_OPERATORS, LanguageModel, NoOpinion, second_opinion
from app.stepwise import run_stepwise

# An opinion of this confidence means that the model failed; it is not kept, and the next call may have another.
FAILED = 0.0


class UnsureQuestion:
    """A question whose meaning is not sure; its name is the question's. `names` are those of the directory's operators."""

    __slots__ = ("_call", "_directory", "_meaning", "_model", "_names", "question")

    def __init__(
        self,
        question: Question,
        meaning: Interpretation,
        model: LanguageModel,
        directory: Directory,
        names: Names,
        call: Call,
    ) -> None:
        self.question = question
        self._meaning = meaning
        self._model = model
        self._directory = directory
        self._names = names
        self._call = call

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnsureQuestion) and other.question == self.question

    def __hash__(self) -> int:
        return hash(self.question)

    async def asked(self) -> Interpretation | None:
        self._call.made = True
        try:
            opinion = await second_opinion(
                self._model,
                self.question.sentence,
                self._meaning,
                today=self.question.today,
                likely=await self._likely(),
                known=self._directory.id_by_slug,
            )
        except NoOpinion:
            self._call.failed = True
            return msgspec.structs.replace(self._meaning, confidence=FAILED)
        self._call.answered = True
        return opinion

    async def _likely(self) -> list[DirectoryEntry]:
        search = self._names.search_stepwise(self.question.sentence, MAX_OPERATORS)
        found = [match.dno_id for match in await run_stepwise(search)]
        wanted = list(dict.fromkeys((*self._meaning.candidates, *found)))[:MAX_OPERATORS]
        by_id = self._directory.by_id
        return [by_id[dno_id] for dno_id in wanted if dno_id in by_id]


async def ask_all(_: object, questions: Sequence[UnsureQuestion]) -> dict[UnsureQuestion, Interpretation]:
    opinions = await asyncio.gather(*(question_asked.asked() for question_asked in questions))
    return {
        question_asked: opinion
        for question_asked, opinion in zip(questions, opinions, strict=True)
        if opinion is not None
    }
