"""Stage "admit": method, rights, values, cost and queue."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from math import inf
from typing import Any
from uuid import UUID

import msgspec
import pytest
from starlette.types import Scope

from app.cache.responses import ResponseKey
from app.domain.account import Principal, Role
from app.errors import AppError, Code, TooMany, Unauthenticated
from app.http.request_state import request_state
from app.limits.concurrency_limiter import Turn
from app.limits.expensive_operations import EXPENSIVE, MIN_RUNNING, ExpensiveTurn
from app.resources import resources_of
from app.settings import Settings
from schema.execution.document_cache import DocumentCache
from schema.execution.documents import Operation, RejectedDocument
from schema.http.request import GraphQLRequest
from schema.http.stages.admit import Admission
from schema.http.stages.charge import RateLimitCharges
from schema.root import schema
from tests.error_codes import raises_code
from tests.turns import start_all, taken
from tests.unit.schema.stages.conftest import POST, NewRequest

QUERY = "query ($first: Int) { dnos(first: $first) { nodes { slug tariffs(year: 2025) { leistung } } } }"
COSTLY = 1000  # units
MUTATION = "mutation { signOut { errors { code } } }"


def admission(settings: Settings) -> Admission:
    return Admission(settings, RateLimitCharges(settings))


def turn(stage: Admission, scope: Scope) -> Turn:
    return stage.turn_for(operation(QUERY), 1, scope)


def operation(text: str) -> Any:
    return DocumentCache(schema, Settings()).get(text).operation(None)


def test_a_mutation_needs_post_and_a_header_that_a_form_cannot_send(
    settings: Settings, new_request: NewRequest
) -> None:
    check = admission(settings).check_operation
    check(operation(MUTATION), new_request())
    with raises_code(Code.METHOD_NOT_ALLOWED):
        check(operation(MUTATION), new_request("GET"))
    with raises_code(Code.FORBIDDEN):
        check(operation(MUTATION), new_request("POST", ((b"content-type", b"text/plain"),)))


def test_a_subscription_needs_a_transport_that_stays_open(
    settings: Settings, new_request: NewRequest
) -> None:
    with raises_code(Code.NOT_ACCEPTABLE):
        admission(settings).check_operation(operation("subscription { dataChanged { kind } }"), new_request())


def test_anonymous_callers_read_only_if_the_setting_allows_it(
    settings: Settings, new_request: NewRequest
) -> None:
    admission(settings).check_operation(operation(QUERY), new_request())
    closed = admission(msgspec.structs.replace(settings, anonymous_reading=False))
    with pytest.raises(Unauthenticated):
        closed.check_operation(operation(QUERY), new_request())
    closed.check_operation(operation("{ __schema { types { name } } }"), new_request())
    closed.check_operation(operation(MUTATION), new_request())


def test_values_of_extensions_are_bounded(settings: Settings) -> None:
    most = settings.limit_variable_values
    check = admission(settings).check_extensions
    check(GraphQLRequest("{a}", {}, None, {"a": list(range(most - 2))}, "application/json"))
    with raises_code(Code.BAD_USER_INPUT):
        check(GraphQLRequest("{a}", {}, None, {"a": list(range(most - 1))}, "application/json"))


async def repeat(times: int, call: Callable[[], Awaitable[object]]) -> None:
    for _ in range(times):
        await call()


def units(scope: Scope) -> int:
    verdict = request_state(scope).verdict
    assert verdict is not None
    return verdict.remaining


async def test_an_expensive_operation_is_charged_and_rejected_over_the_limit(
    settings: Settings, new_request: NewRequest
) -> None:
    scope = new_request()
    stage = admission(settings)
    variables, cost = await stage.admit_operation(operation(QUERY), {"first": 1}, scope)
    assert variables.coerced["first"] == 1
    assert cost.requested <= settings.rate_limit_cost
    assert request_state(scope).verdict is None
    await stage.admit_operation(operation(QUERY), {"first": 100}, scope)
    left = units(scope)
    await stage.admit_operation(operation(QUERY), {"first": 100}, scope)
    assert units(scope) < left
    with pytest.raises(TooMany):
        await repeat(left, lambda: stage.admit_operation(operation(QUERY), {"first": 100}, scope))


async def test_invalid_variables_are_rejected_before_any_cost(
    settings: Settings, new_request: NewRequest
) -> None:
    with pytest.raises(RejectedDocument) as rejected:
        await admission(settings).admit_operation(operation(QUERY), {"first": "many"}, new_request())
    assert rejected.value.code == Code.BAD_USER_INPUT


def test_callers_with_credentials_have_a_queue_of_their_own(
    settings: Settings, new_request: NewRequest
) -> None:
    stage = admission(settings)
    anonymous, known = new_request(headers=POST), new_request()
    request_state(known).device_budget = "device:1"
    editor = new_request(principal=Principal(role=Role.EDITOR, user_id=None))
    assert turn(stage, anonymous) is not turn(stage, known)
    assert turn(stage, editor) is turn(stage, anonymous)  # neither user nor key: anonymous


def test_a_rejected_method_gets_a_text_that_names_what_to_use(
    settings: Settings, new_request: NewRequest
) -> None:
    check = admission(settings).check_operation

    def text_of(document: str, scope: Scope) -> str:
        with pytest.raises(AppError) as caught:
            check(operation(document), scope)
        return caught.value.message

    assert text_of(MUTATION, new_request("GET")) == "A mutation needs POST: a GET must change nothing."
    assert text_of(MUTATION, new_request(headers=())) == (
        "A mutation needs the content type application/json, or the header X-Requested-With or "
        "Apollo-Require-Preflight, so that no foreign page can send it."
    )
    assert text_of("subscription { dataChanged { kind } }", new_request()) == (
        "A subscription needs a WebSocket, or a request that accepts text/event-stream or multipart/mixed;subscriptionSpec=1.0."
    )


def test_each_header_that_needs_a_preflight_allows_a_mutation(
    settings: Settings, new_request: NewRequest
) -> None:
    for name in (b"x-requested-with", b"apollo-require-preflight", b"graphql-require-preflight"):
        admission(settings).check_operation(operation(MUTATION), new_request(headers=((name, b"1"),)))


def test_queues_of_clients_with_and_without_credentials(settings: Settings, new_request: NewRequest) -> None:
    stage = admission(settings)
    with_key, known = (
        new_request(principal=Principal(role=Role.VIEWER, api_key_id=UUID(int=1))),
        new_request(),
    )
    request_state(known).device_budget = "device:1"
    assert turn(stage, with_key) is turn(stage, known)
    assert turn(stage, with_key) is not turn(stage, new_request())


async def test_the_queue_has_the_limits_of_the_settings(settings: Settings, new_request: NewRequest) -> None:
    stage = admission(msgspec.structs.replace(settings, max_operations=1, max_queued_operations=1))
    scope = new_request()
    async with taken(turn(stage, scope)):
        waiting = asyncio.create_task(turn(stage, scope).wait())
        await asyncio.sleep(0)
        with raises_code(Code.OVERLOADED):
            stage.reject_if_full(request_state(scope))
        waiting.cancel()


def admission_of_ten(settings: Settings) -> tuple[Admission, Operation]:
    """Without a queue, and an operation that was expensive before."""
    stage = admission(msgspec.structs.replace(settings, max_operations=10, max_queued_operations=0))
    expensive = operation(QUERY)
    stage.note_work(expensive, COSTLY, 10.0)
    return stage, expensive


async def test_expensive_operations_leave_places_for_others(
    settings: Settings, new_request: NewRequest
) -> None:
    """While others are executed, few run and none of the rest takes a place; alone, as many run as of any kind."""
    stage, expensive = admission_of_ten(settings)
    scope = new_request()
    async with AsyncExitStack() as running:
        await start_all(running, stage.turn_for(expensive, COSTLY, scope), 10)
        with raises_code(Code.OVERLOADED):
            stage.reject_if_full(request_state(scope))
    async with AsyncExitStack() as running:
        await start_all(running, turn(stage, scope), 1)
        await start_all(running, stage.turn_for(expensive, COSTLY, scope), MIN_RUNNING)
        with raises_code(Code.OVERLOADED):
            await start_all(running, stage.turn_for(expensive, COSTLY, scope), 1)
        await start_all(running, turn(stage, scope), 10 - 1 - MIN_RUNNING)
        with raises_code(Code.OVERLOADED):
            stage.reject_if_full(request_state(scope))


async def test_expensive_operations_leave_the_thread_to_responses_from_the_cache(
    settings: Settings, new_request: NewRequest
) -> None:
    stage, expensive = admission_of_ten(settings)
    scope = new_request()
    resources, key = resources_of(scope), ResponseKey("head", b"body")
    assert resources.responses.get(key) is None
    async with AsyncExitStack() as running:
        await start_all(running, stage.turn_for(expensive, COSTLY, scope), MIN_RUNNING + 1)
    since = resources.memory.now()
    assert resources.memory.keep(key, "a response", size=1, tags=("a",), until=inf, since=since)
    assert resources.responses.get(key) is not None
    async with AsyncExitStack() as running:
        await start_all(running, stage.turn_for(expensive, COSTLY, scope), MIN_RUNNING)
        with raises_code(Code.OVERLOADED):
            await start_all(running, stage.turn_for(expensive, COSTLY, scope), 1)


async def test_what_an_operation_took_decides_whether_it_is_expensive(
    settings: Settings, new_request: NewRequest
) -> None:
    stage, measured, scope = admission(settings), operation(QUERY), new_request()
    assert not isinstance(stage.turn_for(measured, 10, scope), ExpensiveTurn)
    stage.note_work(measured, 10, 1.0)
    assert isinstance(stage.turn_for(measured, 10, scope), ExpensiveTurn)
    for _ in range(30):
        stage.note_work(measured, 10, 0.0001)
    assert not isinstance(stage.turn_for(measured, 10, scope), ExpensiveTurn)


async def test_only_cheap_operations_are_others_which_expensive_ones_must_not_delay(
    settings: Settings, new_request: NewRequest
) -> None:
    stage, lists, scope = admission(settings), operation(QUERY), new_request()
    for _ in range(30):
        stage.note_work(lists, 10, EXPENSIVE)
    assert isinstance(stage.turn_for(lists, 11, scope), ExpensiveTurn)
    assert not isinstance(stage.turn_for(lists, 9, scope), ExpensiveTurn)
    assert not stage._expensive.beside_others, "the same lists, but shorter"
    assert not isinstance(stage.turn_for(lists, 2, scope), ExpensiveTurn)
    assert stage._expensive.beside_others


async def test_a_queued_operation_is_rejected_after_the_queue_time_of_the_settings(
    settings: Settings, new_request: NewRequest
) -> None:
    stage = admission(msgspec.structs.replace(settings, max_operations=1, max_queue_time=0.01))
    scope = new_request()
    async with taken(turn(stage, scope)):
        with raises_code(Code.OVERLOADED):
            async with taken(turn(stage, scope)):
                pass


async def test_variables_over_the_limit_of_values_are_rejected(
    settings: Settings, new_request: NewRequest
) -> None:
    stage = admission(msgspec.structs.replace(settings, limit_variable_values=5))
    named = operation("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }")
    await stage.admit_operation(named, {"ids": ["a"] * 2}, new_request())
    with pytest.raises(RejectedDocument):
        await stage.admit_operation(named, {"ids": ["a"] * 9}, new_request())


@pytest.mark.parametrize(("introspection", "suggests"), [(True, True), (False, False)])
async def test_names_of_the_schema_are_suggested_only_if_it_may_be_read(
    settings: Settings, new_request: NewRequest, introspection: bool, suggests: bool
) -> None:
    stage = admission(msgspec.structs.replace(settings, introspection=introspection))
    named = operation("query ($order: DnoOrder) { dnos(orderBy: $order) { totalCount } }")
    with pytest.raises(RejectedDocument) as rejected:
        await stage.admit_operation(named, {"order": "NAM"}, new_request())
    assert ("NAME" in rejected.value.errors[0].message) is suggests


async def test_an_operation_over_the_maximum_cost_is_rejected(
    settings: Settings, new_request: NewRequest
) -> None:
    stage = admission(msgspec.structs.replace(settings, limit_cost=10))
    with pytest.raises(RejectedDocument) as rejected:
        await stage.admit_operation(operation(QUERY), {"first": 100}, new_request())
    extensions = rejected.value.errors[0].extensions or {}
    assert (extensions["code"], extensions["limit"], extensions["maximum"]) == (
        "LIMIT_EXCEEDED",
        "LIMIT_COST",
        10,
    )
