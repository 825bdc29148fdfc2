"""Prices of § 14a in the graph: of a moment, as a series, and of the tariff of a year."""

from typing import Any

import httpx
import pytest

from app.db.pool import Pool
from app.domain.account import Principal, Role
from app.domain.dno import Dno
from app.resources import Resources
from schema.context import Context
from tests import factories as make
from tests.integration.graph.graphql_client import client_of, error_codes, execute, execute_with_errors

SERIES = """
query ($year: Int = 2026, $from: DateTime!, $to: DateTime!, $resolution: Resolution) {
  dno(slug: "netze-a") { timeOfUseTariff(year: $year) {
    prices(from: $from, to: $to, resolution: $resolution) { start end band price grossPrice difference timeVariable }
  } }
}
"""
PRICE = """
query ($at: DateTime!) { dno(slug: "netze-a") { timeOfUsePrice(at: $at) { start end band price timeVariable } } }
"""


@pytest.fixture
async def netze_a(pool: Pool) -> Dno:
    """Windows in the first quarter only; NT from 00:00 to 06:00, HT from 17:00 to 20:00."""
    dno = await make.dno(pool, "netze-a")
    await make.time_of_use(pool, dno, 2026)
    return dno


async def series(client: httpx.AsyncClient, start: str, end: str, **variables: Any) -> list[Any]:
    data = await execute(client, SERIES, **{"from": start, "to": end}, **variables)
    intervals: list[Any] = data["dno"]["timeOfUseTariff"]["prices"]
    return intervals


async def test_a_day_is_a_series_of_merged_intervals_by_default(
    client: httpx.AsyncClient, netze_a: Dno
) -> None:
    found = await series(client, "2026-02-03T00:00:00+01:00", "2026-02-04T00:00:00+01:00")
    assert [(each["start"], each["band"]) for each in found] == [
        ("2026-02-03T00:00:00+01:00", "NT"),
        ("2026-02-03T06:00:00+01:00", "ST"),
        ("2026-02-03T17:00:00+01:00", "HT"),
        ("2026-02-03T20:00:00+01:00", "ST"),
    ]
    assert found[2] == {
        "start": "2026-02-03T17:00:00+01:00",
        "end": "2026-02-03T20:00:00+01:00",
        "band": "HT",
        "price": "9.80",
        "grossPrice": "11.6620",
        "difference": "3.10",
        "timeVariable": True,
    }


@pytest.mark.parametrize(
    ("day", "start", "end", "quarter_hours"),
    [
        ("spring", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00", 92),
        ("autumn", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00", 100),
    ],
)
async def test_days_on_which_the_clock_changes_have_92_and_100_quarter_hours(
    client: httpx.AsyncClient, netze_a: Dno, day: str, start: str, end: str, quarter_hours: int
) -> None:
    found = await series(client, start, end, resolution="QUARTER_HOUR")
    assert len(found) == quarter_hours
    assert [each["end"] for each in found[:-1]] == [each["start"] for each in found[1:]]
    change = {
        each["start"]
        for each in found
        if "T01:45" in each["start"] or "T02:00" in each["start"] or "T03:00" in each["start"]
    }
    assert (
        change
        == {
            "spring": {"2026-03-29T01:45:00+01:00", "2026-03-29T03:00:00+02:00"},
            "autumn": {
                "2026-10-25T01:45:00+02:00",
                "2026-10-25T02:00:00+02:00",
                "2026-10-25T02:00:00+01:00",
                "2026-10-25T03:00:00+01:00",
            },
        }[day]
    )
    assert {each["timeVariable"] for each in found} == {day == "spring"}


async def test_the_price_of_a_moment_is_that_of_the_tariff_of_its_year_in_germany(
    client: httpx.AsyncClient, pool: Pool, netze_a: Dno
) -> None:
    await make.time_of_use(pool, netze_a, 2025, price_st="5.00", windows="4 00:00-22:00 NT, 4 22:00-24:00 ST")
    before = await execute(client, PRICE, at="2025-12-31T22:59:00Z")
    assert before["dno"]["timeOfUsePrice"] == {
        "start": "2025-12-31T22:00:00+01:00",
        "end": "2026-01-01T00:00:00+01:00",
        "band": "ST",
        "price": "5.00",
        "timeVariable": True,
    }
    after = await execute(client, PRICE, at="2025-12-31T23:00:00Z")
    assert (after["dno"]["timeOfUsePrice"]["price"], after["dno"]["timeOfUsePrice"]["band"]) == ("1.34", "NT")
    summer = await execute(client, PRICE, at="2026-07-01T12:00:00Z")
    assert summer["dno"]["timeOfUsePrice"] == {
        "start": "2026-04-01T00:00:00+02:00",
        "end": "2027-01-01T00:00:00+01:00",
        "band": "ST",
        "price": "6.70",
        "timeVariable": False,
    }


async def test_what_is_not_known_is_null_or_empty(client: httpx.AsyncClient, netze_a: Dno) -> None:
    for moment in ("2024-06-01T12:00:00Z", "1900-01-01T00:00:00Z", "2200-12-31T23:59:59Z"):
        assert (await execute(client, PRICE, at=moment))["dno"]["timeOfUsePrice"] is None
    data = await execute(client, '{ dno(slug: "netze-a") { timeOfUseTariff(year: 2024) { id } } }')
    assert data["dno"]["timeOfUseTariff"] is None
    for year in (-1, 0, 12345):
        data = await execute(
            client, f'{{ dno(slug: "netze-a") {{ timeOfUseTariff(year: {year}) {{ id }} }} }}'
        )
        assert data["dno"]["timeOfUseTariff"] is None
    assert await series(client, "2025-06-01T00:00:00Z", "2025-06-02T00:00:00Z") == []
    tariff = '{ dno(slug: "netze-a") { timeOfUseTariff(year: 2026) { priceAt(at: "2025-06-01T00:00:00Z") { band } } } }'
    assert (await execute(client, tariff))["dno"]["timeOfUseTariff"]["priceAt"] is None


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-02-02T00:00:00Z", "2026-02-01T00:00:00Z", "`to` lies before `from`."),
        ("2026-01-01T00:00:00Z", "2027-02-05T00:00:01Z", "From `from` to `to` there are more than 400 days."),
        ("2026-01-01T00:00:00", "2026-01-02T00:00:00Z", "needs its offset"),
        ("yesterday", "2026-01-02T00:00:00Z", "A DateTime is a moment as a string"),
    ],
)
async def test_impossible_spans_are_refused_with_a_reason(
    client: httpx.AsyncClient, netze_a: Dno, start: str, end: str, words: str
) -> None:
    variables = {"from": start, "to": end}
    assert await error_codes(client, SERIES, **variables) == ["BAD_USER_INPUT"]
    [error] = (await execute_with_errors(client, SERIES, **variables))["errors"]
    assert words in error["message"]


async def test_more_intervals_than_an_operation_may_load_are_refused(
    resources: Resources, pool: Pool, netze_a: Dno
) -> None:
    """Aliases and lists multiply a series; it ends while it is computed."""
    async with client_of(resources, limit_objects=3000) as client:
        year = {"from": "2026-01-01T00:00:00Z", "to": "2026-12-31T00:00:00Z"}
        assert await error_codes(client, SERIES, **year, resolution="QUARTER_HOUR") == ["LIMIT_EXCEEDED"]
        assert await error_codes(client, SERIES, **year) == []


async def test_a_correction_is_visible_in_the_next_series(
    client: httpx.AsyncClient, resources: Resources, pool: Pool, netze_a: Dno
) -> None:
    day = ("2026-02-03T00:00:00+01:00", "2026-02-04T00:00:00+01:00")
    assert (await series(client, *day))[0]["price"] == "1.34"
    assert (await series(client, *day))[0]["price"] == "1.34"
    user = await make.user(pool)
    await Context(resources, principal=Principal(Role.EDITOR, user_id=user.id)).write(
        lambda work: work.connection.execute("UPDATE time_of_use_data SET price_nt = 2")
    )
    assert (await series(client, *day))[0]["price"] == "2"
