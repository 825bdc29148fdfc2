"""The caches of one instance with the jobs that keep them consistent, without HTTP."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf

from app.broadcast import Broadcast
from app.cache.validity import Validity
from app.db import outbox
from app.db.pool import open_pool
from app.jobs.heartbeat import Heartbeat
from app.jobs.invalidation_listener import InvalidationListener
from app.jobs.l2_consistency import L2Consistency
from app.jobs.notifications import Notifications
from app.jobs.outbox_relay import OutboxRelay
from app.jobs.redis_probe import RedisProbe
from app.jobs.supervisor import Job, Supervisor
from app.settings import Settings, read_settings
from tests.caches import Caches, open_caches
from tests.waiting import until


@dataclass(eq=False)
class CachesWithJobs(Caches):
    def __post_init__(self) -> None:
        settings = self.settings
        self.broadcast = Broadcast(settings.max_unread_changes)
        self.validity = Validity(
            self.memory, self.shared, settings.heartbeat_interval * settings.max_missed_heartbeats
        )
        self.consistency = L2Consistency(
            self.pool, self.shared, self.validity, sender=self.invalidator.sender
        )

    def jobs(self, *, relays: bool = True, subscribes: bool = True) -> list[Job]:
        """Without a relay of its own, the instance assumes that another one delivers every event."""
        sender, settings = self.invalidator.sender, self.settings
        consistency = self.consistency
        heartbeat = Heartbeat(self.shared, consistency, sender=sender, every=settings.heartbeat_interval)
        listener = InvalidationListener(
            self.pool,
            self.shared,
            self.memory,
            self.validity,
            consistency,
            self.invalidator,
            self.broadcast,
            heartbeat,
            settings,
        )
        notifications = Notifications(outbox.CHANNEL, settings)
        self.shared.on_change = listener.resubscribe
        if not relays:
            self.validity.prove_database(inf)
        relay = OutboxRelay(
            self.pool, self.shared, consistency, notifications.news, settings, invalidator=self.invalidator
        )
        subscribing: list[Job] = [listener, heartbeat]
        probe = RedisProbe(self.shared, every=settings.heartbeat_interval * settings.max_missed_heartbeats)
        relaying: list[Job] = [notifications, relay, probe]
        return [*(subscribing if subscribes else []), *(relaying if relays else [])]


@asynccontextmanager
async def caches(settings: Settings) -> AsyncIterator[CachesWithJobs]:
    """No job is running: L1 is off, L2 is not trusted."""
    async with open_pool(settings) as pool, open_caches(CachesWithJobs, settings, pool) as opened:
        yield opened


@asynccontextmanager
async def running_caches(settings: Settings) -> AsyncIterator[CachesWithJobs]:
    """All jobs are running: L1 is on, L2 is trusted."""
    async with caches(settings) as one, Supervisor(one.jobs(), stop_timeout=5):
        await until(lambda: one.memory.enabled and one.shared.trusted)
        yield one


async def _run_until_killed() -> None:
    async with running_caches(read_settings(os.environ)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_run_until_killed())
