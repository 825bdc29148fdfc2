"""One instance as far as truth is concerned: its caches and the jobs that keep them true, without HTTP."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf

from app.broadcast import Broadcast
from app.cache.invalidator import Invalidator
from app.cache.memory import Memory
from app.cache.read_through import ReadThrough
from app.cache.redis import SharedCache, open_redis
from app.cache.validity import Validity
from app.db import outbox
from app.db.pool import Pool, open_pool
from app.jobs.heartbeat import Heartbeat
from app.jobs.invalidation_listener import InvalidationListener
from app.jobs.l2_consistency import L2Consistency
from app.jobs.notifications import Notifications
from app.jobs.outbox_relay import OutboxRelay
from app.jobs.redis_probe import RedisProbe
from app.jobs.supervisor import Job, Supervisor
from app.settings import Settings, read_settings
from tests.waiting import until


@dataclass(eq=False)
class Instance:
    settings: Settings
    pool: Pool
    shared: SharedCache
    memory: Memory
    read_through: ReadThrough
    invalidator: Invalidator
    broadcast: Broadcast
    validity: Validity
    consistency: L2Consistency

    def jobs(self, *, relays: bool = True, hears: bool = True) -> list[Job]:
        """Without a relay, it is taken for granted that others deliver everything."""
        sender, settings = self.invalidator.sender, self.settings
        consistency = self.consistency
        listener = InvalidationListener(
            self.pool,
            self.shared,
            self.memory,
            self.validity,
            consistency,
            self.invalidator,
            self.broadcast,
            settings,
        )
        notifications = Notifications(outbox.CHANNEL, settings)
        self.shared.on_change = listener.resubscribe
        if not relays:
            self.validity.prove_database(inf)
        relay = OutboxRelay(
            self.pool, self.shared, consistency, notifications.news, settings, invalidator=self.invalidator
        )
        hearing: list[Job] = [
            listener,
            Heartbeat(self.shared, consistency, sender=sender, every=settings.heartbeat_interval),
        ]
        probe = RedisProbe(self.shared, every=settings.heartbeat_interval * settings.max_missed_heartbeats)
        relaying: list[Job] = [notifications, relay, probe]
        return [*(hearing if hears else []), *(relaying if relays else [])]


@asynccontextmanager
async def caches(settings: Settings) -> AsyncIterator[Instance]:
    """Without any job: L1 is off, L2 not trusted."""
    async with open_pool(settings) as pool, open_redis(settings) as shared:
        memory = Memory(settings.memory_cache_size, settings.memory_cache_lifetime)
        read_through = ReadThrough(memory, shared, pool, settings)
        invalidator = Invalidator(memory, read_through, shared)
        broadcast = Broadcast(settings.max_unread_changes)
        validity = Validity(memory, shared, settings.heartbeat_interval * settings.max_missed_heartbeats)
        consistency = L2Consistency(pool, shared, validity, sender=invalidator.sender)
        yield Instance(
            settings, pool, shared, memory, read_through, invalidator, broadcast, validity, consistency
        )


@asynccontextmanager
async def instance(settings: Settings) -> AsyncIterator[Instance]:
    """Ready: L1 is on, L2 is trusted."""
    async with caches(settings) as one, Supervisor(one.jobs(), stop_timeout=5):
        await until(lambda: one.memory.enabled and one.shared.trusted)
        yield one


async def _live_until_killed() -> None:
    async with instance(read_settings(os.environ)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_live_until_killed())
