"""What a sentence means, as a record like any other: kept under its own name, never by what changes.

The name holds all that the meaning depends on: the sentence, the day, and the vocabulary. With
another operator or alias it is another name, so no old meaning can be found.
"""

import asyncio
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from time import thread_time

from app.domain.question import Interpretation
from app.interpreter.interpret import interpret, normalise
from app.interpreter.vocabulary import Vocabulary
from app.limits.work_budget import WorkBudget


class Question:
    """`budget`: of the operation that asks, which pays for the understanding."""

    __slots__ = ("_budget", "_vocabulary", "digest", "sentence", "today")

    def __init__(
        self,
        sentence: str,
        vocabulary: Vocabulary,
        fingerprint: str,
        today: date,
        budget: WorkBudget | None = None,
    ) -> None:
        self.sentence = normalise(sentence)
        self.today = today
        self._vocabulary = vocabulary
        self._budget = budget
        named = f"{fingerprint}\n{today.isoformat()}\n{self.sentence}"
        self.digest = sha256(named.encode(errors="replace")).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Question) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def interpreted(self) -> Interpretation:
        began = thread_time()
        meaning = interpret(self.sentence, self._vocabulary, self.today)
        if self._budget is not None:
            # Not ended here: the meaning is for all who ask the same, and bounded by the sentence's length.
            self._budget.add_cpu(thread_time() - began)
        return meaning


async def interpret_all(_: object, questions: Sequence[Question]) -> dict[Question, Interpretation]:
    meanings = {}
    for question in questions:
        meanings[question] = question.interpreted()
        await asyncio.sleep(0)  # many questions at once must not block the event loop for other requests
    return meanings
