"""The REST API: each route runs an operation of `rest.graphql` and sends its data without the GraphQL envelope.

Names, scalars, caches, costs, limits and metrics are those of GraphQL.
"""

from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.cache.read_set import ReadSet
from app.domain.entry import Publication
from app.errors import BadInput
from app.http.buffered_response import BufferedResponse
from app.http.cached_response import CachedResponse
from app.http.conditional_requests import respond_from_cache
from app.http.content_negotiation import JSON
from app.http.encoded_response import encode_cached
from app.http.exports import year_in_path
from app.http.json_body import UNREADABLE, reason
from app.resources import resources_of
from app.settings import Settings
from schema.http.bill_address import BillAddress
from schema.http.bo4e_address import Bo4eAddress
from schema.http.openapi import write_openapi
from schema.http.operation_runner import OperationRunner
from schema.http.parameters import check_parameters
from schema.http.place_addresses import CodeAddress, PostalCodeAddress
from schema.http.price_addresses import PriceAddress
from schema.http.quarter_hours_address import QuarterHoursAddress
from schema.http.request import check_content
from schema.http.rest_operations import Map, OperationAddress, RestOperations, own_document
from schema.root import schema

DOCUMENT = Path(__file__).with_suffix(".graphql").read_text(encoding="utf-8")


class Rest:
    def __init__(self, settings: Settings, runner: OperationRunner) -> None:
        document = own_document(DOCUMENT)
        self._operations = RestOperations(settings, runner)
        self._dno_year = _DnoYear(self._operations, document.operation("dnoYear"))
        self._levies = _LeviesYear(self._operations, document.operation("leviesYear"))
        self._missing_levies = _LeviesYear(self._operations, document.operation("missingLeviesYear"))
        self._quarter_hours = QuarterHoursAddress(self._operations, document.operation("hlzfYear"))
        self._prices = PriceAddress(self._operations)
        self._bo4e = Bo4eAddress(self._operations)
        self._bill = BillAddress(self._operations, document.operation("billYear"))
        self._postal_code = PostalCodeAddress(self._operations, document.operation("postalCode"))
        self._code = CodeAddress(self._operations, document.operation("operatorByCode"))
        self._natural_query = document.operation("naturalQuery")
        self._members_of_question = tuple(self._natural_query.variable_types)
        self._description = CachedResponse(write_openapi(schema, document), JSON, None)

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/v1/dnos/{slug}/{year}", self._dno_year.respond),
            Route("/api/v1/dnos/{slug}/hlzf/{year}.csv", self._quarter_hours.respond),
            Route("/api/v1/dnos/{slug}/time-of-use/{span}", self._prices.respond),
            Route("/api/v1/dnos/{slug}/{year}/bo4e.json", self._bo4e.respond),
            Route("/api/v1/dnos/{slug}/{year}/bill", self._bill.respond),
            Route("/api/v1/levies/{year}", self._levies.respond),
            Route("/api/v1/levies/{year}/missing", self._missing_levies.respond),
            Route("/api/v1/postal-codes/{postalCode}", self._postal_code.respond),
            Route("/api/v1/codes/{code}", self._code.respond),
            Route("/api/v1/query/natural", self._post_question, methods=["POST"]),
            Route("/api/v1/openapi.json", self._get_description),
        ]

    async def _post_question(self, request: Request) -> Response:
        self._operations.check_reader(request)
        check_content(request.scope["headers"])
        check_parameters(request.query_params)
        variables = _read_map(await request.body())
        check_parameters(variables, *self._members_of_question)
        result = await self._operations.run(self._natural_query, variables, request)
        return Response(result.body, headers={"cache-control": "no-store"}, media_type=JSON)

    async def _get_description(self, request: Request) -> BufferedResponse:
        self._description.edge = self._description.edge or resources_of(request.scope).edge.describe(
            ReadSet()
        )
        await encode_cached(request.scope, self._description)
        return respond_from_cache(request.scope, self._description, float("inf"))


_PUBLICATION = "publication"


class _DnoYear(OperationAddress):
    """An operator and all of its data for a year, or only what is as final as `publication`."""

    def _variables(self, request: Request) -> Map:
        return {**request.path_params, "year": year_in_path(request), _PUBLICATION: _publication(request)}

    def _write(self, result: bytes, request: Request) -> bytes:
        return result


def _publication(request: Request) -> str | None:
    """The one parameter of the query string. Raises BadInput."""
    check_parameters(request.query_params, _PUBLICATION)
    given = request.query_params.getlist(_PUBLICATION)
    if len(given) > 1 or not set(given) <= set(Publication):
        raise BadInput(f"{_PUBLICATION} must be one of {', '.join(Publication)}.", argument=_PUBLICATION)
    return given[0] if given else None


class _LeviesYear(OperationAddress):
    """Levies of a year, which have no operator."""

    def _variables(self, request: Request) -> Map:
        year = year_in_path(request)
        check_parameters(request.query_params)
        return {"year": year}

    def _write(self, result: bytes, request: Request) -> bytes:
        return result


_decode_map = msgspec.json.Decoder(Map).decode


def _read_map(body: bytes) -> Map:
    try:
        return _decode_map(body)
    except UNREADABLE as error:
        raise BadInput(f"The request's body must be a JSON object: {reason(error)}.") from None
