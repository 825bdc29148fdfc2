"""The results of an operation on an open connection, with operations and changes that the test gives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from graphql import GraphQLError
from starlette.types import Scope

from app.domain.account import ANONYMOUS, Principal, Role
from app.errors import AppError, Code, Overloaded, Unauthenticated
from app.http.request_state import RequestState
from app.limits.rate_limiter.limiter import RateLimiter
from app.settings import Settings
from schema.execution.documents import Operation, RejectedDocument
from schema.execution.operation import Answer
from schema.execution.subscription import NotSubscribed
from schema.http.operation_results import OperationResults, error_payload
from schema.http.operation_runner import OperationRunner
from schema.http.request import GraphQLRequest
from tests.unit.schema.request_scope import no_redis

KEY = Principal(role=Role.EDITOR, api_key_id=UUID(int=1))
SUBSCRIPTION = "subscription { dataChanged { kind } }"


class Server:
    """Records what it is asked to run; results are given by the test."""

    def __init__(self, **changed: Any) -> None:
        self.settings = msgspec.structs.replace(Settings(), **changed)
        operations = OperationRunner(self.settings)
        self.admitted: list[tuple[Any, ...]] = []
        self.charged: list[tuple[Any, ...]] = []
        self.ran: list[tuple[Any, ...]] = []
        self.subscribed: list[tuple[Any, ...]] = []
        self.release: asyncio.Event | None = None
        self.written = 0
        self.checks = 0
        self.error: Exception | None = None
        runner: Any = SimpleNamespace(
            lookup=operations.lookup,
            admission=SimpleNamespace(admit_operation=self._admit),
            charges=SimpleNamespace(charge_work=self._charge),
            run_operation=self._run,
        )
        subscriptions: Any = SimpleNamespace(open=self._subscribe)
        self.results = OperationResults(self.settings, runner, subscriptions)
        resources: Any = SimpleNamespace(
            settings=self.settings,
            limiter=RateLimiter(no_redis, self.settings),
            read_through=None,
            shared=None,
        )
        state = RequestState(resources, address="203.0.113.7", request_id="request-1")
        self.scope: Scope = {"headers": [], "state": {"resources": resources, "request": state}}
        self.caller: Any = SimpleNamespace(renewed=self._renewed)

    async def _admit(self, *arguments: Any) -> None:
        self.admitted.append(arguments)

    def _charge(self, *arguments: Any, **options: Any) -> None:
        self.charged.append((*arguments, options))

    async def _run(self, *arguments: Any) -> Any:
        self.ran.append(arguments)
        if self.release is not None:
            await self.release.wait()
        self.written += 1
        return SimpleNamespace(answer=Answer(b"1"))

    async def _renewed(self) -> Principal:
        self.checks += 1
        if self.error is not None:
            raise self.error
        return KEY

    @asynccontextmanager
    async def _subscribe(self, *arguments: Any) -> AsyncIterator[AsyncIterator[Answer]]:
        self.subscribed.append(arguments)
        yield self._changes()

    async def _changes(self) -> AsyncIterator[Answer]:
        for body in (b"1", b"2"):
            yield Answer(body)

    async def bodies(self, query: str, operation: Operation | None = None, **variables: Any) -> list[bytes]:
        request = GraphQLRequest(query, variables, None, {}, "application/json")
        async with self.results.open_results(request, self.scope, self.caller, operation) as answers:
            return [answer.body async for answer in answers]


@pytest.fixture
async def server() -> Server:
    return Server()


async def test_a_query_has_one_result_that_is_sent_with_the_rights_of_the_moment(server: Server) -> None:
    assert await server.bodies("{ __typename }", v=1) == [b"1"]
    [(request, scope, operation)] = server.ran
    assert (request.query, request.variables, scope) == ("{ __typename }", {"v": 1}, server.scope)
    assert operation.type.value == "query"
    assert server.checks == 1
    server.error = Unauthenticated("The key was revoked.")
    with pytest.raises(Unauthenticated):
        await server.bodies("{ __typename }")


async def test_the_result_of_a_mutation_is_sent_whatever_became_of_the_rights(server: Server) -> None:
    server.error = Unauthenticated("The session has ended.")
    assert await server.bodies("mutation { signOut { errors { code } } }") == [b"1"]
    assert (len(server.ran), server.checks) == (1, 0)


async def test_a_mutation_is_completed_though_its_connection_is_closed(server: Server) -> None:
    server.release = asyncio.Event()
    task = asyncio.create_task(server.bodies("mutation { signOut { errors { code } } }"))
    while not server.ran:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.written == 0
    [write] = server.results._writes
    server.release.set()
    await write
    assert server.written == 1
    await asyncio.sleep(0)
    assert not server.results._writes


async def test_an_operation_that_was_looked_up_is_not_looked_up_again(server: Server) -> None:
    await server.bodies("{ __typename }")
    operation = server.ran[0][2]
    await server.bodies("{ no document", operation)
    assert server.ran[1][2] is operation
    with pytest.raises(RejectedDocument):
        await server.bodies("{ no document")


async def test_a_subscription_is_admitted_and_charged_for_each_change(server: Server) -> None:
    assert await server.bodies(SUBSCRIPTION, a=1) == [b"1", b"2"]
    [(operation, variables, new_context, caller, charge)] = server.subscribed
    assert (operation.type.value, variables, caller) == ("subscription", {"a": 1}, server._renewed)
    assert server.admitted == [(operation, {"a": 1}, server.scope)]
    assert server.ran == []
    charge(7)
    assert server.charged == [(7, 0, server.scope, {"reject": True})]
    context = new_context(KEY)
    assert (context.principal, context.address) == (KEY, "203.0.113.7")
    assert context.budget is not new_context(KEY).budget
    assert context.budget._settings is server.settings
    assert server.scope["state"]["request"].principal == ANONYMOUS


async def test_the_memory_of_subscriptions_is_limited_per_budget() -> None:
    server = Server(max_subscription_bytes=200_000)
    large = "x" * 6_000
    request = GraphQLRequest(SUBSCRIPTION, {"a": large}, None, {}, "application/json")
    open_results = server.results.open_results
    async with open_results(request, server.scope, server.caller):
        with pytest.raises(Overloaded):
            await server.bodies(SUBSCRIPTION, a=large)
        server.scope["state"]["request"].address = "198.51.100.9"
        assert await server.bodies(SUBSCRIPTION, a=large) == [b"1", b"2"]
    server.scope["state"]["request"].address = "203.0.113.7"
    assert await server.bodies(SUBSCRIPTION, a=large) == [b"1", b"2"]


@pytest.mark.parametrize(
    ("error", "message", "extensions"),
    [
        (
            RejectedDocument([GraphQLError("No such field.")], "GRAPHQL_VALIDATION_FAILED"),
            "No such field.",
            {"code": "GRAPHQL_VALIDATION_FAILED"},
        ),
        (
            NotSubscribed([GraphQLError("No.", original_error=AppError("No.", Code.FORBIDDEN))]),
            "No.",
            {"code": "FORBIDDEN"},
        ),
        (
            AppError("There is none.", Code.NOT_FOUND, limit=1),
            "There is none.",
            {"code": "NOT_FOUND", "limit": 1},
        ),
        (
            ValueError("secret"),
            "Something went wrong on our side; it has been noted.",
            {"code": "INTERNAL_SERVER_ERROR", "requestId": "request-1"},
        ),
        (
            NotSubscribed([GraphQLError("secret", original_error=ValueError("secret"))]),
            "Something went wrong on our side; it has been noted.",
            {"code": "INTERNAL_SERVER_ERROR", "requestId": "request-1"},
        ),
    ],
)
async def test_the_errors_of_a_stream_are_those_of_graphql(
    server: Server, error: Exception, message: str, extensions: dict[str, Any]
) -> None:
    assert error_payload(error, server.scope) == [{"message": message, "extensions": extensions}]
