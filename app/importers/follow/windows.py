"""Windows of one season as the crawler has them: a list in JSON, concatenated and overlapping where pages were read twice."""

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from app.domain import clock
from app.domain.hlzf import TimeWindow
from app.importers import times
from app.importers.spellings import is_nothing, is_unknown

_MAX_LENGTH: Final = 100_000
_USUAL_LENGTH: Final = 500
_END_OF_DAY: Final = re.compile(r"(?:23:59:59|0?0:00(?::00)?)(?:\.0+)?")


class SeasonWindows(NamedTuple):
    """In order, without overlaps; `merged`: some overlapped."""

    windows: tuple[TimeWindow, ...]
    merged: bool


def windows_of(text: str) -> SeasonWindows | None:
    """None: nothing is known of the season. Empty: there are no windows. Raises ValueError with the reason."""
    if len(text) > _MAX_LENGTH:
        raise ValueError(f"is {len(text):,} characters long; {_MAX_LENGTH:,} are read")
    return (_usual_windows_of if len(text) <= _USUAL_LENGTH else _windows_of)(text)


def _windows_of(text: str) -> SeasonWindows | None:
    text = _plain(text)
    if not text or text == "null" or is_unknown(text):
        return None
    if is_nothing(text):
        return SeasonWindows((), merged=False)
    parts = [part for start, end in _pairs(text) for part in _parts(start, end)]
    merged = _merged(sorted(set(parts)))
    return SeasonWindows(merged, merged=len(merged) < len(parts))


# Most operators share their windows with others and with other years.
_usual_windows_of: Final = lru_cache(maxsize=10_000)(_windows_of)


def _plain(text: str) -> str:
    """A column of JSON has texts in quotation marks, and those of JSON within JSON twice: they mean what they mean without."""
    text = text.strip()
    while text.startswith('"'):
        text = _json(text).strip()
    return text


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise ValueError("is no JSON list of windows") from None


def _pairs(text: str) -> list[tuple[str, str]]:
    """Start and end of each."""
    if text[0] not in "[{'":
        return times.windows(text)
    found = _json(text)
    if not isinstance(found, list):
        raise ValueError("is no list of windows")
    return [_pair(window) for window in found]


def _pair(window: Any) -> tuple[str, str]:
    if isinstance(window, dict):
        start, end = window.get("start"), window.get("end")
        if isinstance(start, str) and isinstance(end, str):
            return start.strip(), end.strip()
    raise ValueError("has a window without start and end")


def _parts(start: str, end: str) -> list[TimeWindow]:
    """One over midnight is two."""
    begins, ends = times.minutes(start), _end(end)
    if begins == clock.DAY_END or begins == ends:
        raise ValueError(f"has a window from {start[:20]} to {end[:20]}")
    if begins < ends:
        return [TimeWindow(begins, ends)]
    return [TimeWindow(0, ends), TimeWindow(begins, clock.DAY_END)]


def _end(text: str) -> int:
    return clock.DAY_END if _END_OF_DAY.fullmatch(text) else times.minutes(text)


def _merged(windows: list[TimeWindow]) -> tuple[TimeWindow, ...]:
    """Windows that only touch stay as they are."""
    found: list[TimeWindow] = []
    for window in windows:
        if found and window.start < found[-1].end:
            found[-1] = TimeWindow(found[-1].start, max(found[-1].end, window.end))
        else:
            found.append(window)
    return tuple(found)
