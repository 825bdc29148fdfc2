"""All that is kept for one operator and year, read before anyone asks."""

import asyncio

from app.cache.read_set import ReadSet
from app.domain.entry import DnoYear
from app.jobs.cache_warmer import CacheWarmer
from app.resources import Resources
from loaders.registry import Loaders


def warmer(resources: Resources) -> CacheWarmer:
    async def load(key: DnoYear) -> None:
        loaders = Loaders(resources.read_through, ReadSet())
        await asyncio.gather(
            loaders.dno_by_id.load_all([key.dno_id]),
            loaders.years_by_dno.load_all([key.dno_id]),
            loaders.tariffs_by_dno_year.load_all([key]),
            loaders.hlzf_by_dno_year.load_all([key]),
            loaders.time_of_use_by_dno_year.load_all([key]),
        )

    return CacheWarmer(resources.pool, resources.shared, load, resources.settings)
