"""Stage "execute": the deadline, the queue, and limits that are exceeded during the execution."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from starlette.types import Scope

from app.errors import AppError, Code, LimitExceeded
from app.http.request_state import request_state
from app.limits.concurrency_limiter import ConcurrencyLimiter
from app.limits.deadlines import Deadlines
from app.limits.work_budget import WorkBudget
from app.observability import operation_stats
from app.settings import Settings
from schema.context import Context
from schema.execution.documents import Operation
from schema.execution.operation import Answer
from schema.http.operation_runner import OperationRunner
from schema.http.request import GraphQLRequest, ResultKind
from schema.http.stages.execute import context_of
from tests.unit.schema.stages.conftest import NewRequest

QUERY = "query Named { __typename }"
MUTATION = "mutation { signOut { errors { code } } }"


class Running:
    """A runner whose operations do what the test gives instead of resolving fields."""

    def __init__(self, settings: Settings, new_request: NewRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = msgspec.structs.replace(settings, rate_limit_cost=10**9)
        self.contexts: list[Context] = []
        self.scope: Scope = new_request()
        resources: Any = request_state(self.scope).resources
        resources.deadlines = Deadlines(0.01, asyncio.get_running_loop())
        resources.read_through = resources.shared = None
        self.runner = OperationRunner(msgspec.structs.replace(self.settings, operation_timeout=0.01))
        self.work: Any = None
        monkeypatch.setattr(self.runner._execute, "_executor", SimpleNamespace(run=self._run))

    async def _run(
        self, operation: Operation, variables: Any, raw: Any, context: Context, cost: Any
    ) -> Answer:
        self.contexts.append(context)
        await self.work()
        return Answer(b"{}")

    async def run(self, query: str) -> Any:
        return await self.runner.run_operation(
            GraphQLRequest(query, {}, None, {}, "application/json"), self.scope
        )


@pytest.fixture
async def started(settings: Settings, new_request: NewRequest, monkeypatch: pytest.MonkeyPatch) -> Running:
    return Running(settings, new_request, monkeypatch)


async def never() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("query", "advice"),
    [
        (QUERY, "please ask for less"),
        (MUTATION, "what of it was written is not said here: please look before you try again"),
    ],
)
async def test_an_operation_that_exceeds_its_deadline_is_answered_with_an_error(
    started: Running, query: str, advice: str
) -> None:
    cancelled: list[bool] = []

    async def run() -> None:
        started.contexts[0].cancel = lambda: cancelled.append(True)  # type: ignore[method-assign]
        await never()

    started.work = run
    answer, kind, _ = await started.run(query)
    message = f"The operation took longer than 0.01 seconds; {advice}."
    assert json.loads(answer.body) == {
        "errors": [{"message": message, "extensions": {"code": "DEADLINE_EXCEEDED"}}]
    }
    assert kind is ResultKind.PARTIAL
    assert cancelled == [True]


async def test_a_limit_that_is_exceeded_during_the_execution_rejects_the_operation(started: Running) -> None:
    async def exceed() -> None:
        raise LimitExceeded("Too much.", limit="LIMIT_OBJECTS", maximum=7)

    started.work = exceed
    answer, kind, context = await started.run(QUERY)
    extensions = {"code": "LIMIT_EXCEEDED", "limit": "LIMIT_OBJECTS", "maximum": 7}
    assert json.loads(answer.body) == {"errors": [{"message": "Too much.", "extensions": extensions}]}
    assert kind is not ResultKind.COMPLETE
    assert context is started.contexts[0]
    assert not answer.data


async def test_a_cancelled_operation_cancels_what_it_began(started: Running) -> None:
    cancelled: list[bool] = []
    running = asyncio.Event()

    async def run() -> None:
        started.contexts[0].cancel = lambda: cancelled.append(True)  # type: ignore[method-assign]
        running.set()
        await never()

    started.work = run
    started.scope["state"]["request"].resources.deadlines = Deadlines(0, asyncio.get_running_loop())
    task = asyncio.create_task(started.run(QUERY))
    await running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelled == [True]


async def test_an_error_of_the_application_is_raised_and_counted_by_the_name_of_the_operation(
    started: Running,
) -> None:
    async def fail() -> None:
        raise AppError("There is none.", Code.NOT_FOUND)

    started.work = fail
    with pytest.raises(AppError, match="There is none"):
        await started.run(QUERY)


async def test_the_statistics_have_the_times_of_reading_waiting_and_executing(started: Running) -> None:
    found: list[Any] = []

    async def look() -> None:
        found.append(operation_stats.current())

    started.work = look
    loop = asyncio.get_running_loop()
    began = loop.time()
    await started.run(QUERY)
    [stats] = found
    assert set(stats.steps) == {"read", "wait", "execute"}
    assert all(0 <= seconds <= loop.time() - began + 0.001 for seconds in stats.steps.values())


async def test_the_work_of_an_operation_is_charged_beyond_what_its_cost_paid(started: Running) -> None:
    async def work() -> None:
        started.contexts[0].budget.objects += 7 * unit

    started.work = work
    unit = started.runner.charges.units_per_request = 1000
    await started.run(QUERY)
    verdict = request_state(started.scope).verdict
    assert verdict is not None
    assert verdict.remaining <= verdict.policy.limit - 6


async def test_a_query_is_repeatable_and_a_mutation_is_not(started: Running) -> None:
    async def nothing() -> None:
        pass

    started.work = nothing
    query, kind, context = await started.run(QUERY)
    assert (query.repeatable, kind, context) == (True, ResultKind.COMPLETE, started.contexts[0])
    mutation, _, _ = await started.run(MUTATION)
    assert not mutation.repeatable
    rejected, kind, context = await started.run("{ nothing }")
    assert (rejected.repeatable, kind, context) == (False, ResultKind.REJECTED, None)


def test_the_context_has_the_rights_the_address_and_the_headers_of_the_request(
    settings: Settings, new_request: NewRequest
) -> None:
    scope = new_request(headers=((b"user-agent", b"test"),))
    state = request_state(scope)
    resources: Any = state.resources
    resources.read_through = None
    budget = WorkBudget(settings)
    context = context_of(scope, budget)
    assert context.resources is resources
    assert context.principal is state.principal
    assert (context.address, context.request_id) == ("203.0.113.7", "request-1")
    assert context.headers["user-agent"] == "test"
    assert context.budget is budget


async def test_operations_wait_for_their_turn_in_the_queue(started: Running) -> None:
    queue = ConcurrencyLimiter(1, 1, 30, 1)
    release, order = asyncio.Event(), []

    async def hold() -> None:
        async with queue:
            order.append("first")
            await release.wait()

    holding = asyncio.create_task(hold())
    while not order:
        await asyncio.sleep(0)
    started.runner.admission.turn_for = lambda operation, cost, state: queue  # type: ignore[method-assign]

    async def note() -> None:
        order.append("second")

    started.work = note
    running = asyncio.create_task(started.run(QUERY))
    release.set()
    await asyncio.gather(holding, running)
    assert order == ["first", "second"]


async def test_operations_with_one_budget_are_charged_for_their_own_work_only(started: Running) -> None:
    unit = started.runner.charges.units_per_request = 10**6
    budget = WorkBudget(started.settings)

    async def work() -> None:
        budget.objects += 5 * unit

    started.work = work
    request = GraphQLRequest(QUERY, {}, None, {}, "application/json")
    for charged in (4, 8):
        await started.runner.run_operation(request, started.scope, budget=budget)
        verdict = request_state(started.scope).verdict
        assert verdict is not None
        assert verdict.policy.limit - verdict.remaining == charged
