"""What a request is charged beyond its one unit."""

from typing import Any

import pytest
from starlette.types import Scope

from app.errors import TooMany
from app.http.request_state import request_state
from schema.http.stages.charge import RateLimitCharges
from tests.unit.schema.stages.conftest import NewRequest


async def test_a_batch_is_charged_for_all_operations_but_the_first(new_request: NewRequest) -> None:
    scope = new_request()
    state = request_state(scope)
    charges = RateLimitCharges(state.resources.settings)
    await charges.charge_batch(1, scope)
    assert state.verdict is None
    limit = state.budget[1].limit
    await charges.charge_batch(5, scope)
    assert state.verdict is not None
    assert state.verdict.remaining == limit - 4
    with pytest.raises(TooMany):
        await charges.charge_batch(limit + 1, scope)


async def test_work_beyond_the_cost_that_was_paid_is_charged_afterwards(new_request: NewRequest) -> None:
    scope = new_request()
    state = request_state(scope)
    charges = RateLimitCharges(state.resources.settings)
    unit = charges.units_per_request
    charges.charge_work(unit, 0, scope)
    assert state.verdict is None  # what the request's own unit covers
    charges.charge_work(5 * unit, 3 * unit, scope)
    assert state.verdict is not None
    assert state.verdict.remaining == state.budget[1].limit - 2
    for _ in range(1000):
        charges.charge_work(50 * unit, 0, scope)
    with pytest.raises(TooMany):
        charges.charge_work(50 * unit, 0, scope, reject=True)


def rejected(call: Any, *arguments: Any, **options: Any) -> TooMany:
    with pytest.raises(TooMany) as caught:
        call(*arguments, **options)
    return caught.value


def charged(scope: Scope) -> int:
    """Requests that the scope's client has been charged for, as its latest response would show."""
    state = request_state(scope)
    return 0 if state.verdict is None else state.budget[1].limit - state.verdict.remaining


@pytest.mark.parametrize(
    ("units", "paid", "requests"),
    [
        (0, 0, 0),
        (1, 0, 0),
        (10, 0, 0),
        (11, 0, 1),
        (20, 0, 1),
        (21, 0, 2),
        (40, 11, 2),
        (41, 20, 3),
        (9, 40, 0),
    ],
)
async def test_each_begun_request_of_work_counts_and_the_first_is_paid(
    new_request: NewRequest, units: int, paid: int, requests: int
) -> None:
    scope = new_request()
    charges = RateLimitCharges(request_state(scope).resources.settings)
    charges.units_per_request = 10
    charges.charge_work(units, paid, scope)
    assert charged(scope) == requests


async def test_work_is_charged_to_the_client_that_caused_it(new_request: NewRequest) -> None:
    one, other = new_request(), new_request()
    request_state(other).address = "198.51.100.9"
    charges = RateLimitCharges(request_state(one).resources.settings)
    unit = charges.units_per_request
    charges.charge_work(4 * unit, 0, one)
    charges.charge_work(2 * unit, 0, other)
    assert (charged(one), charged(other)) == (3, 1)


async def test_charged_work_is_rejected_only_on_demand_and_only_when_nothing_is_left(
    new_request: NewRequest,
) -> None:
    scope = new_request()
    state = request_state(scope)
    charges = RateLimitCharges(state.resources.settings)
    unit, policy = charges.units_per_request, state.budget[1]
    charges.charge_work(2 * unit, 0, scope, reject=True)
    charges.charge_work((policy.limit + 5) * unit, 0, scope)
    error = rejected(charges.charge_work, 2 * unit, 0, scope, reject=True)
    assert error.retry_after == policy.window
    assert state.verdict is not None
    assert state.verdict.remaining == 0


async def test_an_estimated_cost_is_charged_in_requests(new_request: NewRequest) -> None:
    scope = new_request()
    charges = RateLimitCharges(request_state(scope).resources.settings)
    await charges.charge_cost(10 * charges.units_per_request, scope)
    assert charged(scope) == 9
    with pytest.raises(TooMany):
        await charges.charge_cost(10**6 * charges.units_per_request, scope)


async def test_a_batch_of_two_is_charged_for_the_second(new_request: NewRequest) -> None:
    scope = new_request()
    await RateLimitCharges(request_state(scope).resources.settings).charge_batch(2, scope)
    assert charged(scope) == 1
