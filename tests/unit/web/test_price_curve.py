"""The prices of a day as steps, also on the days on which the clock changes."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from app.domain.price_series import day_span, prices
from app.web.charts.curve import LEFT, WIDTH, Curve, draw
from tests.unit.domain.peak_sheets import german
from tests.unit.domain.price_sheets import sheet

DAY = "{0} 00:00-06:00 NT, {0} 06:00-17:15 ST, {0} 17:15-20:00 HT, {0} 20:00-24:00 ST"
SHEET = sheet(windows=", ".join(DAY.format(quarter) for quarter in (1, 2, 3, 4)))

MONDAY = date(2026, 5, 4)


def curve(day: str, now: datetime | None = None) -> Curve:
    which = date.fromisoformat(day)
    moment = now or german("2000-01-01T00:00")
    return draw(which, list(prices(SHEET, *day_span(which))), Decimal("9.80"), moment)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 24), ("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_step_is_as_wide_as_its_time_lasts(day: str, hours: int) -> None:
    drawn = curve(day)
    for step in drawn.steps:
        lasts = step.interval.end - step.interval.start
        assert step.width == pytest.approx(lasts / timedelta(hours=hours) * (WIDTH - LEFT), abs=0.02)
    assert drawn.steps[0].x == LEFT
    assert drawn.steps[-1].x + drawn.steps[-1].width == pytest.approx(WIDTH, abs=0.02)
    night = drawn.steps[0].interval
    assert night.end - night.start == timedelta(hours=hours - 18)


def test_the_dearest_step_is_the_highest_and_half_its_price_is_half_as_high() -> None:
    heights = {step.interval.band: step.height for step in curve("2026-05-04").steps}
    assert heights["HT"] == max(heights.values())
    assert heights["NT"] / heights["HT"] == pytest.approx(1.34 / 9.80, abs=0.001)


def test_days_whose_prices_have_more_digits_have_the_same_axis() -> None:
    """Today and tomorrow are above each other on the page."""
    long = sheet(prices="HT 113.9615, ST 11.7725, NT 1.3412", windows="2 00:00-12:00 ST, 2 12:00-24:00 HT")
    drawn = draw(
        MONDAY, list(prices(long, *day_span(MONDAY))), Decimal("113.9615"), german("2000-01-01T00:00")
    )
    assert (drawn.left, drawn.hours) == (LEFT, curve(MONDAY.isoformat()).hours)


@pytest.mark.parametrize(
    ("time", "band"), [("17:14", "ST"), ("17:15", "HT"), ("19:59", "HT"), ("20:00", "ST")]
)
def test_the_step_that_holds_now_is_marked_to_the_minute(time: str, band: str) -> None:
    steps = curve("2026-05-04", german(f"2026-05-04T{time}")).steps
    assert [step.interval.band for step in steps if step.now] == [band]


def test_on_another_day_no_step_holds_now() -> None:
    assert not any(step.now for step in curve("2026-05-05", german("2026-05-04T12:00")).steps)


def test_the_line_is_interrupted_where_no_price_is_known() -> None:
    gap = sheet(windows="2 00:00-06:00 NT, 2 08:00-24:00 ST")
    day = date(2026, 5, 4)
    drawn = draw(day, list(prices(gap, *day_span(day))), Decimal("6.70"), german("2000-01-01T00:00"))
    assert drawn.line.count("M") == 2
    assert curve("2026-05-04").line.count("M") == 1


def test_prices_that_are_close_are_written_once() -> None:
    close = sheet(
        prices="HT 9.80, ST 9.79, NT 1.34", windows="2 00:00-06:00 NT, 2 06:00-12:00 ST, 2 12:00-24:00 HT"
    )
    day = date(2026, 5, 4)
    drawn = draw(day, list(prices(close, *day_span(day))), Decimal("9.80"), german("2000-01-01T00:00"))
    assert [str(price) for price, _ in drawn.prices] == ["9.80", "1.34"]


def test_prices_of_zero_have_steps_without_height() -> None:
    free = sheet(prices="ST 0", windows="2 00:00-24:00 ST")
    day = date(2026, 5, 4)
    [step] = draw(day, list(prices(free, *day_span(day))), Decimal(0), german("2000-01-01T00:00")).steps
    assert step.height == 0
