"""The prices of a time-of-use tariff as a series: which band and price hold from when until when.

Windows are wall-clock time in Germany: in spring the hour from 02:00 is missing, in autumn it happens twice. Moments are in
UTC, so that they compare and subtract as they pass. A tariff holds in its calendar year; the series ends with it.

In a quarter without windows the price is not time-variable: the price of the standard band holds, and intervals say so.
What is not known has no interval: times of a day with windows that are in none or in several of them, bands without a
price, and all times of a tariff without any window (docs/decisions/0049).
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Final, NamedTuple, Protocol

import msgspec

from app.domain import clock, vat
from app.domain.intervals import joined
from app.domain.time_of_use import TimeOfUseBand, TimeOfUsePrice, TimeOfUseWindow
from app.errors import BadInput

MAX_DAYS: Final = 400  # of one span

_DAY: Final = timedelta(days=1)


class Resolution(StrEnum):
    """How a series is divided."""

    CHANGES = "CHANGES"  # neighbours with the same price are one interval
    HOUR = "HOUR"  # also at each full hour
    QUARTER_HOUR = "QUARTER_HOUR"  # also at each full quarter-hour


class PriceInterval(msgspec.Struct, frozen=True, gc=False):
    """From `start` up to, but not including, `end`. Prices in ct per kWh."""

    start: datetime
    end: datetime
    band: TimeOfUseBand
    price: Decimal  # net
    gross_price: Decimal  # with the VAT of that day, not rounded
    difference: Decimal | None  # net, to the standard band; None: the price of that band is not known
    time_variable: bool  # False: the quarter has no windows


class Rate(NamedTuple):
    """The price of a band on days with one rate of VAT, in ct per kWh."""

    band: TimeOfUseBand
    price: Decimal
    gross_price: Decimal
    difference: Decimal | None
    time_variable: bool


class Part(NamedTuple):
    """A part of a day with one price, in minutes of the wall clock."""

    start: int
    end: int
    rate: Rate


class Sheet(Protocol):
    """What is needed of a TimeOfUseTariff."""

    @property
    def year(self) -> int: ...
    @property
    def bands(self) -> tuple[TimeOfUsePrice, ...]: ...
    @property
    def windows(self) -> tuple[TimeOfUseWindow, ...]: ...


def price_at(sheet: Sheet, at: datetime) -> PriceInterval | None:
    """The price that holds at a moment, with the whole time for which it holds within the tariff's year. None: not known."""
    local = at.astimezone(clock.GERMANY)
    if local.year != sheet.year or not sheet.windows:
        return None
    series = _Series(sheet)
    first, last = series.first_day(local.date()), series.last_day(local.date())
    moment = at.astimezone(UTC)
    for interval in _merged(series.stretches(first, last)):
        if moment < interval.end:
            return _interval(interval) if interval.start <= moment else None
    return None


def prices(
    sheet: Sheet, start: datetime, end: datetime, resolution: Resolution = Resolution.CHANGES
) -> Iterator[PriceInterval]:
    """The prices from `start` to `end`, as far as they lie in the tariff's year; the first and the last are cut off there.

    With HOUR and QUARTER_HOUR no interval holds a change of price either: one is shorter where windows change in between.
    """
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    first = max(_day_of(start), date(sheet.year, 1, 1))
    last = min(_day_of(end - timedelta.resolution), date(sheet.year, 12, 31))
    if start >= end or first > last or not sheet.windows:
        return iter(())
    stretches = _clipped(_merged(_Series(sheet).stretches(first, last)), start, end)
    step = _STEPS.get(resolution)
    return map(_interval, stretches if step is None else _divided(stretches, step))


_STEPS: Final = {Resolution.HOUR: timedelta(hours=1), Resolution.QUARTER_HOUR: timedelta(minutes=15)}


def parts_on(sheet: Sheet, day: date) -> tuple[Part, ...]:
    """The parts of a day of 24 hours in the tariff's year, with the prices of this day."""
    return _Series(sheet).parts(day) if sheet.windows else ()


def gaps(parts: Iterable[Part]) -> Iterator[tuple[int, int]]:
    """The times of a day without a known price, in minutes of the wall clock, from the parts of the day."""
    minute = 0
    for start, end in [*((part.start, part.end) for part in parts), (clock.DAY_END, clock.DAY_END)]:
        if minute < start:
            yield minute, start
        minute = end


def check_span(start: datetime, end: datetime) -> None:
    """Raises BadInput for an end before the start, and for more than 400 days of the calendar."""
    if end < start:
        raise BadInput("`to` lies before `from`.", argument="to")
    if _wall_clock(end) - _wall_clock(start) > MAX_DAYS * _DAY:
        raise BadInput(f"From `from` to `to` there are more than {MAX_DAYS} days.", argument="to")


def day_span(first: date, last: date | None = None) -> tuple[datetime, datetime]:
    """From the beginning of a day in Germany to the end of the same day or of another one."""
    return clock.midnight(first), clock.midnight((last or first) + _DAY)


class _Stretch(NamedTuple):
    start: datetime
    end: datetime
    rate: Rate


class _Block(NamedTuple):
    """Days with the same parts: those of a quarter, as long as the VAT stays."""

    first: date
    last: date
    parts: tuple[Part, ...]

    @property
    def constant(self) -> bool:
        """Whether one price holds all the time."""
        parts = self.parts
        return len(parts) == 1 and parts[0].start == 0 and parts[0].end == clock.DAY_END


class _Series:
    """The year of one sheet."""

    def __init__(self, sheet: Sheet) -> None:
        self._year = sheet.year
        self._prices = {each.band: each.price for each in sheet.bands}
        self._windows = sheet.windows
        self._blocks: list[_Block] = []

    def parts(self, day: date) -> tuple[Part, ...]:
        return self._block(day).parts

    def stretches(self, first: date, last: date) -> Iterator[_Stretch]:
        """In order; neighbours may have the same price."""
        day = first
        while day <= last:
            block = self._block(day)
            until = min(block.last, last)
            if block.constant:
                yield _Stretch(clock.midnight(day), clock.midnight(until + _DAY), block.parts[0].rate)
            else:
                yield from _of_days(block.parts, day, until)
            day = until + _DAY

    def first_day(self, day: date) -> date:
        """The latest day before which nothing belongs to a stretch that holds on `day`."""
        begin = date(self._year, 1, 1)
        while True:
            block = self._block(day)
            day = block.first if block.constant else day
            if day == begin:
                return day
            day -= _DAY
            if not self._block(day).constant:
                return day

    def last_day(self, day: date) -> date:
        """The earliest day after which nothing belongs to a stretch that holds on `day`."""
        end = date(self._year, 12, 31)
        while True:
            block = self._block(day)
            day = block.last if block.constant else day
            if day == end:
                return day
            day += _DAY
            if not self._block(day).constant:
                return day

    def _block(self, day: date) -> _Block:
        for block in self._blocks:
            if block.first <= day <= block.last:
                return block
        quarter = (day.month + 2) // 3
        first, last = _quarter(self._year, quarter)
        for change in vat.changes_between(first, last):
            if change <= day:
                first = change
            else:
                last = change - _DAY
                break
        # Sheets divide a band also where it goes on, as at midnight.
        parts = joined(self._parts(quarter, vat.period_on(day).factor), _rate)
        block = _Block(first, last, tuple(parts))
        self._blocks.append(block)
        return block

    def _parts(self, quarter: int, factor: Decimal) -> Iterator[Part]:
        windows = [window for window in self._windows if window.quarter == quarter]
        windows.sort(key=_start)
        if not windows:
            if TimeOfUseBand.ST in self._prices:
                yield Part(0, clock.DAY_END, self._rate(TimeOfUseBand.ST, factor, time_variable=False))
            return
        rates = {band: self._rate(band, factor, time_variable=True) for band in self._prices}
        for start, end, band in _without_overlaps(windows):
            if band in rates:
                yield Part(start, end, rates[band])

    def _rate(self, band: TimeOfUseBand, factor: Decimal, *, time_variable: bool) -> Rate:
        price, standard = self._prices[band], self._prices.get(TimeOfUseBand.ST)
        difference = None if standard is None else price - standard
        return Rate(band, price, price * factor, difference, time_variable)


_start: Final = attrgetter("start")
_rate: Final = attrgetter("rate")


def _without_overlaps(windows: Sequence[TimeOfUseWindow]) -> Iterator[tuple[int, int, TimeOfUseBand]]:
    """The windows, less the minutes that several bands claim: which of them holds there is not known."""
    if all(earlier.end <= later.start for earlier, later in itertools.pairwise(windows)):
        yield from ((window.start, window.end, window.band) for window in windows)
        return
    cuts = sorted({minute for window in windows for minute in (window.start, window.end)})
    for start, end in itertools.pairwise(cuts):
        bands = {window.band for window in windows if window.start <= start and end <= window.end}
        if len(bands) == 1:
            yield start, end, bands.pop()


def _of_days(parts: tuple[Part, ...], first: date, last: date) -> Iterator[_Stretch]:
    midnight = clock.midnight(first)
    for number in range((last - first).days + 1):
        after = clock.midnight(first + (number + 1) * _DAY)
        if after - midnight == _DAY:
            for start, end, rate in parts:
                yield _Stretch(midnight + clock.MINUTES[start], midnight + clock.MINUTES[end], rate)
        else:
            yield from _of_a_clock_change(parts, midnight, after)
        midnight = after


def _of_a_clock_change(parts: tuple[Part, ...], midnight: datetime, after: datetime) -> Iterator[_Stretch]:
    """Up to the change minutes count from the midnight before, from then on to the midnight after."""
    change = _clock_change(midnight, after)
    of_the_end = after - _DAY  # when the day would have begun by the clock of its end
    before = (0, (change - midnight) // clock.MINUTES[1], midnight)
    then = ((change - of_the_end) // clock.MINUTES[1], clock.DAY_END, of_the_end)
    for first, last, base in (before, then):
        for start, end, rate in parts:
            if start < last and first < end:
                yield _Stretch(
                    base + clock.MINUTES[max(start, first)], base + clock.MINUTES[min(end, last)], rate
                )


def _clock_change(midnight: datetime, after: datetime) -> datetime:
    """The moment between two midnights at which the clock changes; it is a full hour."""
    offset = midnight.astimezone(clock.GERMANY).utcoffset()
    moment = midnight
    while moment < after and moment.astimezone(clock.GERMANY).utcoffset() == offset:
        moment += clock.MINUTES[60]
    return moment


def _merged(stretches: Iterable[_Stretch]) -> Iterator[_Stretch]:
    before: _Stretch | None = None
    for stretch in stretches:
        if before is None:
            before = stretch
        elif stretch.start == before.end and stretch.rate == before.rate:
            before = _Stretch(before.start, stretch.end, before.rate)
        else:
            yield before
            before = stretch
    if before is not None:
        yield before


def _clipped(stretches: Iterable[_Stretch], start: datetime, end: datetime) -> Iterator[_Stretch]:
    for stretch in stretches:
        begins, ends, rate = stretch
        if start <= begins and ends <= end:
            yield stretch
        elif begins < end and start < ends:
            yield _Stretch(max(begins, start), min(ends, end), rate)


def _divided(stretches: Iterable[_Stretch], step: timedelta) -> Iterator[_Stretch]:
    """German time differs from UTC by whole hours: the same moments are full hours in both."""
    for start, end, rate in stretches:
        while (cut := start - (start - _EPOCH) % step + step) < end:
            yield _Stretch(start, cut, rate)
            start = cut
        yield _Stretch(start, end, rate)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _interval(stretch: _Stretch) -> PriceInterval:
    return PriceInterval(stretch.start, stretch.end, *stretch.rate)


def _quarter(year: int, quarter: int) -> tuple[date, date]:
    first = date(year, 3 * quarter - 2, 1)
    after = date(year, 3 * quarter + 1, 1) if quarter < 4 else date(year + 1, 1, 1)
    return first, after - _DAY


def _day_of(moment: datetime) -> date:
    return moment.astimezone(clock.GERMANY).date()


def _wall_clock(moment: datetime) -> datetime:
    return moment.astimezone(clock.GERMANY).replace(tzinfo=None)
