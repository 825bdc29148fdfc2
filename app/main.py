"""Joins resources, middleware, routes and graph into one application."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from app.jobs.cache_warmer import CacheWarmer
from app.jobs.supervisor import Job
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
from app.middleware.trailing_slash import TrailingSlash
from app.middleware.websocket_origin import WebSocketOrigin
from app.resources import Resources, open_resources
from app.routes import routes
from app.settings import Settings
from app.web.pages import schema_route
from loaders.registry import load_dno_year
from schema.http.endpoint import GraphQLEndpoint
from schema.http.rest import Rest
from schema.queries.vocabulary import FirstVocabulary
from schema.root import schema


def create_app(settings: Settings) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        async with open_resources(settings, _jobs) as resources:
            yield {"resources": resources}

    graph = GraphQLEndpoint(settings)
    paths = [*routes(settings, graph), *Rest(settings, graph).routes, schema_route(f"{schema}\n")]
    return Application(settings, paths, lifespan)


class Application(Starlette):
    """Starlette's router and lifespan, with only the middleware that is listed here."""

    def __init__(self, settings: Settings, routes: Sequence[BaseRoute], lifespan: Any) -> None:
        super().__init__(routes=routes, lifespan=lifespan)
        # A redirect would repeat the Host header; TrailingSlash handles these paths.
        self.router.redirect_slashes = False
        self._settings = settings

    def build_middleware_stack(self) -> ASGIApp:
        """Read from below: the first to see a request stands last. Errors of all kinds are answered by Errors."""
        app: ASGIApp = TrailingSlash(self.router)
        app = BodyLimit(app, self._settings)
        app = RateLimit(app)
        app = Session(app, self._settings)
        app = WebSocketOrigin(app, self._settings)
        app = ClientAddress(app, self._settings)
        app = Errors(app)
        app = cors(app, self._settings)
        app = SecurityHeaders(app, self._settings)
        app = Metrics(app)
        app = RequestId(app)
        return ResponseStartHooks(app)


def _jobs(resources: Resources) -> Sequence[Job]:
    warmer = CacheWarmer(
        resources.pool, resources.shared, partial(load_dno_year, resources.read_through), resources.settings
    )
    return [warmer, FirstVocabulary(resources)]
