"""PostgreSQL with a standby: behind one address, or as two hosts between which the instances choose."""

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

from tests.proxy import HOST, Proxies
from tests.servers import PASSWORD, PostgresPair, fetchval

if TYPE_CHECKING:
    from tests.consistency.fleet import Instance
    from tests.consistency.scene import Kind, Scene

# The advisory lock that an instance holds while it relays.
_RELAYING = (
    "SELECT client_port FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND objid = x'646E6F02'::int AND state <> 'idle'"
)


_NEVER = 3600.0


class PostgresServers:
    def __init__(self, pair: PostgresPair, proxies: Proxies | None) -> None:
        self.pair = pair
        self._proxies = proxies  # one address: what it leads to changes
        self._names: list[str] = []

    @property
    def url(self) -> str:
        """Of the primary, without anything in between."""
        return self.pair.url

    async def url_for(self, instance: str) -> str:
        if self._proxies is None:
            return self.pair.url_of_both
        self._names.append(name := _proxy_of(instance))
        port = await self._proxies.open(name, self.pair.primary.port)
        return urlsplit(self.url)._replace(netloc=f"dno:{PASSWORD}@{HOST}:{port}").geturl()

    async def relaying(self) -> int | None:
        """The client's port of the transaction that relays at this moment."""
        found: int | None = await fetchval(self.url, _RELAYING)
        return found

    async def ports_of(self, instance: "Instance") -> set[int]:
        """Its ports as the server sees them."""
        if self._proxies is not None:
            return set(await self._proxies.local_ports(_proxy_of(instance.name)))
        connections = psutil.Process(instance.process.pid).net_connections("tcp4")
        return {connection.laddr.port for connection in connections}

    def kinds(self, scene: "Scene") -> "list[Kind]":
        return PostgresFaults(self, scene).kinds

    async def lead_to_primary(self) -> None:
        if self._proxies is not None:
            for name in self._names:
                await self._proxies.lead_to(name, self.pair.primary.port)

    async def hold(self, instance: str) -> None:
        assert self._proxies is not None
        await self._proxies.hold(_proxy_of(instance))

    async def lose_replies(self, instance: str, seconds: float) -> None:
        """What it sends in that time arrives; it is answered nothing, and then its connections are gone."""
        assert self._proxies is not None
        name = _proxy_of(instance)
        await self._proxies.lag(name, down=_NEVER)
        await asyncio.sleep(seconds)
        await self._proxies.reset(name)
        await self._proxies.lag(name)

    async def release(self, instance: str) -> None:
        assert self._proxies is not None
        await self._proxies.release(_proxy_of(instance))

    @property
    def behind_one_address(self) -> bool:
        return self._proxies is not None


class PostgresFaults:
    def __init__(self, servers: PostgresServers, scene: "Scene") -> None:
        self._servers = servers
        self._scene = scene
        self._random = scene.random
        self.kinds: list[Kind] = [
            self.restart_postgres,
            self.postgres_read_only,
            self.postgres_failover_old_stays,
            self.postgres_failover_old_stops,
        ]
        if servers.behind_one_address:
            self.kinds += [self.cut_off_from_postgres, self.lose_replies_of_postgres]

    async def restart_postgres(self) -> None:
        primary = self._servers.pair.primary
        async with self._scene.fault("restart_postgres", excuses=True, away=True):
            await asyncio.to_thread(primary.kill if self._random.random() < 0.5 else primary.stop)
            await asyncio.to_thread(primary.start)

    async def postgres_read_only(self) -> None:
        """In the sessions that are open, too; then it may write again."""
        primary = self._servers.pair.primary
        async with self._scene.fault("postgres_read_only", excuses=True):
            await primary.refuse_writes()
            await self._scene.last(0.5, 2)
            await primary.accept_writes()

    async def postgres_failover_old_stays(self) -> None:
        """The old primary goes on answering reads, from before, on the connections that are open."""
        await self._fail_over("postgres_failover_old_stays", old_stays=True)

    async def postgres_failover_old_stops(self) -> None:
        await self._fail_over("postgres_failover_old_stops", old_stays=False)

    async def _fail_over(self, what: str, *, old_stays: bool) -> None:
        await self._servers.pair.until_standby_follows()
        async with self._scene.fault(what, excuses=True):
            await self._servers.pair.fail_over(old_stays=old_stays)
            await self._servers.lead_to_primary()
        # That it has been done excuses nothing any more; the old one is still there for a while.
        async with self._scene.fault(what):
            await self._scene.last(1, 3)
            await self._servers.pair.renew_standby()

    async def cut_off_from_postgres(self) -> None:
        """One instance, as if the network swallowed all that it sends."""
        instance = self._random.choice(self._scene.fleet.instances).name
        async with self._scene.fault("cut_off_from_postgres", excuses=True, instance=instance):
            await self._servers.hold(instance)
            await self._scene.last(0.3, 3)
            await self._servers.release(instance)

    async def lose_replies_of_postgres(self) -> None:
        """One instance sends a COMMIT, which is carried out, and receives no reply."""
        instance = self._random.choice(self._scene.fleet.instances).name
        what = "lose_replies_of_postgres"
        async with self._scene.fault(what, excuses=True, instance=instance):
            for _ in range(self._random.randint(1, 5)):
                await self._servers.lose_replies(instance, self._random.uniform(0.02, 0.3))
                await asyncio.sleep(self._random.uniform(0.1, 0.5))


def _proxy_of(instance: str) -> str:
    return f"postgres of {instance}"
