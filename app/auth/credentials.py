"""The rights of one caller for as long as something is open: looked at again, not copied."""

from time import monotonic

from app.auth.authenticator import Authenticator
from app.domain.account import Principal
from app.errors import Unavailable


class Credentials:
    """`timeout`: for how many seconds the last known rights hold while they cannot be checked."""

    def __init__(self, authenticator: Authenticator, principal: Principal, *, timeout: float) -> None:
        self.principal = principal
        self._authenticator = authenticator
        self._timeout = timeout
        self._confirmed = monotonic()

    async def confirm(self) -> Principal:
        """Refuses with Unauthenticated once they have ended, and with Unavailable where that cannot be checked."""
        self.principal = await self._authenticator.renewed(self.principal, visit=True)
        self._confirmed = monotonic()
        return self.principal

    async def renew(self, *, visit: bool = False) -> Principal:
        """The same, but an outage is refused only after the time-out."""
        if self.principal.anonymous:
            return self.principal
        try:
            self.principal = await self._authenticator.renewed(self.principal, visit=visit)
            self._confirmed = monotonic()
        except Unavailable:
            if monotonic() - self._confirmed > self._timeout:
                raise
        return self.principal
