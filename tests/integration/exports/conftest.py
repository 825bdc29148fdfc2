"""An application that serves only exports, and a client of it."""

from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace

import httpx
import pytest
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from app.db.pool import Pool
from app.http.exports import Exports
from app.middleware.errors import Errors
from app.middleware.response_start import ResponseStartHooks
from app.settings import Settings

App = Callable[..., ASGIApp]


@pytest.fixture
def downloads(pool: Pool) -> App:
    """`downloads(**settings)` returns the application."""

    def downloads(**settings: object) -> ASGIApp:
        app = ResponseStartHooks(Errors(Router(Exports(Settings(**settings)).routes)))

        async def with_resources(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"] = {"resources": SimpleNamespace(pool=pool)}
            await app(scope, receive, send)

        return with_resources

    return downloads


@pytest.fixture
async def client(downloads: App) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(downloads()), base_url="http://test"
    ) as client:
        yield client
