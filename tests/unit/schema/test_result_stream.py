"""Results as server-sent events (graphql-sse): each byte of a response, and how it ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from prometheus_client import REGISTRY

from app.errors import AppError, Code, Unauthenticated
from app.http.request_state import RequestState
from app.observability import counting
from schema.execution.operation import Answer
from schema.http.framings import ServerSentEvents
from schema.http.periodic_checks import PeriodicChecks
from schema.http.result_stream import ResultStream
from tests.unit.schema.request_scope import Result, answers
from tests.waiting import LIMIT, until

KEEP_ALIVE = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"


class Caller:
    """Its rights end with an error that the test sets."""

    anonymous = False

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.visits: list[bool] = []

    async def renewed(self, *, visit: bool = False) -> None:
        self.visits.append(visit)
        if self.error is not None:
            raise self.error


class Connection:
    """A client that reads an event stream."""

    def __init__(self, *results: Result, opening: Exception | None = None, check_every: float = 3600) -> None:
        self.caller = Caller()
        self.sent: list[dict[str, Any]] = []
        self.closed = 0
        self.stream = ResultStream(self.caller, ServerSentEvents(), PeriodicChecks(check_every))  # type: ignore[arg-type]
        self.stream.opened = self._open(results, opening)
        state = RequestState(SimpleNamespace(), request_id="request-1")
        self.scope: dict[str, Any] = {"type": "http", "state": {"request": state}}
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._events.put_nowait({"type": "http.request"})

    @asynccontextmanager
    async def _open(
        self, results: tuple[Result, ...], opening: Exception | None
    ) -> AsyncIterator[AsyncIterator[Answer]]:
        if opening is not None:
            raise opening
        try:
            yield answers(results)
        finally:
            self.closed += 1

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    def disconnect(self) -> None:
        self._events.put_nowait({"type": "http.disconnect"})

    async def serve(self) -> None:
        async with asyncio.timeout(LIMIT):
            await self.stream(self.scope, self._events.get, self._send)

    @property
    def parts(self) -> list[bytes]:
        return [each["body"] for each in self.sent[1:]]

    @property
    def codes(self) -> list[str]:
        """Of the errors in the last event before the end."""
        event = self.parts[-2]
        assert event.startswith(b"event: next\ndata: ")
        assert event.endswith(b"\n\n")
        return [error["extensions"]["code"] for error in json.loads(event[18:])["errors"]]


def delivered() -> float:
    counting.flush()
    return REGISTRY.get_sample_value("dno_graphql_changes_told_total", {"transport": "event stream"}) or 0.0


async def test_results_are_events_between_a_comment_and_the_end() -> None:
    connection, before = Connection(b'{"data":1}', b'{"data":2}'), delivered()
    await connection.serve()
    start, *parts = connection.sent
    assert (start["type"], start["status"]) == ("http.response.start", 200)
    assert dict(start["headers"]) == {
        b"content-type": b"text/event-stream; charset=utf-8",
        b"cache-control": b"no-store",
        b"vary": b"accept",
        b"x-accel-buffering": b"no",
    }
    assert parts == [
        {"type": "http.response.body", "body": body, "more_body": more}
        for body, more in (
            (KEEP_ALIVE, True),
            (b'event: next\ndata: {"data":1}\n\n', True),
            (b'event: next\ndata: {"data":2}\n\n', True),
            (COMPLETE, False),
        )
    ]
    assert connection.closed == 1
    assert delivered() == before + 2


async def test_the_duration_of_a_stream_is_counted_under_a_route_of_its_own() -> None:
    connection = Connection()
    await connection.serve()
    assert connection.scope["route"].path == "/graphql (event stream)"


async def test_a_stream_that_cannot_be_opened_sends_the_error_as_an_event() -> None:
    connection = Connection(opening=AppError("There is none.", Code.NOT_FOUND))
    await connection.serve()
    assert connection.sent[0]["status"] == 200
    error = {"message": "There is none.", "extensions": {"code": "NOT_FOUND"}}
    assert json.loads(connection.parts[1][18:]) == {"errors": [error]}
    assert connection.parts == [KEEP_ALIVE, connection.parts[1], COMPLETE]


async def test_an_error_of_an_open_stream_is_its_last_event() -> None:
    connection = Connection(b"1", Unauthenticated("The key was revoked."))
    await connection.serve()
    assert connection.parts[:2] == [KEEP_ALIVE, b"event: next\ndata: 1\n\n"]
    assert connection.codes == ["UNAUTHENTICATED"]
    assert connection.sent[-1] == {"type": "http.response.body", "body": COMPLETE, "more_body": False}
    assert [each["type"] for each in connection.sent].count("http.response.start") == 1
    assert connection.closed == 1


async def test_an_unexpected_error_is_masked() -> None:
    connection = Connection(ValueError("secret"))
    await connection.serve()
    assert connection.codes == ["INTERNAL_SERVER_ERROR"]
    assert b"secret" not in b"".join(connection.parts)
    assert b"request-1" in connection.parts[-2]


async def test_a_client_that_disconnects_closes_the_stream() -> None:
    connection = Connection(asyncio.Event())
    serving = asyncio.create_task(connection.serve())
    await until(lambda: connection.parts == [KEEP_ALIVE])
    connection.disconnect()
    await serving
    assert connection.closed == 1
    assert connection.parts == [KEEP_ALIVE]


async def test_an_evicted_stream_ends_with_the_reason() -> None:
    connection = Connection(asyncio.Event())
    assert not connection.stream.expendable
    serving = asyncio.create_task(connection.serve())
    await until(lambda: connection.parts == [KEEP_ALIVE])
    connection.stream.evict()
    await serving
    assert connection.codes == ["OVERLOADED"]
    assert b"Your address has more than its share of open connections." in connection.parts[-2]
    assert connection.closed == 1


async def test_an_idle_stream_sends_comments_after_checks_of_the_rights() -> None:
    connection = Connection(asyncio.Event(), check_every=0.001)
    serving = asyncio.create_task(connection.serve())
    await until(lambda: len(connection.parts) > 3)
    connection.caller.error = Unauthenticated("The key was revoked.")
    await serving
    assert set(connection.parts[:-2]) == {KEEP_ALIVE}
    assert connection.codes == ["UNAUTHENTICATED"]
    assert all(connection.caller.visits)  # a session lives on while its stream is open
    assert len(connection.caller.visits) == len(connection.parts) - 2
