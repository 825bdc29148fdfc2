"""Joins resources, middleware, routes and graph into one application."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from app.http.middleware.answering import Answering
from app.http.middleware.body_limit import BodyLimit
from app.http.middleware.client_address import ClientAddress
from app.http.middleware.cors import cors
from app.http.middleware.errors import Errors
from app.http.middleware.metrics import Metrics
from app.http.middleware.rate_limit import RateLimit
from app.http.middleware.request_id import RequestId
from app.http.middleware.security_headers import SecurityHeaders
from app.http.middleware.session import Session
from app.http.middleware.slash_at_the_end import SlashAtTheEnd
from app.http.middleware.websocket_origin import WebSocketOrigin
from app.http.pages import schema_route
from app.http.routes import routes
from app.jobs.supervisor import Job
from app.resources import Resources, open_resources
from app.settings import Settings
from loaders.popular import warmer
from loaders.vocabulary import FirstVocabulary
from schema.endpoint import GraphQLEndpoint
from schema.rest import Rest
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
    """Starlette's router and life, and of what stands before it only what is listed here."""

    def __init__(self, settings: Settings, routes: Sequence[BaseRoute], lifespan: Any) -> None:
        super().__init__(routes=routes, lifespan=lifespan)
        # A redirect would repeat the Host header; SlashAtTheEnd answers instead.
        self.router.redirect_slashes = False
        self._settings = settings

    def build_middleware_stack(self) -> ASGIApp:
        """Read from below: the first to see a request stands last. Errors of all kinds are answered by Errors."""
        app: ASGIApp = SlashAtTheEnd(self.router)
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
        return Answering(app)


def _jobs(resources: Resources) -> Sequence[Job]:
    return [warmer(resources), FirstVocabulary(resources)]
