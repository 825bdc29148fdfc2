"""A primary, its replica, and their sentinel."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.consistency.refusals import REFUSALS_OF_A_MEMBER
from tests.consistency.scene import Kind, Scene
from tests.integration.cache.processes import HOST, Processes, until_answered


class SentinelRedis:
    def __init__(self, family: Processes, watch: int) -> None:
        self.family = family
        self.watch = watch

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.family.running.values()]

    async def url_for(self, instance: str) -> str:
        return f"redis+sentinel://{HOST}:{self.watch}/dno/0"

    def kinds(self, scene: Scene) -> list[Kind]:
        return SentinelFaults(self, scene).kinds

    async def primary(self) -> int:
        async with client_of(self.watch) as watcher:
            _, port = await watcher.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "dno")
        return int(port)


class SentinelFaults:
    def __init__(self, servers: SentinelRedis, scene: Scene) -> None:
        self._servers = servers
        self._scene = scene
        self._random = scene.random
        self.kinds: list[Kind] = [
            self.sentinel_failover,
            self.sentinel_primary_killed,
            self.sentinel_primary_frozen,
            self.sentinel_away,
            self.redis_refuses_writes,
        ]

    async def sentinel_failover(self) -> None:
        """By hand: the old primary stays up, and goes on accepting writes for some time."""
        old = await self._ready_to_fail_over()
        async with self._scene.fault("sentinel_failover"):
            await until_answered(self._ask_for_failover)
            await until_answered(partial(self._has_moved_from, old))
            await self._scene.last(1, 6)
            await self._make_replica(old)

    async def sentinel_primary_killed(self) -> None:
        old = await self._ready_to_fail_over()
        async with self._scene.fault("sentinel_primary_killed"):
            self._servers.family.kill(old)
            await until_answered(partial(self._has_moved_from, old))
            new = await self._servers.primary()
            self._servers.family.start("--replicaof", HOST, str(new), port=old)

    async def sentinel_primary_frozen(self) -> None:
        """So long that it is replaced; when it wakes it takes itself for the primary for a moment."""
        old = await self._ready_to_fail_over()
        process = self._servers.family.running[old].pid
        async with self._scene.fault("sentinel_primary_frozen"):
            os.kill(process, signal.SIGSTOP)
            try:
                await until_answered(partial(self._has_moved_from, old))
            finally:
                os.kill(process, signal.SIGCONT)
            await self._scene.last(0.2, 3)
            await self._make_replica(old)

    async def sentinel_away(self) -> None:
        """Without it the primary goes on."""
        process = self._servers.family.running[self._servers.watch].pid
        async with self._scene.fault("sentinel_away"):
            os.kill(process, signal.SIGSTOP)
            await self._scene.last(0.3, 2)
            os.kill(process, signal.SIGCONT)

    async def redis_refuses_writes(self) -> None:
        refusal = self._random.choice(REFUSALS_OF_A_MEMBER)
        async with (
            client_of(await self._servers.primary()) as client,
            self._scene.fault(f"redis_refuses_writes_{refusal.__name__}"),
            refusal(client, self._random),
        ):
            await self._scene.last(0.5, 3)

    async def _make_replica(self, old: int) -> None:
        """As the sentinel does, too, after up to 18 seconds."""
        async with client_of(old) as client:
            await client.execute_command("REPLICAOF", HOST, await self._servers.primary())

    async def _ready_to_fail_over(self) -> int:
        """Which is the primary, once its replica has all of it and the sentinel knows that."""
        old = await self._servers.primary()
        (other,) = self._servers.family.running.keys() - {old, self._servers.watch}
        await until_answered(partial(self._follows, other), seconds=60)
        async with client_of(self._servers.watch) as watcher:
            # It looks at once, and forgets how long ago the last failover was.
            await watcher.execute_command("SENTINEL", "RESET", "dno")
        await until_answered(self._can_take_over, seconds=30)
        return old

    async def _follows(self, replica: int) -> bool:
        """Asked to again: the sentinel may have named another primary while it was still moving."""
        if await _is_in_order(replica):
            return True
        await self._make_replica(replica)
        return False

    async def _can_take_over(self) -> bool:
        async with client_of(self._servers.watch) as watcher:
            replicas = await watcher.execute_command("SENTINEL", "REPLICAS", "dno")
        return any(
            replica["flags"] == "slave" and replica["master-link-status"] == "ok"
            for replica in map(_facts, replicas)
        )

    async def _ask_for_failover(self) -> bool:
        async with client_of(self._servers.watch) as watcher:
            try:
                await watcher.execute_command("SENTINEL", "FAILOVER", "dno")
            except RedisError:
                await asyncio.sleep(0.2)
                return False
        return True

    async def _has_moved_from(self, old: int) -> bool:
        return await self._servers.primary() != old


async def _is_in_order(port: int) -> bool:
    async with client_of(port) as client:
        facts = await client.info("replication")
    return bool(facts["role"] == "slave" and facts["master_link_status"] == "up")


def _facts(reply: Any) -> dict[str, str]:
    if isinstance(reply, dict):
        return reply
    return dict(zip(reply[::2], reply[1::2], strict=True))


@asynccontextmanager
async def client_of(port: int) -> AsyncIterator[Any]:
    async with Redis(host=HOST, port=port, decode_responses=True, socket_timeout=10) as client:
        yield client
