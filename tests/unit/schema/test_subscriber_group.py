"""Many subscribers with the same request and principal: written to by one task, unless one of them cannot be written to at once."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from app.broadcast import Broadcast, Filter
from app.domain.account import ANONYMOUS, Principal, Role
from app.domain.event import EntryChange, Event, Topic
from app.domain.revision import ChangeKind
from app.errors import AppError, Code, TooMany, Unauthenticated
from schema.execution.operation import Answer
from schema.execution.subscriber_group import WRITES_PER_TURN
from schema.execution.subscription import Answers, OpenSubscription, Subscriptions
from schema.root import schema
from tests.waiting import until

EDITOR = Principal(role=Role.EDITOR, api_key_id=UUID(int=1), key_hash=b"1")


class Server:
    """The body of an answer is the version of the entry and the role."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, max_queue: int = 256) -> None:
        self.broadcast = Broadcast(max_queue, timeout=0.02)
        self.subscriptions = Subscriptions(schema, deadline=30)
        self.executed: list[bytes] = []
        self.checks = 0
        self.principal: Principal | Exception = ANONYMOUS
        self.max_charges = 10**6
        self.after_write: Callable[[], None] = lambda: None
        self.entry = uuid4()
        self.version = 0
        monkeypatch.setattr(self.subscriptions, "_execute", self._execute)

    async def _execute(self, operation: Any, variables: Any, change: Any, context: Any) -> Answer:
        await asyncio.sleep(0)
        self.executed.append(b"%d %b" % (change.entry.version, context.principal.role.value.encode()))
        return Answer(self.executed[-1])

    async def caller(self) -> Principal:
        self.checks += 1
        await asyncio.sleep(0)
        if isinstance(self.principal, Exception):
            raise self.principal
        return self.principal

    def charge(self, units: int) -> None:
        self.max_charges -= 1
        if self.max_charges < 0:
            raise TooMany("Too much.", retry_after=1)

    def change(self) -> None:
        self.version += 1
        changed = (EntryChange(self.entry, self.version, ChangeKind.CORRECTED),)
        at = datetime(2026, 1, 1, tzinfo=UTC)
        self.broadcast.send(Event(self.version, Topic.TARIFFS, uuid4(), 2025, at, changed))


class Client:
    """One open connection; `wakes` counts what its own task has sent."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.can_write = True
        self.received: list[bytes] = []
        self.wakes = 0
        self.readable = asyncio.Event()
        self.readable.set()
        self.error: AppError | None = None
        budget = msgspec.defstruct("Budget", [("units", int, 0)])()
        subscription = OpenSubscription(
            operation=None,  # type: ignore[arg-type]
            raw_variables={},
            request="request",
            new_context=lambda principal: _Context(principal, budget),  # type: ignore[arg-type, return-value]
            caller=server.caller,
            charge=server.charge,
        )
        subscriber = server.broadcast.subscribe(Filter())
        assert not isinstance(server.principal, Exception)
        self.answers = Answers(server.subscriptions, subscriber, subscription, server.principal)
        self.answers.write_to(self)

    def write(self, answer: Answer) -> None:
        assert self.can_write
        self.received.append(answer.body)
        self._server.after_write()

    async def run(self) -> None:
        async with self.answers.subscriber:
            try:
                async for answer in self.answers:
                    self.wakes += 1
                    await self.readable.wait()
                    self.received.append(answer.body)
            except AppError as error:
                self.error = error

    def stall(self) -> None:
        self.can_write = False
        self.readable.clear()

    def resume(self) -> None:
        self.can_write = True
        self.readable.set()

    @property
    def in_group(self) -> bool:
        return self.answers.subscriber.listener is not None


class _Context:
    def __init__(self, principal: Principal, budget: Any) -> None:
        self.principal = principal
        self.budget = budget


class Clients(list[Client]):
    """Their tasks run until the end of the block."""

    def __init__(self, server: Server, number: int) -> None:
        super().__init__(Client(server) for _ in range(number))
        self._open = AsyncExitStack()

    async def __aenter__(self) -> "Clients":
        tasks = [asyncio.create_task(client.run()) for client in self]

        async def end() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._open.push_async_callback(end)
        await until(lambda: all(client.in_group for client in self))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr("schema.execution.subscription.metered", lambda execution, budget: execution)
    return Server(monkeypatch)


async def test_a_change_is_executed_once_and_wakes_no_task_of_a_subscriber(server: Server) -> None:
    number = 3 * WRITES_PER_TURN
    async with Clients(server, number) as clients:
        for expected in range(1, 4):
            before = server.checks
            server.change()
            await until(lambda: all(len(client.received) == expected for client in clients))  # noqa: B023
            # Before the execution, and before each part: not for each subscriber.
            assert server.checks - before == 1 + 3
        assert {tuple(client.received) for client in clients} == {(b"1 VIEWER", b"2 VIEWER", b"3 VIEWER")}
        assert len(server.executed) == 3
        assert sum(client.wakes for client in clients) == 0
    assert server.subscriptions._groups == server.subscriptions._in_flight == {}
    assert not server.broadcast.has_subscribers


async def test_changes_that_come_during_the_writes_are_written_after_them_in_order(server: Server) -> None:
    async with Clients(server, 2 * WRITES_PER_TURN) as clients:
        for _ in range(20):
            server.change()
            await asyncio.sleep(0)
        await until(lambda: all(len(client.received) == 20 for client in clients))
        assert {tuple(client.received) for client in clients} == {
            tuple(b"%d VIEWER" % version for version in range(1, 21))
        }
        assert len(server.executed) == 20


async def test_one_that_reads_slowly_delays_no_other_and_loses_nothing(server: Server) -> None:
    async with Clients(server, 3) as clients:
        slow, *others = clients
        slow.stall()
        for _ in range(5):
            server.change()
            await until(lambda: all(len(client.received) == server.version for client in others))
        assert slow.received == []
        slow.resume()
        await until(lambda: len(slow.received) == 5 and slow.in_group)
        server.change()
        await until(lambda: all(len(client.received) == 6 for client in clients))
        assert slow.received == others[0].received
        # Each of the five was taken by its own task; the sixth was written to it again.
        assert slow.wakes == 5


async def test_one_that_never_reads_is_closed_and_what_waits_for_it_is_bounded(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    server = Server(monkeypatch, max_queue=4)
    async with Clients(server, 2) as (silent, other):
        silent.stall()
        for _ in range(12):
            server.change()
            await until(lambda: len(other.received) == server.version)
            assert len(silent.answers.subscriber.waiting) <= 4
        await until(lambda: not silent.answers.subscriber.waiting)
        silent.resume()
        await until(lambda: silent.error is not None)
        assert silent.error is not None
        assert silent.error.code is Code.SLOW_SUBSCRIBER
        assert len(other.received) == 12


async def test_a_revoked_key_ends_every_subscription_before_another_change_is_written(server: Server) -> None:
    server.principal = EDITOR
    async with Clients(server, 3) as clients:
        server.change()
        await until(lambda: all(client.received == [b"1 EDITOR"] for client in clients))
        server.principal = Unauthenticated("The key was revoked.")
        server.change()
        await until(lambda: all(client.error is server.principal for client in clients))
        assert all(client.received == [b"1 EDITOR"] for client in clients)


async def test_a_key_that_is_revoked_during_the_writes_ends_those_not_written_yet(server: Server) -> None:
    server.principal = EDITOR
    async with Clients(server, 2 * WRITES_PER_TURN) as clients:
        server.after_write = lambda: setattr(server, "principal", Unauthenticated("The key was revoked."))
        server.change()
        await until(lambda: all(client.received or client.error for client in clients))
        assert [bool(client.received) for client in clients] == [True] * WRITES_PER_TURN + [
            False
        ] * WRITES_PER_TURN


async def test_with_another_role_the_change_is_executed_again_and_the_group_is_another(
    server: Server,
) -> None:
    server.principal = EDITOR
    async with Clients(server, 3) as clients:
        server.principal = msgspec.structs.replace(EDITOR, role=Role.VIEWER)
        server.change()
        await until(lambda: all(client.received == [b"1 VIEWER"] and client.in_group for client in clients))
        assert [client.wakes for client in clients] == [1, 1, 1]
        server.change()
        await until(lambda: all(len(client.received) == 2 for client in clients))
        assert [client.wakes for client in clients] == [1, 1, 1]
        assert server.executed == [b"1 VIEWER", b"2 VIEWER"]
        assert len(server.subscriptions._groups) == 1


async def test_a_subscription_that_is_charged_beyond_its_limit_ends(server: Server) -> None:
    async with Clients(server, 1) as (client,):
        server.max_charges = 1
        server.change()
        await until(lambda: client.received == [b"1 VIEWER"])
        server.change()
        await until(lambda: client.error is not None)
        assert isinstance(client.error, TooMany)
        assert client.received == [b"1 VIEWER"]


async def test_what_waits_is_delivered_before_the_reason_of_a_shutdown(server: Server) -> None:
    async with Clients(server, 2 * WRITES_PER_TURN) as clients:
        server.change()
        server.broadcast.end("The server stops.")
        await until(lambda: all(client.error is not None for client in clients))
        assert all(client.received == [b"1 VIEWER"] for client in clients)
