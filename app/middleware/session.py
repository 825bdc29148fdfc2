"""Authenticates each request: its principal, and whose budget it draws on."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth.authenticator import has_credentials
from app.auth.cookies import SessionCookie
from app.domain.account import ANONYMOUS, Principal
from app.errors import Unauthenticated
from app.http.headers import has_any
from app.http.rate_limit import rate_limit_error
from app.http.request_state import RequestState, request_state
from app.middleware.rate_limit import is_free
from app.settings import Settings


class Session:
    """Sets the state's `principal`, and `device_budget` where a known device draws on a budget of its own.

    Credentials are checked whatever the limits say: valid ones draw on a budget of their own, so that
    nothing else from the same address uses it up. An invalid key is rejected, never treated as anonymous,
    and each failed attempt draws on the budget of its address. A cookie whose session has ended is ignored: browsers send it automatically, and
    a client that signs in again must not be rejected.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._cookie = SessionCookie(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_free(scope["path"]):
            request_state(scope).principal = await authenticate(scope, self._cookie)
        await self.app(scope, receive, send)


async def authenticate(scope: Scope, session_cookie: SessionCookie) -> Principal:
    if not has_any(scope["headers"], (b"authorization", b"cookie")):
        return ANONYMOUS
    headers = Headers(scope=scope)
    authorization = headers.get("authorization") if has_credentials(headers) else None
    cookie = session_cookie.read(headers)
    state = request_state(scope)
    if authorization is None and (proof := session_cookie.read_device(headers)) is not None:
        await _recognise_device(state, proof)
    if authorization is None and cookie is None:
        return ANONYMOUS
    try:
        principal = await state.resources.authenticator.principal(authorization, cookie)
    except Unauthenticated:
        verdict = await state.resources.limiter.take(state.device_budget or state.address)
        if not verdict.allowed:
            raise rate_limit_error(verdict) from None
        if authorization is not None:
            raise
        return ANONYMOUS
    return principal


async def _recognise_device(state: RequestState, proof: str) -> None:
    """Who has signed in before from this browser can do so again, whatever else comes from the same address."""
    device = await state.resources.devices.recognise(proof)
    if device is not None:
        # By user, not by device: signing in again and again gives no further budget.
        state.device_budget = f"device:{device.user_id}"
