"""An application that serves only exports, and a client of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace

import httpx
import pytest
from starlette.routing import Router
from starlette.types import ASGIApp

from app.db.pool import Pool
from app.http.edge_headers import EdgeHeaders
from app.http.exports import Exports
from app.limits.refusal_pacer import RefusalPacer
from app.middleware.errors import Errors
from app.settings import Settings
from tests.asgi import with_request_state

App = Callable[..., ASGIApp]


@pytest.fixture
def downloads(pool: Pool) -> App:
    """`downloads(**settings)` returns the application."""

    def downloads(**settings: object) -> ASGIApp:
        given = Settings(**settings)
        app = Errors(Router(Exports(given).routes))
        refusals = RefusalPacer(asyncio.get_running_loop())
        resources = SimpleNamespace(pool=pool, edge=EdgeHeaders(given), refusals=refusals)
        return with_request_state(app, resources)

    return downloads


@pytest.fixture
async def client(downloads: App) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(downloads()), base_url="http://test"
    ) as client:
        yield client
