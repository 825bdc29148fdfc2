"""The cheapest first, computed in SQL as `annual_cost` computes it."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.db import dnos, tariffs
from app.domain.cost import annual_cost
from app.domain.directory import Directories
from app.domain.entry import VoltageLevel
from app.domain.tariff import Prices
from app.errors import BadInput
from tests import factories as make

MS = VoltageLevel.MS


async def rank(pool, kwh="1000000", kw="550", region=None, first=20, year=2025):
    return await tariffs.fetch_ranking(pool, year, MS, Decimal(kwh), Decimal(kw), region, first)


async def three_tariffs(pool):
    """One cheap below 2500 h, one cheap above, and one that publishes only one pair of prices."""
    below = await make.tariff(
        pool,
        await make.dno(pool, "a"),
        leistung="200",
        arbeit="2",
        leistung_unter_2500h="10",
        arbeit_unter_2500h="1",
    )
    above = await make.tariff(
        pool,
        await make.dno(pool, "b", region="Hessen"),
        leistung="50",
        arbeit="1",
        leistung_unter_2500h="90",
        arbeit_unter_2500h="9",
    )
    half = await make.tariff(
        pool,
        await make.dno(pool, "c"),
        leistung=None,
        arbeit=None,
        leistung_unter_2500h="20",
        arbeit_unter_2500h="1",
    )
    return below, above, half


async def _directory(pool):
    return (await Directories().of((await dnos.fetch_directory(pool, [None]))[None])).entries


async def test_utilisation_decides_which_prices_are_compared(pool):
    below, above, half = await three_tariffs(pool)
    before = pool.statements
    assert [ranked.tariff for ranked in await rank(pool)] == [below, half, above]
    assert pool.statements - before == 1
    assert [ranked.tariff for ranked in await rank(pool, "2500", "1")] == [above, below]
    assert [ranked.tariff for ranked in await rank(pool, "2499.999999", "1")] == [below, half, above]


async def test_a_rank_contains_the_cost(pool):
    await three_tariffs(pool)
    [first, second, _] = await rank(pool)
    assert (first.rank, second.rank) == (1, 2)
    assert str(first.cost.total) == "15500.00"  # 550 · 10 + 1,000,000 · 0.01


async def test_a_ranking_is_limited_in_length_and_to_a_region(pool):
    below, above, _ = await three_tariffs(pool)
    assert [ranked.tariff for ranked in await rank(pool, first=1)] == [below]
    assert [ranked.tariff for ranked in await rank(pool, region=["Hessen"])] == [above]
    assert await rank(pool, year=2024) == ()


async def test_deleted_entries_and_operators_have_no_rank(pool):
    await three_tariffs(pool)
    async with pool.connection() as connection:
        await connection.execute("UPDATE dnos SET deleted_at = now() WHERE slug = 'a'")
        await connection.execute(
            "UPDATE netzentgelte_data SET deleted_at = now() WHERE dno_id = (SELECT id FROM dnos WHERE slug = 'b')"
        )
    assert len(await rank(pool)) == 1


async def test_equal_costs_are_in_the_order_of_the_operators_names(pool):
    for slug in ("b", "c", "a"):
        await make.tariff(pool, await make.dno(pool, slug))
    ranking = await rank(pool)
    directory = {dno.id: dno.slug for dno in await _directory(pool)}
    assert [directory[ranked.tariff.dno_id] for ranked in ranking] == ["a", "b", "c"]


async def test_the_order_of_equal_costs_does_not_depend_on_the_databases_collation(pool):
    """Names are folded as in lists of operators: "Ähre" is before "Alb", "alster" after it."""
    names = {"z": "Zebra", "b": "Strasse", "l": "alster", "e": "\u00c4hre", "a": "Stra\u00dfe", "f": "Alb"}
    for slug, name in names.items():
        await make.tariff(pool, await make.dno(pool, slug, name=name))
    cheap = await make.tariff(
        pool, await make.dno(pool, "y", name="Zuletzt"), leistung="1", leistung_unter_2500h="1"
    )
    directory = await _directory(pool)
    by_name = [dno.slug for dno in directory if dno.slug != "y"]
    assert by_name == ["e", "f", "l", "a", "b", "z"]
    slugs = {dno.id: dno.slug for dno in directory}
    before = pool.statements
    for first in range(1, 8):
        ranking = await rank(pool, first=first)
        assert ranking[0].tariff == cheap
        assert [slugs[ranked.tariff.dno_id] for ranked in ranking] == ["y", *by_name][:first]
        assert [ranked.rank for ranked in ranking] == list(range(1, first + 1))
    assert pool.statements - before == 7


async def test_invalid_amounts_are_refused(pool):
    for kwh, kw in (("-1", "1"), ("1", "0"), ("NaN", "1")):
        with pytest.raises(BadInput):
            await rank(pool, kwh, kw)


price = st.one_of(st.none(), st.decimals(0, Decimal("999999.9999"), places=4), st.decimals(0, 99, places=2))
amount = st.one_of(st.decimals(0, Decimal(10) ** 9, places=6), st.decimals(0, 5000, places=1))


@given(
    rows=st.lists(st.tuples(price, price, price, price), min_size=1, max_size=4),
    kwh=amount,
    kw=amount.filter(bool),
)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
async def test_sql_ranks_as_python_computes(pool, rows, kwh, kw):
    async with pool.connection() as connection:
        await connection.execute("DELETE FROM netzentgelte_data")
        await connection.executemany(
            "WITH dno AS (INSERT INTO dnos (slug, name) VALUES ($1, $1)"
            " ON CONFLICT (slug) DO UPDATE SET name = excluded.name RETURNING id)"
            " INSERT INTO netzentgelte_data (dno_id, year, voltage_level,"
            " leistung, arbeit, leistung_unter_2500h, arbeit_unter_2500h)"
            " SELECT id, 2025, 'MS', $2, $3, $4, $5 FROM dno",
            [(f"n-{number}", *row) for number, row in enumerate(rows)],
        )
    ranking = await tariffs.fetch_ranking(pool, 2025, MS, kwh, kw, None, 100)
    computed = [annual_cost(Prices(*row), kwh, kw).total for row in rows]
    assert [ranked.cost.total for ranked in ranking] == sorted(
        total for total in computed if total is not None
    )
