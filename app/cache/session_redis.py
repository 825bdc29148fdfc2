"""The Redis that holds sessions: of its topology where one is named, so that no cached data can push them out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from structlog import get_logger

from app.cache.failures import FAILURES, only_failures
from app.cache.open_topology import open_topology
from app.cache.redis import SharedCache
from app.cache.start_problem import reported_start_problem
from app.cache.topology import Topology, probe_writes
from app.settings import Settings

log = get_logger("sessions")


@asynccontextmanager
async def open_session_server(settings: Settings, shared: SharedCache) -> AsyncIterator[Any]:
    """A client of SESSION_REDIS_URL, else that of the cache. Opens even while the server is away.

    Warns where that server may evict sessions: cached data, which clients can fill, would then end sessions.
    """
    if not settings.session_redis_url or settings.session_redis_url == settings.redis_url:
        await _check_eviction(shared.client, settings)
        yield shared.client
        return
    own = msgspec.structs.replace(settings, redis_url=settings.session_redis_url)
    topology = open_topology(own)
    watch = asyncio.create_task(
        _watch(topology, settings.heartbeat_interval * settings.max_missed_heartbeats)
    )
    try:
        answered = await _check_eviction(topology.client, settings)
        async with reported_start_problem("SESSION_REDIS_URL", own, answered=answered):
            yield topology.client
    finally:
        watch.cancel()
        await asyncio.wait([watch])
        with suppress(*FAILURES), only_failures():
            await topology.close()


async def _watch(topology: Topology, every: float) -> None:
    """Where the address or the sentinels lead elsewhere, the former server is left, though it still answers.

    Else a session that was ended on the new one would go on here.
    """
    while True:
        await asyncio.sleep(every)
        with suppress(*FAILURES), only_failures():
            await topology.identify(probe_writes)


async def may_evict(client: Any) -> str | None:
    """The policy by which the server, or one of a cluster, may drop sessions; None where it keeps all it was given."""
    found = await client.info("memory")
    nodes = found.values() if all(isinstance(value, dict) for value in found.values()) else [found]
    for memory in nodes:
        policy = str(memory.get("maxmemory_policy", "noeviction"))
        if int(memory.get("maxmemory", 0)) and policy != "noeviction":
            return policy
    return None


async def _check_eviction(client: Any, settings: Settings) -> bool:
    """Whether the server has answered."""
    try:
        async with asyncio.timeout(settings.redis_connect_timeout + settings.redis_timeout):
            policy = await may_evict(client)
    except FAILURES:
        return False
    if policy is not None:
        log.warning(
            "sessions_may_be_evicted",
            policy=policy,
            advice="let SESSION_REDIS_URL name a server with maxmemory-policy noeviction",
        )
    return True
