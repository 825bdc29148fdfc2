"""`get(path)`: a download from an app that has only downloads."""

from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from app.db.pool import Pool
from app.http.errors import EXCEPTION_HANDLERS
from app.http.exports import Exports
from app.settings import Settings

App = Callable[..., ASGIApp]


@pytest.fixture
def downloads(pool: Pool) -> App:
    """`downloads(**settings)`: the app."""

    def downloads(**settings: object) -> ASGIApp:
        app = Starlette(
            routes=Exports(Settings(**settings)).routes, exception_handlers=dict(EXCEPTION_HANDLERS)
        )

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
