"""Stage "admit": decides whether an operation may be executed, at what cost, and in which queue it waits."""

from typing import Any

from graphql import OperationType
from graphql.execution.values import VariableValues
from starlette.types import Scope

from app.auth.roles import require_reader
from app.caller_budgets import Budgets
from app.errors import AppError, BadInput, Code
from app.http.request_state import RequestState, request_state
from app.limits.concurrency_limiter import ConcurrencyLimiter, PreferredQueue, Turn
from app.limits.expensive_operations import CHEAP, EXPENSIVE, ExpensiveOperations, ExpensiveTurn
from app.resources import resources_of
from app.settings import MINUTE, Settings
from schema.execution.documents import Cost, Operation
from schema.execution.limits import count_values
from schema.http.request import GraphQLRequest, mutation_over_get, shows_intent
from schema.http.stages.charge import RateLimitCharges

# All callers together may introspect so many times as often as one of them, in this process.
_INTROSPECTING_CALLERS = 20


class Admission:
    def __init__(self, settings: Settings, charges: RateLimitCharges) -> None:
        self._settings = settings
        self._charges = charges
        self._limiter = ConcurrencyLimiter(
            settings.max_operations,
            settings.max_queued_operations,
            settings.max_queue_time,
            settings.target_service_time,
        )
        self._expensive = ExpensiveOperations(
            settings.max_operations,
            settings.max_queued_operations,
            settings.max_queue_time,
            settings.target_service_time,
        )
        most = settings.max_introspections
        self._introspections = Budgets(most, _INTROSPECTING_CALLERS * most, MINUTE)

    def reject_if_full(self, state: RequestState) -> None:
        """Raises Overloaded if no operation of this caller may start or wait; called before anything is parsed."""
        self._limiter_for(state).reject_if_full()

    def expect_one(self, state: RequestState) -> None:
        """As `reject_if_full`, for a request whose task begins in the next iteration of the event loop."""
        self._limiter_for(state).expect_one()

    def turn_for(self, operation: Operation, cost: int, scope: Scope) -> Turn:
        """In which the operation waits until it may be executed.

        Callers with credentials and devices that signed in before take precedence.
        """
        limiter, expensive, state = self._limiter, self._expensive, request_state(scope)
        expected = operation.work.expected(cost)
        if expected < EXPENSIVE:
            if expected < CHEAP:
                expensive.note_other()
            return self._limiter_for(state)
        expensive.note_cached(resources_of(scope).responses.found)
        if _preferred(state):
            return ExpensiveTurn(expensive.preferred, limiter.preferred)
        return ExpensiveTurn(expensive, limiter)

    def _limiter_for(self, state: RequestState) -> ConcurrencyLimiter | PreferredQueue:
        return self._limiter.preferred if _preferred(state) else self._limiter

    def note_work(self, operation: Operation, cost: int, seconds: float) -> None:
        """CPU time of one execution."""
        if operation.work.expected(cost) >= EXPENSIVE:
            self._expensive.service_time.add_sample(seconds)
        operation.work.add(cost, seconds)

    def check_extensions(self, request: GraphQLRequest) -> None:
        """Bounds the extensions, which stay in memory while the operation waits. Raises BadInput."""
        maximum = self._settings.limit_variable_values
        if request.extensions and count_values(request.extensions, maximum) > maximum:
            raise BadInput(f"The request's extensions hold more than {maximum} values.", limit=maximum)

    def check_operation(self, operation: Operation, scope: Scope) -> None:
        """Checks the method and the right to read; mutations check roles of their own.

        Anonymous callers may always sign in and introspect the schema.
        """
        _check_method(operation, scope)
        if operation.type is not OperationType.MUTATION and not operation.introspects:
            require_reader(request_state(scope).principal, anonymous_reading=self._settings.anonymous_reading)

    async def admit_operation(
        self, operation: Operation, raw_variables: dict[str, Any], scope: Scope
    ) -> tuple[VariableValues, Cost]:
        """The coerced variables and the cost. Raises RejectedDocument, and TooMany for the cost.

        Introspection by the usual tools costs as much as many requests, though its work is bounded by the schema: some
        of it counts as one request, by a budget of its own, and the rest by its cost.
        """
        settings = self._settings
        variables = operation.variables(
            raw_variables,
            max_values=settings.limit_variable_values,
            hide_suggestions=not settings.introspection,
        )
        cost = operation.cost(variables, settings.limit_cost)
        if cost.requested > settings.rate_limit_cost and not self._may_introspect(operation, scope):
            await self._charges.charge_cost(cost.requested, scope)
        return variables, cost

    def _may_introspect(self, operation: Operation, scope: Scope) -> bool:
        return operation.introspects and self._introspections.take(request_state(scope).budget[0])


def _preferred(state: RequestState) -> bool:
    return state.device_budget is not None or not state.principal.anonymous


def _check_method(operation: Operation, scope: Scope) -> None:
    if operation.type is OperationType.SUBSCRIPTION:
        raise AppError(
            "A subscription needs a WebSocket, or a request that accepts text/event-stream or multipart/mixed;subscriptionSpec=1.0.",
            Code.NOT_ACCEPTABLE,
        )
    if operation.type is not OperationType.MUTATION:
        return
    if scope["method"] != "POST":
        raise mutation_over_get()
    if not shows_intent(scope["headers"]):
        raise AppError(
            "A mutation needs the content type application/json, or the header X-Requested-With or "
            "Apollo-Require-Preflight, so that no foreign page can send it.",
            Code.FORBIDDEN,
        )
