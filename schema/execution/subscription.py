"""A subscription executed: each change worked out once for all who ask the same about it."""

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
from schema.execution.operation import Answer, check, write_json, write_result
from schema.types.data_change import known_of


class NotSubscribed(Exception):
    """The subscription's own field refused."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(errors)
        self.errors = errors


class Subscriptions:
    """How subscriptions of one schema are carried out.

    Every change gets a context of its own: what was read for an earlier one must not show. A
    thousand subscribers are told in one turn of the event loop; those among them that speak for the
    same principal and ask the same share one execution.
    """

    def __init__(self, schema: Schema, *, deadline: float) -> None:
        self._schema = schema
        self._deadline = deadline
        self._under_way: dict[Hashable, Task[Answer]] = {}

    @asynccontextmanager
    async def open(
        self,
        operation: Operation,
        given: dict[str, Any],
        new_context: Callable[[Principal], Context],
        caller: Callable[[], Awaitable[Principal]],
        charge: Callable[[int], None],
    ) -> AsyncIterator[AsyncIterator[Answer]]:
        """Nothing is missed from here on. Refuses with NotSubscribed.

        `caller` gives the subscriber with the rights of the moment, or refuses: then the subscription ends.
        `charge` gets the units of work of each change, and refuses when the subscriber has used up its limit.
        """
        async with await self._subscribe(operation, given, new_context(await caller())) as subscriber:
            yield self._answers(subscriber, operation, given, new_context, caller, charge)

    async def _subscribe(self, operation: Operation, given: dict[str, Any], context: Context) -> Subscriber:
        executor = BoundedExecutor.build(
            self._schema._schema,
            operation.document.ast,
            context_value=context,
            raw_variable_values=given,
            operation_name=operation.name,
            is_awaitable=cast("Any", optimized_is_awaitable),
        )
        if isinstance(executor, list):
            raise NotSubscribed(executor)
        async with asyncio.timeout(self._deadline):
            found = await await_maybe(create_source_event_stream(executor))
        if isinstance(found, ExecutionResult):
            raise NotSubscribed(found.errors or [])
        assert isinstance(found, Subscriber)
        return found

    async def _answers(
        self,
        subscriber: Subscriber,
        operation: Operation,
        given: dict[str, Any],
        new_context: Callable[[Principal], Context],
        caller: Callable[[], Awaitable[Principal]],
        charge: Callable[[int], None],
    ) -> AsyncIterator[Answer]:
        question = (operation, write_json(given))
        async for change in subscriber:
            principal = await caller()
            while True:
                key = (question, principal, id(change))
                task = self._under_way.get(key)
                if task is None:
                    context = new_context(principal)
                    execution = metered(self._execute(operation, given, change, context), context.budget)
                    task = self._under_way[key] = asyncio.create_task(execution)
                    # The task holds the change, so that no other can have its id meanwhile.
                    task.add_done_callback(partial(self._forget, key))
                # One that goes away takes nobody's answer along.
                answer = await asyncio.shield(task)
                # Rights that changed while it was worked out: once more, with those that hold now.
                worked_out_for, principal = principal, await caller()
                if principal == worked_out_for:
                    break
            charge(answer.units)
            yield answer

    def _forget(self, key: Hashable, _: Task[Answer]) -> None:
        del self._under_way[key]

    async def _execute(
        self, operation: Operation, given: dict[str, Any], change: Change, context: Context
    ) -> Answer:
        try:
            async with asyncio.timeout(self._deadline):
                result = await await_maybe(
                    execute(
                        self._schema._schema,
                        operation.document.ast,
                        root_value=change,
                        context_value=context,
                        variable_values=given,
                        operation_name=operation.name,
                        is_awaitable=cast("Any", optimized_is_awaitable),
                        executor_class=BoundedExecutor,
                    )
                )
        except TimeoutError:
            # The others that wait are told all the same, and of this one what is known.
            late = DeadlineExceeded("A change took too long to be worked out; please read it by its id.")
            result = ExecutionResult(None, [GraphQLError(late.message, original_error=late)])
        assert isinstance(result, ExecutionResult)
        # Also where nothing could be read of it, a change is told: which one it is needs no reading.
        answer = write_result(result, context.request_id, beside_errors=lambda: {"change": known_of(change)})
        check(answer, context.budget)
        answer.units = context.budget.units
        return answer
