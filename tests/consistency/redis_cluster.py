"""Three primaries that share the slots, and a replica of the first."""

import os
import signal
import subprocess
from functools import partial
from typing import Any

from tests.consistency.redis_sentinel import client_of
from tests.consistency.refusals import REFUSALS_OF_A_MEMBER
from tests.consistency.scene import Kind, Scene
from tests.integration.cache.processes import HOST, Processes, until_answered


class ClusterRedis:
    def __init__(self, family: Processes, ports: list[int]) -> None:
        self.family = family
        self.ports = ports

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.family.running.values()]

    async def url_for(self, instance: str) -> str:
        hosts = ",".join(f"{HOST}:{port}" for port in self.ports)
        return f"redis+cluster://{hosts}"

    def kinds(self, scene: Scene) -> list[Kind]:
        return ClusterFaults(self, scene).kinds

    @property
    def pair(self) -> list[int]:
        """The first primary and its replica: they exchange their roles."""
        return [self.ports[0], self.ports[3]]


class ClusterFaults:
    def __init__(self, servers: ClusterRedis, scene: Scene) -> None:
        self._servers = servers
        self._scene = scene
        self._random = scene.random
        self.kinds: list[Kind] = [
            self.cluster_failover,
            self.cluster_primary_killed,
            self.cluster_primary_away,
            self.cluster_primary_restarted,
            self.redis_refuses_writes,
        ]

    async def cluster_failover(self) -> None:
        """By hand: the old primary becomes a replica and stays up."""
        replica = await self._replica_in_order()
        async with self._scene.fault("cluster_failover"):
            async with client_of(replica) as client:
                await client.execute_command("CLUSTER", "FAILOVER")
            await until_answered(partial(_has_role, replica, "master"))
            await self._scene.last(0.5, 1.5)

    async def cluster_primary_killed(self) -> None:
        """Its replica takes over; it comes back as the replica."""
        replica = await self._replica_in_order()
        (primary,) = (port for port in self._servers.pair if port != replica)
        async with self._scene.fault("cluster_primary_killed"):
            command = self._kill(primary)
            await until_answered(partial(_has_role, replica, "master"))
            self._restart(primary, command)
            await until_answered(self._whole)

    async def cluster_primary_away(self) -> None:
        """One that has no replica: its share of the slots cannot be reached."""
        process = self._servers.family.running[self._random.choice(self._servers.ports[1:3])].pid
        async with self._scene.fault("cluster_primary_away"):
            os.kill(process, signal.SIGSTOP)
            await self._scene.last(0.3, 3)
            os.kill(process, signal.SIGCONT)
            await until_answered(self._whole)

    async def cluster_primary_restarted(self) -> None:
        """One that has no replica; it comes back empty."""
        port = self._random.choice(self._servers.ports[1:3])
        async with self._scene.fault("cluster_primary_restarted"):
            command = self._kill(port)
            await self._scene.last(0, 2)
            self._restart(port, command)
            await until_answered(self._whole)

    async def redis_refuses_writes(self) -> None:
        refusal = self._random.choice(REFUSALS_OF_A_MEMBER)
        async with (
            client_of(self._random.choice(self._servers.ports[1:3])) as client,
            self._scene.fault(f"redis_refuses_writes_{refusal.__name__}"),
            refusal(client, self._random),
        ):
            await self._scene.last(0.5, 3)

    def _kill(self, port: int) -> Any:
        command = self._servers.family.running[port].args
        self._servers.family.kill(port)
        return command

    def _restart(self, port: int, command: Any) -> None:
        self._servers.family.running[port] = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    async def _replica_in_order(self) -> int:
        async def find() -> int | None:
            for port in self._servers.pair:
                async with client_of(port) as client:
                    facts = await client.info("replication")
                if facts["role"] == "slave" and facts["master_link_status"] == "up":
                    return port
            return None

        found: int = await until_answered(find)
        return found

    async def _whole(self) -> bool:
        for port in self._servers.ports:
            async with client_of(port) as client:
                info = await client.execute_command("CLUSTER", "INFO")
            facts = info if isinstance(info, dict) else dict(line.split(":", 1) for line in info.split())
            if facts["cluster_state"] != "ok":
                return False
        return True


async def _has_role(port: int, role: str) -> bool:
    async with client_of(port) as client:
        return bool((await client.info("replication"))["role"] == role)
