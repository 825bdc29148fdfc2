"""The caches of one instance without servers: Redis is never connected, and the test sets the clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.broadcast import Broadcast
from app.cache.invalidator import Invalidator
from app.cache.memory import Memory
from app.cache.open_topology import open_topology
from app.cache.read_through import ReadThrough
from app.cache.redis import SharedCache
from app.cache.validity import Validity
from app.db.outbox import OutboxStatus
from app.db.pool import Pool
from app.errors import Unavailable
from app.jobs.l2_consistency import L2Consistency
from app.settings import Settings

BOUND = 1.25
EPOCH = 7
DATABASE = "1.00000001.2.3"
SERVER = "the server"
# Every module that reads the clock of app/cache/clock.py under its own name.
CLOCKS = (
    *("app.cache.memory", "app.cache.redis", "app.cache.validity"),
    *(
        "app.jobs.heartbeat",
        "app.jobs.invalidation_listener",
        "app.jobs.l2_consistency",
        "app.jobs.outbox_relay",
    ),
)


class UnreachablePool(Pool):
    """PostgreSQL does not answer. `expected_writable` counts the calls that announce a committed change."""

    def __init__(self) -> None:
        self.expected_writable = 0

    async def fetch(self, *arguments: object, **named: object) -> Any:
        raise Unavailable("PostgreSQL does not answer.")

    def expect_writable(self) -> None:
        self.expected_writable += 1


class Instance:
    """It is connected to `SERVER` as its Redis, under epoch `EPOCH`."""

    def __init__(self, settings: Settings, name: str = "self") -> None:
        self.now = 1000.0
        self.settings = settings
        self.pool = UnreachablePool()
        topology = open_topology(settings)
        topology._identities[""] = SERVER
        self.shared = SharedCache(topology, settings)
        self.shared.epoch = EPOCH
        self.memory = Memory(2**20, 3600)
        self.validity = Validity(self.memory, self.shared, BOUND)
        self.read_through = ReadThrough(self.memory, self.shared, self.pool, settings)
        self.invalidator = Invalidator(self.memory, self.read_through, self.shared)
        self.invalidator.sender = name
        self.broadcast = Broadcast(100)
        self.consistency = L2Consistency(self.pool, self.shared, self.validity, sender=name)
        self.consistency._database = DATABASE

    @property
    def database_proven_until(self) -> float:
        """Before this time nothing was missed, as the database or what stands in for it has shown."""
        return self.shared.valid_until - BOUND

    def status(self, **changed: Any) -> OutboxStatus:
        """An empty outbox, agreed with this instance and confirmed a moment ago."""
        known: dict[str, Any] = {
            "epoch": EPOCH,
            "identity": self.consistency.identity,
            "oldest": None,
            "newest": None,
            "backlog": 0,
            "confirmed_before": 0.0,
            "writable": True,
            "snapshot": "5:5:",
            "delivered": 0,
            "database": DATABASE,
        }
        return OutboxStatus(**known | changed)


@asynccontextmanager
async def open_instance(**settings: Any) -> AsyncIterator[Instance]:
    with pytest.MonkeyPatch.context() as patch:
        made = Instance(Settings(**settings))
        for module in CLOCKS:
            patch.setattr(f"{module}.monotonic", lambda: made.now)
        try:
            yield made
        finally:
            await made.read_through.close()
            await made.shared._topology.close()
