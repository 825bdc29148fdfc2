"""A followed database that is not the crawler's, or has lost its rows, is named, and nothing is deleted."""

import asyncio

import asyncpg
import pytest

from app.db.pool import Pool
from app.errors import AppError
from app.importers.follow.passes import LEADER, Request, run_pass
from app.settings import Settings
from tests.crawler_database import CrawlerDatabase
from tests.integration.importers.follow.conftest import Follow
from tests.waiting import LIMIT, until


@pytest.mark.parametrize(
    ("change", "undo", "reason"),
    [
        (
            "ALTER TABLE netzentgelte RENAME TO elsewhere",
            "ALTER TABLE elsewhere RENAME TO netzentgelte",
            "has no table netzentgelte that this user may read",
        ),
        (
            "ALTER TABLE hlzf RENAME winter TO hiver",
            "ALTER TABLE hlzf RENAME hiver TO winter",
            "The table hlzf of the followed database lacks the column winter",
        ),
        (
            "REVOKE SELECT ON dnos FROM dno_follow_reader",
            "GRANT SELECT ON dnos TO dno_follow_reader",
            "has no table dnos that this user may read",
        ),
        (
            "ALTER TABLE netzentgelte ALTER updated_at DROP DEFAULT, ALTER updated_at TYPE text",
            "ALTER TABLE netzentgelte ALTER updated_at TYPE timestamptz USING now(), ALTER updated_at SET DEFAULT now()",
            "The column netzentgelte.updated_at of the followed database is text",
        ),
    ],
)
async def test_what_is_missing_is_named(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, change: str, undo: str, reason: str
) -> None:
    await crawler.tariff(await crawler.dno())
    await follow()
    await crawler.execute(change)
    try:
        with pytest.raises(AppError, match=reason):
            await follow(full=True)
    finally:
        await crawler.execute(undo)
    [row] = await pool.fetch("SELECT problem FROM followed_source")
    assert reason in row["problem"]
    assert len(await pool.fetch("SELECT FROM netzentgelte_data WHERE deleted_at IS NULL")) == 1
    assert (await follow(full=True)).counts.deleted == 0
    assert (await pool.fetch("SELECT problem FROM followed_source"))[0]["problem"] is None


async def test_tables_that_are_only_useful_may_be_missing(crawler: CrawlerDatabase, follow: Follow) -> None:
    await crawler.tariff(await crawler.dno())
    tables = ("dno_mastr_data", "dno_source_profiles", "download_registry")
    for table in tables:
        await crawler.execute(f"ALTER TABLE {table} RENAME TO {table}_2")
    try:
        assert (await follow()).counts.added == 1
    finally:
        for table in tables:
            await crawler.execute(f"ALTER TABLE {table}_2 RENAME TO {table}")


async def test_a_database_of_this_project_is_refused(settings: Settings, pool: Pool) -> None:
    with pytest.raises(AppError, match="has operators with uuid keys"):
        await run_pass(Request(settings.database_url, settings.database_url, 10))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://reader:hunter2@127.0.0.1:1/crawler", "127.0.0.1:1/crawler does not answer"),
        ("postgresql://reader:hunter2@{where}/crawler", "refuses this user"),
        ("postgresql://reader:hunter2@[broken/crawler", "FOLLOW_DATABASE_URL cannot be used"),
    ],
)
async def test_a_database_that_cannot_be_reached_is_named_without_its_password(
    settings: Settings, pool: Pool, url: str, reason: str
) -> None:
    where = settings.database_url.rpartition("@")[2].partition("/")[0]
    with pytest.raises(AppError, match=reason) as raised:
        await run_pass(Request(url.format(where=where), settings.database_url, 10))
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("emptied", ["netzentgelte", "hlzf"])
async def test_an_emptied_table_deletes_nothing_until_that_is_accepted(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, emptied: str
) -> None:
    dno = await crawler.dno()
    for level in ("MS", "NS", "HS"):
        await crawler.tariff(dno, voltage_level=level)
        await crawler.hlzf(dno, voltage_level=level, winter="[]")
    await follow()
    await crawler.execute(f"TRUNCATE {emptied}")
    for _ in range(2):
        report = await follow(full=True)
        assert report.problem is not None
        assert f"3 of 3 rows of {emptied} are not in the followed database any more" in report.problem
        assert report.counts.deleted == 0
    # A new row does not make the others deleted, either.
    await crawler.tariff(dno, year=2025)
    await crawler.hlzf(dno, year=2025, winter="[]")
    report = await follow(full=True, accept_deletions=True)
    assert (report.problem, report.counts.deleted) == (None, 3)


async def test_a_large_share_of_rows_deletes_nothing_until_that_is_accepted(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    await crawler.execute(
        "INSERT INTO dnos (slug, name) SELECT 'n' || n, 'Netze ' || n FROM generate_series(1, 60) n"
    )
    await crawler.execute(
        "INSERT INTO netzentgelte (dno_id, year, voltage_level, leistung)"
        " SELECT id, year, 'MS', 50 FROM dnos, generate_series(2025, 2026) year"
    )
    await follow()
    await crawler.execute("DELETE FROM netzentgelte WHERE year = 2025")
    report = await follow(full=True)
    assert report.problem is not None
    assert report.counts.deleted == 0
    assert (await follow()).full  # until it is accepted, or the rows are back
    await crawler.execute("UPDATE netzentgelte SET voltage_level = 'NS', updated_at = clock_timestamp()")
    report = await follow()
    assert report.problem is not None
    assert (report.counts.added, report.counts.deleted) == (60, 0)
    report = await follow(full=True, accept_deletions=True)
    assert (report.problem, report.counts.deleted) == (None, 120)
    assert not (await follow()).full


async def test_a_transaction_that_was_committed_late_is_read_by_the_next_pass(
    crawler: CrawlerDatabase, follow: Follow
) -> None:
    """Its `updated_at` is earlier than what was read meanwhile."""
    dno = await crawler.dno()
    late = await asyncpg.connect(crawler.admin_url, timeout=10)
    try:
        transaction = late.transaction()
        await transaction.start()
        await late.execute(
            "INSERT INTO netzentgelte (dno_id, year, voltage_level, leistung, updated_at)"
            " VALUES ($1, 2026, 'MS', 1, now() - interval '1 day')",
            dno,
        )
        await crawler.tariff(dno, voltage_level="NS")
        assert (await follow()).counts.added == 1
        await transaction.commit()
        report = await follow()
        assert (report.full, report.counts.added) == (False, 1)

        async def reads_nothing() -> bool:
            return (await follow()).counts.read == 0

        # Not by the very next pass: other transactions of this PostgreSQL may run as well.
        await until(reads_nothing)
    finally:
        await late.close()


@pytest.mark.parametrize("moment", ["'infinity'", "'-infinity'", "NULL", "'2999-01-01'", "'1970-01-01'"])
async def test_rows_with_an_unusable_moment_are_taken_over(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, moment: str
) -> None:
    dno = await crawler.dno()
    row = await crawler.tariff(dno)
    await crawler.execute(f"UPDATE netzentgelte SET updated_at = {moment}")
    await follow()
    await crawler.execute(f"UPDATE netzentgelte SET leistung = 61, updated_at = {moment} WHERE id = $1", row)
    report = await follow()
    assert (report.full, report.counts.changed) == (False, 1)


async def test_nothing_is_changed_there_and_locks_are_released(
    crawler: CrawlerDatabase, follow: Follow
) -> None:
    await crawler.tariff(await crawler.dno())
    tables = ("dnos", "netzentgelte", "hlzf", "dno_mastr_data")

    async def content() -> list[object]:
        return [
            [
                tuple(row)
                for row in await crawler.connection.fetch(f"SELECT xmin::text, t.*::text FROM {table} t")
            ]
            for table in tables
        ]

    before = await content()
    await follow()
    await follow(full=True)
    assert await content() == before
    # No session of the follower is left that would hold up a change of the schema.
    await asyncio.wait_for(crawler.execute("BEGIN; LOCK TABLE netzentgelte; COMMIT"), LIMIT)


async def test_one_process_at_a_time_makes_passes(
    crawler: CrawlerDatabase, settings: Settings, pool: Pool
) -> None:
    request = Request(crawler.url, settings.database_url, 10)
    leader = await asyncpg.connect(settings.database_url, timeout=10)
    try:
        await leader.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", LEADER)
        assert await run_pass(request) is None
    finally:
        await leader.close()
    assert await run_pass(request) is not None


async def test_a_pass_that_has_just_been_made_is_not_repeated(
    crawler: CrawlerDatabase, settings: Settings, pool: Pool
) -> None:
    request = Request(crawler.url, settings.database_url, 10, every=3600)
    assert await run_pass(request) is not None
    assert await run_pass(request) is None
