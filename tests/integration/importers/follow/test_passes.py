"""A pass over the crawler's database takes over what changed there."""

from app.db.pool import Pool
from tests.crawler_database import CrawlerDatabase
from tests.integration.importers.follow.conftest import Follow


async def test_operators_prices_and_windows_are_taken_over(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    dno = await crawler.dno("Netze A GmbH", mastr_nr="SNB900000000001", primary_bdew_code="9900000000001")
    await crawler.tariff(dno, leistung_unter_2500h=18.3, arbeit_unter_2500h=2.86)
    await crawler.hlzf(dno, winter='[{"start": "07:45:00", "end": "23:59:59"}]', sommer="[]")
    report = await follow()
    assert (report.full, report.counts.added, report.set_aside) == (True, 3, 0)
    [row] = await pool.fetch("SELECT slug, name, mastr_nr, bdew_code FROM dnos")
    assert tuple(row) == ("netze-a", "Netze A", "SNB900000000001", "9900000000001")
    [row] = await pool.fetch(
        "SELECT leistung::text, arbeit::text, verification_status FROM netzentgelte_data"
    )
    assert tuple(row) == ("58.2", "1.26", "unverified")
    rows = await pool.fetch("SELECT season, windows::text FROM hlzf_data ORDER BY season")
    assert [tuple(row) for row in rows] == [
        ("SUMMER", "[]"),
        ("WINTER", '[{"end": "24:00", "start": "07:45"}]'),
    ]
    again = await follow()
    assert (again.full, again.counts.handled) == (False, 0)
