"""Calendars of peak-load windows (HLZF), read as a calendar program reads them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rruleset, rrulestr
from icalendar import Calendar

from tests import factories as make

BERLIN = ZoneInfo("Europe/Berlin")

# Bavaria's public holidays, listed by hand; those on weekends have no effect.
HOLIDAYS = {
    2025: "01-01 01-06 04-18 04-21 05-01 05-29 06-09 06-19 10-03 11-01 12-25 12-26",
    2026: "01-01 01-06 04-03 04-06 05-01 05-14 05-25 06-04 10-03 11-01 12-25 12-26",
}


def working_days(year: int) -> set[date]:
    holidays = {date.fromisoformat(f"{year}-{day}") for day in HOLIDAYS[year].split()}
    every = (date(year, 1, 1) + timedelta(n) for n in range(365))
    return {
        day
        for day in every
        if day.weekday() < 5
        and day not in holidays
        and not date(year, 12, 24) <= day
        and day != date(year, 1, 1)
    }


async def operator(pool, **columns):
    """Of which it is known on each day whether windows hold."""
    dno = await make.dno(pool, **columns)
    await make.holiday_rule(pool, dno, bridge_days="WORKING_DAYS", holidays="NATIONWIDE")
    return dno


def occurrences(event) -> list[datetime]:
    """As a calendar program computes them: the recurrence rule without its exceptions."""
    dates = rruleset()
    dates.rrule(rrulestr(event["rrule"].to_ical().decode(), dtstart=event["dtstart"].dt))
    exceptions = event.get("exdate", [])
    for each in exceptions if isinstance(exceptions, list) else [exceptions]:
        for moment in each.dts:
            dates.exdate(moment.dt)
    return list(dates)


async def calendar(client, path="/dnos/netze-a/hlzf/2025.ics") -> Calendar:
    response = await client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/calendar; charset=utf-8"
    return Calendar.from_ical(response.content)


@pytest.mark.parametrize("year", HOLIDAYS)
async def test_windows_fall_on_the_working_days_that_the_operator_states(client, pool, year):
    dno = await make.dno(pool, region="Bayern")
    # Mariä Himmelfahrt is a holiday in some municipalities only; without this it would not be known.
    stated = {"holidays": "STATE", "working_dates": [date(2025, 8, 15)]}
    await make.holiday_rule(pool, dno, bridge_days="WORKING_DAYS", **stated)
    for season in ("WINTER", "SPRING", "SUMMER", "AUTUMN"):
        await make.hlzf(pool, dno, year=year, season=season, windows="07:30-13:00")
    found = await calendar(client, f"/dnos/netze-a/hlzf/{year}.ics")
    certain = [event for event in found.walk("VEVENT") if "rrule" in event]
    moments = [moment for event in certain for moment in occurrences(event)]
    assert {moment.date() for moment in moments} == working_days(year)
    assert len(moments) == len(working_days(year))
    assert {moment.strftime("%H:%M") for moment in moments} == {"07:30"}
    assert {moment.tzinfo for moment in moments} == {BERLIN}


async def test_a_window_lasts_from_its_start_to_its_end_also_at_midnight(client, pool):
    dno = await operator(pool)
    await make.hlzf(pool, dno, season="SUMMER", windows="17:00-19:15, 22:00-24:00")
    first, second = (await calendar(client)).walk("VEVENT")
    assert first["dtend"].dt - first["dtstart"].dt == timedelta(hours=2, minutes=15)
    assert second["dtend"].dt == datetime(2025, 6, 3, tzinfo=BERLIN)


async def test_the_series_ends_with_the_season_in_local_time_and_in_utc(client, pool):
    dno = await make.dno(pool)
    await make.hlzf(pool, dno, season="AUTUMN", windows="07:30-13:00")
    [event] = (await calendar(client)).walk("VEVENT")
    days = occurrences(event)
    assert (days[0].date(), days[-1].date()) == (date(2025, 9, 1), date(2025, 11, 28))
    assert event["rrule"]["until"] == [datetime(2025, 11, 28, 6, 30, tzinfo=UTC)]


async def test_the_time_zone_contains_both_changes_of_the_clock(client, pool):
    dno = await make.dno(pool)
    await make.hlzf(pool, dno)
    [zone] = (await calendar(client)).walk("VTIMEZONE")
    time_zone = zone.to_tz()
    for month, hours in ((1, 1), (3, 1), (4, 2), (10, 2), (11, 1), (12, 1)):
        assert datetime(2025, month, 15, tzinfo=time_zone).utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize(("year", "march", "october"), [(2025, 30, 26), (2026, 29, 25), (2000, 26, 29)])
async def test_each_change_of_the_clock_starts_in_local_time_before_the_change(
    client, pool, year, march, october
):
    """RFC 5545, 3.6.5: DTSTART is local time under TZOFFSETFROM."""
    dno = await make.dno(pool)
    await make.hlzf(pool, dno, year=year)
    [zone] = (await calendar(client, f"/dnos/netze-a/hlzf/{year}.ics")).walk("VTIMEZONE")
    written = [
        (
            part.name,
            part["dtstart"].dt.isoformat(),
            part["tzname"],
            part["tzoffsetfrom"].td,
            part["tzoffsetto"].td,
        )
        for part in zone.subcomponents
    ]
    winter, summer = timedelta(hours=1), timedelta(hours=2)
    assert written == [
        ("STANDARD", f"{year}-01-01T00:00:00", "CET", winter, winter),
        ("DAYLIGHT", f"{year}-03-{march}T02:00:00", "CEST", winter, summer),
        ("STANDARD", f"{year}-10-{october}T03:00:00", "CET", summer, winter),
    ]


async def test_an_event_is_described_in_german(client, pool):
    dno = await operator(pool, name="Netze A")
    await make.hlzf(pool, dno, season="SUMMER", windows="17:00-19:15", source_title="Blatt 2025")
    [event] = (await calendar(client)).walk("VEVENT")
    assert event["summary"] == "Hochlastzeitfenster Mittelspannung (Sommer)"
    for words in ("Netze A", "2025", "17:00 bis 19:15 Uhr", "ungeprüft", "Quelle: Blatt 2025", "StromNEV"):
        assert words in event["description"]


async def test_a_correction_is_the_same_event_with_a_higher_sequence(client, pool):
    dno = await operator(pool)
    await make.hlzf(pool, dno, season="SUMMER", windows="17:00-19:15")
    response = await client.get("/dnos/netze-a/hlzf/2025.ics")
    etag = response.headers["etag"]
    [before] = Calendar.from_ical(response.content).walk("VEVENT")
    again = await client.get("/dnos/netze-a/hlzf/2025.ics", headers={"if-none-match": f'"x", {etag}'})
    assert again.status_code == 304
    async with pool.connection() as connection:
        await connection.execute("""UPDATE hlzf_data SET windows = '[{"start": "17:00", "end": "20:00"}]'""")
    again = await client.get("/dnos/netze-a/hlzf/2025.ics", headers={"if-none-match": etag})
    assert again.status_code == 200
    [after] = Calendar.from_ical(again.content).walk("VEVENT")
    assert after["uid"] == before["uid"]
    assert (before["sequence"], after["sequence"]) == (1, 2)


async def test_every_event_has_a_unique_id(client, pool):
    dno = await operator(pool)
    for level in ("MS", "NS"):
        for season in ("WINTER", "SUMMER"):
            await make.hlzf(pool, dno, voltage_level=level, season=season)
    events = (await calendar(client)).walk("VEVENT")
    assert len(events) == 12  # two windows; winter lies at both ends of the year
    assert len({event["uid"] for event in events}) == 12
    only = await calendar(client, "/dnos/netze-a/hlzf/2025.ics?voltage_level=NS")
    assert len(only.walk("VEVENT")) == 6


async def test_a_season_without_windows_has_no_events(client, pool):
    dno = await make.dno(pool)
    await make.hlzf(pool, dno, windows="")
    assert (await calendar(client)).walk("VEVENT") == []


async def test_a_level_without_a_sheet_is_said_to_be_not_known(client, pool):
    dno = await make.dno(pool)
    for season in ("WINTER", "SPRING", "SUMMER", "AUTUMN"):
        await make.hlzf(pool, dno, season=season, windows="")
    without_windows = await calendar(client, "/dnos/netze-a/hlzf/2025.ics?voltage_level=MS")
    not_known = await calendar(client, "/dnos/netze-a/hlzf/2025.ics?voltage_level=HS")
    assert without_windows.walk("VEVENT") == not_known.walk("VEVENT") == []
    assert "x-wr-caldesc" not in without_windows
    assert str(not_known["x-wr-caldesc"]).replace("\\,", ",") == (
        "Nicht bekannt ist, ob 2025 in Hochspannung Fenster in diesen Jahreszeiten gelten: Winter, Frühling, Sommer, Herbst."
    )


@pytest.mark.parametrize(
    "path", ["unknown/hlzf/2025", "netze-a/hlzf/2024", "netze-a/hlzf/9999", "netze-a/hlzf/x"]
)
async def test_unknown_operators_and_years_are_not_found(client, pool, path):
    dno = await make.dno(pool)
    await make.hlzf(pool, dno)
    assert (await client.get(f"/dnos/{path}.ics")).status_code == 404
