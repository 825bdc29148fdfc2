"""One Redis behind one address, as each instance reaches it; and another server that can take its place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import redis.asyncio

from tests.consistency.refusals import REFUSALS, Refusal
from tests.consistency.scene import Kind, Scene
from tests.proxy import HOST, Proxies
from tests.servers import PASSWORD, PrivateValkey

MOST_LAG = 3.0


class OneRedis:
    def __init__(self, folder: Path, proxies: Proxies) -> None:
        places = [folder / "redis", folder / "spare"]
        for place in places:
            place.mkdir(mode=0o711)
        self.server, self.spare = map(PrivateValkey, places)
        self.proxies = proxies
        self._names: list[str] = []

    @property
    def pids(self) -> list[int]:
        return [self.server.pid]

    async def url_for(self, instance: str) -> str:
        self._names.append(name := proxy_of(instance))
        port = await self.proxies.open(name, self.server.port)
        return f"redis://:{PASSWORD}@{HOST}:{port}/0"

    async def lead_to_server(self) -> None:
        for name in self._names:
            await self.proxies.lead_to(name, self.server.port)

    def kinds(self, scene: Scene) -> list[Kind]:
        return OneRedisFaults(self, scene).kinds

    def stop(self) -> None:
        self.server.stop()
        self.spare.stop()


class OneRedisFaults:
    def __init__(self, servers: OneRedis, scene: Scene) -> None:
        self._servers = servers
        self._scene = scene
        self._random = scene.random
        self.kinds: list[Kind] = [
            self.freeze_redis,
            self.kill_redis,
            self.flush_redis,
            self.replace_redis_by_one_with_stale_keys,
            self.demote_behind_one_address,
            self.two_redis,
            self.lag_channel,
            self.reset_redis_connections,
            self.cut_off_from_redis,
            *(
                _named(f"redis_refuses_writes_{refusal.__name__}", self._refuse, refusal)
                for refusal in REFUSALS
            ),
        ]

    async def freeze_redis(self) -> None:
        async with self._scene.fault("freeze_redis"):
            self._servers.server.pause()
            await self._scene.last(0.05, 3)
            self._servers.server.resume()

    async def kill_redis(self) -> None:
        async with self._scene.fault("kill_redis"):
            await asyncio.to_thread(self._servers.server.kill)
            await self._scene.last(0, 2)
            await asyncio.to_thread(self._servers.server.start)

    async def flush_redis(self) -> None:
        async with self._scene.fault("flush_redis"):
            await asyncio.to_thread(self._servers.server.command, "FLUSHALL")

    async def replace_redis_by_one_with_stale_keys(self) -> None:
        """As a replica takes over that has missed the last removals."""
        server = self._servers.server
        async with self._scene.fault("replace_redis_by_one_with_stale_keys"):
            async with _connected(server) as client:
                kept = [(key, await client.dump(key)) async for key in client.scan_iter("dno:*")]
            await self._scene.last(0.2, 1)
            await asyncio.to_thread(server.restart_empty)
            async with _connected(server) as client:
                for key, data in kept:
                    if data is not None:
                        await client.restore(key, 60_000, data, replace=True)

    async def demote_behind_one_address(self) -> None:
        """The primary becomes a replica and stays up; new connections reach the one that took its place."""
        old, new = self._servers.server, self._servers.spare
        async with _connected(old) as first, _connected(new) as second:
            await _follow(second, old.port)
            async with self._scene.fault("demote_behind_one_address"):
                await second.execute_command("REPLICAOF", "NO", "ONE")
                await first.config_set("masterauth", PASSWORD)
                await first.execute_command("REPLICAOF", HOST, new.port)
                await self._scene.last(0, 0.3)
                self._servers.server, self._servers.spare = new, old
                await self._servers.lead_to_server()
                await self._scene.last(1, 3)

    async def two_redis(self) -> None:
        """One instance reaches another server than the others for a while."""
        instance = self._random.choice(self._scene.fleet.instances).name
        proxies, name = self._servers.proxies, proxy_of(instance)
        async with _connected(self._servers.spare) as other:
            await other.execute_command("REPLICAOF", "NO", "ONE")
            async with self._scene.fault("two_redis"):
                await proxies.lead_to(name, self._servers.spare.port)
                await proxies.cut(name)
                await self._scene.last(0.5, 8)
                await proxies.lead_to(name, self._servers.server.port)
                await proxies.cut(name)

    async def lag_channel(self) -> None:
        """What is published reaches one instance later and later; commands are answered as fast as ever."""
        instance = self._random.choice(self._scene.fleet.instances).name
        proxies, name = self._servers.proxies, proxy_of(instance)
        lag, step = 0.0, self._random.uniform(0.05, 0.15) / self._scene.brevity
        async with self._scene.fault("lag_channel"):
            while (lag := lag + step) < MOST_LAG:
                await proxies.lag(name, down=lag, only_channels=True)
                await asyncio.sleep(0.2)
            await self._scene.last(0.5, 2)
            await proxies.lag(name)

    async def reset_redis_connections(self) -> None:
        """In the middle of what is being asked."""
        async with self._scene.fault("reset_redis_connections"):
            for _ in range(self._random.randint(3, 8)):
                instance = self._random.choice(self._scene.fleet.instances).name
                await self._servers.proxies.reset(proxy_of(instance))
                await self._scene.last(0.02, 0.4)

    async def cut_off_from_redis(self) -> None:
        """One instance, as if the network swallowed all that it sends."""
        name = proxy_of(self._random.choice(self._scene.fleet.instances).name)
        async with self._scene.fault("cut_off_from_redis"):
            await self._servers.proxies.hold(name)
            await self._scene.last(0.2, 3)
            await self._servers.proxies.release(name)

    async def _refuse(self, what: str, refusal: Refusal) -> None:
        async with (
            _connected(self._servers.server, decode_responses=True) as client,
            self._scene.fault(what),
            refusal(client, self._random),
        ):
            await self._scene.last(0.5, 3)


def proxy_of(instance: str) -> str:
    return f"redis of {instance}"


def _named(name: str, do: Any, *arguments: object) -> Kind:
    kind = partial(do, name, *arguments)
    kind.__name__ = name  # type: ignore[attr-defined]
    return kind


@asynccontextmanager
async def _connected(server: PrivateValkey, **manner: Any) -> AsyncIterator[Any]:
    async with redis.asyncio.from_url(server.url, socket_timeout=10, **manner) as client:
        yield client


async def _follow(client: Any, port: int) -> None:
    await client.config_set("masterauth", PASSWORD)
    await client.execute_command("REPLICAOF", HOST, port)
    async with asyncio.timeout(20):
        while (await client.info("replication")).get("master_link_status") != "up":
            await asyncio.sleep(0.02)
