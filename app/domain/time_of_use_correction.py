"""New time-of-use tariffs and corrections of them, with the rules that their bands and windows must satisfy."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from app.domain.clock import DAY_END, hh_mm
from app.domain.correction import Correction, NewEntry, check_price
from app.domain.time_of_use import (
    PRICE_COLUMNS,
    QUARTERS,
    TimeOfUsePrice,
    TimeOfUseTariff,
    TimeOfUseWindow,
)
from app.errors import AppError, BadInput, Code


class NewTimeOfUse(NewEntry, frozen=True, kw_only=True):
    """`windows` as given: in any order, and an end before the start is on the next day."""

    bands: Sequence[TimeOfUsePrice]
    windows: Sequence[TimeOfUseWindow]

    def check_values(self) -> None:
        check_bands(self.bands)
        split_windows(self.windows)
        if not self.bands and not self.windows:
            raise _empty("bands")

    def columns(self) -> dict[str, Any]:
        return {**_prices(self.bands), "windows": split_windows(self.windows)}

    def conflict(self) -> AppError:
        return AppError(
            f"There is a time-of-use tariff of {self.dno} for {self.year} already; correct that one.",
            Code.CONFLICT,
            field=("input", "year"),
        )


class TimeOfUseCorrection(Correction[TimeOfUseTariff], frozen=True, kw_only=True):
    """All bands and all windows that shall hold; None: as before."""

    bands: Sequence[TimeOfUsePrice] | None = None
    windows: Sequence[TimeOfUseWindow] | None = None

    def corrected(self, before: TimeOfUseTariff) -> TimeOfUseTariff:
        after = before
        if self.bands is not None:
            check_bands(self.bands)
            after = msgspec.structs.replace(after, **_prices(self.bands))
        if self.windows is not None:
            after = msgspec.structs.replace(after, windows=split_windows(self.windows))
        if after != before and not after.bands and not after.windows:
            raise _empty("windows" if self.bands is None else "bands")
        return after


def check_bands(bands: Sequence[TimeOfUsePrice]) -> None:
    """An error's path has the index of the band in the input."""
    for number, price in enumerate(bands):
        try:
            check_price(price.price, "price")
        except BadInput as error:
            raise BadInput(error.message, field=("input", "bands", str(number), "price")) from None
        if any(other.band is price.band for other in bands[:number]):
            raise BadInput(f"{price.band} has two prices.", field=("input", "bands", str(number), "band"))


def split_windows(windows: Sequence[TimeOfUseWindow]) -> tuple[TimeOfUseWindow, ...]:
    """By quarter and start, with windows over midnight in two parts: 22:00-06:00 is 00:00-06:00 and 22:00-24:00 of the
    days of its quarter.

    Raises BadInput for windows that overlap; the path has the index of the later one in the input.
    """
    parts = sorted(
        (part, number) for number, window in enumerate(windows) for part in _checked_parts(window, number)
    )
    for (part, number), (next_part, next_number) in pairwise(parts):
        if part.quarter == next_part.quarter and next_part.start < part.end:
            first, last = sorted((number, next_number))
            raise BadInput(
                f"{_named(windows[last])} overlaps {_named(windows[first])}.",
                field=("input", "windows", str(last), "start"),
            )
    return tuple(part for part, _ in parts)


def _checked_parts(window: TimeOfUseWindow, number: int) -> Iterator[TimeOfUseWindow]:
    path = ("input", "windows", str(number))
    if window.quarter not in QUARTERS:
        raise BadInput("A year has the quarters 1 to 4.", field=(*path, "quarter"))
    if window.start == window.end or window.start == DAY_END:
        raise BadInput(f"{_named(window)} holds at no time.", field=(*path, "end"))
    yield from parts_of_day(window)


def parts_of_day(window: TimeOfUseWindow) -> Iterator[TimeOfUseWindow]:
    """A window over midnight in two parts; an end at 00:00 is one at 24:00."""
    if window.start < window.end:
        yield window
        return
    yield msgspec.structs.replace(window, end=DAY_END)
    if window.end > 0:
        yield msgspec.structs.replace(window, start=0)


def _empty(field: str) -> BadInput:
    """A file has no row for a tariff without bands and windows, so that an export would not contain it."""
    return BadInput("A time-of-use tariff has at least one band or window.", field=("input", field))


def _named(window: TimeOfUseWindow) -> str:
    return f"{window.band} {hh_mm(window.start)}-{hh_mm(window.end)} of quarter {window.quarter}"


def _prices(bands: Sequence[TimeOfUsePrice]) -> dict[str, Any]:
    given = {price.band: price.price for price in bands}
    return {column: given.get(band) for band, column in PRICE_COLUMNS.items()}
