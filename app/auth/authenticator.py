"""The principal of a request: a user with a session, an API key, or anonymous."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from app.auth import api_keys, roles, sessions
from app.auth.account_cache import AccountCache
from app.auth.api_key_usage import ApiKeyUsage
from app.auth.sessions import Sessions
from app.domain.account import ANONYMOUS, Principal
from app.errors import Unauthenticated

_BEARER = re.compile(r"bearer +([A-Za-z0-9_-]{1,128})", re.IGNORECASE)


def is_without_credentials(authorization: str) -> bool:
    """Whether the value of the header Authorization is empty, or a scheme alone: programs send it that have no token yet."""
    return authorization.strip().lower() in ("", "bearer")


def has_credentials(headers: Mapping[str, str]) -> bool:
    """Whether the header Authorization counts. Else the cookie does: gateways add the header without credentials to requests of browsers."""
    return not is_without_credentials(headers.get("authorization", ""))


class Authenticator:
    def __init__(self, accounts: AccountCache, sessions: Sessions, usage: ApiKeyUsage) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._usage = usage

    async def principal(self, authorization: str | None, cookie: str | None) -> Principal:
        """`cookie` is the session cookie's value, if it counts. The header wins.

        Refuses with Unauthenticated in the same words whatever is wrong with a key or a session,
        and with Unavailable while it cannot be checked.
        """
        if authorization is not None:
            bearer = _BEARER.fullmatch(authorization.strip())
            token = bearer[1] if bearer else ""
            if api_keys.is_secret(token):
                return await self._api_key_principal(api_keys.digest(token))
            return await self._session_principal(token)
        if cookie is not None:
            return await self._session_principal(cookie)
        return ANONYMOUS

    async def renewed(self, principal: Principal, *, visit: bool = False) -> Principal:
        """The same caller with the rights of this moment, for whatever takes longer than one request.

        Refuses as `principal` does, once the key or the session has ended. Anonymous callers, and what
        the server does on its own, have no credentials that could end. For a key it costs microseconds,
        for a session a round trip that all sessions of the moment share; `visit` lets it live on.
        """
        if principal.key_hash is not None:
            return await self._api_key_principal(principal.key_hash)
        if principal.session_id is not None:
            look = self._sessions.get if visit else self._sessions.peek
            return await self._user_principal(await look(principal.session_id), principal.session_id)
        return principal

    async def _api_key_principal(self, key_hash: bytes) -> Principal:
        issued = await self._accounts.issued_key(key_hash)
        if issued is None or _expired(issued.key.expires_at):
            raise _invalid_credentials()
        self._usage.note(issued.key.id)
        return Principal(
            role=roles.lower(issued.key.role, issued.creator_role),
            name=f"{issued.key.name} (API key)",
            api_key_id=issued.key.id,
            expires_at=issued.key.expires_at,
            created_by=issued.key.created_by,
            key_hash=key_hash,
        )

    async def _session_principal(self, token: str) -> Principal:
        if not sessions.is_token(token):
            raise _invalid_credentials()
        session_id = sessions.identify(token)
        return await self._user_principal(await self._sessions.get(session_id), session_id)

    async def _user_principal(self, user_id: UUID | None, session_id: str) -> Principal:
        user = None if user_id is None else await self._accounts.user(user_id)
        if user is None:
            raise _invalid_credentials()
        return Principal(role=user.role, name=user.email, user_id=user.id, session_id=session_id)


def _expired(moment: datetime | None) -> bool:
    return moment is not None and moment <= datetime.now(UTC)


def _invalid_credentials() -> Unauthenticated:
    return Unauthenticated("This session or API key is not valid, or no longer: please sign in again.")
