"""The ways of running PostgreSQL and Redis under which the promise is checked."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

from tests.consistency.edge import Edge
from tests.consistency.operations import Log
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
    edge: Edge | None = None


Topology: TypeAlias = Callable[[Path, PostgresPair, Proxies, Log], AbstractAsyncContextManager[Servers]]


@asynccontextmanager
async def one_address(folder: Path, pair: PostgresPair, proxies: Proxies, log: Log) -> AsyncIterator[Servers]:
    """One address for PostgreSQL, one for Redis; which servers they lead to changes."""
    redis = OneRedis(folder, proxies)
    try:
        yield Servers(PostgresServers(pair, proxies), redis)
    finally:
        redis.stop()


@asynccontextmanager
async def with_sentinel(
    folder: Path, pair: PostgresPair, proxies: Proxies, log: Log
) -> AsyncIterator[Servers]:
    """Sentinel; two hosts in DATABASE_URL."""
    with processes() as family:
        async with sentinel(family) as (watch, _, _):
            yield Servers(PostgresServers(pair, None), SentinelRedis(family, watch))


@asynccontextmanager
async def with_cluster(
    folder: Path, pair: PostgresPair, proxies: Proxies, log: Log
) -> AsyncIterator[Servers]:
    """Redis Cluster; two hosts in DATABASE_URL."""
    with processes() as family:
        async with cluster(family, replicas=1) as ports:
            yield Servers(PostgresServers(pair, None), ClusterRedis(family, ports))


@asynccontextmanager
async def with_edge(folder: Path, pair: PostgresPair, proxies: Proxies, log: Log) -> AsyncIterator[Servers]:
    """As with one address; Varnish before the instances."""
    edge = Edge(folder, log)
    async with one_address(folder, pair, proxies, log) as servers:
        try:
            yield servers._replace(edge=edge)
        finally:
            await edge.close()


TOPOLOGIES: dict[str, Topology] = {
    "one": one_address,
    "sentinel": with_sentinel,
    "cluster": with_cluster,
    "edge": with_edge,
}
