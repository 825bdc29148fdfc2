"""The services that sign users in and authenticate callers, on real servers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from app.auth.account_cache import AccountCache
from app.auth.api_key_usage import ApiKeyUsage
from app.auth.authenticator import Authenticator
from app.auth.devices import Devices
from app.auth.passwords import Passwords
from app.auth.sessions import Sessions
from app.auth.sign_in import SignIn
from app.cache.memory import Memory
from app.cache.redis import open_redis
from app.db import accounts
from app.db.pool import Pool
from app.db.unit_of_work import UnitOfWork, unit_of_work
from app.domain import tags
from app.domain.account import ANONYMOUS, Principal, Role, User
from app.limits.rate_limiter.limiter import RateLimiter
from app.settings import Settings

T = TypeVar("T")

PASSWORD = "correct horse battery"
# Cheap password hashes, and time-outs that hold on a busy machine.
CHEAP = {
    "password_passes": 1,
    "password_memory_kib": 64,
    "password_lanes": 1,
    "redis_timeout": 2.0,
    "redis_connect_timeout": 2.0,
}


@dataclass
class AuthServices:
    pool: Pool
    memory: Memory
    passwords: Passwords
    sessions: Sessions
    uses: ApiKeyUsage
    authenticator: Authenticator
    sign_in_service: SignIn
    devices: Devices

    async def add_user(self, email: str = "ada@example.org", role: Role = Role.EDITOR) -> User:
        password_hash = await self.passwords.hash(PASSWORD)
        return await self.write(lambda work: accounts.add_user(work, email, role, password_hash))

    async def sign_in(self, user: User, password: str = PASSWORD) -> str:
        _, token = await self.sign_in_service.sign_in(user.email, password, "192.0.2.1")
        return token

    async def principal(self, user: User) -> Principal:
        return await self.authenticator.principal(None, await self.sign_in(user))

    async def write(self, change: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        """Like a mutation: cached entries that the commit makes stale are invalidated before the call returns."""
        async with unit_of_work(self.pool, ANONYMOUS) as work:
            result = await change(work)
        self.memory.invalidate({tag for event in work.events for tag in tags.of(event)})
        return result


@asynccontextmanager
async def open_auth_services(pool: Pool, settings: Settings) -> AsyncIterator[AuthServices]:
    memory = Memory(settings.memory_cache_size, settings.memory_cache_lifetime)
    memory.switch_on()
    passwords = Passwords(settings)
    uses = ApiKeyUsage(pool, settings)
    async with open_redis(settings) as shared:
        limiter = RateLimiter(lambda: shared.client, settings)
        sessions = Sessions(shared.client, settings)
        authenticator = Authenticator(AccountCache(pool, memory, settings), sessions, uses)
        yield AuthServices(
            pool,
            memory,
            passwords,
            sessions,
            uses,
            authenticator,
            SignIn(pool, passwords, sessions, limiter),
            Devices(lambda: shared.client, settings),
        )
        await limiter.close()
    passwords.close()
