"""Parsers of untrusted text take linear time, whatever the text is.

64 KiB is as long as a head may be. What is linear reads that in milliseconds; what is quadratic takes minutes, so
one second of CPU distinguishes them on any machine.
"""

import re
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers
from websockets.exceptions import InvalidHeader
from websockets.headers import parse_connection, parse_extension, parse_subprotocol, parse_upgrade

from app.auth import api_keys, authenticator, cookies, sessions
from app.auth.cookies import SessionCookie
from app.errors import AppError
from app.http import cached_request_head
from app.http.client_address import Addresses
from app.http.content_coding import choose_coding
from app.http.content_negotiation import accepted_stream, preferred, prefers_page
from app.http.entity_tags import known_tag
from app.http.request_state import RequestState, joined_header
from app.middleware import request_id
from app.middleware.websocket_origin import WebSocketOrigin
from app.observability import logs
from app.server.request_body import ChunkedBody, MalformedBody
from app.server.request_head import (
    RejectedHead,
    RequestLine,
    authority_of,
    check_beginning,
    check_fields,
    check_lines,
)
from app.settings import Settings
from schema.http.request import check_content, read_graphql_request, shows_intent

LENGTH = 64 * 1024
LINE = RequestLine(b"GET", b"/", "1.1")
ADDRESSES = Addresses(Settings(trusted_proxies=("127.0.0.1",)))
ORIGINS = WebSocketOrigin(lambda *_: None, Settings())  # type: ignore[arg-type,return-value]
COOKIE = SessionCookie(Settings())


def _graphql(query_string: bytes) -> None:
    read_graphql_request("GET", [], query_string, b"")


def _origin(text: str) -> None:
    scope = {
        "type": "websocket",
        "headers": [(b"origin", text.encode("latin-1", "replace")), (b"host", b"a")],
    }
    ORIGINS._may(Headers(scope=scope))


def _forwarded(name: bytes) -> Callable[[bytes], None]:
    return lambda value: ADDRESSES.seen("127.0.0.1", [(name, value)]) and None


def _fields(name: bytes) -> Callable[[bytes], object]:
    return lambda value: check_fields(LINE, [(b"host", b"a"), (name, value)])


def _head(data: bytes) -> None:
    check_lines(b"GET / HTTP/1.1\r\nHost: a\r\n" + data)


def _scope_with(name: bytes, value: bytes) -> dict[str, Any]:
    resources: Any = None  # which these do not use
    return {
        "method": "GET",
        "headers": [(name, value)],
        "state": {"request": RequestState(resources)},
    }


BYTES: dict[str, Callable[[bytes], object]] = {
    "Forwarded": _forwarded(b"forwarded"),
    "X-Forwarded-For": _forwarded(b"x-forwarded-for"),
    "X-Forwarded-Proto": lambda value: ADDRESSES.seen(
        "127.0.0.1", [(b"x-forwarded-for", b"1.2.3.4"), (b"x-forwarded-proto", value)]
    ),
    "Accept": preferred,
    "Accept of a page": lambda value: prefers_page(b"text/html," + value),
    "Accept of a stream": lambda value: accepted_stream(b"text/event-stream," + value),
    "Content-Type": lambda value: check_content([(b"content-type", b"application/json;" + value)]),
    "intent": lambda value: shows_intent([(b"content-type", value)]),
    "query string": _graphql,
    "query string of a query": lambda value: _graphql(b"query=" + value),
    "variables": lambda value: _graphql(b"query=a&variables=" + value),
    "request id": request_id.SANE,
    "head": _head,
    "beginning of a head": lambda data: check_beginning(b"G" + data),
    "target": authority_of,
    "absolute target": lambda value: authority_of(b"http://" + value),
    "Host": lambda value: check_fields(LINE, [(b"host", value)]),
    "Connection": _fields(b"connection"),
    "Upgrade": _fields(b"upgrade"),
    "Expect": _fields(b"expect"),
    "Transfer-Encoding": _fields(b"transfer-encoding"),
    "Content-Length": _fields(b"content-length"),
    "chunks": lambda data: ChunkedBody().take(data),
    "chunks in pieces": lambda data: [ChunkedBody().take(data[n : n + 1]) for n in range(0, len(data), 16)],
    "trailers": lambda data: ChunkedBody().take(b"0\r\n" + data),
    "length of a body": lambda value: cached_request_head.length_of(_scope_with(b"content-length", value)),
    "If-None-Match": lambda value: (
        b'"a"' in joined_header(_scope_with(b"if-none-match", value), b"if-none-match")
    ),
}
TEXTS: dict[str, Callable[[str], object]] = {
    "Cookie": lambda text: COOKIE.read({"cookie": text, "host": "a"}),
    "Host of a cookie": lambda text: COOKIE.read({"cookie": "a=b", "host": text, "origin": "http://a"}),
    "localhost": cookies._LOCALHOST.fullmatch,
    "Origin of a cookie": lambda text: COOKIE.counts({"origin": text, "host": "a"}),
    "Origin of a WebSocket": _origin,
    "Authorization": lambda text: authenticator._BEARER.fullmatch(text.strip()),
    "Authorization, a key": api_keys.is_secret,
    "a session": sessions._TOKEN.fullmatch,
    "Accept-Encoding": lambda text: choose_coding(text.encode("latin-1", "replace")),
    "If-None-Match": lambda text: known_tag(text.encode("latin-1", "replace"), b'"aaaa"'),
    "Connection of a handshake": parse_connection,
    "Upgrade of a handshake": parse_upgrade,
    "Sec-WebSocket-Protocol": parse_subprotocol,
    "Sec-WebSocket-Extensions": parse_extension,
    "a log line": lambda text: [
        pattern.sub("", text) for pattern in (logs.SECRET_NAMES, logs.URL_CREDENTIALS, logs.BEARER)
    ],
}
# What such texts are made of, and the beginnings after which a parser may look far ahead.
PIECES = st.sampled_from(
    [
        *'aA0 \t,;=":/\\.-_@%&+?#[]()<>{}*|~',
        "\r\n",
        "\n",
        "\x00",
        "ä",
        "for=",
        'for="',
        "q=",
        "q=0.1",
        "bearer ",
        "dno_",
        "://",
        "://a",
        "[::",
        "127.0.0.1",
        "1.2.3.4, ",
        ".localhost",
        "application/json",
        "*/*",
        "%41",
        "0\r\n",
        "1\r\na\r\n",
        "a:b\r\n",
        "a=b; ",
        "query=",
        "&a=",
        "5;a=",
        '\\"',
        "chunked",
        "websocket",
        "secret",
        '{"a":',
        "[[",
    ]
)
REPEATED = st.tuples(
    st.lists(PIECES, max_size=3), st.lists(PIECES, min_size=1, max_size=4), st.lists(PIECES, max_size=3)
)


def _written(parts: tuple[list[str], list[str], list[str]]) -> str:
    first, again, last = ("".join(part) for part in parts)
    return first + again * (LENGTH // len(again)) + last


def _in_time(read: Callable[[Any], object], value: Any) -> None:
    began = process_time()
    with suppress(AppError, RejectedHead, MalformedBody, ValueError, InvalidHeader):
        read(value)
    spent = process_time() - began
    assert spent < 1, f"{spent:.1f} s for {value[:60]!r} …"


@pytest.mark.parametrize("name", BYTES)
@settings(max_examples=60, deadline=None)
@given(parts=REPEATED)
def test_bytes_are_read_in_linear_time(name: str, parts: tuple[list[str], list[str], list[str]]) -> None:
    _in_time(BYTES[name], _written(parts).encode("latin-1"))


@pytest.mark.parametrize("name", TEXTS)
@settings(max_examples=60, deadline=None)
@given(parts=REPEATED)
def test_texts_are_read_in_linear_time(name: str, parts: tuple[list[str], list[str], list[str]]) -> None:
    _in_time(TEXTS[name], _written(parts))


@pytest.mark.parametrize("letter", [b"a", b" ", b"a=", b'"', b'a="\\'])
def test_a_forwarded_of_one_letter_is_read_at_once(letter: bytes) -> None:
    """24 kB of them took 8 seconds."""
    _in_time(BYTES["Forwarded"], letter * (LENGTH // len(letter)))


def test_a_quadratic_expression_would_be_noticed() -> None:
    slow = re.compile(r"a+=")
    with pytest.raises(AssertionError, match=" s for "):
        _in_time(slow.findall, "a" * LENGTH)


def test_remembered_headers_are_bounded_in_bytes() -> None:
    """The caches of parsed headers hold thousands of entries; each of 64 KiB would be too much."""
    tracemalloc.start()
    try:
        for number in range(200):
            preferred(b"%d/" % number + b"a" * LENGTH)
            ADDRESSES.seen("127.0.0.1", [(b"x-forwarded-for", b"%d" % number + b"1" * LENGTH)])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * 2**20  # not 200 × 64 KiB
