"""One kind of record: its type, its tag, its lifetime, how to fetch it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from app.settings import Settings

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, eq=False)
class Region(Generic[K, V]):
    """`tag` names a key's record everywhere: in the read set, in events, in memory and in Redis; so no
    two regions share one.

    `fetch` takes the store (a pool) and all keys that are missing, runs one statement, and
    returns what there is; absent means absent. `lifetime`: for how long a record may be kept
    before it is read again without an invalidation.
    """

    name: str
    type: Any
    tag: Callable[[K], str]
    fetch: Callable[[Any, Sequence[K]], Awaitable[dict[K, V]]]
    lifetime: Callable[[Settings, V], float]
    # Clients can make up any number of keys.
    open_ended: bool = False

    def is_open_ended(self, value: V | None) -> bool:
        """Whether callers may make any number of such records; so they may of those that are not there."""
        return self.open_ended or value is None
