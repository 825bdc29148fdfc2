"""Proof of an earlier sign-in: a signed value that grants no access, but has rate limits of its own.

It is what OWASP calls a device cookie: a client that tries passwords for an account from elsewhere uses up
other budgets than those of a browser from which its owner has signed in before.
"""

import hmac
import re
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from app.cache.failures import FAILURES, UnexpectedReply, only_failures
from app.settings import Settings

# Shared by all instances. It has no lifetime: one that is lost only makes the proofs of before void.
KEY = "dno:device-key"
KEY_FRESH_FOR = 60.0
# While Redis is unavailable, not every request tries to read the key.
PAUSE = 1.0
_KEY_BYTES = 32

# The key; stored first where there is none, or what another program has written. In one step: otherwise an instance that looked
# a moment ago would replace the key that another one has stored meanwhile, and uses for a minute.
_SHARED_KEY = """
local found = redis.pcall('GET', KEYS[1])
-- At the beginning only: what follows may name a user.
if type(found) == 'table' and string.sub(found.err, 1, 9) ~= 'WRONGTYPE' then
  return found
end
if type(found) ~= 'string' or #found ~= #ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1])
  return ARGV[1]
end
return found
"""

_TOKEN = re.compile(r"([0-9a-f]{32})\.([0-9]{1,12})\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{43})")

log = structlog.get_logger("devices")


class Device(NamedTuple):
    """A browser from which the user has signed in."""

    user_id: UUID
    name: str


class Devices:
    def __init__(self, client: Callable[[], Any], settings: Settings) -> None:
        self._client = client
        self._lifetime = settings.device_lifetime
        self._key: bytes | None = None
        self._ask_at = 0.0

    async def recognise(self, token: str | None) -> Device | None:
        """None for what was not signed here, is too old, or cannot be checked at the moment."""
        parts = _TOKEN.fullmatch(token) if token else None
        if parts is None:
            return None
        user, issued, name, signature = parts.groups()
        if not -KEY_FRESH_FOR < time.time() - int(issued) < self._lifetime:
            return None
        key = await self._signing_key()
        if key is None or not hmac.compare_digest(signature, _sign(key, f"{user}.{issued}.{name}")):
            return None
        return Device(UUID(hex=user), name)

    async def issue(self, user_id: UUID, former: Device | None = None) -> str | None:
        """For a browser from which the user has just signed in; None while it cannot be signed.

        `former` keeps its name: one browser does not get further budgets by signing in again.
        """
        key = await self._signing_key()
        if key is None or not self._lifetime:
            return None
        name = former.name if former is not None and former.user_id == user_id else secrets.token_urlsafe(12)
        signed = f"{user_id.hex}.{int(time.time())}.{name}"
        return f"{signed}.{_sign(key, signed)}"

    async def _signing_key(self) -> bytes | None:
        """From time to time it is put back, in case that Redis has lost it."""
        if monotonic() >= self._ask_at:
            self._ask_at = monotonic() + PAUSE
            try:
                self._key = await self._shared_key(self._key or secrets.token_bytes(_KEY_BYTES))
                self._ask_at = monotonic() + KEY_FRESH_FOR
            except FAILURES as error:
                log.info("the key of devices cannot be read", error=type(error).__name__)
        return self._key

    async def _shared_key(self, proposed: bytes) -> bytes:
        """Once `proposed` is stored, unless there is a key."""
        with only_failures():
            found = await self._client().eval(_SHARED_KEY, 1, KEY, proposed)
        if isinstance(found, bytes):
            return found
        raise UnexpectedReply("The reply to EVAL is no key.")


def _sign(key: bytes, text: str) -> str:
    return urlsafe_b64encode(hmac.digest(key, text.encode(), sha256)).decode().rstrip("=")
