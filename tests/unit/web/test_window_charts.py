"""Clocks of windows, calendars of a year, and notes in German."""

import itertools
import re
from datetime import date, timedelta
from math import atan2, degrees, hypot

import pytest

from app.domain.federal_state import FEDERAL_STATES
from app.domain.hlzf import Season, TimeWindow
from app.domain.holiday_rule import BridgeDays, ChristmasDays, HolidayScope, TimeStamps
from app.domain.peak import peak_statuses
from app.domain.price_series import day_span
from app.domain.working_days import days_of_year
from app.web.charts import calendar
from app.web.charts.clock import RADIUS, SIZE, arcs, hour_labels
from app.web.notes import in_german
from tests.unit.domain.peak_sheets import hlzf, rule

NUMBER = r"-?[\d.]+"


def minutes_of(arc: str) -> list[float]:
    """The times of day of the points of an arc, all of which lie on the ring."""
    found = []
    for x, y in re.findall(rf"(?:M|1 )({NUMBER}) ({NUMBER})(?=A|$)", arc):
        dx, dy = float(x) - SIZE / 2, SIZE / 2 - float(y)
        assert hypot(dx, dy) == pytest.approx(RADIUS, abs=0.02)
        found.append(degrees(atan2(dx, dy)) % 360 * 4)
    return found


@pytest.mark.parametrize(("start", "end"), [(465, 540), (0, 360), (990, 1155), (1035, 1050), (300, 1380)])
def test_an_arc_begins_and_ends_at_the_quarter_hours_of_its_window(start: int, end: int) -> None:
    [arc] = arcs([TimeWindow(start, end)])
    first, middle, last = minutes_of(arc)
    assert first == pytest.approx(start, abs=0.1)
    assert middle == pytest.approx((start + end) / 2, abs=0.1)
    assert last == pytest.approx(end, abs=0.1)


def test_a_window_of_the_whole_day_is_a_whole_ring() -> None:
    [arc] = arcs([TimeWindow(0, 1440)])
    assert [round(minute) % 1440 for minute in minutes_of(arc)] == [0, 720, 0]


def test_midnight_is_at_the_top_of_a_clock_and_six_in_the_morning_at_its_right() -> None:
    places = {label.hour: (label.x, label.y) for label in hour_labels()}
    assert places[0][0] == SIZE / 2 > places[0][1]
    assert places[6][0] > SIZE / 2 == places[6][1]


@pytest.mark.parametrize("year", [2025, 2028])
def test_a_calendar_has_each_day_of_the_year_once(year: int) -> None:
    first = date(year, 1, 1)
    days = {
        first + timedelta(n): "even" if n % 2 else "odd" for n in range((date(year + 1, 1, 1) - first).days)
    }
    drawn = calendar.draw(days, date(2025, 11, 29))
    corners = [
        corner for path in drawn.paths.values() for corner in re.findall(r"M(\d+) (\d+)h9v9h-9z", path)
    ]
    assert len(corners) == len(set(corners)) == len(days)
    assert all(int(x) + 9 <= drawn.width and int(y) + 9 <= drawn.height for x, y in corners)
    assert drawn.today == (drawn.corner(date(2025, 11, 29)) if year == 2025 else None)


ENGLISH = re.compile(r"\b(the|of|is|not|day|days|which|whether|and|until|its|operator)\b", re.IGNORECASE)


def all_notes() -> set[str]:
    choices = itertools.product(BridgeDays, HolidayScope, ChristmasDays, ((), (date(2026, 1, 2),)))
    rules = [None] + [
        rule(
            bridge_days=bridge_days,
            holidays=holidays,
            christmas=christmas,
            excluded_dates=dates,
            working_dates=working,
        )
        for (bridge_days, holidays, christmas, dates), working in itertools.product(
            choices, ((), (date(2026, 6, 4),))
        )
    ]
    notes = {
        status.note
        for region in (*FEDERAL_STATES, None)
        for each in rules
        for status in days_of_year(2026, region, each)
    }
    for stamps, words in ((TimeStamps.INTERVAL_END, None), (TimeStamps.UNKNOWN, "15-minütig")):
        stated = [rule(time_stamps=stamps, time_stamp_words=words)]
        span = day_span(date(2026, 1, 1), date(2026, 12, 31))
        notes |= {
            each.note for each in peak_statuses([hlzf(Season.WINTER, "08:00-09:00")], "Bayern", stated, *span)
        }
        notes |= {each.note for each in peak_statuses([], "Bayern", stated, *span)}
    return {note for note in notes if note is not None}


def test_every_note_of_the_domain_has_words_in_german() -> None:
    notes = all_notes()
    assert len(notes) > 20
    assert {note for note in notes if ENGLISH.search(in_german(note))} == set()
