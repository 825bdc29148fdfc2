"""The values of a column, by column type: decoded, encoded, and restored from or shown as in a revision's JSON."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from app.domain.clock import hh_mm, minutes
from app.domain.family import Column, ColumnType
from app.domain.hlzf import TimeWindow
from app.domain.time_of_use import TimeOfUseBand, TimeOfUseWindow


class Codec(NamedTuple):
    """`cast` stands behind the column in SELECT; `decode` is for values that are not null; None: the driver's value is the domain's."""

    cast: str
    decode: Callable[[Any], Any] | None
    encode: Callable[[Any], Any]
    restore: Callable[[Any], Any]  # from JSON
    shown: Callable[[Any], str]  # from JSON: as text, for the changes of a revision


@lru_cache(maxsize=4096)
def decode_windows(text: str) -> tuple[TimeWindow, ...]:
    """Cached: most operators share their windows with others and with other years."""
    return restore_windows(msgspec.json.decode(text))


def restore_windows(stored: Iterable[Mapping[str, str]]) -> tuple[TimeWindow, ...]:
    return tuple(TimeWindow(minutes(window["start"]), minutes(window["end"])) for window in stored)


def encode_windows(windows: tuple[TimeWindow, ...]) -> list[dict[str, str]]:
    return [{"start": hh_mm(window.start), "end": hh_mm(window.end)} for window in windows]


def show_windows(stored: Iterable[Mapping[str, str]]) -> str:
    return ", ".join(f"{window['start']}-{window['end']}" for window in stored)


@lru_cache(maxsize=1024)
def decode_band_windows(text: str) -> tuple[TimeOfUseWindow, ...]:
    """Cached: a tariff has many windows and is read often."""
    return restore_band_windows(msgspec.json.decode(text))


def restore_band_windows(stored: Iterable[Mapping[str, Any]]) -> tuple[TimeOfUseWindow, ...]:
    return tuple(
        TimeOfUseWindow(
            window["quarter"], minutes(window["start"]), minutes(window["end"]), TimeOfUseBand(window["band"])
        )
        for window in stored
    )


def encode_band_windows(windows: tuple[TimeOfUseWindow, ...]) -> list[dict[str, Any]]:
    return [
        {
            "quarter": window.quarter,
            "start": hh_mm(window.start),
            "end": hh_mm(window.end),
            "band": str(window.band),
        }
        for window in windows
    ]


def show_band_windows(stored: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(
        f"Q{window['quarter']} {window['start']}-{window['end']} {window['band']}" for window in stored
    )


def _same(value: Any) -> Any:
    return value


def codec_of(column: Column) -> Codec:
    if column.values is None:
        return _CODECS[column.type]
    word = {str(value): value for value in column.values}.__getitem__
    return Codec("", word, _same, word, str)


# Numbers as text: the driver takes longer for PostgreSQL's own form of them.
_CODECS: Final[Mapping[ColumnType, Codec]] = {
    ColumnType.PRICE: Codec("::text", Decimal, _same, Decimal, str),
    ColumnType.RATE: Codec("::text", Decimal, _same, Decimal, str),
    ColumnType.WHOLE: Codec("", None, _same, int, str),
    ColumnType.DATE: Codec("", None, _same, date.fromisoformat, str),
    ColumnType.WINDOWS: Codec("::text", decode_windows, encode_windows, restore_windows, show_windows),
    ColumnType.BAND_WINDOWS: Codec(
        "::text", decode_band_windows, encode_band_windows, restore_band_windows, show_band_windows
    ),
    ColumnType.DATES: Codec("", tuple, list, lambda days: tuple(map(date.fromisoformat, days)), ", ".join),
    ColumnType.WORDS: Codec("", tuple, list, tuple, ", ".join),
    ColumnType.TEXT: Codec("", None, _same, _same, str),
}
