"""Unusual times of windows: beside the quarter-hours of metering, or too many hours a day."""

from collections.abc import Iterator
from typing import Any, Final

from app.domain.clock import hh_mm
from app.domain.plausibility import PlausibilityWarning

QUARTER_HOUR: Final = 15  # minutes
# BK4-13-739: peak-load windows of a season cover at most ten hours of a day.
MOST_MINUTES: Final = 10 * 60
_NAMED: Final = 5  # windows of an entry
_FIELD: Final = ("input", "windows")


def quarter_hour_warnings(entry: Any) -> Iterator[PlausibilityWarning]:
    """Of HLZF and of time-of-use tariffs."""
    beside = [
        f"{hh_mm(window.start)}-{hh_mm(window.end)}"
        for window in entry.windows
        if window.start % QUARTER_HOUR or window.end % QUARTER_HOUR
    ]
    if beside:
        more = f" and {len(beside) - _NAMED} more" if len(beside) > _NAMED else ""
        message = f"Windows usually begin and end at quarter-hours (:00, :15, :30, :45), not {', '.join(beside[:_NAMED])}{more}."
        yield PlausibilityWarning("NOT_ON_QUARTER_HOUR", message, _FIELD)


def daily_hours_warnings(entry: Any) -> Iterator[PlausibilityWarning]:
    """Of HLZF."""
    total = sum(window.end - window.start for window in entry.windows)
    if total > MOST_MINUTES:
        message = f"Windows usually cover at most {hh_mm(MOST_MINUTES)} h of a day, not {hh_mm(total)} h."
        yield PlausibilityWarning("MANY_HOURS", message, _FIELD)
