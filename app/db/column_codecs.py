"""Decodes, encodes and restores (from a revision's JSON) the values of a column, by column type."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from app.domain.clock import hh_mm, minutes
from app.domain.family import ColumnType
from app.domain.hlzf import TimeWindow


class Codec(NamedTuple):
    """`cast` stands behind the column in SELECT; `decode` None: the driver's value is the domain's."""

    cast: str
    decode: Callable[[Any], Any] | None
    encode: Callable[[Any], Any]
    restore: Callable[[Any], Any]  # from JSON


@lru_cache(maxsize=4096)
def decode_windows(text: str) -> tuple[TimeWindow, ...]:
    """Cached: most operators share their windows with others and with other years."""
    return restore_windows(msgspec.json.decode(text))


def restore_windows(stored: Iterable[Mapping[str, str]]) -> tuple[TimeWindow, ...]:
    return tuple(TimeWindow(minutes(window["start"]), minutes(window["end"])) for window in stored)


def encode_windows(windows: tuple[TimeWindow, ...]) -> list[dict[str, str]]:
    return [{"start": hh_mm(window.start), "end": hh_mm(window.end)} for window in windows]


CODECS: Final[Mapping[ColumnType, Codec]] = {
    ColumnType.PRICE: Codec("", None, lambda price: price, Decimal),
    ColumnType.WINDOWS: Codec("::text", decode_windows, encode_windows, restore_windows),
}
