"""The addresses of § 14a prices that programs read: a series in JSON or CSV, zones of evcc in YAML, and a calendar.

They run the operation of `price_addresses.graphql`; prices are written in EUR per kWh, net unless `gross` is set. The span is
read by app/http/span_in_path.py. A response that holds the current price is valid until that price changes.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import chain
from math import inf
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.types import Scope

from app.cache.clock import monotonic
from app.cache.responses import ResponseKey, body_of, head_of
from app.domain import clock
from app.domain.price_series import PriceInterval, Resolution, day_span, price_at, prices
from app.domain.time_of_use import TimeOfUseBand, TimeOfUsePrice, TimeOfUseWindow
from app.errors import AppError, BadInput, Code, quoted
from app.http.buffered_response import BufferedResponse
from app.http.cached_request_head import CachedRequestHead
from app.http.cached_response import CachedResponse
from app.http.conditional_requests import cache_control_until, respond_from_cache
from app.http.content_negotiation import JSON, preferred_of
from app.http.evcc_zones import write_zones
from app.http.price_calendar import PricedSheet, write_calendar
from app.http.price_formats import write_csv, write_json
from app.http.request_state import joined_header, request_state
from app.http.span_in_path import DaySpan, SpanFormat, read_span
from app.observability.operation_names import NameCount
from app.resources import resources_of
from schema.http.rest_operations import CachedAddress, Map, RestOperations, Result, own_document
from schema.http.stages.store import store_clock

DOCUMENT: Final = Path(__file__).with_suffix(".graphql").read_text()
MEDIA_TYPES: Final[Mapping[SpanFormat, str]] = {
    SpanFormat.JSON: JSON,
    SpanFormat.CSV: "text/csv; charset=utf-8; header=present",
    SpanFormat.YAML: "application/yaml",
    SpanFormat.ICS: "text/calendar; charset=utf-8",
}
_FORMATS: Final = {media_type.partition(";")[0]: each for each, media_type in MEDIA_TYPES.items()}
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
_NO_YEAR: Final = -1
_PIECES_PER_STEP: Final = 2000


class PriceResponse(CachedResponse):
    """`change`: when its content changes, on the clock of app/cache/clock.py."""

    __slots__ = ("change",)
    change: float


class _Wanted(NamedTuple):
    slug: str
    span: DaySpan
    format: SpanFormat
    gross: bool
    resolution: Resolution


class PriceAddress(CachedAddress):
    def __init__(self, operations: RestOperations) -> None:
        self._operations = operations
        self._sheets = own_document(DOCUMENT).operation("timeOfUseSheets")

    def find_cached_response(
        self, head: CachedRequestHead, body: bytes
    ) -> tuple[BufferedResponse, NameCount] | None:
        entry = resources_of(head.scope).responses.get(ResponseKey(head.head, b""))
        if entry is None:
            return None
        return _respond(head.scope, entry.value, entry.until), entry.value.count

    async def _respond(self, request: Request, key: ResponseKey) -> BufferedResponse:
        self._operations.check_reader(request)
        scope, responses = request.scope, resources_of(request.scope).responses
        since, now = store_clock(scope), datetime.now(UTC)
        entry = responses.get(key)
        if entry is not None:
            return _respond(scope, entry.value, entry.until)
        wanted = _wanted(request, now)
        result = await self._operations.run(self._sheets, _variables(wanted), request)
        dno = _operator(result, wanted)
        body = await self._written(_pieces(dno, wanted), request)
        response = PriceResponse(body, MEDIA_TYPES[wanted.format], result.counter)
        change = _next_change(dno, wanted, now)
        response.change = inf if change is None else monotonic() + (change - now).total_seconds()
        result.read_set.update((), response.change)
        responses.keep(key, response, result.read_set, since)
        return _respond(scope, response, result.read_set.until)

    async def _written(self, pieces: Iterable[str], request: Request) -> bytes:
        """In steps, so that other tasks of the event loop run in between. Intervals are charged as objects of an operation are."""
        written: list[str] = []
        for piece in pieces:
            written.append(piece)
            if len(written) % _PIECES_PER_STEP == 0:
                await asyncio.sleep(0)
        self._operations.charge(len(written), request)
        return "".join(written).encode()

    def _key(self, request: Request) -> ResponseKey:
        """The response depends on the role, the path, its parameters and the accepted media types."""
        scope = request.scope
        role = request_state(scope).principal.role.value
        head = head_of(role, scope["path"], body_of(scope["query_string"]), joined_header(scope, b"accept"))
        return ResponseKey(head, b"")


def _respond(scope: Scope, kept: PriceResponse, until: float) -> BufferedResponse:
    control = None if kept.change == inf else cache_control_until(scope, kept.change)
    return respond_from_cache(scope, kept, until, control)


# What is asked for


def _wanted(request: Request, now: datetime) -> _Wanted:
    """Raises BadInput, and NOT_ACCEPTABLE for other media types."""
    parameters = request.query_params
    if unknown := sorted(set(parameters) - {"gross", "resolution"}):
        raise BadInput(f"There is no parameter {quoted(unknown[0])}; there are gross and resolution.")
    span, suffix = read_span(request.path_params["span"], now)
    gross = _parameter(request, "gross", _FLAGS, default=False)
    by_name = {name.lower(): each for name, each in Resolution.__members__.items()}
    resolution = _parameter(request, "resolution", by_name, default=None)
    if resolution is not None and span.moment is not None:
        raise BadInput(
            "`now` is the interval with the current price; `resolution` does not apply.",
            argument="resolution",
        )
    chosen = suffix or _accepted(request)
    if resolution is None:
        resolution = Resolution.CHANGES if chosen is SpanFormat.ICS else Resolution.QUARTER_HOUR
    return _Wanted(request.path_params["slug"], span, chosen, gross, resolution)


def _parameter(request: Request, name: str, values: Mapping[str, Any], *, default: Any) -> Any:
    given = request.query_params.getlist(name)
    if not given:
        return default
    if len(given) > 1 or given[0].lower() not in values:
        raise BadInput(
            f"`{name}` cannot be {quoted(', '.join(given))}; it is one of {', '.join(values)}.", argument=name
        )
    return values[given[0].lower()]


def _accepted(request: Request) -> SpanFormat:
    accept = joined_header(request.scope, b"accept")
    media_type = preferred_of(accept, tuple(_FORMATS))
    if media_type is None:
        raise AppError(f"The formats are {', '.join(_FORMATS)}.", Code.NOT_ACCEPTABLE)
    return _FORMATS[media_type]


def _variables(wanted: _Wanted) -> Map:
    first, last = wanted.span.first.year, wanted.span.last.year
    years = [*range(first, last + 1), _NO_YEAR, _NO_YEAR][:3]
    return {"slug": wanted.slug, **dict(zip(("first", "second", "third"), years, strict=True))}


# The sheets


class _Source(msgspec.Struct):
    url: str | None
    title: str | None


class _Window(msgspec.Struct):
    quarter: int
    band: TimeOfUseBand
    start: str
    end: str


class _Tariff(msgspec.Struct, rename="camel", dict=True):
    year: int
    version: int
    updated_at: datetime
    verification_status: str
    publication: str
    source: _Source | None
    bands: Sequence[TimeOfUsePrice]
    windows: Sequence[_Window]

    @property
    def source_text(self) -> str | None:
        return None if self.source is None else self.source.url or self.source.title

    @cached_property
    def sheet(self) -> "_Sheet":
        windows = (
            TimeOfUseWindow(each.quarter, clock.minutes(each.start), clock.minutes(each.end), each.band)
            for each in self.windows
        )
        return _Sheet(self.year, tuple(self.bands), tuple(windows))


class _Sheet(NamedTuple):
    year: int
    bands: tuple[TimeOfUsePrice, ...]
    windows: tuple[TimeOfUseWindow, ...]


class _Operator(msgspec.Struct):
    slug: str
    name: str
    first: _Tariff | None
    second: _Tariff | None
    third: _Tariff | None

    @property
    def tariffs(self) -> list[_Tariff]:
        return [tariff for tariff in (self.first, self.second, self.third) if tariff is not None]


_decode = msgspec.json.Decoder(_Operator | None).decode


def _operator(result: Result, wanted: _Wanted) -> _Operator:
    dno: _Operator | None = _decode(result.body)
    if dno is None:
        raise AppError(f"There is no operator {quoted(wanted.slug)}.", Code.NOT_FOUND)
    return dno


def _nothing_known(dno: _Operator, span: DaySpan) -> AppError:
    days = f"{span.first}" if span.first == span.last else f"{span.first} to {span.last}"
    if dno.tariffs:
        reason = "Of the time-of-use tariff (§ 14a EnWG, Modul 3) of {} no price is known for {}."
    else:
        reason = "No time-of-use tariff (§ 14a EnWG, Modul 3) of {} is known for {}."
    return AppError(reason.format(dno.name, days), Code.NOT_FOUND)


# What is sent


def _pieces(dno: _Operator, wanted: _Wanted) -> Iterable[str]:
    """Raises NOT_FOUND if no price is known."""
    if wanted.format is SpanFormat.YAML:
        return _zones(dno, wanted)
    series = [(tariff, _intervals(tariff.sheet, wanted)) for tariff in dno.tariffs]
    if wanted.format is SpanFormat.ICS:
        _first_interval(dno, wanted, (interval for _, intervals in series for interval in intervals))
        return write_calendar(
            dno.slug, dno.name, [_priced(tariff, _intervals(tariff.sheet, wanted)) for tariff, _ in series]
        )
    intervals = chain.from_iterable(intervals for _, intervals in series)
    first = _first_interval(dno, wanted, intervals)
    write = write_csv if wanted.format is SpanFormat.CSV else write_json
    return write(chain((first,), intervals), gross=wanted.gross)


def _intervals(sheet: "_Sheet", wanted: _Wanted) -> Iterator[PriceInterval]:
    span = wanted.span
    if span.moment is None:
        return prices(sheet, *day_span(span.first, span.last), wanted.resolution)
    current = price_at(sheet, span.moment)
    return iter(() if current is None else (current,))


def _first_interval(dno: _Operator, wanted: _Wanted, intervals: Iterator[PriceInterval]) -> PriceInterval:
    first = next(intervals, None)
    if first is None:
        raise _nothing_known(dno, wanted.span)
    return first


def _zones(dno: _Operator, wanted: _Wanted) -> Iterable[str]:
    """Zones are those of a whole year, whatever part of it was asked for."""
    span = wanted.span
    if span.first.year != span.last.year:
        raise BadInput("Zones of evcc are those of one calendar year.", argument="span")
    if dno.first is None:
        raise _nothing_known(dno, span)
    return (write_zones(dno.first.sheet, dno.name, _remarks(dno.first), gross=wanted.gross),)


def _remarks(tariff: _Tariff) -> Iterator[str]:
    if tariff.source_text is not None:
        yield f"source {tariff.source_text}"
    if tariff.publication == "PRELIMINARY":
        yield "preliminary"
    if tariff.verification_status != "VERIFIED":
        yield tariff.verification_status.lower()


def _priced(tariff: _Tariff, intervals: Iterable[PriceInterval]) -> PricedSheet:
    return PricedSheet(
        tariff.version,
        tariff.updated_at,
        tariff.verification_status,
        tariff.publication == "PRELIMINARY",
        tariff.source_text,
        intervals,
    )


def _next_change(dno: _Operator, wanted: _Wanted, now: datetime) -> datetime | None:
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


def _change_of_price(sheet: "_Sheet", now: datetime) -> datetime | None:
    """The end of the price that holds now; where none is known, the beginning of the next one within two days."""
    current = price_at(sheet, now)
    if current is not None:
        return current.end
    following = next(prices(sheet, now, now + timedelta(days=2)), None)
    return None if following is None else following.start
