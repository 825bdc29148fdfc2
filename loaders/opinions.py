"""Second opinions, kept like meanings: a model is not asked again and again about one sentence."""

import asyncio
from collections.abc import Sequence

from app.domain.dno import DirectoryEntry
from app.domain.question import Interpretation
from app.interpreter.search import Names
from app.language_model.opinion import LanguageModel, second_opinion
from loaders.questions import Question

MOST = 20  # operators that are shown to the model


class Doubt:
    """A question whose meaning is not sure; its name is the question's."""

    __slots__ = ("_entries", "_meaning", "_model", "question")

    def __init__(
        self,
        question: Question,
        meaning: Interpretation,
        model: LanguageModel,
        entries: Sequence[DirectoryEntry],
    ) -> None:
        self.question = question
        self._meaning = meaning
        self._model = model
        self._entries = entries

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Doubt) and other.question == self.question

    def __hash__(self) -> int:
        return hash(self.question)

    async def asked(self) -> Interpretation | None:
        return await second_opinion(
            self._model,
            self.question.sentence,
            self._meaning,
            today=self.question.today,
            likely=self._likely(),
            known={entry.slug: entry.id for entry in self._entries},
        )

    def _likely(self) -> list[DirectoryEntry]:
        found = [match.dno_id for match in Names(self._entries).search(self.question.sentence, MOST)]
        wanted = list(dict.fromkeys((*self._meaning.candidates, *found)))[:MOST]
        by_id = {entry.id: entry for entry in self._entries}
        return [by_id[dno_id] for dno_id in wanted if dno_id in by_id]


async def ask_all(_: object, doubts: Sequence[Doubt]) -> dict[Doubt, Interpretation]:
    opinions = await asyncio.gather(*(doubt.asked() for doubt in doubts))
    return {doubt: opinion for doubt, opinion in zip(doubts, opinions, strict=True) if opinion is not None}
