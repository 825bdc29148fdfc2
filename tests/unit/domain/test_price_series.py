"""Prices of a time-of-use tariff as a series."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from app.domain.price_series import PriceInterval, Resolution, check_span, day_span, price_at, prices
from app.errors import BadInput
from tests.unit.domain.price_sheets import Sheet, row_price, sheet, starter_sheet

BERLIN = ZoneInfo("Europe/Berlin")
QUARTER_HOUR = timedelta(minutes=15)
OPERATORS = ("n-ergie-netz", "bayernwerk-netz", "netze-bw", "westnetz", "stromnetz-berlin")
CLOCK_CHANGES = {"2025-03-30": 92, "2025-10-26": 100, "2026-03-29": 92, "2026-10-25": 100}
WHOLE_DAYS = ", ".join(
    f"{quarter} {window}"
    for quarter in (1, 2, 3, 4)
    for window in ("00:00-05:00 NT", "05:00-17:00 ST", "17:00-20:15 HT", "20:15-24:00 ST")
)
ONE_QUARTER = "1 00:00-06:00 NT, 1 06:00-17:00 ST, 1 17:00-20:00 HT, 1 20:00-24:00 ST"


def of_day(tariff: Sheet, day: str, resolution: Resolution = Resolution.CHANGES) -> list[PriceInterval]:
    return list(prices(tariff, *day_span(date.fromisoformat(day)), resolution))


def at(text: str) -> datetime:
    """A time of the wall clock in Germany."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def local(intervals: Iterable[PriceInterval]) -> list[str]:
    return [
        f"{each.start.astimezone(BERLIN):%m-%dT%H:%M%z}/{each.end.astimezone(BERLIN):%m-%dT%H:%M%z} {each.band}"
        for each in intervals
    ]


def quarter_hours(day: date) -> Iterator[datetime]:
    """The quarter-hours of a day in Germany, found in UTC."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=3)
    for _ in range(4 * 30):
        if moment.astimezone(BERLIN).date() == day:
            yield moment
        moment += QUARTER_HOUR


@pytest.mark.parametrize("slug", OPERATORS)
@pytest.mark.parametrize("day", ["2026-02-10", "2026-05-20", "2026-08-15", "2026-11-28"])
def test_each_quarter_hour_of_each_quarter_has_the_price_of_its_row(slug: str, day: str) -> None:
    found = of_day(starter_sheet(slug), day, Resolution.QUARTER_HOUR)
    moments = list(quarter_hours(date.fromisoformat(day)))
    assert len(moments) == 96
    assert [(each.start, each.end) for each in found] == [
        (moment, moment + QUARTER_HOUR) for moment in moments
    ]
    assert [(each.band, f"{each.price}") for each in found] == [
        row_price(slug, 2026, moment.astimezone(BERLIN)) for moment in moments
    ]


@pytest.mark.parametrize(("day", "count"), CLOCK_CHANGES.items())
def test_a_day_on_which_the_clock_changes_has_its_own_number_of_quarter_hours(day: str, count: int) -> None:
    tariff = sheet(int(day[:4]), windows=WHOLE_DAYS)
    found = of_day(tariff, day, Resolution.QUARTER_HOUR)
    assert [each.start for each in found] == list(quarter_hours(date.fromisoformat(day)))
    assert len(found) == count
    assert len(of_day(tariff, day, Resolution.HOUR)) == count / 4 + 1  # 20:15 divides an hour


def test_windows_in_the_repeated_hour_hold_twice_and_those_in_the_missing_hour_never() -> None:
    tariff = sheet(
        windows=", ".join(f"{quarter} 02:00-02:30 HT, {quarter} 02:30-24:00 ST" for quarter in (1, 4))
    )
    assert local(of_day(tariff, "2026-10-25")) == [
        "10-25T02:00+0200/10-25T02:30+0200 HT",
        "10-25T02:30+0200/10-25T02:00+0100 ST",
        "10-25T02:00+0100/10-25T02:30+0100 HT",
        "10-25T02:30+0100/10-26T00:00+0100 ST",
    ]
    assert local(of_day(tariff, "2026-03-29")) == ["03-29T03:00+0200/03-30T00:00+0200 ST"]


def test_a_price_that_holds_through_a_clock_change_is_one_interval() -> None:
    [night, *_] = of_day(starter_sheet("n-ergie-netz"), "2026-10-25")
    assert (night.start, night.end - night.start) == (at("2026-10-25T00:00"), timedelta(hours=7))


def test_neighbours_with_the_same_price_are_one_interval_also_over_midnight() -> None:
    tariff = starter_sheet("n-ergie-netz")  # NT from 23:00 to 06:00
    found = list(prices(tariff, at("2026-05-04T22:00"), at("2026-05-05T08:00")))
    assert local(found) == [
        "05-04T22:00+0200/05-04T23:00+0200 ST",
        "05-04T23:00+0200/05-05T06:00+0200 NT",
        "05-05T06:00+0200/05-05T08:00+0200 ST",
    ]


def test_hours_are_divided_where_the_price_changes() -> None:
    found = list(
        prices(starter_sheet("n-ergie-netz"), at("2026-05-04T13:00"), at("2026-05-04T15:30"), Resolution.HOUR)
    )
    assert [f"{each.end.astimezone(BERLIN):%H:%M} {each.band}" for each in found] == [
        "14:00 NT",
        "14:15 NT",
        "15:00 ST",
        "15:30 ST",
    ]


def test_prices_are_net_gross_and_relative_to_the_standard_band() -> None:
    found = {each.band: each for each in of_day(starter_sheet("n-ergie-netz"), "2026-05-04")}
    assert [(f"{each.price}", f"{each.gross_price}", f"{each.difference}") for each in found.values()] == [
        ("2.38", "2.8322", "-3.58"),
        ("5.96", "7.0924", "0.00"),
        ("11.77", "14.0063", "5.81"),
    ]


def test_the_gross_price_has_the_vat_of_its_day() -> None:
    tariff = sheet(2020, windows=WHOLE_DAYS)
    found = list(prices(tariff, at("2020-06-30T22:00"), at("2020-07-01T04:00")))
    assert [(each.start, each.gross_price) for each in found] == [
        (at("2020-06-30T22:00"), Decimal("7.9730")),
        (at("2020-07-01T00:00"), Decimal("1.5544")),
    ]
    everything = list(
        prices(sheet(2020, windows=ONE_QUARTER), at("2020-04-01T00:00"), at("2021-01-01T00:00"))
    )
    assert [(each.start, each.gross_price) for each in everything] == [
        (at("2020-04-01T00:00"), Decimal("7.9730")),
        (at("2020-07-01T00:00"), Decimal("7.7720")),
    ]


def test_in_a_quarter_without_windows_the_standard_band_holds_and_is_not_time_variable() -> None:
    tariff = sheet(windows=ONE_QUARTER)
    [summer] = of_day(tariff, "2026-07-01")
    assert (summer.band, f"{summer.price}", summer.time_variable) == ("ST", "6.70", False)
    assert all(each.time_variable for each in of_day(tariff, "2026-02-01"))
    at_the_change = list(prices(tariff, at("2026-03-31T21:00"), at("2026-04-01T03:00")))
    assert [(each.time_variable, each.start) for each in at_the_change] == [
        (True, at("2026-03-31T21:00")),
        (False, at("2026-04-01T00:00")),
    ]


def test_times_in_no_band_have_no_interval() -> None:
    tariff = sheet(windows="2 00:00-06:00 NT, 2 07:00-24:00 ST")
    assert local(of_day(tariff, "2026-05-04")) == [
        "05-04T00:00+0200/05-04T06:00+0200 NT",
        "05-04T07:00+0200/05-05T00:00+0200 ST",
    ]
    assert price_at(tariff, at("2026-05-04T06:30")) is None


def test_times_that_several_bands_claim_have_no_interval() -> None:
    tariff = sheet(windows="2 00:00-06:00 NT, 2 05:00-08:00 HT, 2 07:00-24:00 ST, 2 20:00-22:00 ST")
    assert local(of_day(tariff, "2026-05-04")) == [
        "05-04T00:00+0200/05-04T05:00+0200 NT",
        "05-04T06:00+0200/05-04T07:00+0200 HT",
        "05-04T08:00+0200/05-05T00:00+0200 ST",
    ]


def test_a_band_without_a_price_has_no_interval() -> None:
    tariff = sheet(prices="HT 9.80, ST 6.70", windows=ONE_QUARTER)
    assert [each.band for each in of_day(tariff, "2026-02-01")] == ["ST", "HT", "ST"]
    without_standard = sheet(prices="HT 9.80, NT 1.34", windows=ONE_QUARTER)
    assert [(each.band, each.difference) for each in of_day(without_standard, "2026-02-01")] == [
        ("NT", None),
        ("HT", None),
    ]
    assert of_day(without_standard, "2026-05-04") == []


def test_without_any_window_nothing_is_known() -> None:
    assert of_day(sheet(), "2026-02-01") == []
    assert price_at(sheet(), at("2026-02-01T12:00")) is None


def test_a_series_ends_with_the_year_of_its_tariff() -> None:
    tariff = sheet(windows=WHOLE_DAYS)
    found = list(prices(tariff, at("2025-12-31T12:00"), at("2027-01-01T12:00")))
    assert (found[0].start, found[-1].end) == (at("2026-01-01T00:00"), at("2027-01-01T00:00"))
    assert list(prices(tariff, at("2027-01-01T00:00"), at("2027-02-01T00:00"))) == []
    assert price_at(tariff, at("2027-01-01T00:00")) is None


def test_an_empty_span_has_no_interval() -> None:
    moment = at("2026-05-04T12:00")
    assert list(prices(sheet(windows=WHOLE_DAYS), moment, moment)) == []


def test_the_first_and_the_last_interval_are_cut_off_where_the_span_begins_and_ends() -> None:
    start, end = at("2026-05-04T12:07:30"), at("2026-05-04T12:31:00")
    found = list(prices(sheet(windows=WHOLE_DAYS), start, end, Resolution.QUARTER_HOUR))
    assert [(each.start, each.end) for each in found] == [
        (start, at("2026-05-04T12:15")),
        (at("2026-05-04T12:15"), at("2026-05-04T12:30")),
        (at("2026-05-04T12:30"), end),
    ]


def test_the_price_of_a_moment_comes_with_the_whole_time_for_which_it_holds() -> None:
    tariff = starter_sheet("n-ergie-netz")
    night = price_at(tariff, at("2026-05-04T23:30"))
    assert night is not None
    assert (night.start, night.end) == (at("2026-05-04T23:00"), at("2026-05-05T06:00"))
    new_year = price_at(tariff, at("2026-01-01T00:00"))
    assert new_year is not None
    assert (new_year.start, new_year.end) == (at("2026-01-01T00:00"), at("2026-01-01T06:00"))
    rest = price_at(sheet(windows=ONE_QUARTER), at("2026-08-01T12:00"))
    assert rest is not None
    assert (rest.start, rest.end) == (at("2026-04-01T00:00"), at("2027-01-01T00:00"))


def test_a_price_may_hold_over_several_quarters() -> None:
    tariff = sheet(windows="1 00:00-24:00 ST, 2 00:00-12:00 ST, 2 12:00-24:00 HT, 4 00:00-24:00 ST")
    spring = price_at(tariff, at("2026-03-01T12:00"))
    assert spring is not None
    assert (spring.start, spring.end) == (at("2026-01-01T00:00"), at("2026-04-01T12:00"))
    evening = price_at(tariff, at("2026-06-30T13:00"))
    assert evening is not None
    assert (evening.start, evening.end) == (at("2026-06-30T12:00"), at("2026-07-01T00:00"))


def test_a_band_that_a_sheet_divides_holds_as_long_as_an_undivided_one() -> None:
    """Sheets print a band over midnight as two windows, also where it holds all day."""
    divided = sheet(
        windows="1 00:00-24:00 ST, 2 00:00-06:00 ST, 2 06:00-22:00 ST, 2 22:00-24:00 ST, 3 00:00-06:00 NT, 3 06:00-24:00 ST"
    )
    spring = price_at(divided, at("2026-05-10T12:00"))
    assert spring is not None
    assert (spring.start, spring.end) == (at("2026-01-01T00:00"), at("2026-07-01T00:00"))


MINUTES = st.integers(0, 95).map(lambda n: 15 * n)


@effort(max_examples=60)
@given(
    windows=st.lists(
        st.tuples(st.integers(1, 4), MINUTES, MINUTES, st.sampled_from(("HT", "ST", "NT"))), max_size=12
    ),
    day=st.one_of(
        st.sampled_from([date.fromisoformat(day) for day in CLOCK_CHANGES]),
        st.dates(date(2025, 1, 1), date(2026, 12, 31)),
    ),
)
def test_any_series_equals_a_look_up_of_each_quarter_hour(
    windows: list[tuple[int, int, int, str]], day: date
) -> None:
    text = ", ".join(
        f"{quarter} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02} {band}"
        for quarter, start, end, band in windows
        if start < end
    )
    tariff = sheet(day.year, windows=text)
    expected = []
    for moment in quarter_hours(day):
        clock = moment.astimezone(BERLIN)
        of_quarter = [window for window in tariff.windows if window.quarter == (day.month + 2) // 3]
        bands = {w.band for w in of_quarter if w.start <= 60 * clock.hour + clock.minute < w.end}
        if tariff.windows and not of_quarter:
            bands = {"ST"}  # type: ignore[arg-type]
        if len(bands) == 1:
            expected.append((moment, *bands))
    span = day_span(day)
    found = list(prices(tariff, *span, Resolution.QUARTER_HOUR))
    assert [(each.start, each.band) for each in found] == expected
    merged = list(prices(tariff, *span))
    assert sum((each.end - each.start for each in merged), timedelta()) == len(expected) * QUARTER_HOUR
    for moment, band in expected:
        now = price_at(tariff, moment)
        assert now is not None
        assert (now.band, now.start <= moment < now.end) == (band, True)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-05-04T12:00", "2026-05-04T11:59", "`to` lies before `from`"),
        ("2026-01-01T00:00", "2027-02-05T00:01", "more than 400 days"),
    ],
)
def test_spans_that_end_before_they_begin_or_are_too_long_are_refused(
    start: str, end: str, words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        check_span(at(start), at(end))


def test_400_days_of_the_calendar_are_allowed_whatever_the_clock_does() -> None:
    check_span(at("2026-01-01T00:00"), at("2027-02-05T00:00"))
    check_span(at("2026-10-01T00:00"), at("2027-11-05T00:00"))
    check_span(at("2026-05-04T12:00"), at("2026-05-04T12:00"))
