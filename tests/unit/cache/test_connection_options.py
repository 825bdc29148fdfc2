"""How connections to Redis are configured from the URL and the settings."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from redis.asyncio import SSLConnection
from redis.backoff import NoBackoff

from app.cache.cluster import Cluster
from app.cache.connections import (
    Client,
    WatchedConnection,
    WatchedSentinelConnection,
    WatchedSentinelSSLConnection,
    WatchedSSLConnection,
)
from app.cache.redis_url import connection_options, uses_tls
from app.cache.single_server import SingleServer
from app.settings import Settings

SETTINGS = {
    "redis_timeout": 0.7,
    "redis_connect_timeout": 0.9,
    "redis_health_check_interval": 11,
    "max_redis_connections": 7,
}


def settings(url: str, **changes: Any) -> Settings:
    return Settings(redis_url=url, **{**SETTINGS, **changes})


@pytest.mark.parametrize(
    ("scheme", "tls"),
    [
        *(("redis", False), ("rediss", True), ("redis+cluster", False), ("rediss+cluster", True)),
        *(("redis+sentinel", False), ("rediss+sentinel", True)),
    ],
)
def test_a_scheme_with_two_s_uses_tls(scheme: str, tls: bool) -> None:
    assert uses_tls(urlsplit(f"{scheme}://host")) is tls


def test_every_connection_has_time_outs_no_retries_and_the_third_protocol() -> None:
    options = connection_options(settings("redis://host"))
    retry = options["retry"]
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (0.7, 0.9)
    assert options["health_check_interval"] == 11
    assert options["protocol"] == 3
    assert retry.get_retries() == 0
    assert isinstance(retry._backoff, NoBackoff)
    assert options["maint_notifications_config"].enabled is False


def check(arguments: dict[str, Any], topology: Any, socket_timeout: float | None = 0.7) -> None:
    assert arguments["username"] == "user"
    assert arguments["password"] == "se,cret"
    assert arguments["socket_timeout"] == socket_timeout
    assert arguments["socket_connect_timeout"] == 0.9
    assert arguments["health_check_interval"] == 11
    assert arguments["protocol"] == 3
    assert arguments["redis_connect_func"] == topology._handshake
    assert arguments["watcher"] is topology


@pytest.mark.parametrize(
    ("scheme", "connection_class"), [("redis", WatchedConnection), ("rediss", WatchedSSLConnection)]
)
def test_one_server_has_two_pools_of_which_the_caches_has_no_socket_time_out(
    scheme: str, connection_class: type
) -> None:
    server = SingleServer(settings(f"{scheme}://user:se%2Ccret@host:7000/3"))
    pools = (server.client.connection_pool, server._cache_client.connection_pool)
    for pool, size, timeout in zip(pools, (4, 3), (0.7, None), strict=True):
        check(pool.connection_kwargs, server, timeout)
        assert pool.connection_kwargs["host"] == "host"
        assert pool.connection_kwargs["port"] == 7000
        assert pool.connection_kwargs["db"] == 3
        assert pool.connection_class is connection_class
        assert pool.max_connections == size
        assert pool.timeout == 0.7
    assert isinstance(server.client, Client)
    assert isinstance(server._cache_client, Client)
    assert server.client.auto_close_connection_pool


def test_without_port_and_database_the_defaults_of_redis_are_used() -> None:
    pool = SingleServer(settings("redis://")).client.connection_pool
    assert pool.connection_kwargs["host"] == "localhost"
    assert pool.connection_kwargs["port"] == 6379
    assert pool.connection_kwargs["db"] == 0


@pytest.mark.parametrize(("connections", "sizes"), [(1, (1, 1)), (2, (1, 1)), (3, (2, 1))])
def test_each_pool_has_at_least_one_connection(connections: int, sizes: tuple[int, int]) -> None:
    server = SingleServer(settings("redis://host", max_redis_connections=connections))
    pools = (server.client.connection_pool, server._cache_client.connection_pool)
    assert tuple(pool.max_connections for pool in pools) == sizes


@pytest.mark.parametrize(
    ("scheme", "tls", "connection_class"),
    [
        ("redis+sentinel", False, WatchedSentinelConnection),
        ("rediss+sentinel", True, WatchedSentinelSSLConnection),
    ],
)
def test_sentinels_are_requested_with_the_same_time_outs_and_without_the_password_of_the_master(
    scheme: str, tls: bool, connection_class: type
) -> None:
    server = SingleServer(settings(f"{scheme}://user:se%2Ccret@a,b:5/main/2"))
    assert server._sentinel is not None
    addresses = []
    for sentinel in server._sentinel.sentinels:
        arguments = sentinel.connection_pool.connection_kwargs
        addresses.append((arguments["host"], arguments["port"]))
        assert (arguments["socket_timeout"], arguments["socket_connect_timeout"]) == (0.7, 0.9)
        assert not arguments.get("password")
        assert issubclass(sentinel.connection_pool.connection_class, SSLConnection) is tls
    assert addresses == [("a", 26379), ("b", 5)]
    pools = (server.client.connection_pool, server._cache_client.connection_pool)
    for pool, size, timeout in zip(pools, (4, 3), (0.7, None), strict=True):
        check(pool.connection_kwargs, server, timeout)
        assert pool.service_name == "main"
        assert pool.connection_kwargs["db"] == 2
        assert pool.connection_class is connection_class
        assert pool.max_connections == size
    assert isinstance(server.client, Client)


def test_the_first_database_of_a_master_is_the_default() -> None:
    pool = SingleServer(settings("redis+sentinel://a/main")).client.connection_pool
    assert pool.service_name == "main"
    assert pool.connection_kwargs["db"] == 0


@pytest.mark.parametrize(
    ("scheme", "connection_class"),
    [("redis+cluster", WatchedConnection), ("rediss+cluster", WatchedSSLConnection)],
)
async def test_every_node_of_a_cluster_has_the_same_options(scheme: str, connection_class: type) -> None:
    cluster = Cluster(settings(f"{scheme}://user:se%2Ccret@a,b:5"))
    nodes = cluster.client.startup_nodes
    assert [(node.host, node.port) for node in nodes] == [("a", 6379), ("b", 5)]
    manager = cluster.client.nodes_manager.connection_kwargs
    for arguments in (manager, *(node.connection_kwargs for node in nodes)):
        check(arguments, cluster)
    assert manager["connection_class"] is connection_class
    for node in nodes:
        assert node.connection_class is connection_class
        assert node.max_connections == 7
