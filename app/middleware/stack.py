"""The middleware of every request, outermost first: the order in which they see it."""

from collections.abc import Awaitable, Sequence

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.middleware.body_limit import BodyLimit
from app.middleware.client_address import ClientAddress
from app.middleware.compression import Compression
from app.middleware.cors import Cors
from app.middleware.errors import Errors
from app.middleware.metrics import Metrics
from app.middleware.rate_limit import RateLimit
from app.middleware.request_id import RequestId
from app.middleware.response_start import ResponseStartHooks
from app.middleware.security_headers import SecurityHeaders
from app.middleware.session import Session
from app.middleware.trailing_slash import TrailingSlash
from app.middleware.websocket_origin import WebSocketOrigin
from app.settings import Settings


def middleware(settings: Settings) -> Sequence[Middleware]:
    return [
        Middleware(ResponseStartHooks),
        Middleware(RequestId),
        Middleware(Metrics),
        Middleware(SecurityHeaders, settings),
        Middleware(Cors, settings),
        Middleware(Compression),  # outside of the errors, whose pages are long
        Middleware(Errors),  # inside of what must see every response, outside of what may reject the request
        Middleware(ClientAddress, settings),
        Middleware(WebSocketOrigin, settings),
        Middleware(Session, settings),  # limits failed credentials of an address
        Middleware(RateLimit),  # draws on the budget that Session has determined
        Middleware(BodyLimit, settings),
        Middleware(TrailingSlash),
    ]


def apply_middleware(app: ASGIApp, settings: Settings) -> ASGIApp:
    """`app` behind the middleware of the server. A lifespan, which is no request, passes none of it."""
    wrapped = app
    for factory, args, kwargs in reversed(middleware(settings)):
        wrapped = factory(wrapped, *args, **kwargs)

    def dispatch(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return (app if scope["type"] == "lifespan" else wrapped)(scope, receive, send)

    return dispatch
