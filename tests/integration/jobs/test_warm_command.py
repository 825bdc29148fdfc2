"""The command `dno warm`."""

import subprocess
from datetime import UTC, datetime

from redis.asyncio import Redis

from app.db.pool import Pool
from app.db.query_logs import AskedQuestion, insert_many
from app.domain import tags
from app.domain.entry import DnoYear
from app.settings import Settings
from tests import factories as make
from tests.server_process import dno


def warm(settings: Settings) -> "subprocess.CompletedProcess[str]":
    return dno("warm", environment={"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url})


async def test_the_most_requested_records_are_in_redis_afterwards(pool: Pool, settings: Settings) -> None:
    netze = await make.dno(pool)
    await make.tariff(pool, netze, 2025)
    asked = AskedQuestion(datetime.now(UTC), "?", netze.id, 2025, None, None, 0.9, 1, False)
    await insert_many(pool, [asked])

    done = warm(settings)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1 of the most asked pairs of operator and year are in Redis now.\n"

    async with Redis.from_url(settings.redis_url) as redis:
        kept = [key async for key in redis.scan_iter(f"*{tags.tariffs(DnoYear(netze.id, 2025))}*")]
    assert kept


async def test_without_logged_questions_nothing_is_read(pool: Pool, settings: Settings) -> None:
    assert "Nothing was read" in warm(settings).stdout
