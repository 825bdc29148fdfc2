"""Calls an ASGI app as the server does, in this process."""

from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from app.middleware.response_start import ResponseStartHooks


def with_resources(app: ASGIApp, resources: Any) -> ASGIApp:
    """`resources` as the lifespan's state. Tests of one part pass only what that part uses."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"resources": resources}
        await app(scope, receive, send)

    return call


def with_request_state(app: ASGIApp, resources: Any = None) -> ASGIApp:
    """Also with the outermost middleware, which begins the request's state."""
    return with_resources(ResponseStartHooks(app), resources)
