"""Compression of streams and of cached responses, and what the middleware leaves as it is."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.domain.account import Principal, Role
from app.http import cached_response
from app.http.cached_response import CachedResponse
from app.http.compression import MAX_ON_LOOP, compressed_stream
from app.http.content_coding import Coding
from app.http.request_state import RequestState
from app.middleware.compression import Compression
from tests.codings import CODINGS, compressions, decoded, decoder

JSON = "application/json"
LONG = b'{"price": 58.21}' * 200


@pytest.mark.parametrize("coding", CODINGS)
async def test_each_part_of_a_stream_can_be_read_when_it_arrives(coding: Coding) -> None:
    rows = [b"row %d\n" % number * 50 for number in range(20)]
    read, closed = decoder(coding), False

    async def chunks() -> AsyncGenerator[bytes, None]:
        nonlocal closed
        try:
            for row in rows:
                yield row
        finally:
            closed = True

    parts = [part async for part in compressed_stream(chunks(), coding)]
    assert [read(part) for part in parts] == [*rows, b""]
    assert closed


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_long_response_is_compressed_once_in_a_thread_for_all_who_wait(
    coding: Coding, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    compress = cached_response.compress

    def recorded(body: bytes, coding: Coding) -> bytes:
        threads.append(threading.current_thread())
        return compress(body, coding)

    monkeypatch.setattr(cached_response, "compress", recorded)
    grown: list[int] = []
    response = CachedResponse(b"x" * (MAX_ON_LOOP + 1), JSON, None)
    response.grown = lambda _, size: grown.append(size)
    first, *others = [asyncio.create_task(response.encode(coding)) for _ in range(20)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(*others)
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
    assert grown == [len(response.encoded[coding])]
    assert decoded(coding, response.encoded[coding]) == response.body


async def sent(
    headers: Sequence[tuple[bytes, bytes]],
    parts: Sequence[bytes],
    *,
    principal: Principal | None = None,
    confidential: bool = False,
    path: str = "/x",
    method: str = "GET",
) -> tuple[dict[bytes, bytes], list[bytes]]:
    """What a client that accepts Brotli gets."""
    state = RequestState(SimpleNamespace())  # type: ignore[arg-type]
    if principal is not None:
        state.principal = principal
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(b"accept-encoding", b"br")],
        "state": {"request": state},
    }
    messages: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        state.confidential = confidential
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        for part in parts[:-1]:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": parts[-1]})

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    await Compression(app)(scope, receive, send)
    for hook in state.hooks:
        hook(messages[0])
    return dict(messages[0]["headers"]), [message["body"] for message in messages[1:]]


TYPE = (b"content-type", b"application/json")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_streamed_response_is_sent_part_by_part_with_the_headers_of_its_coding(method: str) -> None:
    length = (b"content-length", b"%d" % (2 * len(LONG)))
    parts = [LONG, LONG] if method == "GET" else [b""]
    headers, bodies = await sent(
        [TYPE, (b"etag", b'"a"'), length, (b"accept-ranges", b"bytes")], parts, method=method
    )
    assert headers == {
        TYPE[0]: TYPE[1],
        b"etag": b'"a-br"',
        b"content-encoding": b"br",
        b"vary": b"accept-encoding",
    }
    read = decoder(Coding.BR)
    assert b"".join(map(read, bodies)) == b"".join(parts)
    assert len(bodies) == len(parts)


UNCHANGED: dict[str, dict[str, Any]] = {
    "short": {"parts": [b"{}"]},
    "short and announced": {"headers": [(b"content-length", b"4")], "parts": [b"{}", b"{}"]},
    "encoded already": {"headers": [(b"content-encoding", b"gzip")]},
    "not to be transformed": {"headers": [(b"cache-control", b"public, no-transform")]},
    "a range": {"headers": [(b"content-range", b"bytes 0-9/100")]},
    "one that begins a session": {"headers": [(b"set-cookie", b"a=b")]},
    "to a session": {"principal": Principal(role=Role.EDITOR, session_id="s")},
    "confidential": {"confidential": True},
    "of the workbench": {"path": "/de/work/keys"},
    "an event stream": {"headers": [(b"content-type", b"text/event-stream; charset=utf-8")]},
    "parts of a subscription": {"headers": [(b"content-type", b"multipart/mixed; boundary=x")]},
    "a workbook": {"headers": [(b"content-type", b"application/vnd.ms-excel")]},
    "an image": {"headers": [(b"content-type", b"image/png")]},
}


@pytest.mark.parametrize("case", UNCHANGED)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_response_stays_as_it_is_if_it_is(case: str, streamed: bool) -> None:
    given = dict(UNCHANGED[case])
    parts = given.pop("parts", [LONG, LONG])
    parts = parts if streamed else [b"".join(parts)]
    if streamed and case == "short":
        return  # its length is not known
    headers = [*given.pop("headers", []), TYPE]
    headers = list(dict(reversed(headers)).items())
    before = compressions()
    received, bodies = await sent(headers, parts, **given)
    assert received == {**dict(headers), b"vary": b"accept-encoding"}
    assert bodies == parts
    assert compressions() == before
