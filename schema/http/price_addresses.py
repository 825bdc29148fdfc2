"""The addresses of § 14a prices that programs read: a series in JSON or CSV, zones of evcc in YAML, and a calendar.

They run the operation of `price_addresses.graphql`; prices are written in EUR per kWh, net unless `gross` is set. A response
that holds the current price is valid until that price changes.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.types import Scope

from app.cache.clock import monotonic
from app.cache.responses import ResponseKey, body_of, head_of
from app.errors import AppError, Code, quoted
from app.http.buffered_response import BufferedResponse
from app.http.cached_response import CachedResponse
from app.http.conditional_requests import cache_control_until, respond_from_cache
from app.http.request_state import joined_header, request_state
from schema.http.price_requests import MEDIA_TYPES, WantedPrices, read_request
from schema.http.price_sheets import decode_operator
from schema.http.price_texts import next_change, write_prices
from schema.http.rest_operations import CachedAddress, MadeResponse, Map, RestOperations, own_document

DOCUMENT: Final = Path(__file__).with_suffix(".graphql").read_text(encoding="utf-8")
_NO_YEAR: Final = -1
_PIECES_PER_STEP: Final = 2000


class PriceResponse(CachedResponse):
    """`change`: when its content changes, on the clock of app/cache/clock.py."""

    __slots__ = ("change",)
    change: float


class PriceAddress(CachedAddress):
    def __init__(self, operations: RestOperations) -> None:
        super().__init__(operations)
        self._sheets = own_document(DOCUMENT).operation("timeOfUseSheets")

    async def _make(self, request: Request) -> MadeResponse:
        now, began = datetime.now(UTC), monotonic()
        wanted = read_request(request, now)
        result = await self._operations.run(self._sheets, _variables(wanted), request)
        operator = decode_operator(result.body)
        if operator is None:
            raise AppError(f"There is no operator {quoted(wanted.slug)}.", Code.NOT_FOUND)
        body = await self._written(write_prices(operator, wanted), request)
        response = PriceResponse(body, MEDIA_TYPES[wanted.format], result.counter)
        change = next_change(operator, wanted, now)
        response.change = inf if change is None else began + (change - now).total_seconds()
        result.read_set.change_at(response.change)
        return MadeResponse(response, result.read_set)

    def _send(self, scope: Scope, response: CachedResponse, until: float) -> BufferedResponse:
        assert isinstance(response, PriceResponse)
        control = None if response.change == inf else cache_control_until(scope, response.change)
        return respond_from_cache(scope, response, until, control)

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


def _variables(wanted: WantedPrices) -> Map:
    first, last = wanted.span.first.year, wanted.span.last.year
    years = [*range(first, last + 1), _NO_YEAR, _NO_YEAR][:3]
    return {"slug": wanted.slug, **dict(zip(("first", "second", "third"), years, strict=True))}
