"""Events whose writer has seen to all that they ask of the caches: the relay need not do it once more."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

MOST: Final = 20_000


class AcknowledgedEvents:
    """By number, with the generation of keys that they were removed under. What is forgotten is done twice."""

    def __init__(self) -> None:
        self._events: OrderedDict[int, str] = OrderedDict()

    def note(self, generation: str, events: Iterable[int]) -> None:
        for event in events:
            self._events[event] = generation
        while len(self._events) > MOST:
            self._events.popitem(last=False)

    def covers(self, event: int, generation: str) -> bool:
        return self._events.get(event) == generation

    def forget(self, events: Iterable[int]) -> None:
        for event in events:
            self._events.pop(event, None)
