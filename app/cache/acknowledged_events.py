"""Events whose writer has invalidated all caches: the relay does not repeat it."""

from collections.abc import Iterable
from typing import Final

from app.bounded_mapping import BoundedMapping

MAX_EVENTS: Final = 20_000


class AcknowledgedEvents:
    """Event numbers, with the generation of the removed keys. An event that was evicted here is invalidated twice, which is harmless."""

    def __init__(self) -> None:
        self._events: BoundedMapping[int, str] = BoundedMapping(MAX_EVENTS)

    def note(self, generation: str, events: Iterable[int]) -> None:
        for event in events:
            self._events[event] = generation

    def covers(self, event: int, generation: str) -> bool:
        return self._events.get(event) == generation

    def forget(self, events: Iterable[int]) -> None:
        for event in events:
            self._events.discard(event)
