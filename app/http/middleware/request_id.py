"""A name for each request: in the answer and in every log line."""

import re
from itertools import count
from os import getpid, urandom

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

HEADER = b"x-request-id"
SANE = re.compile(rb"[A-Za-z0-9._-]{8,64}").fullmatch


class RequestId:
    """Takes the caller's id if it is a sane one, so that one name leads through many servers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        name = given(scope["headers"]) or new()
        scope.setdefault("state", {})["request_id"] = name.decode()
        clear_contextvars()
        bind_contextvars(request_id=name.decode())

        async def send_named(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                message["headers"] = [*message.get("headers", ()), (HEADER, name)]
            await send(message)

        await self.app(scope, receive, send_named)


def given(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    for name, value in headers:
        if name == HEADER:
            return value if SANE(value) else None
    return None


def new() -> bytes:
    """Unique over processes and restarts, and cheap: no randomness is drawn per request."""
    return b"%s-%x" % (_prefix(), next(_numbers))


_numbers = count(1)
_prefixes: dict[int, bytes] = {}


def _prefix() -> bytes:
    pid = getpid()
    prefix = _prefixes.get(pid)
    if prefix is None:
        prefix = _prefixes[pid] = urandom(6).hex().encode()
    return prefix
