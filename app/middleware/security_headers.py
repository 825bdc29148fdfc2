"""Headers that restrict what browsers do with responses."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.response_start import on_response_start
from app.settings import Settings

Headers = list[tuple[bytes, bytes]]

# For all that is no page; a page brings its own policy, which names what it needs.
DATA_POLICY = b"default-src 'none'; frame-ancestors 'none'; sandbox"
POLICY = b"content-security-policy"

COMMON: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
DATA: Headers = [*COMMON, (b"referrer-policy", b"no-referrer"), (POLICY, DATA_POLICY)]
PAGE: Headers = [
    *COMMON,
    # With no-referrer, browsers state no origin with a form's POST, and the session cookie would not count.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]


class SecurityHeaders:
    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._strict_transport = strict_transport(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        def begin(message: Message) -> None:
            headers: Headers = list(message.get("headers", ()))
            headers += PAGE if _has_policy(headers) else DATA
            # Read late: which scheme the client used may be known only from a proxy's header.
            if scope["scheme"] == "https":
                headers += self._strict_transport
            message["headers"] = headers

        on_response_start(scope, begin)
        await self.app(scope, receive, send)


def strict_transport(settings: Settings) -> Headers:
    age = int(settings.hsts_lifetime)
    return [(b"strict-transport-security", b"max-age=%d" % age)] if age else []


def _has_policy(headers: Headers) -> bool:
    return any(name == POLICY for name, _ in headers)
