"""Each entry leads to the entry of the year before: the same operator, level and season."""

import httpx

from app.db.pool import Pool
from app.domain.hlzf import Season
from app.domain.holiday_rule import WITHOUT_YEAR
from tests import factories as make
from tests.integration.graph.graphql_client import execute


async def test_windows_of_the_year_before_have_the_same_level_and_season(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    dno, other = await make.dno(pool), await make.dno(pool, "netze-b")
    await make.hlzf(pool, dno, 2026, season=Season.WINTER, windows="08:00-09:00")
    await make.hlzf(pool, dno, 2026, season=Season.SUMMER, windows="")
    await make.hlzf(pool, dno, 2025, season=Season.WINTER, windows="07:00-08:00")
    await make.hlzf(pool, dno, 2025, "NS", Season.SUMMER, windows="10:00-11:00")
    await make.hlzf(pool, other, 2025, season=Season.SUMMER, windows="12:00-13:00")
    query = """{ dno(slug: "netze-a") { hlzf(year: 2026) {
      season previousYear { year season voltageLevel windows { start } previousYear { year } } } } }"""
    assert (await execute(client, query))["dno"]["hlzf"] == [
        {
            "season": "WINTER",
            "previousYear": {
                "year": 2025,
                "season": "WINTER",
                "voltageLevel": "MS",
                "windows": [{"start": "07:00"}],
                "previousYear": None,
            },
        },
        {"season": "SUMMER", "previousYear": None},
    ]


async def test_a_time_of_use_tariff_leads_to_that_of_the_year_before(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    dno = await make.dno(pool)
    for year, price in ((2027, "7.00"), (2026, "6.70"), (2024, "6.00")):
        await make.time_of_use(pool, dno, year, price_st=price)
    query = '{ dno(slug: "netze-a") { timeOfUse { year previousYear { year bands { band price } } } } }'
    bands = [
        {"band": "HT", "price": "9.80"},
        {"band": "ST", "price": "6.70"},
        {"band": "NT", "price": "1.34"},
    ]
    assert (await execute(client, query))["dno"]["timeOfUse"] == [
        {"year": 2027, "previousYear": {"year": 2026, "bands": bands}},
        {"year": 2026, "previousYear": None},
        {"year": 2024, "previousYear": None},
    ]


async def test_a_holiday_rule_without_a_year_is_not_the_rule_of_the_year_before(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    dno = await make.dno(pool)
    for year in (WITHOUT_YEAR, WITHOUT_YEAR + 1, 2025, 2026):
        await make.holiday_rule(pool, dno, year)
    query = """query ($year: Int!) { dno(slug: "netze-a") { holidayRule(year: $year) {
      year previousYear { year previousYear { year } } } } }"""

    async def rule(year: int) -> object:
        return (await execute(client, query, year=year))["dno"]["holidayRule"]

    assert await rule(2026) == {"year": 2026, "previousYear": {"year": 2025, "previousYear": None}}
    assert await rule(WITHOUT_YEAR + 1) == {"year": WITHOUT_YEAR + 1, "previousYear": None}
    assert await rule(2020) == {"year": None, "previousYear": None}
