"""Executes subscriptions: one execution per change for all subscribers with the same operation and principal."""

import asyncio
from asyncio import Task
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

from graphql import ExecutionResult, GraphQLError, create_source_event_stream, execute
from strawberry import Schema
from strawberry.execution import optimized_is_awaitable
from strawberry.utils.await_maybe import await_maybe

from app.broadcast import Change, Subscriber
from app.domain.account import Principal
from app.errors import DeadlineExceeded
from app.limits.work_budget import metered
from schema.context import Context
from schema.execution.bounded_executor import BoundedExecutor
from schema.execution.documents import Operation
from schema.execution.operation import Answer, check_limits, write_json, write_result
from schema.types.data_change import change_summary


class NotSubscribed(Exception):
    """The field of the subscription returned errors instead of an event stream."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(errors)
        self.errors = errors


class Subscriptions:
    """Executes the subscriptions of one schema.

    Each change is executed in a context of its own, without records that were loaded for an earlier one. A change is
    delivered to many subscribers at once; those with the same operation, variables and principal share one execution.
    """

    def __init__(self, schema: Schema, *, deadline: float) -> None:
        self._schema = schema
        self._deadline = deadline
        self._in_flight: dict[Hashable, Task[Answer]] = {}

    @asynccontextmanager
    async def open(
        self,
        operation: Operation,
        raw_variables: dict[str, Any],
        new_context: Callable[[Principal], Context],
        caller: Callable[[], Awaitable[Principal]],
        charge: Callable[[int], None],
    ) -> AsyncIterator[AsyncIterator[Answer]]:
        """No change is missed once it is open. Raises NotSubscribed.

        `caller` returns the principal with its current role, or raises AppError, which ends the subscription.
        `charge` receives the units of work of each change, and raises TooMany if the rate limit is exceeded.
        """
        async with await self._subscribe(operation, raw_variables, new_context(await caller())) as subscriber:
            yield self._answers(subscriber, operation, raw_variables, new_context, caller, charge)

    async def _subscribe(
        self, operation: Operation, raw_variables: dict[str, Any], context: Context
    ) -> Subscriber:
        executor = BoundedExecutor.build(
            self._schema._schema,
            operation.document.ast,
            context_value=context,
            raw_variable_values=raw_variables,
            operation_name=operation.name,
            is_awaitable=cast("Any", optimized_is_awaitable),
        )
        if isinstance(executor, list):
            raise NotSubscribed(executor)
        async with asyncio.timeout(self._deadline):
            stream = await await_maybe(create_source_event_stream(executor))
        if isinstance(stream, ExecutionResult):
            raise NotSubscribed(stream.errors or [])
        assert isinstance(stream, Subscriber)
        return stream

    async def _answers(
        self,
        subscriber: Subscriber,
        operation: Operation,
        raw_variables: dict[str, Any],
        new_context: Callable[[Principal], Context],
        caller: Callable[[], Awaitable[Principal]],
        charge: Callable[[int], None],
    ) -> AsyncIterator[Answer]:
        request = (operation, write_json(raw_variables))
        async for change in subscriber:
            principal = await caller()
            while True:
                key = (request, principal, id(change))
                task = self._in_flight.get(key)
                if task is None:
                    context = new_context(principal)
                    execution = metered(
                        self._execute(operation, raw_variables, change, context), context.budget
                    )
                    task = self._in_flight[key] = asyncio.create_task(execution)
                    # The task refers to the change, so its id is not reused while the task runs.
                    task.add_done_callback(partial(self._remove, key))
                # Cancelling one subscriber does not cancel the execution, which others await.
                answer = await asyncio.shield(task)
                # If the role changed during the execution, it is executed again with the current one.
                executed_for, principal = principal, await caller()
                if principal == executed_for:
                    break
            charge(answer.units)
            yield answer

    def _remove(self, key: Hashable, _: Task[Answer]) -> None:
        del self._in_flight[key]

    async def _execute(
        self, operation: Operation, raw_variables: dict[str, Any], change: Change, context: Context
    ) -> Answer:
        try:
            async with asyncio.timeout(self._deadline):
                result = await await_maybe(
                    execute(
                        self._schema._schema,
                        operation.document.ast,
                        root_value=change,
                        context_value=context,
                        variable_values=raw_variables,
                        operation_name=operation.name,
                        is_awaitable=cast("Any", optimized_is_awaitable),
                        executor_class=BoundedExecutor,
                    )
                )
        except TimeoutError:
            # The change is still delivered, with an error in place of its data.
            late = DeadlineExceeded("A change took too long to be worked out; please read it by its id.")
            result = ExecutionResult(None, [GraphQLError(late.message, original_error=late)])
        assert isinstance(result, ExecutionResult)
        # Errors identify the change by fields that need no read, so that clients can read its entry again.
        answer = write_result(
            result, context.request_id, error_extensions=lambda: {"change": change_summary(change)}
        )
        check_limits(answer, context.budget)
        answer.units = context.budget.units
        return answer
