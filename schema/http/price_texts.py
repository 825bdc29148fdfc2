"""The text of § 14a prices in the format of a request, and until when it stays the same."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Final

from app.domain import clock
from app.domain.price_series import PriceInterval, day_span, gaps, parts_on, price_at, prices
from app.errors import AppError, BadInput, Code
from app.http.evcc_zones import write_zones
from app.http.price_calendar import PricedSheet, write_calendar
from app.http.price_formats import write_csv, write_json
from app.http.span_in_path import DaySpan, SpanFormat
from schema.http.price_requests import WantedPrices
from schema.http.price_sheets import PricedOperator, PricedTariff, PriceSheet


def write_prices(dno: PricedOperator, wanted: WantedPrices) -> Iterable[str]:
    """In pieces. Raises NOT_FOUND if no price is known."""
    if wanted.format is SpanFormat.YAML:
        return _zones(dno, wanted)
    series = [(tariff, _intervals(tariff.sheet, wanted)) for tariff in dno.tariffs]
    if wanted.format is SpanFormat.ICS:
        _first_interval(dno, wanted, (interval for _, intervals in series for interval in intervals))
        return write_calendar(
            dno.slug,
            dno.name,
            [_priced(tariff, _intervals(tariff.sheet, wanted)) for tariff, _ in series],
            [*_not_known(dno, wanted.span)],
        )
    intervals = chain.from_iterable(intervals for _, intervals in series)
    first = _first_interval(dno, wanted, intervals)
    write = write_csv if wanted.format is SpanFormat.CSV else write_json
    return write(chain((first,), intervals), gross=wanted.gross)


def _intervals(sheet: PriceSheet, wanted: WantedPrices) -> Iterator[PriceInterval]:
    span = wanted.span
    if span.moment is None:
        return prices(sheet, *day_span(span.first, span.last), wanted.resolution)
    current = price_at(sheet, span.moment)
    return iter(() if current is None else (current,))


def _first_interval(
    dno: PricedOperator, wanted: WantedPrices, intervals: Iterator[PriceInterval]
) -> PriceInterval:
    first = next(intervals, None)
    if first is None:
        raise _nothing_known(dno, wanted.span)
    return first


def _zones(dno: PricedOperator, wanted: WantedPrices) -> Iterable[str]:
    """Zones are those of a whole year, whatever part of it was asked for."""
    span = wanted.span
    if span.first.year != span.last.year:
        raise BadInput("Zones of evcc are those of one calendar year.", argument="span")
    if dno.first is None:
        raise _nothing_known(dno, span)
    return (write_zones(dno.first.sheet, dno.name, _remarks(dno.first), gross=wanted.gross),)


def _remarks(tariff: PricedTariff) -> Iterator[str]:
    if tariff.source_text is not None:
        yield f"source {tariff.source_text}"
    if tariff.publication == "PRELIMINARY":
        yield "preliminary"
    if tariff.verification_status != "VERIFIED":
        yield tariff.verification_status.lower()


def _priced(tariff: PricedTariff, intervals: Iterable[PriceInterval]) -> PricedSheet:
    return PricedSheet(
        tariff.version,
        tariff.updated_at,
        tariff.verification_status,
        tariff.publication == "PRELIMINARY",
        tariff.source_text,
        intervals,
    )


def _not_known(dno: PricedOperator, span: DaySpan) -> Iterator[str]:
    """Of each quarter that the span touches, in the words of the calendar."""
    sheets = {tariff.year: tariff.sheet for tariff in dno.tariffs}
    for number in range(max(_quarter(span.first), _FIRST_QUARTER), _quarter(span.last) + 1):
        year, quarter = divmod(number, 4)
        begins, last_month = date(year, 3 * quarter + 1, 1), date(year, 3 * quarter + 3, 1)
        parts = parts_on(sheets[year], begins) if year in sheets else ()
        for start, end in gaps(parts):
            yield f"{begins:%m}-{last_month:%m/%Y}, {clock.hh_mm(start)} bis {clock.hh_mm(end)} Uhr"


def _quarter(day: date) -> int:
    """Its number in the count of all quarters: four times the year, and 0 to 3."""
    return 4 * day.year + (day.month - 1) // 3


_FIRST_QUARTER: Final = _quarter(date(2025, 4, 1))  # with it Modul 3 began


def _nothing_known(dno: PricedOperator, span: DaySpan) -> AppError:
    days = f"{span.first}" if span.first == span.last else f"{span.first} to {span.last}"
    if dno.tariffs:
        reason = "Of the time-of-use tariff (§ 14a EnWG, Modul 3) of {} no price is known for {}."
    else:
        reason = "No time-of-use tariff (§ 14a EnWG, Modul 3) of {} is known for {}."
    return AppError(reason.format(dno.name, days), Code.NOT_FOUND)


def next_change(dno: PricedOperator, wanted: WantedPrices, now: datetime) -> datetime | None:
    """When the response is no longer the same: at the next change of price in a span that holds now, and at midnight in Germany
    where the span depends on the current day.
    """
    today = now.astimezone(clock.GERMANY).date()
    moments = []
    if wanted.format is not SpanFormat.YAML and wanted.span.first <= today <= wanted.span.last:
        moments += [
            _change_of_price(tariff.sheet, now) for tariff in dno.tariffs if tariff.year == today.year
        ]
    if wanted.span.relative:
        moments.append(day_span(today)[1])
    return min(filter(None, moments), default=None)


def _change_of_price(sheet: PriceSheet, now: datetime) -> datetime | None:
    """The end of the price that holds now; where none is known, the beginning of the next one within two days."""
    current = price_at(sheet, now)
    if current is not None:
        return current.end
    following = next(prices(sheet, now, now + timedelta(days=2)), None)
    return None if following is None else following.start
