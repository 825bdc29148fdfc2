"""Generated operations and damaged requests: never a status 500, always a code, and never a hang.

`MANY=5000` runs more examples than CI.
"""

import asyncio
import json
import os
import re
from collections import Counter
from contextlib import suppress
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import given, seed
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.graphql import nodes

from schema.root import schema
from tests.integration.graph.query_generator import generated
from tests.integration.graph.running import Running
from tests.integration.graph.wire import post, wire

SCALARS = {
    "Date": st.dates().map(str),
    "DateTime": st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
    "Decimal": st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**9).map(str),
}
MANY = int(os.environ.get("MANY", "300"))
TIMEOUT = 15
thorough = generated(MANY)


@pytest.mark.timeout(60 + MANY)
async def test_generated_operations_are_answered_or_refused(server: Running, operators: list[Any]) -> None:
    for name, literals in SCALARS.items():
        schemathesis.graphql.scalar(name, literals.map(nodes.String))
    described = schemathesis.graphql.from_file(schema.as_str())
    outcomes: Counter[str] = Counter()
    operations = [found.ok() for found in described.get_all_operations() if isinstance(found, Ok)]
    generated = st.one_of(*(operation.as_strategy() for operation in operations))

    def check_all() -> None:
        @seed(20261123)
        @thorough
        @given(generated)
        def check(case: Any) -> None:
            body = case.body if isinstance(case.body, dict) else {"query": case.body}
            response = client.post(server.url, json=body)
            _check_response(response.status_code, response.content, outcomes)

        with httpx.Client(timeout=TIMEOUT) as client:
            check()

    await asyncio.to_thread(check_all)
    # Most of the generated operations are valid.
    assert outcomes["data"] > MANY / 20, outcomes


def _check_response(status: int, content: bytes, outcomes: Counter[str]) -> None:
    body = json.loads(content)
    errors = body.get("errors", ())
    codes = {error["extensions"]["code"] for error in errors}
    outcomes.update(codes or {"data"})
    assert status < 500, body
    assert "INTERNAL_SERVER_ERROR" not in codes, body


VALID = post("{ __typename }")
HEAD, _, BODY = VALID.partition(b"\r\n\r\n")
names = st.sampled_from([b"Host", b"Accept", b"Content-Type", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Expect", b"Cookie", b"Authorization", b"X-Request-Id", b"X-Forwarded-For", b"Forwarded", b"Origin", b"If-None-Match", b"Upgrade", b"Content-Encoding"])  # fmt: skip
values = st.one_of(
    st.sampled_from([b"", b"0", b"-1", b"5", b"99999999999999999999", b"chunked", b"close", b"keep-alive", b"websocket", b"100-continue", b"application/json", b"application/json; charset=utf-7", b"*/*;q=0", b'"', b"\xff\xfe", b"Bearer ", b"for=;;=", b"a" * 9000]),
    st.binary(max_size=40),
)  # fmt: skip
bodies = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda at, what: BODY[:at] + what + BODY[at:], st.integers(0, len(BODY)), st.binary(min_size=1, max_size=4)),
    st.builds(lambda value: json.dumps(value).encode(), st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["query", "variables", "operationName", "extensions", "documentId", "x"]), inner, max_size=4), max_leaves=8)),
    st.builds(lambda query: json.dumps({"query": query}).encode(), st.text(max_size=60)),
    st.just(b'{"query":"{__typename}","variables":{"n":1e400}}'),
    st.just(b'{"query":"{__typename}","variables":' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}"),
)  # fmt: skip
POST = b"POST /graphql HTTP/1.1"
lines = st.sampled_from([POST, b"GET /graphql HTTP/1.1", b"GET /graphql?query=%7B__typename%7D&query=a HTTP/1.1", b"GET /graphql?query=%ff%fe&variables=%7B HTTP/1.1", b"HEAD /graphql?query={x} HTTP/1.1", b"PATCH /graphql HTTP/1.1", b"POST /graphql HTTP/1.0", b"POST /graphql HTTP/3.7", b"POST http://other/graphql HTTP/1.1", b"OPTIONS * HTTP/1.1", b"POST /graphql", b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.0"])  # fmt: skip


@st.composite
def requests(draw: Any) -> bytes:
    """A request; most are damaged."""
    body: bytes = draw(st.one_of(st.just(BODY), bodies))
    headers = [b"Host: dno.test", b"Content-Type: application/json"]
    headers += [b"%s: %s" % pair for pair in draw(st.lists(st.tuples(names, values), max_size=3))]
    length = len(body) + draw(st.sampled_from([0, 0, 0, 0, 0, -1, 1]))
    framing = draw(st.sampled_from(["length"] * 4 + ["none", "chunked", "both"]))
    if framing in ("length", "both"):
        headers.append(b"Content-Length: %d" % length)
    if framing in ("chunked", "both"):
        headers.append(b"Transfer-Encoding: chunked")
        body = draw(chunked(body))
    line: bytes = draw(st.one_of(st.just(POST), lines))
    return b"\r\n".join([line, *headers]) + b"\r\n\r\n" + body


@st.composite
def chunked(draw: Any, body: bytes) -> bytes:
    size = draw(st.integers(1, max(len(body), 1)))
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    extension, end = draw(st.sampled_from([b"", b"", b";a=b", b";\xff", b"g"])), draw(st.sampled_from([b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nX-A: b\r\n\r\n", b"-1\r\n", b""]))  # fmt: skip
    return b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts) + end


class Segments(list[bytes]):
    """The bytes of requests in the segments in which they are sent."""

    def __repr__(self) -> str:
        return f"{len(self)} segments; a failed assertion shows them"


@st.composite
def segmented_requests(draw: Any) -> Segments:
    """Some pipelined requests, cut at any positions."""
    data = b"".join(draw(st.lists(st.one_of(st.just(VALID), requests()), min_size=1, max_size=3)))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
    segments = zip([0, *cuts], [*cuts, len(data)], strict=True)
    return Segments(data[start:end] for start, end in segments)


@pytest.mark.timeout(60 + MANY)
async def test_malformed_requests_are_refused_and_the_server_stays_available(server: Running) -> None:
    """Each on its own connection, half-closed afterwards, so that the server has to close it."""
    loop, statuses = asyncio.get_running_loop(), Counter[int]()

    async def send(segments: Segments) -> None:
        async with wire(server.url) as connection, asyncio.timeout(TIMEOUT):
            data = b"".join(segments)
            for segment in segments:
                connection.writer.write(segment)
                await asyncio.sleep(0)  # so that the server reads each segment separately
            with suppress(OSError):  # the server may close before it has read everything
                connection.writer.write_eof()
            received = b""
            with suppress(OSError):
                while more := await connection.reader.read(65536):
                    received += more
        found_statuses = [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]
        statuses.update(found_statuses or [0])
        # 501 and 505 are refusals, too: of a coding and of a version.
        assert not {status for status in found_statuses if status >= 500} - {501, 505}, (data, received)
        status = found_statuses[0] if found_statuses else 0
        head, _, body = received.partition(b"\r\n\r\n")
        body = re.split(rb"HTTP/1\.1 \d{3} ", body)[0]  # of the first response
        if status >= 400 and b"application/" in head and body:
            error = json.loads(body)
            assert (error["errors"][0]["extensions"] if "errors" in error else error)["code"], error

    def send_all() -> None:
        @seed(20261123)
        @thorough
        @given(segmented_requests())
        def check(segments: Segments) -> None:
            asyncio.run_coroutine_threadsafe(send(segments), loop).result(TIMEOUT + 5)

        check()

    await asyncio.to_thread(send_all)
    assert statuses[200] > MANY / 50, statuses
    assert statuses[400] > MANY / 50, statuses
    assert await server.execute("{ __typename }") == {"__typename": "Query"}
