"""What can go wrong between the servers, done to them on purpose."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from time import monotonic

import redis.asyncio

from app.failpoints import FailPoint
from tests.consistency.clients import Clients
from tests.consistency.fleet import Fleet
from tests.consistency.operations import Fault, Log
from tests.consistency.seed import Price
from tests.servers import PrivatePostgres, PrivateValkey


class Faults:
    """While only Redis is hurt no request may fail; PostgreSQL away, or an instance dead, excuses it."""

    def __init__(
        self,
        postgres: PrivatePostgres,
        valkey: PrivateValkey,
        fleet: Fleet,
        clients: Clients,
        prices: Sequence[Price],
        log: Log,
        random: Random,
    ) -> None:
        self._postgres = postgres
        self._valkey = valkey
        self._fleet = fleet
        self._clients = clients
        self._prices = prices
        self._log = log
        self._random = random

    async def happen(self, seconds: float, pause: float) -> None:
        """Each kind once, in another order every time, before any comes again; one that has begun is ended."""
        kinds = [
            self.freeze_redis,
            self.kill_redis,
            self.flush_redis,
            self.replace_redis_by_one_with_stale_keys,
            self.restart_postgres,
            self.kill_instance,
            self.kill_instance_between_commit_and_publish,
        ]
        until = monotonic() + seconds
        waiting: list[Callable[[], Awaitable[None]]] = []
        while True:
            waiting = waiting or self._random.sample(kinds, len(kinds))
            calm = self._random.uniform(0.5, 1.5) * pause
            if monotonic() + calm >= until:
                return await asyncio.sleep(max(0, until - monotonic()))
            await asyncio.sleep(calm)
            await waiting.pop()()

    async def freeze_redis(self) -> None:
        async def freeze() -> None:
            self._valkey.pause()
            await asyncio.sleep(self._random.uniform(0.05, 3))
            self._valkey.resume()

        await self._record("freeze_redis", freeze)

    async def kill_redis(self) -> None:
        async def kill() -> None:
            await asyncio.to_thread(self._valkey.kill)
            await asyncio.sleep(self._random.uniform(0, 2))
            await asyncio.to_thread(self._valkey.start)

        await self._record("kill_redis", kill)

    async def flush_redis(self) -> None:
        async def flush() -> None:
            await asyncio.to_thread(self._valkey.command, "FLUSHALL")

        await self._record("flush_redis", flush)

    async def replace_redis_by_one_with_stale_keys(self) -> None:
        """As a replica takes over that has missed the last removals."""

        async def replace() -> None:
            async with redis.asyncio.from_url(self._valkey.url) as client:
                kept = [(key, await client.dump(key)) async for key in client.scan_iter("dno:*")]
            await asyncio.sleep(self._random.uniform(0.2, 1))
            await asyncio.to_thread(self._valkey.restart_empty)
            async with redis.asyncio.from_url(self._valkey.url) as client:
                for key, data in kept:
                    if data is not None:
                        await client.restore(key, 60_000, data, replace=True)

        await self._record("replace_redis_by_one_with_stale_keys", replace)

    async def restart_postgres(self) -> None:
        async def restart() -> None:
            await asyncio.to_thread(
                self._postgres.kill if self._random.random() < 0.5 else self._postgres.stop
            )
            await asyncio.to_thread(self._postgres.start)

        await self._record("restart_postgres", restart, excuses=True)

    async def kill_instance(self) -> None:
        fallen = self._random.choice(self._fleet.instances)
        await self._record(
            "kill_instance", lambda: self._fleet.replace(fallen), excuses=True, instance=fallen.name
        )

    async def kill_instance_between_commit_and_publish(self) -> None:
        doomed = await self._fleet.start(FailPoint.AFTER_COMMIT)

        async def write_and_die() -> None:
            await self._clients.write(doomed, self._random.choice(self._prices))
            assert await doomed.process.wait() < 0, "the fail point did not kill"

        await self._record(
            "kill_instance_between_commit_and_publish", write_and_die, excuses=True, instance=doomed.name
        )

    async def _record(
        self, what: str, happen: Callable[[], Awaitable[None]], *, excuses: bool = False, instance: str = ""
    ) -> None:
        started = monotonic()
        await happen()
        self._log.add(
            Fault(instance=instance, started=started, ended=monotonic(), what=what, excuses=excuses)
        )
