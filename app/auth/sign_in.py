"""Signing in and out with e-mail and password."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from app.auth.devices import Device
from app.auth.fair_queue import Origin
from app.auth.lookups import Lookups
from app.auth.passwords import Passwords
from app.auth.sessions import Sessions, identify
from app.db import accounts
from app.db.accounts import Credentials
from app.db.pool import Pool
from app.db.unit_of_work import write
from app.domain.account import Principal, User
from app.errors import AppError, BadInput, Code, Overloaded, TooMany, Unauthenticated, Unavailable
from app.limits.rate_limiter.limiter import RateLimiter
from app.limits.rate_limiter.policy import Policy

MAX_EMAIL_LENGTH = 320


class _Attempt(NamedTuple):
    """The budgets that it draws on, and its place in the queue."""

    budgets: Sequence[tuple[str, Policy]]
    origin: Origin


class PasswordChange(NamedTuple):
    """Hashes of the password until now and of the new one."""

    user_id: UUID
    before: str
    after: str


class SignIn:
    """Attempts are limited, and right passwords draw on no limit in the end.

    Who proves an earlier sign-in to the account, by its device or an open session, has a budget that
    attempts from elsewhere cannot use up. All others share one per address; that of the account, which
    they share as well, takes many addresses to exhaust.
    """

    def __init__(self, pool: Pool, passwords: Passwords, sessions: Sessions, limiter: RateLimiter) -> None:
        self._pool = pool
        self._passwords = passwords
        self._sessions = sessions
        self._limiter = limiter
        self._credentials: Lookups[str, Credentials] = Lookups(self._fetch)

    async def sign_in(
        self,
        email: str,
        password: str,
        address: str,
        *,
        former: Principal | None = None,
        device: Device | None = None,
    ) -> tuple[User, str]:
        """The user, and the token of a fresh session; the session of `former` ends.

        An unknown address and a wrong password are refused in the same words after the same work.
        """
        email = email.strip().lower()
        proven = device is not None or (former is not None and former.user_id is not None)
        if not proven:
            attempt = await self._admit(self._from_elsewhere(email, address))
        known = await self._credentials.get(email)
        if proven:
            attempt = await self._admit(
                self._from_known_place(known, former, device) or self._from_elsewhere(email, address)
            )
        stored = known.password_hash if known else None
        right = await self._passwords.matches(stored, password, attempt.origin)
        if known is None or not right:
            raise Unauthenticated("The e-mail address or the password is wrong.")
        for key, policy in attempt.budgets:
            self._limiter.give_back(key, policy)
        current = await self._raise_parameters(known, password, attempt.origin)
        token = await self._sessions.start(known.user.id)
        await self._confirm(email, known, current, token)
        if former is not None:
            await self.sign_out(former)
        return known.user, token

    async def password_change(self, principal: Principal, current: str, new: str) -> PasswordChange:
        """For the user who is signed in. Attempts draw on the budget of the session; a right password on none."""
        if principal.user_id is None or principal.name is None:
            raise AppError("An API key has no password; please sign in.", Code.FORBIDDEN)
        known = await self._credentials.get(principal.name.lower())
        if known is None or known.user.id != principal.user_id:
            raise Unauthenticated("This account has changed; please sign in again.")
        place = self._from_known_place(known, principal, None)
        assert place is not None, "the session is one of this account"
        attempt = await self._admit(place)
        if not await self._passwords.matches(known.password_hash, current, attempt.origin):
            raise BadInput("The current password is wrong.", field=["current"])
        for key, policy in attempt.budgets:
            self._limiter.give_back(key, policy)
        return PasswordChange(
            known.user.id, known.password_hash, await self._passwords.hash(new, known.user.email)
        )

    async def sign_out(self, principal: Principal) -> None:
        if principal.session_id is not None and principal.user_id is not None:
            await self._sessions.end(principal.session_id, principal.user_id)

    def _from_known_place(
        self, known: Credentials | None, former: Principal | None, device: Device | None
    ) -> _Attempt | None:
        """None where what was proven is an earlier sign-in to another account."""
        if known is not None and device is not None and device.user_id == known.user.id:
            name = f"device:{device.name}"
        elif known is not None and former is not None and former.user_id == known.user.id:
            name = f"session:{former.session_id}"
        else:
            return None
        return _Attempt([(f"sign-in:{name}", self._limiter.sign_in)], Origin(name, proven=True))

    def _from_elsewhere(self, email: str, address: str) -> _Attempt:
        # The account is hashed: keys in Redis contain no addresses of users.
        budgets = [
            (f"sign-in:address:{address}", self._limiter.sign_in),
            (f"sign-in:account:{_digest(email)}", self._limiter.sign_in_account),
        ]
        return _Attempt(budgets, Origin(address))

    async def _admit(self, attempt: _Attempt) -> _Attempt:
        for key, policy in attempt.budgets:
            verdict = await self._limiter.take(key, 1, policy)
            if not verdict.allowed:
                raise TooMany("Too many attempts to sign in; please wait.", retry_after=verdict.retry_after)
        return attempt

    async def _fetch(self, emails: Sequence[str]) -> dict[str, Credentials]:
        # What PostgreSQL cannot even store is no account; the statement runs all the same.
        valid = [email for email in emails if len(email) <= MAX_EMAIL_LENGTH and email.isprintable()]
        return await accounts.fetch_credentials(self._pool, valid)

    async def _raise_parameters(self, known: Credentials, password: str, origin: Origin) -> Collection[str]:
        """Only here is the password known, so that it can be hashed as today's parameters ask. The hashes that may be stored now."""
        if not self._passwords.outdated(known.password_hash):
            return (known.password_hash,)
        user, stronger = known.user, known.password_hash
        with suppress(Unavailable, Overloaded):  # the next sign-in may do it
            stronger = await self._passwords.rehash(password, origin)
            await write(
                self._pool,
                Principal(user.role, user.email, user.id),
                lambda work: accounts.replace_password_hash(work, user.id, known.password_hash, stronger),
            )
        return (known.password_hash, stronger)

    async def _confirm(self, email: str, known: Credentials, current: Collection[str], token: str) -> None:
        """A password that was changed while this one was checked has ended all sessions but the one just begun."""
        latest = await self._credentials.get(email)
        if latest is None or latest.password_hash not in current:
            await self._sessions.end(identify(token), known.user.id)
            raise Unauthenticated("The e-mail address or the password is wrong.")


def _digest(email: str) -> str:
    return sha256(email.encode(errors="surrogatepass")).hexdigest()
