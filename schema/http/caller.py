"""The caller at the other end of what stays open: a connection outlives keys, sessions and roles."""

from starlette.types import Scope

from app.auth.credentials import Credentials
from app.auth.roles import require_reader
from app.domain.account import Principal
from app.http.content_negotiation import JSON
from app.http.rate_limit import refusal
from app.http.request_state import request_state, with_principal
from app.middleware.session import recognise
from app.resources import resources_of


class Caller:
    """`authorization`: what a socket's first message brings instead of a header.

    An operation runs only for a principal whose credentials were found valid at its beginning, and
    whatever is sent later has the rights of the moment in which it is sent.
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
        """Refuses invalid credentials with Unauthenticated, and with Unavailable where that cannot be told."""
        if self._authorization is None:
            await self.check()
            return
        self._credentials = self._of(await recognise(self._scope, self._resources.cookie))
        self.require_reader()

    async def check(self) -> None:
        """Refuses as `begin` does: for credentials that have ended since."""
        await self._credentials.confirm()
        self.require_reader()

    async def renewed(self, *, visit: bool = False) -> Principal:
        """The rights of this moment, for what is sent now. Refuses like `check`, but outlasts a short outage."""
        principal = await self._credentials.renew(visit=visit)
        self.require_reader()
        return principal

    def require_reader(self) -> None:
        settings = self._resources.settings
        require_reader(self._credentials.principal, anonymous_reading=settings.anonymous_reading)

    async def operation_scope(self) -> Scope:
        """One operation of a socket, which is limited, authorized and measured like a request."""
        await self.check()
        scope = with_principal(self._scope, self._credentials.principal)
        state = request_state(scope)
        key, policy = state.budget
        verdict = state.verdict = await self._resources.limiter.take(key, 1, policy)
        if not verdict.allowed:
            raise refusal(verdict)
        # No page of a foreign origin has a socket here, so all that comes over one is meant.
        headers = [*scope["headers"], (b"content-type", JSON.encode())]
        state.headers = None
        return {**scope, "method": "POST", "headers": headers}

    def _of(self, principal: Principal) -> Credentials:
        timeout = self._resources.settings.credential_check_timeout
        return Credentials(self._resources.authenticator, principal, timeout=timeout)
