"""What the process of an import answers, however the import ends."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import asyncpg
import pytest

from app.db.failures import Failure, failure_of
from app.db.pool import AGAIN, AWAY, INCOMPLETE
from app.domain.event import Event, Topic
from app.errors import Code
from app.importers import import_process
from app.importers.checking import Checked
from app.importers.import_messages import Changed, Failed, ImportRequest, Message, Ready
from app.importers.load import BeforeCommit, OnCommitted, Report
from app.importers.transaction import CommitUnanswered


def of_server(code: str, query: str = "") -> asyncpg.PostgresError:
    error = asyncpg.PostgresError.new({"C": code, "M": "refused"}, query=query)
    assert isinstance(error, asyncpg.PostgresError)
    return error


@pytest.mark.parametrize(
    ("error", "failure", "code", "message"),
    [
        (of_server("53100"), Failure.OUTAGE, Code.UNAVAILABLE, AWAY),
        (of_server("25006"), Failure.READ_ONLY, Code.UNAVAILABLE, AWAY),
        (of_server("57014"), Failure.TIMEOUT, Code.UNAVAILABLE, AWAY),
        (of_server("26000"), Failure.STALE, Code.UNAVAILABLE, AGAIN),
        (of_server("40P01"), Failure.RETRY, Code.UNAVAILABLE, AGAIN),
        (of_server("42703"), Failure.INCOMPLETE, Code.UNAVAILABLE, INCOMPLETE),
        (of_server("42601"), Failure.MISTAKE, Code.INTERNAL_SERVER_ERROR, ""),
        (
            asyncpg.DataError("invalid input for query argument $1"),
            Failure.MISTAKE,
            Code.INTERNAL_SERVER_ERROR,
            "",
        ),
        (RuntimeError("a mistake"), Failure.MISTAKE, Code.INTERNAL_SERVER_ERROR, ""),
        (OSError("reset"), Failure.OUTAGE, Code.UNAVAILABLE, AWAY),
    ],
)
def test_each_failure_of_the_database_has_its_answer(
    error: Exception, failure: Failure, code: Code, message: str
) -> None:
    assert failure_of(error) is failure
    answer = import_process._failed(error)
    assert (answer.code, answer.message, answer.incomplete) == (code, message, failure is Failure.INCOMPLETE)
    assert "refused" in answer.trace or str(error) in answer.trace


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (of_server("53100"), True),
        (of_server("25006"), True),
        (of_server("08006"), False),
        (of_server("57014"), False),
        (of_server("40P01"), False),
        (OSError("reset"), False),
        (asyncpg.InterfaceError("connection is closed"), False),
    ],
)
def test_only_what_the_server_refuses_for_its_state_shows_that_it_cannot_write(
    error: Exception, outage: bool
) -> None:
    assert import_process._failed(error).outage is outage


def test_what_is_missing_is_reported_with_its_statement() -> None:
    assert import_process._failed(of_server("42P01", "SELECT 1 FROM gone")).statement == "SELECT 1 FROM gone"
    assert len(import_process._failed(of_server("42P01", "SELECT" * 9_999)).statement or "") == 2_000


def test_a_driver_that_has_lost_its_connection_is_an_outage_and_leaves_its_trace() -> None:
    try:
        raise asyncpg.InterfaceError("connection is closed")
    except asyncpg.InterfaceError as error:
        answer = import_process._failed(error)
    assert (answer.code, answer.message) == (Code.UNAVAILABLE, AWAY)
    assert answer.trace.startswith("Traceback")


class Server:
    def __init__(self) -> None:
        self.received: list[Message] = []

    async def send(self, message: Message) -> None:
        self.received.append(message)

    async def confirm(self, ready: Ready) -> None:
        await self.send(ready)


EVENT = Event(7, Topic.OPERATOR, None, 2026, datetime(2026, 1, 1, tzinfo=UTC), ())


@pytest.mark.parametrize("error", [MemoryError(), OSError(12, "out of memory"), RuntimeError("a mistake")])
@pytest.mark.parametrize("committed", [True, False])
async def test_what_fails_after_the_commit_is_not_answered_as_if_nothing_had_been_written(
    monkeypatch: pytest.MonkeyPatch, error: Exception, committed: bool
) -> None:
    async def fetch_written(connection: Any) -> list[Event]:
        return [EVENT]

    async def failing(
        request: ImportRequest, files: Sequence[Any], before: BeforeCommit, on_committed: OnCommitted
    ) -> Report:
        checked = type("Checked", (), {"refused": 0, "held_back": ()})
        await before(cast("Any", None), cast("Checked", checked))
        if committed:
            await on_committed()
        raise error

    monkeypatch.setattr(import_process.outbox, "fetch_written", fetch_written)
    monkeypatch.setattr(import_process, "_import", failing)
    server = Server()
    answering = import_process._answer(cast("Any", server), cast("Any", None), [])
    if committed:
        with pytest.raises(type(error)):
            await answering
        [ready, changed] = server.received
        assert isinstance(changed, Changed)
        assert list(changed.events) == [EVENT.id]
    else:
        await answering
        [ready, failed] = server.received
        assert isinstance(failed, Failed)
    assert isinstance(ready, Ready)


async def test_a_commit_without_an_answer_does_not_show_that_the_database_cannot_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def failing(*_: Any) -> Report:
        raise CommitUnanswered

    monkeypatch.setattr(import_process, "_import", failing)
    server = Server()
    await import_process._answer(cast("Any", server), cast("Any", None), [])
    [failed] = server.received
    assert isinstance(failed, Failed)
    assert not failed.outage
