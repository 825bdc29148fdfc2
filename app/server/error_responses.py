"""Responses of the server itself to requests that never reach the application."""

from http import HTTPStatus

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from app.http.content_negotiation import PROBLEM

CONNECTION_CLOSE = b"connection: close\r\n"

_MORE = {426: b"upgrade: websocket\r\nsec-websocket-version: 13\r\n", 503: b"retry-after: 1\r\n"}
DETAILS = {
    "too_slow": "The request took too long to arrive.",
    "no_room": "This server holds as many connections as it can.",
    "no_share": "This address holds as many connections as it may.",
}


def error_response(status: int, detail: str, default: list[tuple[bytes, bytes]]) -> bytes:
    date = b"date: %s\r\n" % default[0][1] if default else b""
    more = _MORE.get(status, b"")
    if not detail:
        return b"%s%sallow: GET, HEAD, POST, OPTIONS\r\n%s\r\n" % (
            STATUS_LINE[status],
            date,
            CONNECTION_CLOSE,
        )
    known = HTTPStatus(status)
    problem = {
        "type": "about:blank",
        "title": known.phrase,
        "status": status,
        "detail": detail,
        "code": known.name,
    }
    body = msgspec.json.encode(problem)
    return b"%s%scontent-type: %s\r\ncontent-length: %d\r\ncache-control: no-store\r\n%s%s\r\n%s" % (
        STATUS_LINE[status],
        date,
        PROBLEM.encode(),
        len(body),
        more,
        CONNECTION_CLOSE,
        body,
    )
