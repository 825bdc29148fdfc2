"""The results of an operation on an open connection: one of a query or mutation, one per change of a subscription."""

import asyncio
from asyncio import Task
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from graphql import GraphQLError, OperationType
from starlette.types import Scope

from app.domain.account import Principal
from app.errors import AppError
from app.http.request_state import request_state, with_principal
from app.limits.work_budget import WorkBudget
from app.settings import Settings
from schema.context import Context
from schema.errors import formatted
from schema.execution.documents import Operation, RejectedDocument
from schema.execution.operation import Answer
from schema.execution.subscription import NotSubscribed, Subscriptions
from schema.http.caller import Caller
from schema.http.open_subscriptions import OpenSubscriptions
from schema.http.operation_runner import OperationRunner
from schema.http.request import GraphQLRequest
from schema.http.stages.execute import context_of


class OperationResults:
    def __init__(self, settings: Settings, runner: OperationRunner, subscriptions: Subscriptions) -> None:
        self._settings = settings
        self._runner = runner
        self._subscriptions = subscriptions
        self._open = OpenSubscriptions(settings.max_subscription_bytes)
        self._writes: set[Task[Answer]] = set()

    @asynccontextmanager
    async def open_results(
        self, request: GraphQLRequest, scope: Scope, caller: Caller, operation: Operation | None = None
    ) -> AsyncIterator[AsyncIterator[Answer]]:
        """The results, once the operation is open: from then on a subscription misses no change.

        Raises exceptions that `error_payload` can write.

        `operation`: if it has been looked up already.
        """
        if operation is None:
            operation = await self._runner.lookup.look_up_operation(request, scope)
        if operation.type is not OperationType.SUBSCRIPTION:
            yield self._single_result(operation, request, scope, caller)
            return
        await self._runner.admission.admit_operation(operation, request.variables, scope)

        def new_context(principal: Principal) -> Context:
            return context_of(with_principal(scope, principal), WorkBudget(self._settings))

        def charge(units: int) -> None:
            self._runner.charges.charge_work(units, 0, scope, reject=True)

        opened = self._subscriptions.open(operation, request.variables, new_context, caller.renewed, charge)
        device_budget, _ = request_state(scope).budget
        with self._open.hold(device_budget, operation, request.variables):
            async with opened as answers:
                yield answers

    async def _single_result(
        self, operation: Operation, request: GraphQLRequest, scope: Scope, caller: Caller
    ) -> AsyncIterator[Answer]:
        if operation.type is not OperationType.MUTATION:
            answer = await self._run(request, scope, operation)
            await caller.renewed()
            yield answer
            return
        # The result of a mutation is sent without another check: it may have ended the caller's own session.
        # A mutation that has begun is completed even if its connection is closed.
        write = asyncio.create_task(self._run(request, scope, operation))
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)
        yield await asyncio.shield(write)

    async def _run(self, request: GraphQLRequest, scope: Scope, operation: Operation) -> Answer:
        return (await self._runner.run_operation(request, scope, operation)).answer


def error_payload(error: Exception, scope: Scope) -> list[dict[str, Any]]:
    """The GraphQL errors of a stream that cannot be opened or that ends with an error."""
    request_id = request_state(scope).request_id
    match error:
        case RejectedDocument():
            return formatted(error.errors, request_id, error.code)
        case NotSubscribed():
            return formatted(error.errors, request_id)
        case AppError():
            return formatted([GraphQLError(error.message, original_error=error)], request_id)
    return formatted([GraphQLError(str(error), original_error=error)], request_id)
