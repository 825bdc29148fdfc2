"""The list of paths."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from app.http import pages
from app.http.exports import Exports
from app.http.health import Health
from app.settings import Settings


def routes(settings: Settings, graphql: ASGIApp) -> Sequence[BaseRoute]:
    # The busiest first: the router tries one after the other.
    return [
        Route("/graphql", graphql),
        WebSocketRoute("/graphql", graphql),
        *Health(settings).routes,
        *pages.routes,
        *Exports(settings).routes,
    ]
