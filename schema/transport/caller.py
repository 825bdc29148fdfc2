"""Who is at the other end, asked again and again: a connection outlives keys and sessions."""

from contextlib import suppress

from starlette.types import Scope

from app.auth.roles import require_reader
from app.domain.account import ANONYMOUS, Principal
from app.errors import TooMany, Unavailable
from app.http.middleware.rate_limit import refusal
from app.http.middleware.session import recognise
from app.resources import Resources


class Caller:
    """`authorization`: what a socket's first message brings instead of a header.

    What holds: an operation runs only for a principal that was found good at its beginning. A
    revoked key is told nothing of what changes after its revocation has arrived here. A session that
    has ended is noticed by `check`, which a connection asks for every so often.
    """

    def __init__(self, scope: Scope, authorization: str | None = None) -> None:
        self._resources: Resources = scope["state"]["resources"]
        self._principal: Principal = scope["state"].get("principal", ANONYMOUS)
        self._scope = scope
        if authorization is not None:
            headers = [header for header in scope["headers"] if header[0] != b"authorization"]
            headers.append((b"authorization", authorization.encode("latin-1", "replace")))
            self._scope = {**scope, "headers": headers}

    @property
    def anonymous(self) -> bool:
        return self._principal.anonymous

    async def check(self) -> None:
        """Refuses who is no longer whom it was with Unauthenticated, and with Unavailable while nobody can tell."""
        self._principal = await recognise(self._scope, self._resources.cookie)
        self.require_reader()

    async def check_again(self) -> None:
        """The same, but while nobody can tell, what is open stays open."""
        with suppress(Unavailable, TooMany):
            await self.check()

    async def check_key(self) -> None:
        """The same for API keys only, which are remembered here: it costs microseconds."""
        if self._principal.api_key_id is not None:
            await self.check_again()

    def require_reader(self) -> None:
        require_reader(self._principal, anonymous_reading=self._resources.settings.anonymous_reading)

    async def operation_scope(self) -> Scope:
        """One operation of a socket, weighed and seen as a request of its own."""
        await self.check()
        state, limiter = self._scope["state"], self._resources.limiter
        key, policy = limiter.subject(self._principal, state["address"])
        verdict = await limiter.take(key, 1, policy)
        if not verdict.allowed:
            raise refusal(verdict)
        return {
            **self._scope,
            "method": "POST",
            # No page of a foreign origin has a socket here, so all that comes over one is meant.
            "headers": [*self._scope["headers"], (b"content-type", b"application/json")],
            "state": {**state, "principal": self._principal, "verdict": verdict},
        }
