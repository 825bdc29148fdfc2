"""What open subscriptions hold: their documents and variables stay for as long as their clients do."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from app.errors import Overloaded
from schema.execution.documents import Operation
from schema.execution.operation import write_json

# One part of so many may belong to one caller.
SHARE: Final = 4
# What one takes beside its document and variables: tasks, queue, context.
SUBSCRIPTION: Final = 4000
# Variables as Python objects take about so many times their JSON.
WEIGHT: Final = 4


class OpenSubscriptions:
    """Bounded by bytes, in all and per caller. A document counts once, however many subscribe with it."""

    def __init__(self, max_bytes: int) -> None:
        self._most = max_bytes
        self._by_caller: dict[str, int] = {}
        self._documents: dict[int, _Held] = {}
        self.bytes = 0

    @contextmanager
    def hold(self, caller: str, operation: Operation, given: Mapping[str, Any]) -> Iterator[None]:
        """Refuses with Overloaded."""
        document = id(operation.document)  # held by the operation, so that no other has this id meanwhile
        held = self._documents.get(document) or _Held(operation.document.memory_use.bytes)
        own = SUBSCRIPTION + WEIGHT * len(write_json(given))
        added = own if held.times else own + held.bytes
        of_caller = self._by_caller.get(caller, 0) + added
        if of_caller > self._most // SHARE or self.bytes + added > self._most:
            raise Overloaded(
                "There are too many large subscriptions; please try again later.", retry_after=10
            )
        held.times += 1
        self._documents[document] = held
        self._by_caller[caller] = of_caller
        self.bytes += added
        try:
            yield
        finally:
            self.bytes -= own
            held.times -= 1
            if not held.times:
                self.bytes -= held.bytes
                del self._documents[document]
            self._by_caller[caller] -= added
            if not self._by_caller[caller]:
                del self._by_caller[caller]


class _Held:
    """A document that subscriptions hold, and how many of them."""

    __slots__ = ("bytes", "times")

    def __init__(self, bytes: int) -> None:
        self.bytes = bytes
        self.times = 0
