"""Any operation as a stream of answers: one of a query or mutation, one per change of a subscription."""

import asyncio
from asyncio import Task
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from graphql import GraphQLError, OperationType
from starlette.types import Scope

from app.domain.account import Principal
from app.errors import AppError
from app.http.rate_limit import payer
from schema.context import Context
from schema.errors import formatted
from schema.execution.documents import Operation, RejectedDocument
from schema.execution.operation import Answer
from schema.execution.subscription import NotSubscribed, Subscriptions
from schema.http.caller import Caller
from schema.http.open_subscriptions import OpenSubscriptions
from schema.http.request import GraphQLRequest


class Graph(Protocol):
    """What the endpoint does for every request, however it came."""

    async def operation(self, request: GraphQLRequest, scope: Scope) -> Operation: ...

    async def admit(self, operation: Operation, given: dict[str, Any], scope: Scope) -> object: ...

    def context(self, scope: Scope) -> Context: ...

    def charge_work(self, units: int, paid: int, scope: Scope, *, refuse: bool = False) -> None: ...

    async def answer_message(self, request: GraphQLRequest, scope: Scope) -> Answer: ...


class Answers:
    def __init__(self, graph: Graph, subscriptions: Subscriptions, max_bytes: int) -> None:
        """`max_bytes`: what all open subscriptions may hold."""
        self._graph = graph
        self._subscriptions = subscriptions
        self._open = OpenSubscriptions(max_bytes)
        self._writes: set[Task[Answer]] = set()

    @asynccontextmanager
    async def open(
        self, request: GraphQLRequest, scope: Scope, caller: Caller
    ) -> AsyncIterator[AsyncIterator[Answer]]:
        """Raises what `told` can tell; a subscription that is open misses nothing any more."""
        operation = await self._graph.operation(request, scope)
        if operation.type is not OperationType.SUBSCRIPTION:
            yield self._one(operation, request, scope, caller)
            return
        await self._graph.admit(operation, request.variables, scope)

        def new_context(principal: Principal) -> Context:
            return self._graph.context({**scope, "state": {**scope["state"], "principal": principal}})

        def charge(units: int) -> None:
            self._graph.charge_work(units, 0, scope, refuse=True)

        opened = self._subscriptions.open(operation, request.variables, new_context, caller.renewed, charge)
        payer_name, _ = payer(scope["state"])
        with self._open.hold(payer_name, operation, request.variables):
            async with opened as answers:
                yield answers

    async def _one(
        self, operation: Operation, request: GraphQLRequest, scope: Scope, caller: Caller
    ) -> AsyncIterator[Answer]:
        if operation.type is not OperationType.MUTATION:
            answer = await self._graph.answer_message(request, scope)
            await caller.renewed()
            yield answer
            return
        # Without a second look at the caller: what was written is confirmed, be it the end of its own session.
        # A write that has begun is finished, whoever goes away meanwhile.
        write = asyncio.create_task(self._graph.answer_message(request, scope))
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)
        yield await asyncio.shield(write)


def told(error: Exception, scope: Scope) -> list[dict[str, Any]]:
    """Why there is no answer, or none any more, as GraphQL tells errors."""
    request_id: str = scope["state"].get("request_id", "")
    match error:
        case RejectedDocument():
            return formatted(error.errors, request_id, error.code)
        case NotSubscribed():
            return formatted(error.errors, request_id)
        case AppError():
            return formatted([GraphQLError(error.message, original_error=error)], request_id)
    return formatted([GraphQLError(str(error), original_error=error)], request_id)
