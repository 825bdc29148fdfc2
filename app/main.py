"""Joins resources, middleware, routes and graph into one application."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Lifespan

from app.importers.follow.follower import Follower
from app.jobs.cache_warmer import CacheWarmer
from app.jobs.supervisor import Job
from app.middleware.stack import apply_middleware
from app.observability.build_info import set_build_info
from app.resources import Resources, open_resources
from app.routes import routes
from app.settings import Settings
from app.web.pages import schema_route
from loaders.memory_warmer import MemoryWarmer
from loaders.registry import load_dno_year
from schema.http.atypical_use import AtypicalUseReports
from schema.http.endpoint import GraphQLEndpoint
from schema.http.import_templates import ImportTemplates
from schema.http.imports import Imports
from schema.http.operation_runner import OperationRunner
from schema.http.pages.routes import Pages
from schema.http.rest import Rest
from schema.http.work.routes import Workbench
from schema.queries.vocabulary import FirstVocabulary
from schema.root import schema_text


def create_app(settings: Settings) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        async with open_resources(settings, _jobs) as resources:
            yield {"resources": resources}

    set_build_info(settings)
    runner = OperationRunner(settings)
    imports = Imports(settings)
    graph = GraphQLEndpoint(settings, runner)
    paths = [
        *routes(settings, graph),
        *Rest(settings, runner).routes,
        *Pages(settings, runner).routes,
        *Workbench(settings, runner, imports).routes,
        *AtypicalUseReports(settings).routes,
        *imports.routes,
        *ImportTemplates(settings).routes,
        schema_route(schema_text()),
    ]
    return Application(settings, paths, lifespan)


class Application(Starlette):
    """Starlette's router and lifespan behind the middleware of app/middleware/stack.py."""

    def __init__(
        self, settings: Settings, routes: Sequence[BaseRoute], lifespan: Lifespan[Starlette]
    ) -> None:
        super().__init__(routes=routes, lifespan=lifespan)
        # A redirect would repeat the Host header; TrailingSlash handles these paths.
        self.router.redirect_slashes = False
        self._settings = settings

    def build_middleware_stack(self) -> ASGIApp:
        """Without Starlette's own two: Errors answers for exceptions of every kind."""
        return apply_middleware(self.router, self._settings)


def _jobs(resources: Resources) -> Sequence[Job]:
    warmer = CacheWarmer(
        resources.pool, resources.shared, partial(load_dno_year, resources.read_through), resources.settings
    )
    memory_warmer = MemoryWarmer(
        resources.read_through,
        resources.memory,
        resources.shared,
        resources.directories,
        resources.settings,
    )
    return [warmer, FirstVocabulary(resources), memory_warmer, Follower(resources.settings)]
