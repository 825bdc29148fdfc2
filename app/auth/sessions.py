"""Sessions in Redis, which end a day after the last request.

A session's key is made from a hash of its token, so that a copy of Redis yields no valid token.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

import structlog
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, ResponseError

from app.auth.lookups import AT_ONCE, Lookups
from app.cache.failures import FAILURES, is_of_another_type, only_failures
from app.domain.account import Session
from app.errors import Unavailable
from app.settings import Settings

T = TypeVar("T")

# In one step: an instance that looked in between would find no session to end. A list that another one has made meanwhile stays.
_REPLACE_OTHER_TYPE = """
local found = redis.pcall('ZSCORE', KEYS[1], '')
-- At the beginning only: what follows may name a user.
if type(found) ~= 'table' or string.sub(found.err, 1, 9) ~= 'WRONGTYPE' then
  return 0
end
redis.call('DEL', KEYS[1])
for i = 1, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1])
end
return 1
"""

log = structlog.get_logger("sessions")

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class Sessions:
    """Refuses with Unavailable while Redis is away: a session is never taken for anonymous nor for another one."""

    def __init__(self, client: Any, settings: Settings) -> None:
        self._redis = client
        self._lifetime = max(1, int(settings.session_lifetime))
        self._per_user = settings.max_sessions_per_user
        self._visits: Lookups[str, UUID] = Lookups(self._visit)
        self._looks: Lookups[str, UUID] = Lookups(self._look)

    async def start(self, user_id: UUID) -> str:
        """A new random token."""
        token = secrets.token_urlsafe(32)
        await _needed(lambda: self._listed([user_id], lambda: self._start(identify(token), user_id)))
        return token

    async def get(self, session_id: str) -> UUID | None:
        """Whose session it is; every visit lets it live for its whole lifetime again."""
        return await self._visits.get(session_id)

    async def peek(self, session_id: str) -> UUID | None:
        """The same without being a visit: for what the server sends on its own."""
        return await self._looks.get(session_id)

    async def end(self, session_id: str, user_id: UUID) -> int:
        """How many were open: one or none. Sessions of other users stay."""
        return await _needed(lambda: self._listed([user_id], lambda: self._end_own(user_id, session_id)))

    async def end_all(self, user_id: UUID, *, keep: str | None = None) -> int:
        """All sessions that the user has started, but `keep`; how many were still open."""
        return await _needed(lambda: self._listed([user_id], lambda: self._end_range(user_id, -1, keep=keep)))

    async def open_of(self, user_ids: Sequence[UUID]) -> dict[UUID, tuple[Session, ...]]:
        """The open sessions of each user, the newest first."""
        return await _needed(lambda: self._listed(user_ids, lambda: self._open_of(user_ids)))

    async def _visit(self, session_ids: Sequence[str]) -> dict[str, UUID]:
        return await self._read(session_ids, lambda client, key: client.getex(key, ex=self._lifetime))

    async def _look(self, session_ids: Sequence[str]) -> dict[str, UUID]:
        return await self._read(session_ids, lambda client, key: client.get(key))

    async def _read(self, session_ids: Sequence[str], command: Callable[[Any, str], Any]) -> dict[str, UUID]:
        return await _needed(lambda: self._users(session_ids, command))

    async def _users(self, session_ids: Sequence[str], command: Callable[[Any, str], Any]) -> dict[str, UUID]:
        values = await self._all(command, [_key(session_id) for session_id in session_ids])
        return {
            session_id: UUID(value.decode())
            for session_id, value in zip(session_ids, values, strict=True)
            if value is not None
        }

    async def _all(self, command: Callable[[Any, Any], Any], keys: Sequence[str | bytes]) -> Sequence[Any]:
        """One round trip; the first error among the replies is raised."""
        if len(keys) == 1:
            return [await command(self._redis, keys[0])]
        replies: Sequence[Any]
        if isinstance(self._redis, RedisCluster):
            replies = await asyncio.gather(
                *(command(self._redis, key) for key in keys), return_exceptions=True
            )
        else:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for key in keys:
                    command(pipeline, key)
                replies = await pipeline.execute(raise_on_error=False)
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        return replies

    async def _listed(self, user_ids: Sequence[UUID], work: Callable[[], Awaitable[T]]) -> T:
        """Lists that another program has overwritten are made again before the work is done."""
        try:
            return await work()
        except ResponseError as error:
            if not is_of_another_type(error):
                raise
        await self._restore_lists(user_ids)
        return await work()

    async def _restore_lists(self, user_ids: Sequence[UUID]) -> None:
        """From the sessions themselves: none may be left that could not be ended with the others. When they began is not known,
        but when they were last used.
        """
        keys = [key async for key in self._redis.scan_iter(_key("*"), AT_ONCE, "STRING")]
        wanted = {str(user_id).encode(): user_id for user_id in user_ids}
        own = [
            (key, wanted[owner])
            for key, owner in zip(keys, await self._each(_owner, keys), strict=True)
            if owner in wanted
        ]
        left = await self._each(lambda client, key: client.ttl(key), [key for key, _ in own])
        now = time.time()
        members: dict[UUID, list[Any]] = {user_id: [] for user_id in user_ids}
        for (key, user_id), seconds in zip(own, left, strict=True):
            members[user_id] += (
                min(now, now - self._lifetime + seconds),
                key.removeprefix(_key("").encode()),
            )
        for user_id, scores in members.items():
            if await self._redis.eval(_REPLACE_OTHER_TYPE, 1, _of_user(user_id), *scores):
                log.warning(
                    "the list of a user's sessions was overwritten",
                    key=_of_user(user_id),
                    sessions=len(scores) // 2,
                )

    async def _start(self, session_id: str, user_id: UUID) -> None:
        # The list first: a session that is in no list could not be ended with the others.
        await self._redis.zadd(_of_user(user_id), {session_id: time.time()})
        await self._redis.set(_key(session_id), str(user_id), ex=self._lifetime)
        if await self._redis.zscore(_of_user(user_id), session_id) is None:
            await self._redis.delete(_key(session_id))  # it was ended in between, with all others
        # The list has no lifetime, for a session that slides on could outlive it; so it is bounded by number.
        await self._end_range(user_id, -self._per_user - 1)

    async def _open_of(self, user_ids: Sequence[UUID]) -> dict[UUID, tuple[Session, ...]]:
        started = [
            (user_id, session_id.decode(), moment)
            for user_id, found in zip(
                user_ids, await self._each(_newest, [*map(_of_user, user_ids)]), strict=True
            )
            for session_id, moment in found
        ]
        left = await self._each(
            lambda client, key: client.ttl(key), [_key(session_id) for _, session_id, _ in started]
        )
        found: dict[UUID, tuple[Session, ...]] = dict.fromkeys(user_ids, ())
        for (user_id, session_id, moment), seconds in zip(started, left, strict=True):
            if seconds > 0:  # the list also has sessions that have expired
                found[user_id] += (self._session(user_id, session_id, moment, seconds),)
        return found

    def _session(self, user_id: UUID, session_id: str, started: float, seconds_left: int) -> Session:
        # Each request lets it live for its whole lifetime again.
        used = max(started, time.time() - (self._lifetime - seconds_left))
        return Session(
            session_id, user_id, datetime.fromtimestamp(started, UTC), datetime.fromtimestamp(used, UTC)
        )

    async def _each(self, command: Callable[[Any, Any], Any], keys: Sequence[str | bytes]) -> list[Any]:
        """In batches, so that no reply is long."""
        return [
            reply
            for start in range(0, len(keys), AT_ONCE)
            for reply in await self._all(command, keys[start : start + AT_ONCE])
        ]

    async def _end_own(self, user_id: UUID, session_id: str) -> int:
        if await self._redis.zscore(_of_user(user_id), session_id) is None:
            return 0
        return await self._end(user_id, [session_id])

    async def _end_range(self, user_id: UUID, last: int, *, keep: str | None = None) -> int:
        found = [each.decode() for each in await self._redis.zrange(_of_user(user_id), 0, last)]
        return await self._end(user_id, [session_id for session_id in found if session_id != keep])

    async def _end(self, user_id: UUID, session_ids: list[str]) -> int:
        if not session_ids:
            return 0
        ended = await self._delete(session_ids)
        await self._redis.zrem(_of_user(user_id), *session_ids)
        # Also one that `_start` has stored in between; one that it stores from now on it finds in no list.
        return ended + await self._delete(session_ids)

    async def _delete(self, session_ids: Sequence[str]) -> int:
        return sum(await self._each(lambda client, key: client.delete(key), [*map(_key, session_ids)]))


def _newest(client: Any, key: str) -> Any:
    return client.zrange(key, 0, -1, desc=True, withscores=True)


def _owner(client: Any, key: bytes) -> Any:
    return client.get(key)


def identify(token: str) -> str:
    """The session's identifier, which is not secret: the token cannot be derived from it."""
    return sha256(token.encode()).hexdigest()


def is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


def _key(session_id: str) -> str:
    return f"dno:session:{session_id}"


def _of_user(user_id: UUID) -> str:
    return f"dno:sessions:{user_id}"


async def _needed(work: Callable[[], Awaitable[T]]) -> T:
    """A connection may have died unnoticed since its last use, or its server been demoted: then another is tried, once.

    What cannot be read (another shape, no id of a user) does not show that a session has ended.
    """
    try:
        with only_failures():
            try:
                return await work()
            except (ConnectionError, RedisConnectionError, ReadOnlyError):
                return await work()
    except FAILURES as error:
        raise Unavailable("Sessions cannot be checked at the moment; please try again soon.") from error
