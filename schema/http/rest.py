"""The REST API: each route runs an operation of `rest.graphql` and sends its data without the GraphQL envelope.

Names, scalars, caches, costs, limits and metrics are those of GraphQL.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.auth.roles import require_reader
from app.cache.read_set import ReadSet
from app.cache.responses import ResponseKey, head_of
from app.domain.entry import VoltageLevel
from app.errors import AppError, BadInput, Code, quoted
from app.http.buffered_response import BufferedResponse
from app.http.cached_response import CachedResponse
from app.http.conditional_requests import respond_from_cache
from app.http.content_negotiation import JSON
from app.http.export_formats import MEDIA_TYPES, Format
from app.http.exports import year_in_path
from app.http.json_body import UNREADABLE, reason
from app.http.quarter_hours import Stretch, write_quarter_hours, year_of
from app.http.request_state import request_state
from app.settings import Settings
from schema.execution.documents import DocumentCache, Operation
from schema.http.openapi import write_openapi
from schema.http.operation_runner import OperationRunner
from schema.http.request import GraphQLRequest, check_content
from schema.http.stages.look_up import look_up_response
from schema.http.stages.store import store_clock, store_response
from schema.root import schema

DOCUMENT = Path(__file__).with_suffix(".graphql").read_text()
Map = dict[str, Any]
_LEVEL = "voltageLevel"


class Rest:
    def __init__(self, settings: Settings, runner: OperationRunner) -> None:
        self._settings = settings
        self._runner = runner
        # The limits in the settings apply only to documents that clients send.
        document = DocumentCache(schema, Settings()).get(DOCUMENT)
        self._dno_year = document.operation("dnoYear")
        self._hlzf_year = document.operation("hlzfYear")
        self._natural_query = document.operation("naturalQuery")
        self._description = CachedResponse(write_openapi(schema, document), JSON, None)

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/v1/dnos/{slug}/{year}", self._get_dno_year),
            Route("/api/v1/dnos/{slug}/hlzf/{year}.csv", self._get_quarter_hours),
            Route("/api/v1/query/natural", self._post_question, methods=["POST"]),
            Route("/api/v1/openapi.json", self._get_description),
        ]

    async def _get_dno_year(self, request: Request) -> BufferedResponse:
        self._check_reader(request)
        scope = request.scope
        key = _response_key(request)
        since = store_clock(scope)
        cached = look_up_response(scope, key)
        if cached is not None:
            return cached[0]
        variables = {**request.path_params, "year": year_in_path(request)}
        body, read_set = await self._run(self._dno_year, variables, request)
        if body == b"null":
            raise AppError(f"There is no operator {quoted(variables['slug'])}.", Code.NOT_FOUND)
        stored = store_response(scope, key, body, JSON, read_set, since)
        return respond_from_cache(scope, stored, read_set.until)

    async def _get_quarter_hours(self, request: Request) -> BufferedResponse:
        """The year of a voltage level in quarter-hours, as CSV."""
        self._check_reader(request)
        scope = request.scope
        slug, year, level = request.path_params["slug"], year_in_path(request), _voltage_level(request)
        key = _response_key(request, level)
        since = store_clock(scope)
        cached = look_up_response(scope, key)
        if cached is not None:
            return cached[0]
        start, end = (moment.isoformat() for moment in year_of(year))
        variables = {"slug": slug, "from": start, "to": end, "voltageLevel": level}
        data, read_set = await self._run(self._hlzf_year, variables, request)
        operator = _decode_peaks(data)
        if operator is None:
            raise AppError(f"There is no operator {quoted(slug)}.", Code.NOT_FOUND)
        stretches = [one.stretch for one in operator.peak_statuses]
        if len(stretches) == 1 and stretches[0].peak is None:
            raise AppError(f"No Hochlastzeitfenster are known for {year} and {level}.", Code.NOT_FOUND)
        body = write_quarter_hours(year, stretches)
        stored = store_response(scope, key, body, MEDIA_TYPES[Format.CSV], read_set, since)
        return respond_from_cache(scope, stored, read_set.until)

    async def _post_question(self, request: Request) -> Response:
        self._check_reader(request)
        check_content(request.scope["headers"])
        variables = _read_map(await request.body())
        body, _ = await self._run(self._natural_query, variables, request)
        return Response(body, headers={"cache-control": "no-store"}, media_type=JSON)

    async def _get_description(self, request: Request) -> BufferedResponse:
        return respond_from_cache(request.scope, self._description, float("inf"))

    async def _run(self, operation: Operation, variables: Map, request: Request) -> tuple[bytes, ReadSet]:
        """The JSON of the operation's one field, and its read set. Raises the first error of the operation."""
        graphql_request = GraphQLRequest(None, variables, operation.name, {}, JSON)
        answer, _, context = await self._runner.run_operation(
            graphql_request, request.scope, operation, own=True
        )
        envelope = _decode(answer.body)
        if envelope.errors:
            raise envelope.errors[0].app_error()
        assert envelope.data is not None
        assert context is not None
        (value,) = envelope.data.values()
        return bytes(value), context.read_set

    def _check_reader(self, request: Request) -> None:
        principal = request_state(request.scope).principal
        require_reader(principal, anonymous_reading=self._settings.anonymous_reading)


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


class _Error(msgspec.Struct):
    message: str
    extensions: Map

    def app_error(self) -> AppError:
        details = {key: value for key, value in self.extensions.items() if key in ("limit", "maximum")}
        return AppError(self.message, Code(self.extensions["code"]), **details)


class _Envelope(msgspec.Struct):
    data: dict[str, msgspec.Raw] | None = None
    errors: list[_Error] = []


_decode = msgspec.json.Decoder(_Envelope).decode
_decode_peaks = msgspec.json.Decoder(_Peaks | None).decode
_decode_map = msgspec.json.Decoder(Map).decode


def _read_map(body: bytes) -> Map:
    try:
        return _decode_map(body)
    except UNREADABLE as error:
        raise BadInput(f"The request's body must be a JSON object: {reason(error)}.") from None


def _response_key(request: Request, *parts: str) -> ResponseKey:
    """The response depends on the role, the path and these parts of the query string only."""
    principal = request_state(request.scope).principal
    return ResponseKey(head_of(principal.role.value, request.scope["path"], *parts), b"")


def _voltage_level(request: Request) -> str:
    """The one parameter of the query string. Raises BadInput."""
    if unknown := sorted(set(request.query_params) - {_LEVEL}):
        raise BadInput(f"There is no parameter {quoted(unknown[0])}; there is {_LEVEL}.", field=(_LEVEL,))
    given = request.query_params.getlist(_LEVEL)
    if len(given) != 1 or given[0] not in set(VoltageLevel):
        raise BadInput(f"{_LEVEL} must be one of {', '.join(VoltageLevel)}.", field=(_LEVEL,))
    return given[0]
