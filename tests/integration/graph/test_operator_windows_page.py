"""Windows as clocks and calendar, and the price now, on the page of an operator over HTTP."""

import re
from collections.abc import Callable
from datetime import datetime, tzinfo

import httpx
import pytest

from app.db.pool import Pool
from app.domain import clock
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.domain.holiday_rule import WITHOUT_YEAR, BridgeDays, HolidayScope
from schema.http.pages import operator
from tests import factories as make
from tests.integration.graph.page_client import (
    SCRIPT,
    active_parts_of,
    base_of,
    text_of,
)
from tests.integration.graph.running import Running, issue_key
from tests.integration.graph.writing import Caller, global_id
from tests.waiting import until

PAGE = "/en/operators/netze-a"
WINDOWS = ", ".join(
    f"{quarter} {window}"
    for quarter in (1, 2, 3, 4)
    for window in ("00:00-06:00 NT", "06:00-17:00 ST", "17:00-20:00 HT", "20:00-24:00 ST")
)


@pytest.fixture
def set_now(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the clock of the page, which then stands still."""

    def set_to(text: str) -> None:
        moment = datetime.fromisoformat(text).replace(tzinfo=clock.GERMANY)

        class Clock(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return moment.astimezone(tz)

        monkeypatch.setattr(operator, "datetime", Clock)

    return set_to


async def test_hours_of_a_day_have_at_most_two_decimals(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool)
    await make.hlzf(pool, dno, 2025, VoltageLevel.MS, Season.WINTER, "07:40-12:00")
    await make.hlzf(pool, dno, 2025, VoltageLevel.MS, Season.AUTUMN, "17:00-18:00")
    await server.delivered()
    shown = text_of(await browser.get("/de/operators/netze-a/2025"))
    assert "4,33 Stunden am Werktag" in shown
    assert "1 Stunde am Werktag" in shown


async def test_the_level_of_clocks_and_calendar_is_chosen_by_a_link(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool)
    morning, evening = "07:30-09:00", "17:00-19:15"
    await make.hlzf(pool, dno, 2025, VoltageLevel.HS, Season.WINTER, morning)
    await make.hlzf(pool, dno, 2025, VoltageLevel.MS, Season.WINTER, evening)
    await make.hlzf(pool, dno, 2025, VoltageLevel.MS, Season.SUMMER, "")
    await server.delivered()
    usual = await browser.get(PAGE)
    assert labels_of(usual) == ["winter: 17:00–19:15", "summer: no windows"]
    [link] = re.findall(r'href="(/en/operators/netze-a\?level=HS)#hlzf"', usual.text)
    chosen = await browser.get(link)
    assert labels_of(chosen) == ["winter: 07:30–09:00"]
    for page in (usual, chosen):
        assert "07:30–09:00" in text_of(page)
        assert "17:00–19:15" in text_of(page)
        assert active_parts_of(page) == ["script defer src", *["script src type"] * 2]
    assert "No windows of this level are known" in text_of(await browser.get(f"{PAGE}?level=NS"))
    assert (await browser.get(f"{PAGE}?level=XS")).status_code == 400


def labels_of(page: httpx.Response) -> list[str]:
    return re.findall(r'aria-label="((?:winter|summer): [^"]+)"', page.text)


async def test_without_windows_and_prices_of_14a_there_is_nothing_of_them(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool)
    await make.tariff(pool, dno, clock.today().year)
    await server.delivered()
    for path in (PAGE, f"{PAGE}/{clock.today().year}", f"{PAGE}?level=MS", f"{PAGE}/2031"):
        page = await browser.get(path)
        assert page.status_code == 200
        for part in ('class="clock', "Peak-load", "Grid charge now", "Time-variable", "data-live-until"):
            assert part not in page.text.partition("<main")[2], part


async def test_the_calendar_follows_a_correction_of_the_holiday_rule(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool, region="Bayern")
    rule = await make.holiday_rule(pool, dno, holidays=HolidayScope.STATE, bridge_days=BridgeDays.UNKNOWN)
    await make.hlzf(pool, dno, 2026, VoltageLevel.MS, Season.WINTER, "07:30-09:00")
    await server.delivered()
    path = f"{PAGE}/2026"
    assert "Fri 2 Jan , Mon 5 Jan : a bridge day; whether" in text_of(await browser.get(path))
    _, headers = await issue_key(pool)
    caller = Caller(httpx.AsyncClient(base_url=base_of(server)), headers)
    async with caller.client:
        payload = await caller.write(
            "correctHolidayRule",
            id=f"rule_{rule.id.hex}",
            expectedVersion=rule.version,
            bridgeDays="ALL_EXCLUDED",
            reason="stated",
        )
    assert payload["errors"] == []
    corrected = text_of(await browser.get(path))
    assert "a bridge day; whether" not in corrected
    assert "Fri 2 Jan , Mon 5 Jan : bridge day (the operator excludes all bridge days)" in corrected


async def test_the_price_now_is_written_out_and_the_stored_page_ends_when_it_changes(
    browser: httpx.AsyncClient, server: Running, pool: Pool, set_now: Callable[[str], None]
) -> None:
    await make.time_of_use(pool, await make.dno(pool), 2026, windows=WINDOWS)
    await server.delivered()
    set_now("2026-11-30T16:59:59.800")
    first = await browser.get(PAGE)
    assert "6.70 ct/kWh net, 7.973 ct/kWh gross – standard tariff , until Mon 30 Nov, 17:00." in text_of(
        first
    )
    assert "cheapest: 00:00–06:00" in text_of(first)
    assert 'data-live-until="2026-11-30T16:00:00+00:00"' in first.text
    set_now("2026-11-30T17:00:00")

    async def has_new_price() -> bool:
        page = text_of(await browser.get(PAGE))
        return "9.80 ct/kWh net, 11.662 ct/kWh gross – high tariff , until Mon 30 Nov, 20:00." in page

    await until(has_new_price)


async def test_a_stored_page_of_next_year_ends_when_that_year_begins(
    browser: httpx.AsyncClient, server: Running, pool: Pool, set_now: Callable[[str], None]
) -> None:
    await make.time_of_use(pool, await make.dno(pool), 2027, windows=WINDOWS)
    dno = await make.dno(pool, "netze-b", region="Bayern")
    await make.hlzf(pool, dno, 2027, VoltageLevel.MS, Season.WINTER, "07:30-09:00")
    await server.delivered()
    prices, windows = (PAGE, f"{PAGE}/2027"), ("/en/operators/netze-b", "/en/operators/netze-b/2027")
    set_now("2026-12-31T23:59:59.800")
    for path in (*prices, *windows):
        page = await browser.get(path)
        assert 'id="price-now"' not in page.text, path
        assert "window holds now" not in text_of(page), path
        assert 'data-live-until="2026-12-31T23:00:00+00:00"' in page.text, path
    set_now("2027-01-01T00:00:00")

    async def show_what_holds_now() -> bool:
        return all(['id="price-now"' in (await browser.get(path)).text for path in prices]) and all(
            ["window holds now" in text_of(await browser.get(path)) for path in windows]
        )

    await until(show_what_holds_now)


async def test_the_price_now_is_on_the_page_of_the_current_year_and_on_that_without_a_year(
    browser: httpx.AsyncClient, server: Running, pool: Pool, set_now: Callable[[str], None]
) -> None:
    dno = await make.dno(pool)
    await make.time_of_use(pool, dno, 2026, windows=WINDOWS)
    await make.tariff(pool, dno, 2027)
    await server.delivered()
    set_now("2026-11-30T12:00:00")
    for path, there in (("", True), ("/2026", True), ("/2027", False), ("/2025", False)):
        page = await browser.get(PAGE + path)
        assert ('id="price-now"' in page.text) is there, path
        assert ("data-live-until" in page.text) is there, path


async def test_a_correction_of_the_prices_is_in_the_next_view(
    browser: httpx.AsyncClient, server: Running, pool: Pool, set_now: Callable[[str], None]
) -> None:
    tariff = await make.time_of_use(pool, await make.dno(pool), 2026, windows=WINDOWS)
    await server.delivered()
    set_now("2026-11-30T12:00:00")
    assert "6.70 ct/kWh net" in text_of(await browser.get(PAGE))
    _, headers = await issue_key(pool)
    async with httpx.AsyncClient(base_url=base_of(server)) as client:
        prices = [
            {"band": band, "price": price} for band, price in (("HT", "9.80"), ("ST", "7.10"), ("NT", "1.34"))
        ]
        payload = await Caller(client, headers).write(
            "correctTimeOfUse",
            id=global_id(tariff),
            expectedVersion=tariff.version,
            bands=prices,
            reason="misread",
        )
    assert payload["errors"] == []
    assert "7.10 ct/kWh net" in text_of(await browser.get(PAGE))


async def test_texts_of_sources_are_escaped_beside_the_charts(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    year = clock.today().year
    dno = await make.dno(pool, name=SCRIPT, region=SCRIPT)
    source = {"source_url": "javascript:alert(1)", "source_title": SCRIPT}
    await make.time_of_use(pool, dno, year, windows=WINDOWS, **source)
    await make.hlzf(pool, dno, year, VoltageLevel.MS, Season.WINTER, "07:30-09:00", **source)
    await make.holiday_rule(pool, dno, year, time_stamp_words=SCRIPT, **source)
    await server.delivered()
    page = await browser.get(PAGE)
    assert 'id="price-now"' in page.text
    assert SCRIPT not in page.text
    assert "javascript:" not in page.text
    assert active_parts_of(page) == ["script defer src", *["script src type"] * 2]


async def test_the_holiday_rules_of_an_operator_are_a_list_with_the_rule_without_a_year_at_its_end(
    server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool)
    for year in (2025, WITHOUT_YEAR, 2026):
        await make.holiday_rule(pool, dno, year)
    await make.dno(pool, "netze-b")
    query = '{ a: dno(slug: "netze-a") { holidayRules { year } } b: dno(slug: "netze-b") { holidayRules { year } } }'
    data = await server.execute(query)
    assert data["a"]["holidayRules"] == [{"year": 2026}, {"year": 2025}, {"year": None}]
    assert data["b"]["holidayRules"] == []
