"""Values that are encoded and decoded in an own way are those of the driver."""

from datetime import UTC, date, datetime, timedelta, timezone

import asyncpg
import pytest

from app.db.tariffs import TABLE
from app.domain.entry import DnoYear
from tests import factories

MOMENTS = (
    datetime(2026, 11, 29, 22, 37, 16, 123456, tzinfo=UTC),
    datetime(2000, 1, 1, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 3, 29, 3, 30, tzinfo=timezone(timedelta(hours=2))),
    datetime(2026, 11, 29, 22, 37, 16),  # noqa: DTZ001 - in the time zone of the process
    datetime.max,  # noqa: DTZ901 - infinity, for the driver
    datetime.min,  # noqa: DTZ901
)


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
async def test_moments_are_sent_and_read_as_by_the_driver(pool, database_url, moment):
    statement = "SELECT $1::timestamptz AS one, ARRAY[$1, NULL, $1]::timestamptz[] AS several, $1::timestamptz::text AS text"
    driver = await asyncpg.connect(database_url)
    try:
        wanted = await driver.fetchrow(statement, moment)
    finally:
        await driver.close()
    [found] = await pool.fetch(statement, moment)
    assert dict(found) == dict(wanted)
    assert found["one"].tzinfo == wanted["one"].tzinfo


async def test_many_moments_are_sent_at_once(pool):
    [row] = await pool.fetch("SELECT $1::timestamptz[] AS moments", [*MOMENTS[:3], None])
    assert row["moments"] == [*MOMENTS[:3], None]


@pytest.mark.parametrize("wrong", [date(2026, 1, 1), "2026-01-01T00:00:00Z", 1])
async def test_what_is_no_moment_is_refused_before_it_is_sent(pool, wrong):
    with pytest.raises(asyncpg.DataError):
        await pool.fetch("SELECT $1::timestamptz", wrong)
    assert await pool.fetch("SELECT 1")


async def test_numbers_keep_their_digits_and_what_is_not_published_stays_unknown(pool):
    dno = await factories.dno(pool)
    await factories.tariff(pool, dno, year=2026, leistung="58.20", arbeit=None)
    key = DnoYear(dno.id, 2026)
    [entry] = (await TABLE.fetch_by_dno_year(pool, [key]))[key]
    assert str(entry.leistung) == "58.20"
    assert entry.arbeit is None
