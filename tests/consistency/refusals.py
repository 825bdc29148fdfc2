"""The ways in which a Redis answers reads and refuses writes. Each is begun on entering, and undone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

Refusal: TypeAlias = Callable[[Any, Random], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def too_few_replicas(client: Any, _: Random) -> AsyncIterator[None]:
    """NOREPLICAS"""
    await client.config_set("min-replicas-to-write", 5)
    yield
    await client.config_set("min-replicas-to-write", 0)


@asynccontextmanager
async def failed_save(client: Any, _: Random) -> AsyncIterator[None]:
    """MISCONF"""
    in_the_way = Path((await client.config_get("dir"))["dir"], "dump.rdb")
    in_the_way.unlink(missing_ok=True)  # a replica has one from its primary
    in_the_way.mkdir()
    await client.config_set("save", "3600 1000000")
    await client.execute_command("BGSAVE")
    async with asyncio.timeout(10):
        while (await client.info("persistence"))["rdb_last_bgsave_status"] == "ok":
            await asyncio.sleep(0.01)
    yield
    await client.config_set("save", "")
    in_the_way.rmdir()


@asynccontextmanager
async def replica_of_an_absent_primary(client: Any, _: Random) -> AsyncIterator[None]:
    """READONLY"""
    await client.execute_command("REPLICAOF", "127.0.0.1", 1)
    yield
    await client.execute_command("REPLICAOF", "NO", "ONE")


@asynccontextmanager
async def no_permission(client: Any, random: Random) -> AsyncIterator[None]:
    """NOPERM"""
    rights = random.choice((["-del", "-unlink"], ["-@write"]))
    await client.execute_command("ACL", "SETUSER", "default", *rights)
    yield
    await client.execute_command("ACL", "SETUSER", "default", "+@all")


@asynccontextmanager
async def out_of_memory(client: Any, _: Random) -> AsyncIterator[None]:
    """OOM"""
    before = await client.config_get("maxmemory*")
    await client.config_set("maxmemory-policy", "noeviction")
    await client.config_set("maxmemory", 1)
    yield
    await client.config_set("maxmemory", before["maxmemory"])
    await client.config_set("maxmemory-policy", before["maxmemory-policy"])


REFUSALS: tuple[Refusal, ...] = (
    too_few_replicas,
    failed_save,
    replica_of_an_absent_primary,
    no_permission,
    out_of_memory,
)
# Those that a server does not leave its Sentinel or Cluster for.
REFUSALS_OF_A_MEMBER: tuple[Refusal, ...] = (too_few_replicas, failed_save, no_permission, out_of_memory)
