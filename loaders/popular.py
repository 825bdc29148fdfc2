"""All that is kept for one operator and year, read before anyone asks."""

import asyncio

from app.cache.read_set import ReadSet
from app.cache.read_through import ReadThrough
from app.domain.entry import DnoYear
from loaders.registry import Loaders


async def warm(cache: ReadThrough, key: DnoYear) -> None:
    loaders = Loaders(cache, ReadSet())
    await asyncio.gather(
        loaders.dno_by_id.load_all([key.dno_id]),
        loaders.years_by_dno.load_all([key.dno_id]),
        loaders.tariffs_by_dno_year.load_all([key]),
        loaders.hlzf_by_dno_year.load_all([key]),
        loaders.time_of_use_by_dno_year.load_all([key]),
    )
