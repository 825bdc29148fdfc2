"""The price of § 14a EnWG, Modul 3, on the page of an operator: the curve of today and tomorrow, and what holds now."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from app.domain import clock
from app.domain.price_series import PriceInterval, day_span, price_at, prices
from app.web.charts import curve
from app.web.charts.curve import Curve
from schema.http.price_sheets import PricedTariff
from schema.http.rest_operations import Map

_DAY: Final = timedelta(days=1)


class DayOfPrices(NamedTuple):
    """`curve` None: no price of the day is known. `cheapest`: its intervals with the lowest price, if there are several prices."""

    day: date
    intervals: Sequence[PriceInterval]
    cheapest: Sequence[PriceInterval]
    curve: Curve | None
    complete: bool
    clock_changes: bool


class PricesNow(NamedTuple):
    """`current` None: the price that holds now is not known."""

    tariff: PricedTariff
    current: PriceInterval | None
    days: Sequence[DayOfPrices]
    change: datetime


def prices_now(dno: Map, now: datetime) -> PricesNow | None:
    """None: there is no tariff of the current year."""
    today = now.astimezone(clock.GERMANY).date()
    tariffs = {each.year: each for each in msgspec.convert(dno["allTimeOfUse"], list[PricedTariff])}
    tariff = tariffs.get(today.year)
    if tariff is None:
        return None
    dates = (today, today + _DAY)
    series = [_intervals(tariffs.get(day.year), day) for day in dates]
    highest = max((each.price for intervals in series for each in intervals), default=Decimal(0))
    days = [_day(day, intervals, highest, now) for day, intervals in zip(dates, series, strict=True)]
    current = price_at(tariff.sheet, now)
    return PricesNow(tariff, current, days, _change(current, series[0], now))


def _intervals(tariff: PricedTariff | None, day: date) -> list[PriceInterval]:
    return [] if tariff is None else list(prices(tariff.sheet, *day_span(day)))


def _day(day: date, intervals: list[PriceInterval], highest: Decimal, now: datetime) -> DayOfPrices:
    lowest = min((each.price for each in intervals), default=None)
    several = len({each.price for each in intervals}) > 1
    start, end = day_span(day)
    return DayOfPrices(
        day,
        intervals,
        [each for each in intervals if each.price == lowest] if several else [],
        curve.draw(day, intervals, highest, now) if intervals else None,
        sum((each.end - each.start for each in intervals), timedelta()) == end - start,
        end - start != _DAY,
    )


def _change(current: PriceInterval | None, today: Sequence[PriceInterval], now: datetime) -> datetime:
    """When the price changes, at the latest at midnight, when tomorrow is today."""
    midnight = clock.midnight(now.astimezone(clock.GERMANY).date() + _DAY)
    if current is not None:
        return min(current.end, midnight)
    return min((each.start for each in today if each.start > now), default=midnight)
