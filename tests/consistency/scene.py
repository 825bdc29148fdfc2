"""What a fault is done to, and how it is recorded."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TypeAlias

from tests.consistency.clients import Clients
from tests.consistency.fleet import Fleet
from tests.consistency.operations import Fault, Log
from tests.consistency.postgres import PostgresServers
from tests.consistency.seed import Price
from tests.proxy import Proxies

if TYPE_CHECKING:
    from tests.consistency.edge import Edge

# Does harm, waits, and undoes it. Its name is that of the kind.
Kind: TypeAlias = Callable[[], Awaitable[None]]


class RedisServers(Protocol):
    """One way of running Redis: a single server, Sentinel, or Cluster."""

    @property
    def pids(self) -> list[int]: ...

    async def url_for(self, instance: str) -> str:
        """The setting REDIS_URL of an instance."""
        ...

    def kinds(self, scene: "Scene") -> Sequence[Kind]:
        """What can happen to servers that are run in this way."""
        ...


@dataclass
class Scene:
    postgres: PostgresServers
    redis: RedisServers
    proxies: Proxies
    fleet: Fleet
    clients: Clients
    prices: Sequence[Price]
    log: Log
    random: Random
    brevity: float = 1  # below 1, faults are shorter
    edge: "Edge | None" = None

    async def last(self, shortest: float, longest: float) -> None:
        """For so many seconds what has been done stays as it is."""
        await asyncio.sleep(self.random.uniform(shortest, longest) * self.brevity)

    @asynccontextmanager
    async def fault(
        self, what: str, *, excuses: bool = False, away: bool = False, instance: str = ""
    ) -> AsyncIterator[None]:
        """Records that it lasted as long as the block. `excuses`: requests may fail meanwhile."""
        started = monotonic()
        yield
        self.log.add(
            Fault(
                instance=instance, started=started, ended=monotonic(), what=what, excuses=excuses, away=away
            )
        )
