"""What is known of one request besides its ASGI scope, in `scope["state"]["request"]`."""

from collections.abc import Callable, Mapping, MutableMapping
from copy import copy
from typing import Any, Protocol, TypeAlias

from starlette.responses import Response
from starlette.types import Message, Scope

from app.auth.authenticator import Authenticator
from app.auth.devices import Devices
from app.cache.read_set import ReadSet
from app.db.pool import Pool
from app.domain.account import ANONYMOUS, Principal
from app.errors import AppError
from app.http.buffered_response import Headers
from app.http.cached_request_head import HeadCandidate
from app.http.cached_response import EdgeDescription
from app.http.client_address import LOCAL
from app.http.content_coding import CodingChoice, choose_coding
from app.http.headers import joined
from app.http.readiness import Readiness
from app.limits.rate_limiter.limiter import RateLimiter
from app.limits.rate_limiter.policy import Policy, Verdict
from app.limits.refusal_pacer import RefusalPacer
from app.settings import Settings

Hook: TypeAlias = Callable[[Message], None]
# An error as a page, with these headers.
ErrorPage: TypeAlias = Callable[[Scope, AppError, Mapping[str, str]], Response]


class EdgePolicy(Protocol):
    """The headers for caches at the edge: app/http/edge_headers.py."""

    @property
    def on(self) -> bool: ...

    def describe(self, read_set: ReadSet) -> EdgeDescription | None: ...
    def headers_for(self, scope: Scope, description: EdgeDescription | None) -> Headers: ...
    def headers_of(self, scope: Scope, read_set: ReadSet) -> Headers: ...
    def is_shared(self, scope: Scope) -> bool: ...


class HttpResources(Protocol):
    """What HTTP and the middleware use of the server's resources; app/resources.py has all of them."""

    @property
    def settings(self) -> Settings: ...
    @property
    def pool(self) -> Pool: ...
    @property
    def limiter(self) -> RateLimiter: ...
    @property
    def authenticator(self) -> Authenticator: ...
    @property
    def devices(self) -> Devices: ...
    @property
    def readiness(self) -> Readiness: ...
    @property
    def error_page(self) -> ErrorPage: ...
    @property
    def refusals(self) -> RefusalPacer: ...
    @property
    def edge(self) -> "EdgePolicy": ...


class RequestState:
    """Filled by the middleware in its order (app/middleware/stack.py).

    `device_budget`: the key of the budget that a known device draws on instead of its address's. `verdict`: the rate limiter's latest one;
    the response's headers show it. `head_candidate`: the request's head may be cached for the fast path.
    `headers`: the first of each name, once one was looked up; likewise `coding`, the content coding that is accepted. `hooks`: run when
    the response starts. `confidential`: the response is for this caller alone (app/http/compression_rule.py).
    """

    __slots__ = (
        "address",
        "coding",
        "confidential",
        "device_budget",
        "head_candidate",
        "headers",
        "hooks",
        "principal",
        "request_id",
        "resources",
        "verdict",
    )

    def __init__(
        self,
        resources: HttpResources,
        *,
        address: str = LOCAL,
        principal: Principal = ANONYMOUS,
        headers: dict[bytes, bytes] | None = None,
        request_id: str = "",
        verdict: Verdict | None = None,
    ) -> None:
        self.resources = resources
        self.address = address
        self.principal = principal
        self.headers = headers
        self.request_id = request_id
        self.verdict = verdict
        self.device_budget: str | None = None
        self.head_candidate: HeadCandidate | None = None
        self.hooks: list[Hook] = []
        self.coding: CodingChoice | None = None
        self.confidential = False

    @property
    def budget(self) -> tuple[str, Policy]:
        """Whose budget the request draws on, and under which policy."""
        return self.resources.limiter.subject(self.principal, self.device_budget or self.address)


def begin_request(state: MutableMapping[str, Any]) -> RequestState:
    """The state of a new request, or the one that the server has begun. `state`: that of the ASGI scope."""
    found: RequestState | None = state.get("request")
    if found is None:
        found = state["request"] = RequestState(state["resources"])
    return found


def request_state(scope: Scope) -> RequestState:
    state: RequestState = scope["state"]["request"]
    return state


def with_principal(scope: Scope, principal: Principal) -> Scope:
    """The same request with the rights that its caller has now. Later verdicts do not reach the first response."""
    now = copy(request_state(scope))
    now.principal = principal
    return with_state(scope, now)


def with_state(scope: Scope, state: RequestState) -> Scope:
    """The same request with another state, for one of several executions."""
    return {**scope, "state": {**scope["state"], "request": state}}


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first of this name."""
    return _first_of_each(scope).get(name)


def joined_header(scope: Scope, name: bytes) -> bytes:
    """All of this name as one list, b"" if there is none: a second line may differ from the first."""
    named = _first_of_each(scope)
    found = named.get(name)
    if found is None or len(named) == len(scope["headers"]):
        return found or b""
    return joined(scope["headers"], name) or b""


def accepted_coding(scope: Scope) -> CodingChoice:
    """The content coding that the client prefers of those that there are."""
    state = request_state(scope)
    if state.coding is None:
        state.coding = choose_coding(joined_header(scope, b"accept-encoding"))
    return state.coding


def _first_of_each(scope: Scope) -> dict[bytes, bytes]:
    """A table of all headers, made by the first look-up."""
    state = request_state(scope)
    if state.headers is None:
        state.headers = dict(reversed(scope["headers"]))
    return state.headers
