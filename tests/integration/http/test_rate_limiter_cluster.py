"""The same limits on a Redis Cluster of three processes, where a script can access one slot only."""

import asyncio

from redis.asyncio.cluster import RedisCluster

from app.limits.rate_limiter.limiter import RateLimiter
from app.settings import Settings
from tests.integration.cache.processes import HOST, cluster, processes


async def test_limits_hold_on_every_node() -> None:
    with processes() as family:
        async with cluster(family) as ports, RedisCluster(host=HOST, port=ports[0]) as client:
            limiter = RateLimiter(lambda: client, Settings(rate_limit_window=3600, redis_timeout=2))
            verdicts = await asyncio.gather(*(limiter.take(f"{n % 20}") for n in range(20 * 61)))
            assert sum(verdict.allowed for verdict in verdicts) == 20 * 60
            assert {verdict.policy.by_local.value for verdict in verdicts} == {0}
            await limiter.close()
