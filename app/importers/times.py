"""Times of the day as people write them: 7:45, 16:30 Uhr, 16:30:00, 7.45 Uhr, or a spreadsheet's fraction of a day."""

import re
from typing import Final

from app.domain import clock

_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::00(?:\.0+)?)?(?:\s*Uhr|\s*h)?", re.ASCII | re.IGNORECASE)
_WITH_UNIT: Final = re.compile(r"(\d{1,2})(?:\.(\d{2}))?\s*Uhr", re.ASCII | re.IGNORECASE)
_FRACTION: Final = re.compile(r"0[.,](\d{3,})", re.ASCII)
_PART_OF_DAY: Final = re.compile(r"0(?:[.,]\d+)?|1(?:[.,]0+)?", re.ASCII)
_UNCLEAR: Final = re.compile(r"(\d{1,2})[.,](\d{1,2})", re.ASCII)
_WINDOW: Final = re.compile(
    r"\s*(?:von\s+)?(\d[\d:.,]*(?:\s*Uhr|\s*h)?)\s*(?:[-–—‐‑−]|bis)\s*(\d[\d:.,]*(?:\s*Uhr|\s*h)?)\s*",
    re.IGNORECASE,
)
# The last second; and the number 1, a whole day, which readers of workbooks take for a day of one of their two calendars.
_DAY_ENDS: Final = frozenset({"23:59:59", "1900-01-01", "1904-01-02"})
_EXPECTED: Final = "must be a time from 00:00 to 24:00"
# Half a minute's error is a thousandth of what a spreadsheet rounds off.
_TOLERANCE: Final = 0.01  # minutes


def minutes(cell: str) -> int:
    """Since midnight, to the minute; ValueError for what is no time, or could be two."""
    cell = cell.strip()
    if match := _CLOCK.fullmatch(cell) or _WITH_UNIT.fullmatch(cell):
        return _of_clock(int(match[1]), int(match[2] or 0))
    if match := _FRACTION.fullmatch(cell):
        return of_fraction(float(f"0.{match[1]}"))
    if cell == "0":
        return 0
    if cell in _DAY_ENDS:
        return clock.DAY_END
    if match := _UNCLEAR.fullmatch(cell):
        hours, part = match.groups()
        other = f"{int(hours)}:{part:0<2}" if int(hours) else f"0.{part} of a day"
        raise ValueError(f"could be {other} or {hours}.{part} hours; write it as HH:MM")
    raise ValueError(_EXPECTED)


def _of_clock(hours: int, part: int) -> int:
    if part > 59 or hours * 60 + part > clock.DAY_END:
        raise ValueError(_EXPECTED)
    return hours * 60 + part


def is_fraction(cell: str) -> bool:
    """Whether it is a fraction of a day and nothing else: no time has three decimals."""
    return cell.startswith("0") and _FRACTION.fullmatch(cell) is not None


def is_part_of_day(cell: str) -> bool:
    """Whether it is a number from 0 to 1."""
    return _PART_OF_DAY.fullmatch(cell) is not None


def of_fraction(day: float) -> int:
    """Minutes since midnight of a spreadsheet's fraction of a day."""
    exact = day * clock.DAY_END
    if abs(exact - round(exact)) > _TOLERANCE:
        raise ValueError("is a fraction of a day that is no whole minute; write it as HH:MM")
    return round(exact)


def windows(cell: str) -> list[tuple[str, str]]:
    """Start and end of each window of one cell, as "07:45–12:00, 16:30 – 18:00 Uhr"; ValueError for anything else."""
    found = []
    for part in re.split(r"[;\n/|]|,\s|\s(?:und|sowie|u\.|and)\s", cell):
        match = _WINDOW.fullmatch(part)
        if match is None:
            raise ValueError("must be windows such as 07:45-12:00, 16:30-18:00")
        start, end = match.groups()
        if "uhr" in end.casefold() and re.fullmatch(r"\d{1,2}(?:\.\d{2})?", start):
            start = f"{start} Uhr"
        found.append((start, end))
    return found
