"""Sets the id of each request, in its response and in every log line."""

import re
from itertools import count
from os import register_at_fork, urandom

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.headers import Headers, first
from app.http.request_state import request_state
from app.http.response_start import add_headers, on_response_start
from app.observability import logs

HEADER = b"x-request-id"
SANE = re.compile(rb"[A-Za-z0-9._-]{8,64}").fullmatch


class RequestId:
    """Uses the caller's id if it is valid, so that a request has one id on all servers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = _id_of_caller(scope["headers"]) or new_request_id()
        request_id = request_state(scope).request_id = name.decode()
        logs.request_id.set(request_id)

        def begin(message: Message) -> None:
            if message["type"] != "websocket.close":
                add_headers(message, [(HEADER, name)])

        on_response_start(scope, begin)
        await self.app(scope, receive, send)


def _id_of_caller(headers: Headers) -> bytes | None:
    value = first(headers, HEADER)
    return value if value is not None and SANE(value) else None


def new_request_id() -> bytes:
    """Unique over processes and restarts, and cheap: no randomness is drawn per request."""
    return b"%s-%x" % (_prefix, next(_numbers))


def _begin() -> None:
    global _prefix, _numbers
    _prefix, _numbers = urandom(6).hex().encode(), count(1)


_prefix = b""
_numbers = count(1)
_begin()
# A forked child must not go on with its parent's names.
register_at_fork(after_in_child=_begin)
