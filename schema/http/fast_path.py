"""The fast path's side of GraphQL: requests whose head is cached, and the heads that may be."""

from collections.abc import Iterator
from datetime import UTC, datetime
from math import inf
from typing import Any

from starlette.types import Scope

from app.cache.clock import monotonic
from app.cache.responses import ResponseKey, body_of
from app.domain import tags
from app.domain.account import ANONYMOUS, Principal
from app.errors import AppError
from app.http.buffered_response import BufferedResponse
from app.http.cached_request_head import CachedRequestHead, HeadCandidate, Terms, length_of
from app.http.conditional_requests import header
from app.http.content_negotiation import accepts_stream
from app.http.errors import respond, respond_unexpected
from app.http.rate_limit import payer
from app.limits.rate_limiter.policy import Policy
from app.observability.operation_names import NameCount
from app.settings import Settings
from schema.http.request import accepted
from schema.http.stages.admit import Admission
from schema.http.stages.look_up import look_up_response
from schema.http.stages.parse import parse_request
from schema.http.uncached import UncachedRequests

ROUTE = "/graphql"
# Of the state, what is the same for all requests with one head.
SAME_FOR_HEAD = ("resources", "address", "principal", "named_headers")


class FastPath:
    """The handler of cached heads."""

    def __init__(self, settings: Settings, admission: Admission, uncached: UncachedRequests) -> None:
        self._max_batch: int = settings.max_batch_operations
        self._admission = admission
        self._uncached = uncached

    def find_cached_response(
        self, head: CachedRequestHead, body: bytes
    ) -> tuple[BufferedResponse, NameCount] | None:
        return look_up_response(head.scope, ResponseKey(head.head, body_of(body)))

    async def execute_request(
        self, head: CachedRequestHead, body: bytes, state: dict[str, Any]
    ) -> BufferedResponse:
        """Raises nothing: every error becomes a response."""
        scope = {**head.scope, "state": state}
        try:
            self._admission.queue_for(state).reject_if_full()
            parsed = parse_request(scope, body, self._max_batch, head.media_type)
            key = ResponseKey(head.head, body_of(body))
            return await self._uncached.respond_uncached(key, parsed, scope)
        except AppError as refused:
            return BufferedResponse.of(respond(scope, refused))
        except Exception as error:
            return BufferedResponse.of(respond_unexpected(scope, error))

    def cache_request_head(self, scope: Scope, head: str) -> None:
        """Lets the next request with the same head take the fast path. `head`: of its response key."""
        state = scope["state"]
        candidate: HeadCandidate | None = state.get("candidate")
        principal: Principal = state.get("principal", ANONYMOUS)
        if candidate is None or not candidate.again or principal.session_id is not None:
            return
        length = length_of(scope)
        if length is None or _varies_per_request(scope):
            return
        cached = CachedRequestHead(
            self,
            {
                **scope,
                "client": None,
                "state": {name: state[name] for name in SAME_FOR_HEAD if name in state},
            },
            head,
            length=length,
            media_type=accepted(scope["headers"]),
            route=ROUTE,
            budget=_budget(principal, state, direct=candidate.direct),
            key_id=principal.api_key_id,
        )
        candidate.accept(scope, cached, Terms(_valid_until(principal), tuple(_tags_of_rights(principal))))


def _varies_per_request(scope: Scope) -> bool:
    """Headers whose response differs each time, or stays open."""
    return accepts_stream(header(scope, b"accept")) or any(
        name in (b"cookie", b"x-request-id") for name, _ in scope["headers"]
    )


def _budget(principal: Principal, state: dict[str, Any], *, direct: bool) -> tuple[str, Policy] | None:
    """None: the limit of the connection's address, which may be another one next time."""
    return None if direct and principal.anonymous else payer(state)


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
