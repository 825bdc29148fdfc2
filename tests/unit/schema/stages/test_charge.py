"""What a request is charged beyond its one unit."""

import pytest

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
