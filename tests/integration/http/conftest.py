"""Starlette apps with the real middleware, and limiters on the real Valkey."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp

from app.domain.account import ANONYMOUS, Principal
from app.errors import Unauthenticated
from app.limits.rate_limiter.limiter import RateLimiter
from app.limits.refusal_pacer import RefusalPacer
from app.middleware.stack import apply_middleware
from app.settings import Settings
from tests.waiting import PATIENT

Limiters = Callable[..., RateLimiter]


@pytest.fixture
async def limiters() -> AsyncIterator[Limiters]:
    """`limiters(url, **settings)` opens a limiter like that of a separate process; it waits for a slow Redis unless `redis_timeout` is given."""
    async with AsyncExitStack() as opened:

        def open_limiter(url: str, **settings: Any) -> RateLimiter:
            settings = {**PATIENT, **settings}
            limits = Settings(**settings | {"redis_connect_timeout": settings["redis_timeout"]})
            client = Redis.from_url(
                url, socket_timeout=limits.redis_timeout, socket_connect_timeout=limits.redis_connect_timeout
            )
            opened.push_async_callback(client.aclose)
            limiter = RateLimiter(lambda: client, limits)
            opened.push_async_callback(limiter.close)
            return limiter

        yield open_limiter


class Keys:
    """Replaces the authenticator, which has tests of its own."""

    def __init__(self, **known: Principal) -> None:
        self._known = known
        self.lookups = 0

    async def principal(self, authorization: str | None, cookie: str | None) -> Principal:
        self.lookups += 1
        name = (authorization or cookie or "").removeprefix("Bearer ")
        if name not in self._known:
            raise Unauthenticated("This key is not valid.")
        return self._known.get(name, ANONYMOUS)


def application(
    settings: Settings, limiter: RateLimiter, routes: list[BaseRoute], **resources: object
) -> ASGIApp:
    app = apply_middleware(Router(routes, redirect_slashes=False), settings)
    found = SimpleNamespace(limiter=limiter, **{"authenticator": Keys(), **resources})

    async def with_resources(scope: Any, receive: Any, send: Any) -> None:
        if not hasattr(found, "refusals"):
            found.refusals = RefusalPacer(asyncio.get_running_loop())
        scope |= {"app": app, "state": {"resources": found}}  # as Starlette sets it, for its router to raise
        await app(scope, receive, send)

    return with_resources


def client_of(app: object, address: str = "203.0.113.7") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 5000))  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://dno.test")
