"""What this process remembers of users and keys, for as long as nothing has changed about them."""

from time import monotonic
from uuid import UUID

from app.cache.memory import Memory
from app.db import accounts
from app.db.accounts import IssuedKey
from app.db.pool import Pool
from app.domain import tags
from app.domain.account import User
from app.settings import Settings

# More than any of them takes.
_SIZE = 1024


class Known:
    """Reads PostgreSQL, never Redis: an outage of Redis ends no key, and nothing there can forge one.

    A demotion, a deletion and a revocation arrive as events and evict at once; while events cannot
    arrive the memory is off, and PostgreSQL is asked each time. Strangers are not remembered.
    """

    def __init__(self, pool: Pool, memory: Memory, settings: Settings) -> None:
        self._pool = pool
        self._memory = memory
        self._lifetime = settings.memory_lifetime

    async def user(self, user_id: UUID) -> User | None:
        key = f"known:user:{user_id}"
        if (entry := self._memory.get(key)) is not None:
            remembered: User = entry.value
            return remembered
        since = self._memory.now()
        user = (await accounts.fetch_by_id(self._pool, [user_id])).get(user_id)
        if user is not None:
            self._keep(key, user, (tags.user(user_id),), since)
        return user

    async def issued_key(self, secret_hash: bytes) -> IssuedKey | None:
        key = f"known:key:{secret_hash.hex()}"
        if (entry := self._memory.get(key)) is not None:
            remembered: IssuedKey = entry.value
            return remembered
        since = self._memory.now()
        issued = (await accounts.fetch_issued_keys(self._pool, [secret_hash])).get(secret_hash)
        if issued is not None:
            self._keep(key, issued, (tags.api_key(issued.key.id), tags.user(issued.key.created_by)), since)
        return issued

    def _keep(self, key: str, value: object, changes_with: tuple[str, ...], since: int) -> None:
        until = monotonic() + self._lifetime
        self._memory.keep(key, value, size=_SIZE, tags=changes_with, until=until, since=since)
