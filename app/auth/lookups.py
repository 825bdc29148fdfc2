"""Batches concurrent lookups: keys requested while a fetch runs are fetched together by the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextvars import Context
from itertools import islice
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

AT_ONCE = 500


class Lookups(Generic[K, V]):
    """Bounds what invalid credentials cost: `fetch` runs once at a time, for up to AT_ONCE keys.

    A key is never resolved by a fetch that began before its request. Errors of `fetch` are
    raised to all requests that wait for it.
    """

    def __init__(self, fetch: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._fetch = fetch
        self._gathered: dict[K, asyncio.Future[V | None]] = {}
        self._running: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        future = self._gathered.get(key)
        if future is None:
            loop = asyncio.get_running_loop()
            future = self._gathered[key] = loop.create_future()
            if self._running is None or self._running.done():
                # In a context of its own: the fetch is not the cost of the one request that began it.
                self._running = loop.create_task(self._run(), context=Context())
        # Shielded: one caller that leaves must not take the answer from the others.
        return await asyncio.shield(future)

    async def _run(self) -> None:
        while self._gathered:
            keys = list(islice(self._gathered, AT_ONCE))
            waiting = {key: self._gathered.pop(key) for key in keys}
            try:
                found = await self._fetch(keys)
                for key, future in waiting.items():
                    future.set_result(found.get(key))
            except Exception as error:
                for future in waiting.values():
                    future.set_exception(error)
                    future.exception()  # seen, also where every caller has left meanwhile
            finally:
                for future in waiting.values():
                    future.cancel()  # no effect unless this task is cancelled itself
