"""Starlette apps with the real middleware, and limiters on the real Valkey."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from app.domain.account import ANONYMOUS, Principal
from app.errors import Unauthenticated
from app.http.errors import EXCEPTION_HANDLERS
from app.limits.rate_limiter import RateLimiter
from app.middleware.body_limit import BodyLimit
from app.middleware.client_address import ClientAddress
from app.middleware.cors import cors
from app.middleware.errors import Errors
from app.middleware.metrics import Metrics
from app.middleware.rate_limit import RateLimit
from app.middleware.request_id import RequestId
from app.middleware.response_start import ResponseStartHooks
from app.middleware.security_headers import SecurityHeaders
from app.middleware.session import Session
from app.middleware.websocket_origin import WebSocketOrigin
from app.settings import Settings

Limiters = Callable[..., RateLimiter]


@pytest.fixture
async def limiters() -> AsyncIterator[Limiters]:
    """`limiters(url, **settings)`: one as a process of its own would have it."""
    async with AsyncExitStack() as opened:

        def open_limiter(url: str, **settings: Any) -> RateLimiter:
            client = Redis.from_url(url, socket_connect_timeout=0.2)
            opened.push_async_callback(client.aclose)
            limiter = RateLimiter(lambda: client, Settings(**settings))
            opened.push_async_callback(limiter.close)
            return limiter

        yield open_limiter


class Keys:
    """Stands for the authenticator, which has tests of its own."""

    def __init__(self, **known: Principal) -> None:
        self._known = known
        self.asked = 0

    async def principal(self, authorization: str | None, cookie: str | None) -> Principal:
        self.asked += 1
        name = (authorization or cookie or "").removeprefix("Bearer ")
        if name not in self._known:
            raise Unauthenticated("This key is not valid.")
        return self._known.get(name, ANONYMOUS)


def application(
    settings: Settings, limiter: RateLimiter, routes: list[BaseRoute], **resources: object
) -> Starlette:
    app = Starlette(
        routes=routes,
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=[
            Middleware(ResponseStartHooks),
            Middleware(RequestId),
            Middleware(Metrics),
            Middleware(SecurityHeaders, settings),
            Middleware(cors, settings),
            Middleware(Errors),
            Middleware(WebSocketOrigin, settings),
            Middleware(ClientAddress, settings),
            Middleware(BodyLimit, settings),
            Middleware(Session, settings),
            Middleware(RateLimit),
        ],
    )
    found = SimpleNamespace(limiter=limiter, **{"authenticator": Keys(), **resources})

    async def with_resources(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"resources": found}
        await app(scope, receive, send)

    return with_resources  # type: ignore[return-value]


def client_of(app: object, address: str = "203.0.113.7") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 5000))  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://dno.test")
