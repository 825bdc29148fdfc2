"""The ways of running PostgreSQL and Redis under which the promise is checked."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

from tests.consistency.postgres import PostgresServers
from tests.consistency.redis_cluster import ClusterRedis
from tests.consistency.redis_one import OneRedis
from tests.consistency.redis_sentinel import SentinelRedis
from tests.consistency.scene import RedisServers
from tests.integration.cache.processes import cluster, processes, sentinel
from tests.proxy import Proxies
from tests.servers import PostgresPair


class Servers(NamedTuple):
    postgres: PostgresServers
    redis: RedisServers


Topology: TypeAlias = Callable[[Path, PostgresPair, Proxies], AbstractAsyncContextManager[Servers]]


@asynccontextmanager
async def one_address(folder: Path, pair: PostgresPair, proxies: Proxies) -> AsyncIterator[Servers]:
    """One address for PostgreSQL, one for Redis; which servers they lead to changes."""
    redis = OneRedis(folder, proxies)
    try:
        yield Servers(PostgresServers(pair, proxies), redis)
    finally:
        redis.stop()


@asynccontextmanager
async def with_sentinel(folder: Path, pair: PostgresPair, proxies: Proxies) -> AsyncIterator[Servers]:
    """Sentinel; two hosts in DATABASE_URL."""
    with processes() as family:
        async with sentinel(family) as (watch, _, _):
            yield Servers(PostgresServers(pair, None), SentinelRedis(family, watch))


@asynccontextmanager
async def with_cluster(folder: Path, pair: PostgresPair, proxies: Proxies) -> AsyncIterator[Servers]:
    """Redis Cluster; two hosts in DATABASE_URL."""
    with processes() as family:
        async with cluster(family, replicas=1) as ports:
            yield Servers(PostgresServers(pair, None), ClusterRedis(family, ports))


TOPOLOGIES: dict[str, Topology] = {
    "one": one_address,
    "sentinel": with_sentinel,
    "cluster": with_cluster,
}
