"""Signing in and out with e-mail and password."""

from contextlib import suppress
from hashlib import sha256
from typing import Any, Protocol

from app.auth.passwords import Passwords
from app.auth.sessions import Sessions
from app.db import accounts
from app.db.accounts import Credentials
from app.db.pool import Pool
from app.db.unit_of_work import write
from app.domain.account import Principal, User
from app.errors import TooMany, Unauthenticated, Unavailable


class Verdict(Protocol):
    @property
    def allowed(self) -> bool: ...
    @property
    def retry_after(self) -> float: ...


class Limiter(Protocol):
    """What limits requests also limits attempts to sign in, under a policy of its own."""

    @property
    def sign_in(self) -> Any: ...
    async def take(self, key: str, weight: int, policy: Any, /) -> Verdict: ...


class SignIn:
    def __init__(self, pool: Pool, passwords: Passwords, sessions: Sessions, limiter: Limiter) -> None:
        self._pool = pool
        self._passwords = passwords
        self._sessions = sessions
        self._limiter = limiter

    async def sign_in(
        self, email: str, password: str, address: str, *, former: Principal | None = None
    ) -> tuple[User, str]:
        """The user, and the token of a fresh session; the session of `former` ends.

        Somebody unknown and a wrong password are refused in the same words after the same work.
        """
        email = email.strip().lower()
        await self._count_attempt(email, address)
        known = await self._known(email)
        right = await self._passwords.matches(known.password_hash if known else None, password)
        if known is None or not right:
            raise Unauthenticated("The e-mail address or the password is wrong.")
        await self._raise_parameters(known, password)
        token = await self._sessions.start(known.user.id)
        if former is not None:
            await self.sign_out(former)
        return known.user, token

    async def sign_out(self, principal: Principal) -> None:
        if principal.session_id is not None and principal.user_id is not None:
            await self._sessions.end(principal.session_id, principal.user_id)

    async def _count_attempt(self, email: str, address: str) -> None:
        # The account hashed: nobody needs to read in Redis who tried to sign in.
        for key in (f"sign-in:address:{address}", f"sign-in:account:{_digest(email)}"):
            verdict = await self._limiter.take(key, 1, self._limiter.sign_in)
            if not verdict.allowed:
                raise TooMany("Too many attempts to sign in; please wait.", retry_after=verdict.retry_after)

    async def _known(self, email: str) -> Credentials | None:
        # What PostgreSQL cannot even store belongs to nobody; the statement runs all the same.
        asked = [email] if email.isprintable() else []
        return (await accounts.fetch_credentials(self._pool, asked)).get(email)

    async def _raise_parameters(self, known: Credentials, password: str) -> None:
        """Only now is the password at hand to be hashed as today's parameters ask."""
        if self._passwords.outdated(known.password_hash):
            stronger = await self._passwords.rehash(password)
            user = known.user
            with suppress(Unavailable):  # the next sign-in may do it
                await write(
                    self._pool,
                    Principal(user.role, user.email, user.id),
                    lambda work: accounts.replace_password_hash(work, user.id, known.password_hash, stronger),
                )


def _digest(email: str) -> str:
    return sha256(email.encode(errors="surrogatepass")).hexdigest()
