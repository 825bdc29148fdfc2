"""Corrections that are made here stay while the crawler's figures do; after both have changed, the entry is flagged."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from app.db import entries, tariffs
from app.db.pool import Pool, Row
from app.db.unit_of_work import unit_of_work
from app.domain.account import Principal, Role
from app.domain.correction import TariffCorrection
from app.domain.families import DataType
from app.domain.tariff import Tariff
from app.importers.follow.passes import PassReport
from tests import factories as make
from tests.crawler_database import CrawlerDatabase
from tests.integration.importers.follow.conftest import Follow
from tests.waiting import WAITS_FOR_LOCK, until

EDITOR = Principal(Role.EDITOR, name="erika@example.org")


async def entry(pool: Pool) -> Row:
    [row] = await pool.fetch(
        "SELECT id, version, leistung::text, arbeit::text, verification_status AS status, source_url, deleted_at"
        " FROM netzentgelte_data"
    )
    return row


async def history(pool: Pool) -> list[Row]:
    return await pool.fetch("SELECT kind, changed_by, reason, before, after FROM revisions ORDER BY version")


async def correct(pool: Pool, **prices: str) -> Tariff:
    async with unit_of_work(pool, EDITOR) as work:
        given = {name: Decimal(price) for name, price in prices.items()}
        return await tariffs.correct(work, TariffCorrection(id=(await entry(pool))["id"], prices=given))


@pytest.fixture
async def row(crawler: CrawlerDatabase, follow: Follow) -> int:
    """A followed row: leistung 58.2, arbeit 1.26."""
    made = await crawler.tariff(await crawler.dno())
    await follow()
    return made


async def test_a_figure_that_the_crawler_changes_is_a_new_revision(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, row: int
) -> None:
    await crawler.change("netzentgelte", row, leistung=61)
    report = await follow()
    assert (report.full, report.counts.changed) == (False, 1)
    assert (await entry(pool))["leistung"] == "61"
    assert [(each["kind"], each["changed_by"]) for each in await history(pool)] == [
        ("CREATED", "dno-crawler"),
        ("CORRECTED", "dno-crawler"),
    ]


async def test_equal_figures_are_not_written_again_when_the_crawler_touches_its_row(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, row: int
) -> None:
    await crawler.change("netzentgelte", row, leistung=Decimal("58.2000"))
    report = await follow()
    assert (report.counts.read, report.counts.changed) == (1, 0)
    assert (await entry(pool))["version"] == 1


@pytest.mark.parametrize("full", [False, True])
async def test_a_correction_stays_while_the_crawler_has_the_same_figures(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, row: int, full: bool
) -> None:
    await correct(pool, leistung="59")
    await crawler.change("netzentgelte", row, extraction_model="another", verification_status="verified")
    await follow(full=full)
    found = await entry(pool)
    assert (found["leistung"], found["version"], found["status"]) == ("59", 2, "unverified")


async def test_after_both_have_changed_the_entry_is_flagged_with_both_figures_in_its_history(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, row: int
) -> None:
    await correct(pool, leistung="59")
    await crawler.change("netzentgelte", row, leistung=61)
    report = await follow()
    found = await entry(pool)
    assert (report.counts.disputed, found["leistung"], found["status"]) == (1, "61", "flagged")
    last = (await history(pool))[-1]
    assert (last["kind"], last["before"]["leistung"], last["after"]["leistung"]) == ("FLAGGED", 59, 61)
    assert last["reason"] == (
        "dno-crawler changed its figures after this entry was changed here by erika@example.org:"
        " leistung was 58.2 there and is 61 now, here 59"
    )
    again = await follow(full=True)
    assert (again.counts.disputed, again.counts.changed) == (0, 0)


async def test_a_dispute_stays_flagged_until_a_user_decides_it(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, row: int
) -> None:
    await correct(pool, leistung="59")
    for figure in (61, 62):
        await crawler.change("netzentgelte", row, leistung=figure, verification_status="verified")
        await follow()
    found = await entry(pool)
    assert (found["leistung"], found["status"]) == ("62", "flagged")
    async with unit_of_work(pool, EDITOR) as work:
        await entries.verify(work, DataType.NETZENTGELTE, found["id"])
    await follow(full=True)
    assert (await entry(pool))["status"] == "verified"


async def test_a_figure_that_a_user_has_verified_is_flagged_when_the_crawler_changes_it(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, row: int
) -> None:
    async with unit_of_work(pool, EDITOR) as work:
        await entries.verify(work, DataType.NETZENTGELTE, (await entry(pool))["id"])
    await crawler.change("netzentgelte", row, arbeit=2)
    await follow()
    found = await entry(pool)
    assert (found["arbeit"], found["status"]) == ("2", "flagged")


async def test_a_crawler_that_comes_to_the_corrected_figure_changes_nothing(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, row: int
) -> None:
    await correct(pool, leistung="59")
    await crawler.change("netzentgelte", row, leistung=59)
    report = await follow()
    assert (report.counts.kept, (await entry(pool))["version"]) == (1, 2)


async def test_an_entry_that_was_deleted_here_stays_so_until_the_crawler_changes_it(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, row: int
) -> None:
    [created] = await pool.fetch("SELECT id FROM revisions")
    async with unit_of_work(pool, EDITOR) as work:
        await entries.revert(work, created["id"])
    await follow(full=True)
    assert (await entry(pool))["deleted_at"] is not None
    await crawler.change("netzentgelte", row, leistung=61)
    await follow()
    found = await entry(pool)
    assert (found["deleted_at"], found["status"], found["leistung"]) == (None, "flagged", "61")
    assert "deleted here by erika@example.org" in (await history(pool))[-1]["reason"]


async def test_a_row_that_the_crawler_deletes_is_deleted_with_a_revision(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, row: int
) -> None:
    await crawler.execute("DELETE FROM netzentgelte")
    report = await follow()
    assert (report.counts.deleted, (await entry(pool))["deleted_at"] is None) == (1, False)
    assert ((await history(pool))[-1]["kind"], (await history(pool))[-1]["changed_by"]) == (
        "DELETED",
        "dno-crawler",
    )


async def test_a_row_that_is_deleted_while_another_is_added_is_found(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, row: int
) -> None:
    await crawler.execute("DELETE FROM netzentgelte")
    await crawler.tariff(1, voltage_level="NS")
    report = await follow()
    assert (report.full, report.counts.added, report.counts.deleted) == (False, 1, 1)
    assert not (await follow()).full


async def test_a_row_that_comes_back_is_restored(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, row: int
) -> None:
    await crawler.execute("DELETE FROM netzentgelte")
    await follow()
    await crawler.tariff(1, leistung=60)
    await follow()
    found = await entry(pool)
    assert (found["leistung"], found["deleted_at"]) == ("60", None)


async def test_a_correction_outlives_the_deleted_row_and_is_flagged(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, row: int
) -> None:
    await correct(pool, leistung="59")
    await crawler.execute("DELETE FROM netzentgelte")
    for _ in range(2):
        await follow(full=True)
    found = await entry(pool)
    assert (found["leistung"], found["status"], found["deleted_at"], found["version"]) == (
        "59",
        "flagged",
        None,
        3,
    )


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("pending", "unverified"),
        ("unverified", "unverified"),
        ("verified", "verified"),
        ("flagged", "flagged"),
        ("rejected", "flagged"),
        (None, "unverified"),
        ("nonsense", "unverified"),
    ],
)
async def test_status_words_of_the_crawler(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, row: int, there: str | None, here: str
) -> None:
    await crawler.change("netzentgelte", row, verification_status=there, flag_reason="looks wrong")
    await follow()
    found = await entry(pool)
    assert found["status"] == here
    if here == "flagged":
        assert (await history(pool))[-1]["reason"] == f"{there} in dno-crawler: looks wrong"


async def test_the_address_of_the_sheet_is_that_of_its_year(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, row: int
) -> None:
    await crawler.insert(
        "dno_source_profiles", dno_id=1, data_type="netzentgelte", last_url="https://a.example/l.pdf"
    )
    await follow(full=True)
    assert (await entry(pool))["source_url"] == "https://a.example/l.pdf"
    of_year = {"classification": "netzentgelte", "source_url": "https://a.example/2026.pdf"}
    await crawler.insert("download_registry", dno_id=1, year=2026, **of_year)
    await crawler.insert(
        "download_registry",
        dno_id=1,
        year=2025,
        classification="netzentgelte",
        source_url="https://b.example",
    )
    await crawler.insert(
        "download_registry", dno_id=1, year=2026, classification="hlzf", source_url="https://c.example"
    )
    await follow(full=True)
    assert (await entry(pool))["source_url"] == "https://a.example/2026.pdf"
    await crawler.execute("UPDATE download_registry SET source_url = 'file:///etc/passwd' WHERE year = 2026")
    await follow(full=True)
    assert (await entry(pool))["source_url"] is None


@pytest.mark.parametrize(
    ("changed_by", "status", "there", "expected"),
    [
        (None, "unverified", {}, ("58.2", "unverified", "kept or taken over")),
        ("import", "unverified", {"leistung": 61}, ("61", "unverified", "written")),
        ("import", "verified", {"leistung": 61}, ("58.2", "verified", "kept")),
        (
            "import",
            "verified",
            {"leistung": 61, "verification_status": "verified"},
            ("61", "verified", "written"),
        ),
        ("erika@example.org", "unverified", {"leistung": 61}, ("58.2", "unverified", "kept")),
    ],
)
async def test_entries_that_were_here_first(
    crawler: CrawlerDatabase,
    follow: Follow,
    pool: Pool,
    changed_by: str | None,
    status: str,
    there: dict[str, Any],
    expected: tuple[str, str, str],
) -> None:
    """Decisions of users have priority, as in imports."""
    dno = await make.dno(pool, "netze-a", name="Netze A")
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT record_author($1, NULL, NULL)", changed_by)
        await connection.execute(
            "INSERT INTO netzentgelte_data (dno_id, year, voltage_level, leistung, arbeit, verification_status)"
            " VALUES ($1, 2026, 'MS', 58.20, 1.26, $2)",
            dno.id,
            status,
        )
    row = await crawler.tariff(await crawler.dno(), **there)
    await follow()
    found = await entry(pool)
    assert (Decimal(found["leistung"]), found["status"]) == (Decimal(expected[0]), expected[1])
    if expected[2] == "kept":
        await crawler.change("netzentgelte", row, leistung=62)
        await follow()
        found = await entry(pool)
        assert (found["leistung"], found["status"]) == ("62", "flagged")


async def follow_during_a_correction(follow: Follow, pool: Pool, price: str) -> PassReport:
    """The pass waits for the correction, which is committed then."""

    async def is_waiting() -> bool:
        [row] = await pool.fetch(WAITS_FOR_LOCK)
        found: bool = row[0]
        return found

    found = await entry(pool)
    async with unit_of_work(pool, EDITOR) as work:
        await tariffs.correct(work, TariffCorrection(id=found["id"], prices={"leistung": Decimal(price)}))
        following = asyncio.create_task(follow())
        await until(is_waiting)
    return await following


async def test_a_correction_that_a_pass_has_waited_for_is_seen_with_its_author(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    """Of an entry that was here before the crawler's, and of one that was taken over."""
    here = await make.dno(pool, "netze-a", name="Netze A")
    await make.tariff(pool, here, year=2026, leistung="50", arbeit="1")
    await crawler.tariff(await crawler.dno())
    report = await follow_during_a_correction(follow, pool, "59")
    assert (report.counts.kept, (await entry(pool))["leistung"]) == (1, "59")

    await crawler.execute("UPDATE netzentgelte SET leistung = 61, updated_at = clock_timestamp()")
    report = await follow_during_a_correction(follow, pool, "60")
    assert report.counts.disputed == 1
    assert "changed here by erika@example.org" in (await history(pool))[-1]["reason"]
