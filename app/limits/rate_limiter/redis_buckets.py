"""The buckets that all instances share, in Redis: one script call for all keys of a round trip."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, cast

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import NoScriptError

from app.limits.rate_limiter.buckets import PendingRequest

Client = Any  # redis.asyncio.Redis or RedisCluster: their stubs agree on nothing

SCRIPT = Path(__file__).with_name("gcra.lua").read_text(encoding="utf-8")
PREFIX = "dno:rate:"
MAX_KEY_LENGTH = 100


class RedisBuckets:
    """`client` gives the shared Redis client at this moment, or None where there is none."""

    def __init__(self, client: Callable[[], Client | None]) -> None:
        self._client = client
        self._digest: str | None = None

    @property
    def configured(self) -> bool:
        return self._client() is not None

    async def send(self, requests: Mapping[str, PendingRequest]) -> dict[str, list[int]]:
        """For each key: what is left, what was granted in advance, when it is full, and the wait of each take in µs.

        Raises what the client raises.
        """
        client = self._client()
        if client is None:
            raise ConnectionError("There is no Redis.")
        if isinstance(client, RedisCluster):
            # A script there may touch one slot only; the client sends to each node on its own.
            parts = await asyncio.gather(
                *(self._run(client, {key: request}) for key, request in requests.items())
            )
            return {key: reply for part in parts for key, reply in part.items()}
        return await self._run(client, requests)

    def forget_script(self) -> None:
        """Another server may not have it."""
        self._digest = None

    async def _run(self, client: Client, requests: Mapping[str, PendingRequest]) -> dict[str, list[int]]:
        names = [PREFIX + _short(key) for key in requests]
        arguments = [argument for request in requests.values() for argument in request.arguments()]
        if self._digest is None:
            self._digest = await cast("Awaitable[str]", client.script_load(SCRIPT))
        try:
            flat = await client.evalsha(self._digest, len(names), *names, *arguments)
        except NoScriptError:
            flat = await client.eval(SCRIPT, len(names), *names, *arguments)
        numbers = iter(flat)
        return {key: list(islice(numbers, 3 + len(request.waiting))) for key, request in requests.items()}


def _short(key: str) -> str:
    """Bounds the length of keys in Redis."""
    return key if len(key) <= MAX_KEY_LENGTH else blake2b(key.encode(), digest_size=16).hexdigest()
