"""Executes subscriptions: one execution per change for all subscribers with the same operation and principal.

Subscribers whose connections can be written to without waiting form groups (schema/execution/subscriber_group.py); the others, and those
that have a sink but whose client reads too slowly, take their changes one by one, each in its own task.
"""

import asyncio
from asyncio import Task
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, NamedTuple, Self, cast

from graphql import ExecutionResult, GraphQLError, create_source_event_stream, execute
from strawberry import Schema
from strawberry.execution import optimized_is_awaitable
from strawberry.utils.await_maybe import await_maybe

from app.broadcast import Change, Subscriber
from app.domain.account import Principal
from app.errors import AppError, DeadlineExceeded
from app.limits.work_budget import metered
from schema.context import Context
from schema.execution.bounded_executor import BoundedExecutor
from schema.execution.documents import Operation
from schema.execution.operation import Answer, check_limits, write_json, write_result
from schema.execution.subscriber_group import Member, Sink, SubscriberGroup
from schema.types.data_change import change_summary


class NotSubscribed(Exception):
    """The field of the subscription returned errors instead of an event stream."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(errors)
        self.errors = errors


class OpenSubscription(NamedTuple):
    """`request`: equal for subscriptions whose answers are the same for the same principal."""

    operation: Operation
    raw_variables: dict[str, Any]
    request: Hashable
    new_context: Callable[[Principal], Context]
    caller: Callable[[], Awaitable[Principal]]
    charge: Callable[[int], None]


class Answers:
    """An async iterator with one answer per change, but for those that are written to the sink."""

    def __init__(
        self,
        subscriptions: "Subscriptions",
        subscriber: Subscriber,
        subscription: OpenSubscription,
        principal: Principal,
    ) -> None:
        self.subscriber = subscriber
        self.caller = subscription.caller
        self._subscriptions = subscriptions
        self._subscription = subscription
        self._principal = principal
        self._sink: Sink | None = None

    def write_to(self, sink: Sink) -> None:
        """From now on, answers are written to it if it can take them at once; in order with those of the iterator, if each of these has
        been sent when the next one is requested.
        """
        self._sink = sink

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Answer:
        if self._sink is not None and self._sink.can_write and self.subscriber.idle:
            with self._subscriptions.group(self._subscription, self._principal, self):
                await self.subscriber.until_woken()
        change = await anext(self.subscriber)
        principal = await self.caller()
        while True:
            answer = await self._subscriptions.answer(self._subscription, change, principal)
            # If the role changed during the execution, it is executed again with the current one.
            executed_for, principal = principal, await self.caller()
            if principal == executed_for:
                break
        self._principal = principal
        self._subscription.charge(answer.units)
        return answer

    def write_next(self, answer: Answer) -> bool:
        """Writes the answer to the first change that waits; False if the iterator has to return it."""
        assert self._sink is not None
        if not self._sink.can_write:
            return False
        try:
            self._subscription.charge(answer.units)
        except AppError:
            return False  # the iterator charges again, and raises
        self.subscriber.take()
        self._sink.write(answer)
        return True


class Subscriptions:
    """Executes the subscriptions of one schema.

    Each change is executed in a context of its own, without records that were loaded for an earlier one. A change is
    delivered to many subscribers at once; those with the same operation, variables and principal share one execution.
    """

    def __init__(self, schema: Schema, *, deadline: float) -> None:
        self._schema = schema
        self._deadline = deadline
        self._in_flight: dict[Hashable, Task[Answer]] = {}
        self._groups: dict[Hashable, SubscriberGroup] = {}

    @asynccontextmanager
    async def open(
        self,
        operation: Operation,
        raw_variables: dict[str, Any],
        new_context: Callable[[Principal], Context],
        caller: Callable[[], Awaitable[Principal]],
        charge: Callable[[int], None],
    ) -> AsyncIterator[Answers]:
        """No change is missed once it is open. Raises NotSubscribed.

        `caller` returns the principal with its current role, or raises AppError, which ends the subscription.
        `charge` receives the units of work of each change, and raises TooMany if the rate limit is exceeded.
        """
        principal = await caller()
        async with await self._subscribe(operation, raw_variables, new_context(principal)) as subscriber:
            subscription = OpenSubscription(
                operation, raw_variables, (operation, write_json(raw_variables)), new_context, caller, charge
            )
            yield Answers(self, subscriber, subscription, principal)

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

    async def answer(self, subscription: "OpenSubscription", change: Change, principal: Principal) -> Answer:
        """Shared by all with the same request and principal."""
        key = (subscription.request, principal, id(change))
        task = self._in_flight.get(key)
        if task is None:
            context = subscription.new_context(principal)
            execution = metered(
                self._execute(subscription.operation, subscription.raw_variables, change, context),
                context.budget,
            )
            task = self._in_flight[key] = asyncio.create_task(execution)
            # The task refers to the change, so its id is not reused while the task runs.
            task.add_done_callback(partial(self._remove, key))
        # Cancelling one subscriber does not cancel the execution, which others await.
        return await asyncio.shield(task)

    @contextmanager
    def group(self, subscription: "OpenSubscription", principal: Principal, member: Member) -> Iterator[None]:
        """Makes it a member of the group of all with the same request and principal."""
        key = (subscription.request, principal)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = SubscriberGroup(
                principal, partial(self.answer, subscription, principal=principal)
            )
        try:
            with group.joined(member):
                yield
        finally:
            if group.is_empty and self._groups.get(key) is group:
                del self._groups[key]

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
