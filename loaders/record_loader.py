"""The DataLoader of one region: loads records by key through the read-through cache."""

from asyncio import Future
from collections.abc import Iterable
from typing import Self, TypeVar

from aiodataloader import DataLoader

from app.cache.read_set import ReadSet
from app.cache.read_through import ReadThrough
from app.cache.region import Region

K = TypeVar("K")
V = TypeVar("V")


class RecordLoader(DataLoader[K, V | None]):
    """The DataLoader contract for the records of one region; None where there is no record.

    `load` gathers the keys of one turn of the event loop. `load_many` takes the keys of a whole level at once, without
    a future for each. Both share the records that were loaded or primed for the operation (`memoize`). A region with one record
    has the key None.
    """

    cache = False  # `_records` caches records, not futures

    def __init__(self, cache: ReadThrough, region: Region[K, V], read_set: ReadSet, *, memoize: bool) -> None:
        # What DataLoader.__init__ does for these options; its checks of the batch function cost more than the rest.
        self.loop = cache.loop  # get_running_loop() makes a system call
        self._queue = []
        self._read_through = cache
        self._region = region
        self._read_set = read_set
        self._records: dict[K, V | None] | None = {} if memoize else None

    def tag_of(self, key: K) -> str:
        return self._region.tag(key)

    def load(self, key: K) -> "Future[V | None]":
        future: Future[V | None] = self.loop.create_future()
        if self._records is not None and key in self._records:
            future.set_result(self._records[key])
        else:
            self.do_resolve_reject(key, future)
        return future

    async def load_many(self, keys: Iterable[K]) -> list[V | None]:  # type: ignore[override]
        """Records in the order of the keys. If the read fails for one key, its exception is raised for all."""
        keys = list(keys)
        # `clear` replaces the mapping: a read in progress neither loses its records nor restores cleared ones.
        records = {} if self._records is None else self._records
        if not records:
            # Most levels. Hashing the keys once more would cost as much as L1 itself.
            if len(keys) == 1:
                found = self._read_through.find(self._region, keys[0], self._read_set)
                if found is not None:
                    records[keys[0]] = found.value
                    return [found.value]
                missing = keys
            else:
                missing = list(dict.fromkeys(keys))
        else:
            missing = [key for key in dict.fromkeys(keys) if key not in records]
        if missing:
            loaded: dict[K, V | None] = await self._read_through.get_many(
                self._region, missing, self._read_set
            )
            records.update(loaded)
            if len(keys) == 1:
                return list(loaded.values())
        return [records[key] for key in keys]

    batch_load_fn = load_many

    def prime(self, key: K, value: V | None) -> Self:
        """Without effect if the key has been loaded, or without `memoize`."""
        if self._records is not None:
            self._records.setdefault(key, value)
        return self

    def clear(self, key: K) -> Self:
        if self._records is not None:
            self._records = {other: value for other, value in self._records.items() if other != key}
        return self

    def clear_all(self) -> Self:
        if self._records is not None:
            self._records = {}
        return self
