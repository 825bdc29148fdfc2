"""`dno warm`: reads the most frequent queries into Redis."""

import asyncio
from functools import partial

import msgspec

from app.errors import CannotStart
from app.jobs.cache_warmer import CacheWarmer
from app.observability import logs
from app.resources import open_resources
from app.settings import Settings
from loaders.registry import load_dno_year


async def run(settings: Settings) -> str:
    """Returns what was done, in one sentence. Background jobs log only errors."""
    logs.configure(msgspec.structs.replace(settings, log_level="error"))
    async with open_resources(settings) as resources:
        load = partial(load_dno_year, resources.read_through)
        warmer = CacheWarmer(resources.pool, resources.shared, load, settings)
        read = await _when_redis_is_trusted(warmer, settings)
    if not read:
        return "Nothing was read: there were no recent queries, another instance is warming, or PostgreSQL is busy."
    return f"{read} of the most asked pairs of operator and year are in Redis now."


async def _when_redis_is_trusted(warmer: CacheWarmer, settings: Settings) -> int:
    try:
        async with asyncio.timeout(settings.start_timeout):
            await warmer.until_l2_is_trusted()
    except TimeoutError:
        raise CannotStart(
            "Redis does not answer, so nothing can be kept: start it, or correct REDIS_URL."
        ) from None
    return await warmer.warm()
