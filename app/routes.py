"""The list of paths."""

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from app.http.errors import respond_http
from app.http.exports import Exports
from app.http.health import Health
from app.settings import Settings
from app.web import pages


async def no_socket(socket: WebSocket) -> None:
    """Refuses a handshake on any other path in words."""
    await socket.send_denial_response(respond_http(socket.scope, HTTPException(404)))


def routes(settings: Settings, graphql: ASGIApp) -> Sequence[BaseRoute]:
    # In order of frequency: the router tries them one after the other.
    return [
        Route("/graphql", graphql),
        WebSocketRoute("/graphql", graphql),
        *Health(settings).routes,
        *pages.routes,
        *Exports(settings).routes,
        WebSocketRoute("/{path:path}", no_socket),
    ]
