"""Days as people write them: 2026-01-31, 31.01.2026, 31. Januar 2026."""

import re
from datetime import date
from typing import Final

from app.domain.folding import compose

_MONTHS: Final = {
    name: month
    for month, names in enumerate(
        (
            "januar jan january jänner", "februar feb february", "märz mär mrz march mar", "april apr", "mai may",
            "juni jun june", "juli jul july", "august aug", "september sep sept", "oktober okt october oct",
            "november nov", "dezember dez december dec",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_ISO: Final = re.compile(r"([0-9]{4})[-/]([0-9]{2})[-/]([0-9]{2})(?:[T ]00:00(?::00(?:\.0+)?)?Z?)?")
_GERMAN: Final = re.compile(r"([0-9]{1,2})\.\s?([0-9]{1,2})\.\s?([0-9]{4})")
_SLASHES: Final = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_NAMED: Final = re.compile(r"([0-9]{1,2})\.?\s?([^\W\d_]{3,9})\.?,?\s([0-9]{4})")
_SHORT: Final = re.compile(r"([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{2})")


def day_of(cell: str) -> date:
    """ValueError for what is no day, or could be two."""
    cell = compose(cell.strip())
    if match := _ISO.fullmatch(cell):
        return date(int(match[1]), int(match[2]), int(match[3]))
    if match := _GERMAN.fullmatch(cell):
        return date(int(match[3]), int(match[2]), int(match[1]))
    if match := _NAMED.fullmatch(cell):
        month = _MONTHS.get(match[2].casefold())
        if month is not None:
            return date(int(match[3]), month, int(match[1]))
    if match := _SLASHES.fullmatch(cell):
        return _with_slashes(*map(int, match.groups()))
    if match := _SHORT.fullmatch(cell):
        raise ValueError("has a year of two digits; write it as 2026-01-31")
    if cell.isdecimal():
        # Two ways of counting are in use.
        raise ValueError("is a number; write it as 2026-01-31, or give the cell the format of a day")
    raise ValueError("is no day")


def _with_slashes(first: int, second: int, year: int) -> date:
    if first > 12 or first == second:
        return date(year, second, first)
    if second > 12:
        return date(year, first, second)
    raise ValueError(
        f"could be {date(year, second, first)} or {date(year, first, second)}; write it as 2026-01-31"
    )
