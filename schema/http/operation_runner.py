"""Runs one operation through the stages "admit" and "execute", measured and charged, for every transport."""

from collections.abc import Awaitable
from time import perf_counter
from typing import NamedTuple

from starlette.types import Scope

from app.errors import AppError
from app.http.request_state import request_state
from app.limits.work_budget import SECONDS_PER_READ, WorkBudget, step_by_step
from app.observability import operation_stats
from app.settings import Settings
from schema.context import Context
from schema.execution.documents import Operation, RejectedDocument
from schema.execution.operation import Answer, write_errors
from schema.http.request import GraphQLRequest, ResultKind
from schema.http.stages.admit import Admission
from schema.http.stages.charge import RateLimitCharges
from schema.http.stages.execute import ExecuteStage, context_of
from schema.http.stages.look_up_operation import OperationLookup
from schema.http.stages.measure import OperationMetrics, is_query
from schema.root import schema


class Executed(NamedTuple):
    """`context` is None if the operation was rejected before its execution."""

    answer: Answer
    kind: ResultKind
    context: Context | None


class OperationRunner:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.lookup = OperationLookup(schema, settings)
        self.charges = RateLimitCharges(settings)
        self.admission = Admission(settings, self.charges)
        self._execute = ExecuteStage(schema, settings)
        self._metrics = OperationMetrics(settings, self.lookup)

    def run_operation(
        self,
        request: GraphQLRequest,
        scope: Scope,
        looked_up: Operation | RejectedDocument | None = None,
        *,
        own: bool = False,
        budget: WorkBudget | None = None,
    ) -> Awaitable[Executed]:
        """Raises AppError if nothing of it was executed.

        `looked_up`: the operation, if a transport has looked it up already. `own`: an operation of this server, which
        need not be registered. `budget`: one that several operations share.
        """
        budget = budget or WorkBudget(self._settings)
        return step_by_step(self._run_stages(request, scope, looked_up, own, budget), budget)

    async def _run_stages(
        self,
        request: GraphQLRequest,
        scope: Scope,
        looked_up: Operation | RejectedDocument | None,
        own: bool,
        budget: WorkBudget,
    ) -> Executed:
        paid, done_before = 0, budget.units if budget.cpu_time else 0
        admission = self.admission
        cpu_before = budget.cpu_time
        began = perf_counter()
        stats = operation_stats.begin()
        operation: Operation | None = None
        context: Context | None = None
        try:
            admission.check_extensions(request)
            if isinstance(looked_up, RejectedDocument):
                raise RejectedDocument(looked_up.errors, looked_up.code)
            lookup = self.lookup
            operation = (
                looked_up or lookup.look_up_plain(request) or await lookup.look_up_operation(request, scope)
            )
            admission.check_operation(operation, scope)
            variables, cost = await admission.admit_operation(operation, request.variables, scope)
            paid = cost.requested
            context = context_of(scope, budget)
            stats.read_seconds = perf_counter() - began
            turn = admission.turn_for(operation, paid, scope)
            answer = await self._execute.execute_admitted(
                operation, variables, request.variables, context, cost, turn
            )
            kind = ResultKind.PARTIAL if answer.errors else ResultKind.COMPLETE
        except RejectedDocument as rejected:
            answer = write_errors(rejected.errors, request_state(scope).request_id, rejected.code)
            kind = ResultKind.REJECTED
        except AppError:
            self._metrics.counter(operation, "error", scope, own=own).value += 1
            raise
        finally:
            seconds = perf_counter() - began
            if stats.reads:
                budget.add_reads(stats.reads)
            if stats.execute_seconds and operation is not None:
                spent = budget.cpu_spent() - cpu_before + stats.reads * SECONDS_PER_READ
                admission.note_work(operation, paid, spent)
            if budget.may_be_worth(self.charges.units_per_request, seconds):
                self.charges.charge_work(budget.units - done_before, paid, scope)
        answer.count = self._metrics.counter(
            operation, "error" if answer.errors else "success", scope, own=own
        )
        answer.count.value += 1
        answer.repeatable = is_query(operation)
        self._mark_confidential(answer, context, scope)
        self._metrics.note_seconds(operation, seconds, stats)
        return Executed(answer, kind, context)

    def _mark_confidential(self, answer: Answer, context: Context | None, scope: Scope) -> None:
        """Of a caller with an account: what it changes, and what it reads of its own. Of any caller: what begins a session."""
        own = not answer.repeatable or (context is not None and context.read_set.uncacheable is not None)
        if answer.cookies or own:
            state = request_state(scope)
            if answer.cookies or not state.principal.anonymous:
                state.confidential = True
