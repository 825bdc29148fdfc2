"""Requests whose head is cached: what GraphQL and REST do alike on the fast path."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime
from math import inf

from starlette.types import Scope

from app.cache.clock import monotonic
from app.cache.memory import Entry
from app.cache.responses import Made, ResponseKey, body_of
from app.domain import tags
from app.domain.account import Principal
from app.errors import AppError
from app.http.buffered_response import BufferedResponse
from app.http.cached_request_head import CachedRequestHead, Terms, length_of
from app.http.content_negotiation import accepted_stream, prefers_page
from app.http.encoded_response import encode_response
from app.http.errors import pace, respond, respond_unexpected
from app.http.headers import has_any
from app.http.request_state import RequestState, accepted_coding, joined_header, request_state, with_state
from app.http.response_start import on_response_start
from app.limits.rate_limiter.policy import Verdict
from app.observability.operation_names import NameCount
from schema.http.stages.look_up import look_up_response, respond_with


class HeadHandler(ABC):
    """The handler of cached heads; a subclass executes requests without a cached response.

    `pages`: whether its responses are pages.
    """

    pages = False

    def key_of(self, head: CachedRequestHead, body: bytes) -> ResponseKey:
        return ResponseKey(head.head, body_of(body))

    def find_cached_response(
        self, head: CachedRequestHead, body: bytes
    ) -> tuple[BufferedResponse, NameCount] | None:
        # Equal to a ResponseKey; to make one takes ten times as long.
        return look_up_response(head.scope, (head.head, body_of(body)))

    def respond_with(
        self, head: CachedRequestHead, entry: Entry | Made
    ) -> tuple[BufferedResponse, NameCount] | None:
        return respond_with(head.scope, entry)

    def refuse(self, head: CachedRequestHead, body: bytes, request_id: bytes) -> BufferedResponse | None:
        """Requests that are not refused here may still be refused when they are executed."""
        return None

    async def execute_request(
        self,
        key: ResponseKey,
        head: CachedRequestHead,
        body: bytes,
        address: str | None,
        request_id: str,
        verdict: Verdict,
        *,
        waits: bool,
    ) -> tuple[BufferedResponse, Verdict]:
        """The response and the rate limiter's latest verdict. Raises nothing: every error becomes a response."""
        state = _same_for_head(request_state(head.scope))
        if (
            address is not None
        ):  # several clients may send the same head, unless the address is part of its key
            state.address = address
        state.request_id, state.verdict = request_id, verdict
        scope = with_state(head.scope, state)
        try:
            response = await self._execute(key, head, body, scope, waits=waits)
        except AppError as error:
            await pace(scope, error)
            response = BufferedResponse.of(respond(scope, error))
        except Exception as error:
            response = BufferedResponse.of(respond_unexpected(scope, error))
        if accepted_coding(scope).coding is not None:
            response = await encode_response(scope, response)
        return response, state.verdict

    @abstractmethod
    async def _execute(
        self, key: ResponseKey, head: CachedRequestHead, body: bytes, scope: Scope, *, waits: bool
    ) -> BufferedResponse:
        """The response to a request with this head. May raise AppError. `waits`: for an equal request that is being executed."""

    def cache_head(self, scope: Scope, head: str, *, media_type: str, route: str) -> None:
        """The next request with the same head takes the fast path. `head`: that of the response key."""
        state = request_state(scope)
        candidate, principal = state.head_candidate, state.principal
        if candidate is None or not candidate.again or principal.session_id is not None:
            return
        if not self.pages and prefers_page(joined_header(scope, b"accept")):
            return  # its errors are pages, which have headers of their own
        length = length_of(scope)
        if length is None or _varies_per_request(scope):
            return
        cached = CachedRequestHead(
            self,
            {**with_state(scope, _same_for_head(state)), "client": None},
            head,
            length=length,
            media_type=media_type,
            route=route,
            # None: the budget of the connection's address, which may differ in the next request.
            budget=None if candidate.direct and principal.anonymous else state.budget,
            key_id=principal.api_key_id,
        )
        terms = Terms(_valid_until(principal), tuple(_tags_of_rights(principal)))
        on_response_start(scope, candidate.hook(cached, terms))


def _varies_per_request(scope: Scope) -> bool:
    """Whether a header makes the response differ per request, or makes it a stream."""
    streams = accepted_stream(joined_header(scope, b"accept")) is not None
    return streams or has_any(scope["headers"], (b"cookie", b"x-request-id"))


def _same_for_head(state: RequestState) -> RequestState:
    """The part of the state that is equal for all requests with one head."""
    same = RequestState(
        state.resources, address=state.address, principal=state.principal, headers=state.headers
    )
    same.coding = state.coding
    return same


def _tags_of_rights(principal: Principal) -> Iterator[str]:
    """The rights of a key change with the key, and with the account that created it."""
    if principal.api_key_id is not None:
        yield tags.api_key(principal.api_key_id)
    if principal.created_by is not None:
        yield tags.user(principal.created_by)


def _valid_until(principal: Principal) -> float:
    if principal.expires_at is None:
        return inf
    return monotonic() + (principal.expires_at - datetime.now(UTC)).total_seconds()
