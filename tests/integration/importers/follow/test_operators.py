"""Operators of the crawler are matched with those here, or added."""

import pytest

from app.db.pool import Pool
from app.errors import AppError
from tests import factories as make
from tests.crawler_database import CrawlerDatabase
from tests.integration.importers.follow.conftest import Follow
from tests.integration.importers.follow.test_set_aside import reasons


async def slugs(pool: Pool) -> list[str]:
    rows = await pool.fetch("SELECT slug FROM dnos WHERE deleted_at IS NULL ORDER BY slug")
    return [row["slug"] for row in rows]


async def test_an_operator_is_matched_by_its_number_before_its_name(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    named = await make.dno(pool, "stadtwerke-a", name="Stadtwerke A")
    numbered = await make.dno(pool, "netze-b", name="Netze B", mastr_nr="SNB900000000001")
    await crawler.tariff(await crawler.dno("Stadtwerke A GmbH", mastr_nr="SNB900000000001"))
    await follow()
    [row] = await pool.fetch("SELECT dno_id FROM netzentgelte_data")
    assert row["dno_id"] == numbered.id != named.id
    assert await slugs(pool) == ["netze-b", "stadtwerke-a"]


@pytest.mark.parametrize(
    "name", ["Stadtwerke Fürth GmbH", "STADTWERKE FÜRTH", "Stadtwerke Fürth AG & Co. KG"]
)
async def test_an_operator_is_matched_by_its_name_without_legal_form(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, name: str
) -> None:
    await make.dno(pool, "stadtwerke-fuerth", name="Stadtwerke Fürth")
    await crawler.dno(
        name, slug="stadtwerke-frth-gmbh", mastr_nr="SNB900000000001", website="https://fuerth.example"
    )
    await follow()
    [row] = await pool.fetch("SELECT slug, mastr_nr, website FROM dnos")
    assert tuple(row) == ("stadtwerke-fuerth", "SNB900000000001", "https://fuerth.example")
    assert [row["alias"] for row in await pool.fetch("SELECT alias FROM dno_aliases")] == [
        "stadtwerke-frth-gmbh"
    ]


async def test_a_name_of_two_operators_is_set_aside(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    await make.dno(pool, "stadtwerke-a", name="Stadtwerke A")
    await make.dno(pool, "stadtwerke-a-2", name="Stadtwerke A")
    await crawler.tariff(await crawler.dno("Stadtwerke A GmbH"))
    report = await follow()
    assert report.counts.added == 0
    assert await reasons(pool) == [
        ("dnos", 1, "has the name of stadtwerke-a and stadtwerke-a-2"),
        ("netzentgelte", 1, "its operator 1 is not there, or was set aside"),
    ]


async def test_new_operators_have_our_slugs_and_stable_ids(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    await crawler.dno("Stadtwerke Görlitz AG", slug="stadtwerke-grlitz-ag")
    await crawler.dno("Stadtwerke Görlitz GmbH", slug="other", mastr_nr="SNB900000000002")
    await crawler.dno("Netze ß", mastr_nr="SNB900000000003")
    await crawler.dno("???", slug="x")
    await follow()
    first = {row["slug"]: row["id"] for row in await pool.fetch("SELECT slug, id FROM dnos")}
    assert sorted(first) == ["netze-ss", "operator-4", "stadtwerke-goerlitz"]
    async with pool.connection() as connection, connection.transaction():
        for table in ("dno_aliases", "dnos", "followed_operators"):
            await connection.execute(f"DELETE FROM {table}")
    await follow(full=True)
    assert {row["slug"]: row["id"] for row in await pool.fetch("SELECT slug, id FROM dnos")} == first


async def test_values_of_the_register_are_taken_over_and_unusable_ones_left_out(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    dno = await crawler.dno(
        "Netze A GmbH", primary_bdew_code="123", website="javascript:alert(1)", region="bayern"
    )
    await crawler.insert(
        "dno_mastr_data",
        dno_id=dno,
        mastr_nr="SNB900000000001",
        acer_code="A00000001.DE",
        address_components='{"street": "Weg 1", "city": "Fürth", "zip": "90762"}',
        marktrollen='["Anschlussnetzbetreiber", "Übertragungsnetzbetreiber"]',
        closed_network=True,
        connection_points_ns=12,
        connection_points_hs=-3,
        total_capacity_mw=12.5,
    )
    await follow()
    [row] = await pool.fetch(
        "SELECT mastr_nr, acer_code, city, postal_code, region, bdew_code, website, closed_network, transmission,"
        " connection_points_ns, connection_points_hs, capacity_mw_total::text FROM dnos"
    )
    assert tuple(row) == (
        *("SNB900000000001", "A00000001.DE", "Fürth", "90762", "Bayern", None, None, True, True, 12, None),
        "12.5",
    )
    assert [reason for _, _, reason in await reasons(pool)] == [
        "connection_points_hs must be a whole number from 0 to 2147483647",
        "website is no address of the web",
    ]


async def test_changed_values_follow_and_others_stay(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    await make.dno(pool, "netze-a", name="Netze A", website="https://own.example", city="Fürth")
    dno = await crawler.dno("Netze A GmbH", website="https://there.example")
    await follow()
    [row] = await pool.fetch("SELECT website, city FROM dnos")
    assert tuple(row) == ("https://own.example", "Fürth")  # what was here first stays
    await crawler.change("dnos", dno, website="https://new.example", vnb_id="123")
    await follow()
    [row] = await pool.fetch("SELECT website, city, vnb_id FROM dnos")
    assert tuple(row) == ("https://new.example", "Fürth", "123")
    before = (await pool.fetch("SELECT version FROM dnos"))[0]["version"]
    await follow(full=True)
    assert (await pool.fetch("SELECT version FROM dnos"))[0]["version"] == before


async def test_an_operator_that_is_deleted_there_is_deleted_here_with_its_figures(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    await make.dno(pool, "netze-b", name="Netze B")
    for name in ("Netze A GmbH", "Netze B GmbH", "Netze C GmbH"):
        await crawler.tariff(await crawler.dno(name))
    await follow()
    await crawler.execute("DELETE FROM dnos WHERE name <> 'Netze C GmbH'")
    report = await follow()  # operators are compared in every pass
    assert report.counts.deleted == 2
    assert await slugs(pool) == ["netze-b", "netze-c"]  # Netze B was not added by following
    await crawler.tariff(await crawler.dno("Netze A GmbH"))
    await follow()
    assert await slugs(pool) == ["netze-a", "netze-b", "netze-c"]


async def test_an_operator_that_gets_its_number_later_moves_with_its_figures(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    numbered = await make.dno(pool, "netze-b", name="Netze B", mastr_nr="SNB900000000001")
    dno = await crawler.dno("Versorger X GmbH")
    await crawler.tariff(dno)
    await follow()
    assert await slugs(pool) == ["netze-b", "versorger-x"]
    await crawler.change("dnos", dno, mastr_nr="SNB900000000001")
    await follow()
    rows = await pool.fetch("SELECT dno_id FROM netzentgelte_data WHERE deleted_at IS NULL")
    assert [row["dno_id"] for row in rows] == [numbered.id]
    assert await slugs(pool) == ["netze-b"]


async def test_an_operator_that_the_crawler_has_twice_is_one_here(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    one = await crawler.dno("Netze A GmbH", mastr_nr="SNB900000000001")
    two = await crawler.dno("Netze A", slug="netze-a", mastr_nr="SNB900000000001")
    await crawler.tariff(one)
    await crawler.tariff(two, leistung=99)
    await crawler.tariff(two, voltage_level="NS")
    for _ in range(2):
        report = await follow(full=True)
    assert (await slugs(pool), report.set_aside) == (["netze-a"], 1)
    assert len(await pool.fetch("SELECT FROM netzentgelte_data")) == 2


async def test_a_database_without_operators_is_refused_and_nothing_is_deleted(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    await crawler.tariff(await crawler.dno())
    await follow()
    await crawler.execute("TRUNCATE dnos CASCADE")
    for full in (False, True):
        with pytest.raises(AppError, match="1 of 1 operators are not in the followed database any more"):
            await follow(full=full)
    assert await slugs(pool) == ["netze-a"]
    assert len(await pool.fetch("SELECT FROM netzentgelte_data WHERE deleted_at IS NULL")) == 1
    report = await follow(full=True, accept_deletions=True)
    assert (report.problem, report.counts.deleted, await slugs(pool)) == (None, 1, [])


async def test_an_operator_that_was_deleted_here_is_not_added_again(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    await crawler.tariff(await crawler.dno(mastr_nr="SNB900000000001"))
    await crawler.dno("Netze B GmbH")
    await follow()
    await pool.fetch("UPDATE dnos SET deleted_at = now() WHERE slug = 'netze-a'")
    for _ in range(2):
        await follow(full=True)
    assert await slugs(pool) == ["netze-b"]
    assert ("dnos", 1, "was deleted here") in await reasons(pool)
    await pool.fetch("UPDATE dnos SET deleted_at = NULL")
    await follow()
    assert await slugs(pool) == ["netze-a", "netze-b"]
    assert await reasons(pool) == []


async def test_each_slug_that_the_crawler_has_had_for_an_operator_is_an_alias(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    dno = await crawler.dno("Netze A GmbH")
    await follow()
    await crawler.change("dnos", dno, slug="netze-alpha-gmbh")
    await follow()
    rows = await pool.fetch("SELECT alias FROM dno_aliases ORDER BY alias")
    assert [row["alias"] for row in rows] == ["netze-a-gmbh", "netze-alpha-gmbh"]
    await pool.fetch("DELETE FROM dno_aliases")
    await follow(full=True)
    assert await pool.fetch("SELECT FROM dno_aliases") == []  # removed here, and unchanged there


async def test_an_operator_that_breaks_a_rule_of_the_database_stops_no_other(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    names = [f"Netze {letter} GmbH" for letter in "ABCDE"]
    for name in names:
        await crawler.tariff(await crawler.dno(name))
    await pool.fetch("ALTER TABLE dnos ADD CONSTRAINT not_c_please CHECK (name <> 'Netze C')")
    try:
        report = await follow()
        assert (report.counts.added, report.set_aside) == (4, 2)
        assert ("dnos", 3, "breaks a rule: not c please") in await reasons(pool)
    finally:
        await pool.fetch("ALTER TABLE dnos DROP CONSTRAINT not_c_please")
    report = await follow()
    assert (report.counts.added, report.set_aside) == (1, 0)


async def test_a_number_that_is_none_leaves_that_of_the_register(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    dno = await crawler.dno(mastr_nr="unknown")
    await crawler.insert("dno_mastr_data", dno_id=dno, mastr_nr="SNB900000000001")
    await follow()
    assert (await pool.fetch("SELECT mastr_nr FROM dnos"))[0]["mastr_nr"] == "SNB900000000001"
    assert [each[2] for each in await reasons(pool)] == [
        "mastr_nr is no number of an operator such as SNB982046657236"
    ]


async def test_a_row_that_breaks_a_rule_of_the_database_stops_no_other(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    dno = await crawler.dno()
    for leistung in range(1, 8):
        await crawler.tariff(dno, year=2019 + leistung, leistung=leistung)
    await pool.fetch("ALTER TABLE netzentgelte_data ADD CONSTRAINT not_three CHECK (leistung <> 3)")
    try:
        report = await follow()
        assert (report.counts.added, report.set_aside) == (6, 1)
        assert await reasons(pool) == [("netzentgelte", 3, "breaks a rule: not three")]
    finally:
        await pool.fetch("ALTER TABLE netzentgelte_data DROP CONSTRAINT not_three")
