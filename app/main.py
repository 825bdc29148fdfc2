"""Joins resources, middleware, routes and graph into one application."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware

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
from app.resources import open_resources
from app.settings import Settings
from schema.endpoint import GraphQLEndpoint


def create_app(settings: Settings) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        async with open_resources(settings) as resources:
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
