"""Addresses of § 14a prices: /api/v1/dnos/{slug}/time-of-use/{span}."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest
import yaml
from icalendar import Calendar

from app.db.pool import Pool
from app.domain import clock
from app.domain.account import Principal, Role
from app.domain.dno import Dno
from app.resources import Resources, open_resources
from app.settings import Settings
from schema.context import Context
from tests import factories as make
from tests.cache_control import assert_valid_for_a_minute
from tests.integration.graph.graphql_client import client_of
from tests.integration.graph.running import Running, has_cached_head, has_cached_response
from tests.integration.graph.wire import wire
from tests.waiting import COUNTED, until, until_equal

BERLIN = ZoneInfo("Europe/Berlin")
BASE = "/api/v1/dnos/n-ergie-netz/time-of-use/"
# N-ERGIE Netz 2026, the same in each quarter.
DAY = (
    "00:00-06:00 NT",
    "06:00-12:00 ST",
    "12:00-14:15 NT",
    "14:15-18:00 ST",
    "18:00-21:00 HT",
    "21:00-23:00 ST",
    "23:00-24:00 NT",
)
PRICES = {"price_ht": "11.77", "price_st": "5.96", "price_nt": "2.38"}
WINDOWS = ", ".join(f"{quarter} {window}" for quarter in (1, 2, 3, 4) for window in DAY)


@pytest.fixture
async def n_ergie(pool: Pool) -> Dno:
    dno = await make.dno(pool, "n-ergie-netz", name="N-ERGIE Netz")
    await add_tariff(pool, dno, 2026)
    return dno


async def add_tariff(pool: Pool, dno: Dno, year: int) -> None:
    source = "https://example.org/6a.pdf"
    await make.time_of_use(pool, dno, year, windows=WINDOWS, source_url=source, **PRICES)


@pytest.fixture
async def this_year(pool: Pool, n_ergie: Dno) -> None:
    if clock.today().year != 2026:
        await add_tariff(pool, n_ergie, clock.today().year)


def value_at(moment: datetime) -> float:
    """By the windows, in EUR per kWh."""
    text = f"{moment.astimezone(BERLIN):%H:%M}"
    [band] = [window[-2:] for window in DAY if window[:5] <= text < window[6:11]]
    return {"NT": 0.0238, "ST": 0.0596, "HT": 0.1177}[band]


def quarter_hours(day: date) -> Iterator[datetime]:
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=3)
    while moment.astimezone(BERLIN).date() <= day:
        if moment.astimezone(BERLIN).date() == day:
            yield moment
        moment += timedelta(minutes=15)


def lifetime(response: httpx.Response) -> dict[str, int]:
    parts = [part.strip().split("=") for part in response.headers["cache-control"].split(",")]
    return {part[0]: int(part[1]) for part in parts if len(part) == 2}


async def test_a_day_is_a_list_of_quarter_hours_with_beginning_end_and_value(
    client: httpx.AsyncClient, n_ergie: Dno
) -> None:
    for day, count in (("2026-10-25", 100), ("2026-03-29", 92), ("2026-11-28", 96)):
        response = await client.get(BASE + day)
        assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
        expected = [
            {
                "start": moment.astimezone(BERLIN).isoformat(),
                "end": (moment + timedelta(minutes=15)).astimezone(BERLIN).isoformat(),
                "value": value_at(moment),
            }
            for moment in quarter_hours(date.fromisoformat(day))
        ]
        assert len(expected) == count
        assert response.json() == expected


async def test_zones_of_evcc_have_the_form_of_its_configuration(
    client: httpx.AsyncClient, n_ergie: Dno
) -> None:
    response = await client.get(f"{BASE}2026.yaml")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/yaml")
    assert response.text.startswith(
        "# N-ERGIE Netz 2026, net EUR/kWh; source https://example.org/6a.pdf; unverified\ncharges: 0.0596\n"
    )
    zones = yaml.safe_load(response.text)["chargesZones"]
    assert zones[1] == {"months": "Jan-Dec", "hours": "12:00-14:15", "charges": 0.0238}
    assert (await client.get(f"{BASE}2026-05-04.yml")).text == response.text
    assert (
        await client.get(f"{BASE}2026-05-04", headers={"accept": "application/yaml"})
    ).text == response.text


async def test_the_parameters_choose_vat_and_resolution(client: httpx.AsyncClient, n_ergie: Dno) -> None:
    merged = (await client.get(f"{BASE}2026-05-04?resolution=CHANGES&gross=true")).json()
    assert [each["value"] for each in merged] == [
        0.028322,
        0.070924,
        0.028322,
        0.070924,
        0.140063,
        0.070924,
        0.028322,
    ]
    hours = (await client.get(f"{BASE}2026-05-04?resolution=hour")).json()
    assert len(hours) == 25  # 14:15 divides an hour
    lines = (await client.get(f"{BASE}2026-05-04..2026-05-05.csv?resolution=changes")).text.splitlines()
    assert lines[0] == "start,end,value,band,time_variable"
    assert lines[7] == "2026-05-04T23:00:00+02:00,2026-05-05T06:00:00+02:00,0.0238,NT,true"


async def test_the_calendar_names_times_without_a_known_price(
    client: httpx.AsyncClient, pool: Pool, n_ergie: Dno
) -> None:
    complete = await client.get(f"{BASE}2026-10-24.ics")
    assert "CALDESC" not in complete.text
    syna = await make.dno(pool, "syna")
    windows = WINDOWS.replace("4 21:00-23:00 ST, ", "")
    await make.time_of_use(pool, syna, 2026, **PRICES | {"price_ht": None}, windows=windows)
    written = await client.get("/api/v1/dnos/syna/time-of-use/2026-09-30..2027-01-01.ics")
    [stated] = [
        line for line in written.text.replace("\r\n ", "").splitlines() if line.startswith("X-WR-CALDESC:")
    ]
    assert stated == (
        "X-WR-CALDESC:Nicht bekannt ist der Preis von: 07-09/2026\\, 18:00 bis 21:00 Uhr\\; "
        "10-12/2026\\, 18:00 bis 23:00 Uhr\\; 01-03/2027\\, 00:00 bis 24:00 Uhr."
    )


async def test_times_before_prices_of_paragraph_14a_began_are_not_named_as_not_known(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    syna = await make.dno(pool, "syna")
    await make.time_of_use(pool, syna, 2025, **PRICES, windows=WINDOWS.replace("4 21:00-23:00 ST, ", ""))
    written = await client.get("/api/v1/dnos/syna/time-of-use/2024-12-01..2025-12-31.ics")
    [stated] = [
        line for line in written.text.replace("\r\n ", "").splitlines() if line.startswith("X-WR-CALDESC:")
    ]
    assert stated == "X-WR-CALDESC:Nicht bekannt ist der Preis von: 10-12/2025\\, 21:00 bis 23:00 Uhr."


async def test_the_calendar_holds_the_cheap_and_the_dear_hours_of_the_series(
    client: httpx.AsyncClient, n_ergie: Dno
) -> None:
    response = await client.get(f"{BASE}2026-10-24..2026-10-26.ics")
    lines = response.text.replace("\r\n ", "").split("\r\n")
    assert all(line.partition(":")[0].isupper() for line in lines if line), (
        "names as simple readers expect them"
    )
    assert response.headers["content-type"] == "text/calendar; charset=utf-8"
    events = Calendar.from_ical(response.content).walk("VEVENT")
    series = (await client.get(f"{BASE}2026-10-24..2026-10-26?resolution=CHANGES")).json()
    assert [(event["dtstart"].dt, event["dtend"].dt) for event in events] == [
        (datetime.fromisoformat(each["start"]), datetime.fromisoformat(each["end"]))
        for each in series
        if each["value"] != 0.0596
    ]


async def test_an_accepted_media_type_chooses_the_format_where_no_suffix_does(
    client: httpx.AsyncClient, n_ergie: Dno
) -> None:
    async def media_type(span: str, accept: str) -> str:
        response = await client.get(BASE + span, headers={"accept": accept})
        return response.headers["content-type"].partition(";")[0]

    assert await media_type("2026-05-04", "text/csv") == "text/csv"
    assert await media_type("2026-05-04", "text/calendar, */*;q=0.1") == "text/calendar"
    assert await media_type("2026-05-04", "text/html, */*;q=0.8") == "application/json"
    assert await media_type("2026-05-04.csv", "application/json") == "text/csv"
    refused = await client.get(f"{BASE}2026-05-04", headers={"accept": "image/png"})
    assert (refused.status_code, refused.json()["code"]) == (406, "NOT_ACCEPTABLE")


async def test_a_span_over_new_year_joins_the_tariffs_of_both_years(
    client: httpx.AsyncClient, pool: Pool, n_ergie: Dno
) -> None:
    span = f"{BASE}2025-12-31..2026-01-01?resolution=CHANGES"
    only = (await client.get(span)).json()
    assert (only[0]["start"], only[-1]["end"]) == ("2026-01-01T00:00:00+01:00", "2026-01-02T00:00:00+01:00")
    await make.time_of_use(pool, n_ergie, 2025, price_st="5", windows="4 00:00-24:00 ST")

    async def beginnings() -> list[str]:
        return [each["start"] for each in (await client.get(span)).json()][:2]

    await until_equal(beginnings, ["2025-12-31T00:00:00+01:00", "2026-01-01T00:00:00+01:00"])
    days = (await client.get(f"{BASE}2025-12-20..2027-01-20?resolution=changes")).json()
    assert days[0]["value"] == 0.05
    assert days[-1]["end"] == "2027-01-01T00:00:00+01:00"


REFUSED = [
    ("/api/v1/dnos/unknown/time-of-use/2026-05-04", 404, "NOT_FOUND", "There is no operator 'unknown'."),
    (f"{BASE}2024-05-04", 404, "NOT_FOUND", "No time-of-use tariff (§ 14a EnWG, Modul 3) of N-ERGIE Netz is known for 2024-05-04."),
    (f"{BASE}2024-05-04.yaml", 404, "NOT_FOUND", "is known for 2024-05-04"),
    (f"{BASE}2024-05-04.ics", 404, "NOT_FOUND", "is known for 2024-05-04"),
    (f"{BASE}1000", 404, "NOT_FOUND", "is known for 1000-01-01 to 1000-12-31"),
    (f"{BASE}9999-12-31", 404, "NOT_FOUND", "is known for 9999-12-31"),
    (f"{BASE}2026-02-30", 400, "BAD_USER_INPUT", "is not a day such as 2026-10-25"),
    (f"{BASE}2026-05-04..2026-05-03", 400, "BAD_USER_INPUT", "ends before it begins"),
    (f"{BASE}2026-01-01..2027-02-05", 400, "BAD_USER_INPUT", "longer than 400 days"),
    (f"{BASE}2025-12-31..2026-01-01.yaml", 400, "BAD_USER_INPUT", "one calendar year"),
    (f"{BASE}2026-05-04?gross=maybe", 400, "BAD_USER_INPUT", "`gross` cannot be 'maybe'"),
    (f"{BASE}2026-05-04?gross=1&gross=0", 400, "BAD_USER_INPUT", "`gross` cannot be '1, 0'"),
    (f"{BASE}2026-05-04?resolution=DAY", 400, "BAD_USER_INPUT", "`resolution` cannot be 'DAY'"),
    (f"{BASE}now?resolution=HOUR", 400, "BAD_USER_INPUT", "`resolution` does not apply"),
    (f"{BASE}2026-05-04?voltage=1", 400, "BAD_USER_INPUT", "There is no parameter 'voltage'"),
]  # fmt: skip


async def test_what_cannot_be_answered_is_refused_with_a_code_and_in_words(
    client: httpx.AsyncClient, n_ergie: Dno
) -> None:
    for path, status, code, words in REFUSED:
        response = await client.get(path)
        problem = response.json()
        assert (response.status_code, response.headers["content-type"]) == (
            status,
            "application/problem+json",
        )
        assert (problem["code"], words in problem["detail"]) == (code, True), problem


async def test_a_tariff_without_a_known_price_is_not_a_year_without_a_tariff(
    client: httpx.AsyncClient, pool: Pool, n_ergie: Dno
) -> None:
    await make.time_of_use(pool, n_ergie, 2025, windows="")
    response = await client.get(f"{BASE}2025-05-04")
    assert response.status_code == 404
    assert response.json()["detail"] == (
        "Of the time-of-use tariff (§ 14a EnWG, Modul 3) of N-ERGIE Netz no price is known for 2025-05-04."
    )


async def test_the_current_price_may_be_stored_until_it_changes(
    client: httpx.AsyncClient, before_reads: float, n_ergie: Dno
) -> None:
    response = await client.get(f"{BASE}now")
    [current] = response.json()
    now = datetime.now(UTC)
    start, end = datetime.fromisoformat(current["start"]), datetime.fromisoformat(current["end"])
    assert start <= now < end
    assert current["value"] == value_at(now)
    left = (
        min(end, datetime.combine(clock.today() + timedelta(1), datetime.min.time(), BERLIN).astimezone(UTC))
        - now
    )
    assert lifetime(response).get("max-age", 0) == pytest.approx(left.total_seconds(), abs=60)
    assert lifetime(response).get("s-maxage", 0) <= 60
    today = await client.get(f"{BASE}today")
    assert lifetime(today).get("max-age", 0) == pytest.approx(left.total_seconds(), abs=60)
    assert today.json() == (await client.get(f"{BASE}{clock.today()}")).json()
    other = await client.get(f"{BASE}2026-01-01..2026-01-02")
    assert_valid_for_a_minute(other, before_reads)


async def test_without_http_caching_every_use_is_revalidated(
    settings: Settings, pool: Pool, this_year: None
) -> None:
    settings = msgspec.structs.replace(settings, http_lifetime=0)
    async with open_resources(settings) as resources, client_of(resources) as client:
        response = await client.get(f"{BASE}now")
        assert response.headers["cache-control"] == "no-cache"
        again = await client.get(f"{BASE}now", headers={"if-none-match": response.headers["etag"]})
        assert again.status_code == 304


async def test_a_conditional_request_is_answered_with_304_until_a_correction(
    client: httpx.AsyncClient, resources: Resources, pool: Pool, n_ergie: Dno
) -> None:
    for span in ("2026-10-25", "2026.yaml", "2026.csv", "2026-10-25.ics"):
        first = await client.get(BASE + span)
        again = await client.get(BASE + span, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        user = await make.user(pool)
        await Context(resources, principal=Principal(Role.EDITOR, user_id=user.id)).write(
            lambda work: work.connection.execute("UPDATE time_of_use_data SET price_nt = price_nt + 1")
        )
        changed = await client.get(BASE + span, headers={"if-none-match": first.headers["etag"]})
        assert (changed.status_code, changed.content == first.content) == (200, False)


async def test_a_repeated_request_costs_no_statement(
    client: httpx.AsyncClient, resources: Resources, n_ergie: Dno
) -> None:
    first = await client.get(f"{BASE}2026-10-25")

    async def statements_of_a_request() -> int:
        before = resources.pool.statements
        assert (await client.get(f"{BASE}2026-10-25")).content == first.content
        return resources.pool.statements - before

    await until_equal(statements_of_a_request, 0)


async def test_a_request_repeated_byte_for_byte_is_answered_by_the_fast_path(
    server: Running, n_ergie: Dno
) -> None:
    """As cheap as a cached answer of the graph: no middleware, no scope, no task."""
    for path in (f"{BASE}2026-10-25", f"{BASE}2026.yaml?gross=1", "/api/v1/dnos/n-ergie-netz/2026"):
        data = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        async with wire(server.url) as connection:
            slow = await connection.exchange(data)

            async def cached(data: bytes = data, connection: Any = connection) -> bool:
                if has_cached_head(server, data) and has_cached_response(server, data):
                    return True
                await connection.exchange(data)
                return False

            await until(cached)
            fast = await connection.exchange(data)
            assert (fast.status, fast.body) == (200, slow.body)
            assert fast.headers["etag"] == slow.headers["etag"]
            assert {name for name, _ in fast.lines} == {name for name, _ in slow.lines}
            unchanged = data.replace(
                b"\r\n\r\n", f"\r\nIf-None-Match: {slow.headers['etag']}\r\n\r\n".encode()
            )
            statuses = [(await connection.exchange(unchanged)).status for _ in range(3)]
            assert (statuses, has_cached_head(server, unchanged)) == ([304, 304, 304], True)


async def test_a_head_whose_response_was_invalidated_is_answered_with_the_new_prices(
    server: Running, pool: Pool, n_ergie: Dno
) -> None:
    data = f"GET {BASE}2026-10-25 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    missing = data.replace(b"n-ergie-netz", b"unknown")
    async with wire(server.url) as connection:

        async def cached() -> bool:
            await connection.exchange(data)
            return has_cached_head(server, data)

        await until(cached)
        user = await make.user(pool)
        await Context(server.resources, principal=Principal(Role.EDITOR, user_id=user.id)).write(
            lambda work: work.connection.execute("UPDATE time_of_use_data SET price_nt = 1")
        )
        assert json.loads((await connection.exchange(data)).body)[0]["value"] == 0.01
        await Context(server.resources, principal=Principal(Role.EDITOR, user_id=user.id)).write(
            lambda work: work.connection.execute("DELETE FROM time_of_use_data")
        )
        gone = await connection.exchange(data)
        assert (gone.status, gone.json["code"]) == (404, "NOT_FOUND")
        assert [(await connection.exchange(missing)).status for _ in range(3)] == [404, 404, 404]


async def test_reading_can_require_credentials_here_too(settings: Settings, pool: Pool, n_ergie: Dno) -> None:
    settings = msgspec.structs.replace(settings, anonymous_reading=False)
    async with open_resources(settings) as resources, client_of(resources) as client:
        assert (await client.get(f"{BASE}2026-10-25")).status_code == 401


async def test_a_long_series_counts_as_several_requests(settings: Settings, pool: Pool, n_ergie: Dno) -> None:
    counted = {**COUNTED, "rate_limit_cost": 1000}
    settings = msgspec.structs.replace(settings, rate_limit_anonymous=60, **counted)
    async with open_resources(settings) as resources, client_of(resources) as client:
        day = await client.get(f"{BASE}2026-10-25")
        year = await client.get(f"{BASE}2026")
        assert len(year.json()) == 35_040

    def remaining(response: httpx.Response) -> int:
        return int(response.headers["ratelimit"].partition("r=")[2].partition(";")[0])

    assert remaining(day) - remaining(year) >= 35
