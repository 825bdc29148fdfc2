"""Warms L1 at startup: reads the figures of all operators, before requests ask for them one by one."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import structlog

from app.cache.memory import Memory
from app.cache.read_set import ReadSet
from app.cache.read_through import ReadThrough
from app.cache.region import Region
from app.domain.directory import Directories
from app.domain.directory_parts import Part
from app.domain.entry import DnoYear
from app.domain.families import FIGURES
from app.jobs.backoff import Backoff
from app.settings import Settings
from loaders import regions

log = structlog.get_logger(__name__)

# Operators that are read together: what is read of them takes the event loop for a few milliseconds.
PORTION: Final = 20
# Seconds of an iteration of the event loop from which on the process is busy.
BUSY: Final = 0.001
# Pauses between portions, as multiples of the time that the last one took.
PAUSE: Final = 1
PAUSE_IF_BUSY: Final = 9


class MemoryWarmer:
    """The newest year first, until records have filled their share of L1. It takes at most half of the time, and a tenth while there are requests."""

    def __init__(
        self, read_through: ReadThrough, memory: Memory, directories: Directories, settings: Settings
    ) -> None:
        self._read_through = read_through
        self._memory = memory
        self._directories = directories
        self._settings = settings

    async def run(self) -> None:
        settings = self._settings
        if not (settings.warm_memory and settings.memory_cache and settings.entity_cache):
            return
        backoff = Backoff(shortest=0.05, longest=5)
        while not self._memory.enabled:
            await backoff.wait()
        # What is read later is of little use: what was read first ends by then.
        until = asyncio.get_running_loop().time() + settings.memory_cache_lifetime / 2
        for year in sorted(await self._one(regions.HELD_YEARS, None) or (), reverse=True):
            await self._warm(year, until)
        log.info("memory_warmed", bytes=self._memory.bytes, full=self._memory.records_are_full)

    async def _warm(self, year: int, until: float) -> None:
        directory = await self._directories.of(await self._one(regions.DIRECTORY, None))
        await directory.prepare(Part.BITS)
        held = directory.held(year, await self._one(regions.HELD_FIGURES, year))
        operators, clock = directory.by_bit.entries, asyncio.get_running_loop().time
        for start in range(0, len(operators), PORTION):
            if self._memory.records_are_full or not self._memory.enabled or clock() > until:
                return
            began = clock()
            portion = operators[start : start + PORTION]
            reads = [self._read(regions.DNO_BY_SLUG, [operator.slug for operator in portion])]
            for family in FIGURES:
                with_figures = held.operators_with(family.data_type) >> start
                keys = [
                    DnoYear(operator.id, year)
                    for bit, operator in enumerate(portion)
                    if with_figures >> bit & 1
                ]
                if keys:
                    reads.append(self._read(regions.OF_FAMILY[family.name], keys))
            await asyncio.gather(*reads)
            await _pause(clock() - began)

    async def _one(self, region: Region[Any, Any], key: Any) -> Any:
        return (await self._read(region, [key]))[key]

    async def _read(self, region: Region[Any, Any], keys: Sequence[Any]) -> dict[Any, Any]:
        return await self._read_through.get_many(region, keys, ReadSet())


async def _pause(took: float) -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    await asyncio.sleep(0)
    await asyncio.sleep(took * (PAUSE_IF_BUSY if clock() - began > BUSY else PAUSE))
