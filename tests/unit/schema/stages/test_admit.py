"""Stage "admit": method, rights, values, cost and queue."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from starlette.types import Scope

from app.domain.account import Principal, Role
from app.errors import Code, TooMany, Unauthenticated
from app.http.request_state import request_state
from app.settings import Settings
from schema.execution.documents import DocumentCache, RejectedDocument
from schema.http.request import GraphQLRequest
from schema.http.stages.admit import Admission
from schema.http.stages.charge import RateLimitCharges
from schema.root import schema
from tests.error_codes import raises_code
from tests.unit.schema.stages.conftest import POST, NewRequest

QUERY = "query ($first: Int) { dnos(first: $first) { nodes { slug tariffs(year: 2025) { leistung } } } }"
MUTATION = "mutation { signOut { errors { code } } }"


def admission(settings: Settings) -> Admission:
    return Admission(settings, RateLimitCharges(settings))


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
    anonymous = request_state(new_request(headers=POST))
    known = request_state(new_request())
    known.budget_key = "device:1"
    editor = request_state(new_request(principal=Principal(role=Role.EDITOR, user_id=None)))
    assert stage.queue_for(anonymous) is not stage.queue_for(known)
    assert stage.queue_for(editor) is stage.queue_for(anonymous)  # neither user nor key: anonymous
