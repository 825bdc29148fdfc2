"""Joins resources, middleware, routes and graph into one application."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware

from app.domain.entry import DnoYear
from app.http.errors import EXCEPTION_HANDLERS
from app.http.middleware.body_limit import BodyLimit
from app.http.middleware.client_address import ClientAddress
from app.http.middleware.cors import cors
from app.http.middleware.errors import Errors
from app.http.middleware.metrics import Metrics
from app.http.middleware.rate_limit import RateLimit
from app.http.middleware.request_id import RequestId
from app.http.middleware.security_headers import SecurityHeaders
from app.http.middleware.session import Session
from app.http.middleware.websocket_origin import WebSocketOrigin
from app.http.routes import routes
from app.jobs.cache_warmer import CacheWarmer
from app.jobs.supervisor import Job
from app.resources import Resources, open_resources
from app.settings import Settings
from loaders.popular import warm
from schema.endpoint import GraphQLEndpoint


def create_app(settings: Settings) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        async with open_resources(settings, _jobs) as resources:
            yield {"resources": resources}

    return Starlette(
        routes=routes(settings, GraphQLEndpoint(settings)),
        middleware=[
            Middleware(RequestId),
            Middleware(Metrics),
            Middleware(SecurityHeaders, settings),
            Middleware(cors, settings),
            Middleware(Errors),
            Middleware(ClientAddress, settings),
            Middleware(WebSocketOrigin, settings),
            Middleware(Session, settings),
            Middleware(RateLimit),
            Middleware(BodyLimit, settings),
        ],
        exception_handlers=dict(EXCEPTION_HANDLERS),
        lifespan=lifespan,
    )


def _jobs(resources: Resources) -> Sequence[Job]:
    async def load(key: DnoYear) -> None:
        await warm(resources.read_through, key)

    return [CacheWarmer(resources.pool, resources.shared, load, resources.settings)]
