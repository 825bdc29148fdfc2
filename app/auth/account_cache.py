"""Users and API keys in the memory of the process, until they change."""

from uuid import UUID

from app.auth.lookups import Lookups
from app.bounded_mapping import BoundedMapping
from app.cache.clock import monotonic
from app.cache.memory import Memory
from app.db import accounts
from app.db.accounts import IssuedKey
from app.db.pool import Pool
from app.domain import tags
from app.domain.account import User
from app.settings import Settings

# More than any of them takes.
_SIZE = 1024

# Digests of secrets that are no key, for a client that repeats one: a bounded number, and briefly.
MAX_ABSENT, ABSENT_LIFETIME = 10_000, 10.0


class AccountCache:
    """Reads PostgreSQL, never Redis: an outage of Redis ends no key, and nothing there can forge one.

    A demotion, a deletion and a revocation arrive as events and evict at once; while events cannot
    arrive the memory is off, and PostgreSQL is queried each time: one statement at a time for all concurrent
    requests, so that a flood of invalid keys costs few statements. Absent keys are cached until
    anything changes.
    """

    def __init__(self, pool: Pool, memory: Memory, settings: Settings) -> None:
        self._memory = memory
        self._lifetime = settings.memory_cache_lifetime
        self._users: Lookups[UUID, User] = Lookups(lambda ids: accounts.fetch_by_id(pool, ids))
        self._keys: Lookups[bytes, IssuedKey] = Lookups(
            lambda hashes: accounts.fetch_issued_keys(pool, hashes)
        )
        self._absent: BoundedMapping[bytes, tuple[int, float]] = BoundedMapping(MAX_ABSENT)

    async def user(self, user_id: UUID) -> User | None:
        key = f"account:user:{user_id}"
        if (entry := self._memory.get(key)) is not None:
            remembered: User = entry.value
            return remembered
        since = self._memory.now()
        user = await self._users.get(user_id)
        if user is not None:
            self._keep(key, user, (tags.user(user_id),), since)
        return user

    async def issued_key(self, secret_hash: bytes) -> IssuedKey | None:
        key = f"account:key:{secret_hash.hex()}"
        if (entry := self._memory.get(key)) is not None:
            remembered: IssuedKey = entry.value
            return remembered
        since = self._memory.now()
        if self._is_absent(secret_hash, since):
            return None
        issued = await self._keys.get(secret_hash)
        if issued is not None:
            self._keep(key, issued, (tags.api_key(issued.key.id), tags.user(issued.key.created_by)), since)
        else:
            self._keep_absent(secret_hash, since)
        return issued

    def _is_absent(self, secret_hash: bytes, now: int) -> bool:
        since, until = self._absent.get(secret_hash, (-1, 0.0))
        return self._memory.received_all_since(since) and since == now and monotonic() < until

    def _keep_absent(self, secret_hash: bytes, since: int) -> None:
        self._absent[secret_hash] = (since, monotonic() + ABSENT_LIFETIME)

    def _keep(self, key: str, value: object, changes_with: tuple[str, ...], since: int) -> None:
        until = monotonic() + self._lifetime
        self._memory.keep(key, value, size=_SIZE, tags=changes_with, until=until, since=since)
