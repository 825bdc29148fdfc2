"""Warms L1 at startup: reads the figures of all operators, before requests ask for them one by one."""

import asyncio
from collections.abc import Sequence
from random import uniform
from typing import Any, Final

import structlog

from app.cache.memory import Memory
from app.cache.read_set import ReadSet
from app.cache.read_through import ReadThrough
from app.cache.redis import SharedCache
from app.cache.region import Region
from app.domain.directory import Directories
from app.domain.directory_parts import Part
from app.domain.entry import DnoYear
from app.domain.families import FIGURES
from app.errors import AppError
from app.jobs.backoff import Backoff
from app.settings import Settings
from loaders import regions

log = structlog.get_logger(__name__)

# Seconds within which processes that start together begin: what one has read, the others find in Redis.
SPREAD: Final = 1.0
# Operators that are read together: what is read of them takes the event loop for a few milliseconds.
PORTION: Final = 20
# Pauses between portions, as multiples of the time that the last one took.
PAUSE: Final = 1
PAUSE_IF_BUSY: Final = 9
# Seconds of an iteration of the event loop from which on the process counts as busy; with nothing to do they take a tenth of it.
BUSY: Final = 0.001


class MemoryWarmer:
    """The newest year first, until records have filled their share of L1, or what was read first ends soon."""

    def __init__(
        self,
        read_through: ReadThrough,
        memory: Memory,
        shared: SharedCache,
        directories: Directories,
        settings: Settings,
    ) -> None:
        self._read_through = read_through
        self._memory = memory
        self._shared = shared
        self._directories = directories
        self._settings = settings

    async def run(self) -> None:
        settings = self._settings
        if not (settings.warm_memory and settings.memory_cache and settings.entity_cache):
            return
        backoff = Backoff(shortest=0.05, longest=5)
        while not (self._memory.enabled and self._shared.trusted):
            await backoff.wait()
        await asyncio.sleep(uniform(0, SPREAD))  # noqa: S311
        try:
            end = await self._warm()
        except AppError as refusal:  # it is optional: requests read what is missing
            end = refusal.message
        except Exception:
            # Started again, it would fail at the same record, and read everything before it each time.
            log.exception("memory_is_not_warmed")
            return
        log.info("memory_warmed", end=end, bytes=self._memory.bytes)

    async def _warm(self) -> str:
        """Returns why it ended."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._settings.memory_cache_lifetime / 2
        years: tuple[int, ...] = await self._one(regions.HELD_YEARS, None) or ()
        for year in years:
            if (end := self._end(until)) is not None:
                return end
            directory = await self._directories.of(await self._one(regions.DIRECTORY, None))
            await directory.prepare(Part.BITS)
            held = directory.held(year, await self._one(regions.HELD_FIGURES, year))
            with_figures = {
                regions.OF_FAMILY[family.name]: held.operators_with(family.data_type) for family in FIGURES
            }
            operators = directory.by_bit.entries
            for start in range(0, len(operators), PORTION):
                if (end := self._end(until)) is not None:
                    return end
                began = clock()
                portion = operators[start : start + PORTION]
                reads = [
                    self._read(region, keys)
                    for region, bits in with_figures.items()
                    if (
                        keys := [
                            DnoYear(operator.id, year)
                            for bit, operator in enumerate(portion, start)
                            if bits >> bit & 1
                        ]
                    )
                ]
                if year == years[0]:
                    reads.append(self._read(regions.DNO_BY_SLUG, [operator.slug for operator in portion]))
                await asyncio.gather(*reads)
                await _pause(clock() - began)
        return "all is read"

    def _end(self, until: float) -> str | None:
        if not self._memory.enabled:
            return "memory is off"
        if self._memory.records_are_full:
            return "records have filled their share"
        return "half of the lifetime has passed" if asyncio.get_running_loop().time() > until else None

    async def _one(self, region: Region[Any, Any], key: Any) -> Any:
        return (await self._read(region, [key]))[key]

    async def _read(self, region: Region[Any, Any], keys: Sequence[Any]) -> dict[Any, Any]:
        return await self._read_through.get_many(region, keys, ReadSet())


async def _pause(took: float) -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    await asyncio.sleep(0)
    await asyncio.sleep(_pause_after(took, clock() - began))


def _pause_after(took: float, iteration: float) -> float:
    return took * (PAUSE_IF_BUSY if iteration > BUSY else PAUSE)
