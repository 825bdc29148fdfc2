"""Coverage is counted from the figures of each year; a plain statement over all tables counts the same."""

from typing import Any

import pytest

from app.db.pool import Pool
from app.domain.entry import VoltageLevel
from app.domain.families import FIGURES
from tests import factories as make
from tests.integration.graph.running import Running

QUERY = """{ coverage {
  totalDnos totalEntries verifiedEntries
  byYear { year dnos tariffs hlzf timeOfUse prices verified }
  byRegion { region dnos dnosWithData }
  byRegionAndYear { region year dnos }
} }"""
KINDS = " ".join(
    f"{family.name}: byRegionAndYear(dataType: {family.data_type}) {{ region year dnos }}"
    for family in FIGURES
)
OF_KINDS = f"{{ coverage {{ {KINDS} }} }}"
ENTRIES = " UNION ALL ".join(
    f"SELECT dno_id, year::integer AS year, '{family.name}' AS family, verification_status FROM {family.table} WHERE deleted_at IS NULL"
    for family in FIGURES
)
LIVING = "SELECT e.*, normalize(d.region) AS region FROM entries e JOIN dnos d ON d.id = dno_id AND d.deleted_at IS NULL"
PLAIN = {
    "byYear": f"WITH entries AS ({ENTRIES}) SELECT year, count(DISTINCT dno_id) AS dnos,"
    " count(*) FILTER (WHERE family = 'tariffs') AS tariffs, count(*) FILTER (WHERE family = 'hlzf') AS hlzf,"
    " count(*) FILTER (WHERE family = 'time_of_use') AS \"timeOfUse\", count(*) FILTER (WHERE family = 'prices') AS prices,"
    f" count(*) FILTER (WHERE verification_status = 'verified') AS verified FROM ({LIVING}) AS e GROUP BY year ORDER BY year DESC",
    "byRegion": f"WITH entries AS ({ENTRIES}) SELECT normalize(region) AS region, count(*) AS dnos,"
    ' count(*) FILTER (WHERE id IN (SELECT dno_id FROM entries)) AS "dnosWithData"'
    ' FROM dnos WHERE deleted_at IS NULL AND region IS NOT NULL GROUP BY 1 ORDER BY normalize(region) COLLATE "C"',
    "byRegionAndYear": f"WITH entries AS ({ENTRIES}) SELECT region, year, count(DISTINCT dno_id) AS dnos"
    f' FROM ({LIVING}) AS e GROUP BY region, year ORDER BY year DESC, region COLLATE "C" NULLS LAST',
}


async def plainly(pool: Pool, counted: str) -> list[dict[str, Any]]:
    return [dict(row) for row in await pool.fetch(PLAIN[counted])]


async def check(server: Running, pool: Pool) -> Any:
    await server.delivered()
    found = (await server.execute(QUERY))["coverage"]
    for name in PLAIN:
        assert found[name] == await plainly(pool, name), name
    assert found["totalEntries"] == sum(
        row[name] for row in found["byYear"] for name in ("tariffs", "hlzf", "timeOfUse", "prices")
    )
    assert found["verifiedEntries"] == sum(row["verified"] for row in found["byYear"])
    assert (
        found["totalDnos"]
        == (await pool.fetch("SELECT count(*) AS n FROM dnos WHERE deleted_at IS NULL"))[0]["n"]
    )
    return found


async def test_coverage_counts_what_the_tables_hold_after_every_kind_of_change(
    server: Running, pool: Pool
) -> None:
    await check(server, pool)
    regions = ("Bayern", "Thu\u0308ringen", "Th\u00fcringen", None, "", "Hessen")
    a, b, c, d, e, _ = [
        await make.dno(pool, f"netze-{letter}", region=region)
        for letter, region in zip("abcdef", regions, strict=True)
    ]
    await make.tariff(pool, a, 2025, verification_status="verified")
    tariff = await make.tariff(pool, a, 2025, VoltageLevel.NS)
    await make.hlzf(pool, b, 2025, verification_status="verified")
    await make.time_of_use(pool, c, 2026)
    await make.price(pool, d, 2024, verification_status="flagged")
    await make.price(pool, e, 2026, verification_status="verified")
    found = await check(server, pool)
    assert found["totalEntries"] == 6
    changes = (
        f"UPDATE netzentgelte_data SET verification_status = 'verified' WHERE id = '{tariff.id}'",
        f"UPDATE netzentgelte_data SET year = 2023 WHERE id = '{tariff.id}'",
        "UPDATE dnos SET region = 'Hessen' WHERE slug = 'netze-b'",
        "UPDATE dnos SET deleted_at = now() WHERE slug = 'netze-d'",  # the only one with figures of 2024
        "UPDATE dnos SET deleted_at = now() WHERE slug = 'netze-a'",
        f"UPDATE netzentgelte_data SET verification_status = 'flagged' WHERE id = '{tariff.id}'",
        "UPDATE dnos SET deleted_at = NULL WHERE slug = 'netze-a'",
        "INSERT INTO dnos (slug, name, region) VALUES ('netze-g', 'Netze G', 'Bayern')",
        f"UPDATE netzentgelte_data SET deleted_at = now() WHERE id = '{tariff.id}'",
        "DELETE FROM time_of_use_data",
    )
    for change in changes:
        await pool.fetch(change)
        found = await check(server, pool)
    by_kind = (await server.execute(OF_KINDS))["coverage"]
    assert by_kind["hlzf"] == [{"region": "Hessen", "year": 2025, "dnos": 1}]
    assert by_kind["time_of_use"] == []
    assert by_kind["prices"] == [{"region": "", "year": 2026, "dnos": 1}]


async def test_spellings_of_a_state_are_one_region_as_in_facets(server: Running, pool: Pool) -> None:
    for slug, region in (
        ("netze-a", "Baden-Württemberg"),
        ("netze-b", "BADEN WÜRTTEMBERG"),
        ("netze-c", "Tirol"),
    ):
        await make.tariff(pool, await make.dno(pool, slug, region=region), 2025)
    found = await server.execute(
        "{ coverage { byRegion { region dnos dnosWithData } byRegionAndYear { region year dnos } }"
        " dnos { facets { byRegion { region dnos } } } }"
    )
    state, abroad = "Baden-Württemberg", "Tirol"
    assert found["coverage"] == {
        "byRegion": [
            {"region": state, "dnos": 2, "dnosWithData": 2},
            {"region": abroad, "dnos": 1, "dnosWithData": 1},
        ],
        "byRegionAndYear": [
            {"region": state, "year": 2025, "dnos": 2},
            {"region": abroad, "year": 2025, "dnos": 1},
        ],
    }
    assert found["dnos"]["facets"]["byRegion"] == [
        {"region": state, "dnos": 2},
        {"region": abroad, "dnos": 1},
    ]


async def test_after_a_change_only_the_figures_of_its_year_are_read_again(
    server: Running, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dno = await make.dno(pool)
    for year in (2023, 2024, 2025):
        await make.tariff(pool, dno, year)
    await server.delivered()
    await server.execute(QUERY)
    fetch, read = server.resources.pool.fetch, []

    async def fetched(statement: str, *arguments: Any, **options: Any) -> Any:
        if options.get("name") == "held_figures":
            read.append(arguments)
        return await fetch(statement, *arguments, **options)

    monkeypatch.setattr(server.resources.pool, "fetch", fetched)
    await pool.fetch("UPDATE netzentgelte_data SET verification_status = 'verified' WHERE year = 2024")
    await server.delivered()
    assert (await server.execute(QUERY))["coverage"]["verifiedEntries"] == 1
    assert read == [([2024],)]
