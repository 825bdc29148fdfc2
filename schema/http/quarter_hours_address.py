"""The address of a year of peak load in quarter-hours: /api/v1/dnos/{slug}/hlzf/{year}.csv?voltageLevel=MS."""

from datetime import datetime

import msgspec
from starlette.requests import Request

from app.cache.responses import ResponseKey, body_of, head_of
from app.domain.entry import VoltageLevel
from app.errors import AppError, BadInput, Code, quoted
from app.http.buffered_response import BufferedResponse
from app.http.conditional_requests import respond_from_cache
from app.http.export_formats import MEDIA_TYPES, Format
from app.http.exports import year_in_path
from app.http.quarter_hours import Stretch, write_quarter_hours, year_of
from app.http.request_state import request_state
from schema.execution.documents import Operation
from schema.http.rest_operations import CachedAddress, RestOperations
from schema.http.stages.look_up import look_up_response
from schema.http.stages.store import store_clock, store_response

_LEVEL = "voltageLevel"


class QuarterHoursAddress(CachedAddress):
    """The year of a voltage level, as CSV."""

    def __init__(self, operations: RestOperations, operation: Operation) -> None:
        self._operations = operations
        self._operation = operation

    async def _respond(self, request: Request, key: ResponseKey) -> BufferedResponse:
        self._operations.check_reader(request)
        scope = request.scope
        since = store_clock(scope)
        cached = look_up_response(scope, key)
        if cached is not None:
            return cached[0]
        slug, year, level = request.path_params["slug"], year_in_path(request), _voltage_level(request)
        start, end = (moment.isoformat() for moment in year_of(year))
        variables = {"slug": slug, "from": start, "to": end, "voltageLevel": level}
        result = await self._operations.run(self._operation, variables, request)
        operator = _decode_peaks(result.body)
        if operator is None:
            raise AppError(f"There is no operator {quoted(slug)}.", Code.NOT_FOUND)
        stretches = [one.stretch for one in operator.peak_statuses]
        if len(stretches) == 1 and stretches[0].peak is None:
            raise AppError(f"No Hochlastzeitfenster are known for {year} and {level}.", Code.NOT_FOUND)
        body = write_quarter_hours(year, stretches)
        media_type = MEDIA_TYPES[Format.CSV]
        stored = store_response(scope, key, body, media_type, result.read_set, since, result.counter)
        return respond_from_cache(scope, stored, result.read_set.until)

    def _key(self, request: Request) -> ResponseKey:
        """The response depends on the role, the path and the query string only."""
        scope, principal = request.scope, request_state(request.scope).principal
        return ResponseKey(head_of(principal.role.value, scope["path"], body_of(scope["query_string"])), b"")


class _Interval(msgspec.Struct):
    start: datetime
    end: datetime


class _PeakStatus(msgspec.Struct):
    peak: bool | None
    interval: _Interval

    @property
    def stretch(self) -> Stretch:
        return Stretch(self.interval.start, self.interval.end, self.peak)


class _Peaks(msgspec.Struct, rename="camel"):
    peak_statuses: list[_PeakStatus]


_decode_peaks = msgspec.json.Decoder(_Peaks | None).decode


def _voltage_level(request: Request) -> str:
    """The one parameter of the query string. Raises BadInput."""
    if unknown := sorted(set(request.query_params) - {_LEVEL}):
        raise BadInput(f"There is no parameter {quoted(unknown[0])}; there is {_LEVEL}.")
    given = request.query_params.getlist(_LEVEL)
    if len(given) != 1 or given[0] not in set(VoltageLevel):
        raise BadInput(f"{_LEVEL} must be one of {', '.join(VoltageLevel)}.", argument=_LEVEL)
    return given[0]
