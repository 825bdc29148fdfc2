"""Limits the memory of open subscriptions: each holds its document and variables until it ends."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from app.errors import Overloaded
from schema.execution.documents import Operation
from schema.execution.operation import write_json

# One caller may hold 1/CALLER_SHARE of the limit.
CALLER_SHARE: Final = 4
# Estimated bytes of one subscription without its document and variables: tasks, queue, context.
SUBSCRIPTION_BYTES: Final = 4000
# Estimated bytes of variables as Python objects, per byte of their JSON.
BYTES_PER_JSON_BYTE: Final = 4


class OpenSubscriptions:
    """Bounded by bytes, in total and per caller. A document that several subscriptions share counts once."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._by_caller: dict[str, int] = {}
        self._documents: dict[int, _SharedDocument] = {}
        self.bytes = 0

    @contextmanager
    def hold(self, caller: str, operation: Operation, variables: Mapping[str, Any]) -> Iterator[None]:
        """Counts one subscription while it is open. Raises Overloaded."""
        document = id(operation.document)  # the operation keeps it alive, so the id stays unique
        shared = self._documents.get(document) or _SharedDocument(operation.document.memory_use.bytes)
        own = SUBSCRIPTION_BYTES + BYTES_PER_JSON_BYTE * len(write_json(variables))
        added = own if shared.subscriptions else own + shared.bytes
        of_caller = self._by_caller.get(caller, 0) + added
        if of_caller > self._max_bytes // CALLER_SHARE or self.bytes + added > self._max_bytes:
            raise Overloaded(
                "There are too many large subscriptions; please try again later.", retry_after=10
            )
        shared.subscriptions += 1
        self._documents[document] = shared
        self._by_caller[caller] = of_caller
        self.bytes += added
        try:
            yield
        finally:
            self.bytes -= own
            shared.subscriptions -= 1
            if not shared.subscriptions:
                self.bytes -= shared.bytes
                del self._documents[document]
            self._by_caller[caller] -= added
            if not self._by_caller[caller]:
                del self._by_caller[caller]


class _SharedDocument:
    """A document and the number of subscriptions that use it."""

    __slots__ = ("bytes", "subscriptions")

    def __init__(self, bytes: int) -> None:
        self.bytes = bytes
        self.subscriptions = 0
