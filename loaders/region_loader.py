"""Records for keys: gathered, deduplicated, aligned; once for all loaders."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from aiodataloader import DataLoader

from app.cache.read_set import ReadSet
from app.cache.read_through import ReadThrough
from app.cache.region import Region
from app.observability import traces

K = TypeVar("K")
V = TypeVar("V")


class RegionLoader(DataLoader[K, "V | None"], Generic[K, V]):
    """`load` for one key at a time; `load_all` for a level's keys at once, without a future each.

    What was loaded is remembered for the operation (`remember`), whichever door it came through.
    """

    def __init__(
        self, cache: ReadThrough, region: Region[K, V], read_set: ReadSet, *, remember: bool
    ) -> None:
        super().__init__(cache=remember)
        self._through = cache
        self._region = region
        self._read_set = read_set
        self._known: dict[K, V | None] | None = {} if remember else None

    def tag_of(self, key: K) -> str:
        return self._region.tag(key)

    async def batch_load_fn(self, keys: list[K]) -> list[V | None]:
        return await self.load_all(keys)

    async def load_all(self, keys: Sequence[K]) -> list[V | None]:
        known = self._known
        if known is None:
            found = await self._get_many(list(dict.fromkeys(keys)))
            return [found[key] for key in keys]
        if missing := [key for key in dict.fromkeys(keys) if key not in known]:
            known.update(await self._get_many(missing))
        return [known[key] for key in keys]

    async def _get_many(self, keys: list[K]) -> dict[K, V | None]:
        with traces.span("loader", region=self._region.name, keys=len(keys)):
            return await self._through.get_many(self._region, keys, self._read_set)

    def clear_all(self) -> Any:
        if self._known is not None:
            self._known.clear()
        return super().clear_all()
