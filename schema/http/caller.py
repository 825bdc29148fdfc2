"""The principal of an open connection, checked again while it is open: a connection outlives keys, sessions and roles."""

from starlette.types import Scope

from app.auth.credentials import Credentials
from app.auth.roles import require_reader
from app.domain.account import Principal
from app.http.content_negotiation import JSON
from app.http.rate_limit import rate_limit_error
from app.http.request_state import request_state, with_principal
from app.middleware.session import authenticate
from app.resources import resources_of


class Caller:
    """`authorization`: from the payload of connection_init, in place of the header.

    Credentials are checked when an operation begins. Each later result is written with the rights of that moment.
    """

    def __init__(self, scope: Scope, authorization: str | None = None) -> None:
        self._resources = resources_of(scope)
        self._credentials = self._of(request_state(scope).principal)
        self._authorization = authorization
        self._scope = scope
        if authorization is not None:
            headers = [header for header in scope["headers"] if header[0] != b"authorization"]
            headers.append((b"authorization", authorization.encode("latin-1", "replace")))
            self._scope = {**scope, "headers": headers}

    @property
    def anonymous(self) -> bool:
        return self._credentials.principal.anonymous

    async def begin(self) -> None:
        """Raises Unauthenticated for invalid credentials, Unavailable if they cannot be checked."""
        if self._authorization is None:
            await self.check()
            return
        self._credentials = self._of(await authenticate(self._scope, self._resources.cookie))
        self.require_reader()

    async def check(self) -> None:
        """Raises like `begin`, for credentials that have been revoked or have expired since."""
        await self._credentials.confirm()
        self.require_reader()

    async def renewed(self, *, visit: bool = False) -> Principal:
        """The principal with its current rights. Raises like `check`, but tolerates a short outage."""
        principal = await self._credentials.renew(visit=visit)
        self.require_reader()
        return principal

    def require_reader(self) -> None:
        settings = self._resources.settings
        require_reader(self._credentials.principal, anonymous_reading=settings.anonymous_reading)

    async def operation_scope(self) -> Scope:
        """The scope of one operation of a socket: it is authorized, rate-limited and measured like a request."""
        await self.check()
        scope = with_principal(self._scope, self._credentials.principal)
        state = request_state(scope)
        key, policy = state.budget
        verdict = state.verdict = await self._resources.limiter.take(key, 1, policy)
        if not verdict.allowed:
            raise rate_limit_error(verdict)
        # The handshake checked the origin, so no further CSRF check is needed: the content type passes it.
        headers = [*scope["headers"], (b"content-type", JSON.encode())]
        state.headers = None
        return {**scope, "method": "POST", "headers": headers}

    def _of(self, principal: Principal) -> Credentials:
        timeout = self._resources.settings.credential_check_timeout
        return Credentials(self._resources.authenticator, principal, timeout=timeout)
