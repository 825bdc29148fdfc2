"""Stage "execute": runs an admitted operation when its queue lets it, within its deadline."""

import asyncio
from time import perf_counter
from typing import Any

from graphql import GraphQLError, OperationType
from graphql.execution.values import VariableValues
from starlette.types import Scope
from strawberry import Schema

from app.errors import DeadlineExceeded, LimitExceeded
from app.http.request_state import request_state
from app.limits.concurrency_limiter import Turn
from app.limits.work_budget import WorkBudget
from app.observability import operation_stats
from app.resources import resources_of
from app.settings import Settings
from schema.context import Context
from schema.execution.documents import Cost, Operation, RejectedDocument
from schema.execution.operation import Answer, OperationExecutor
from schema.http.stages.write import write_error


def context_of(scope: Scope, budget: WorkBudget) -> Context:
    """The context of one execution with the rights and the address of its request."""
    state = request_state(scope)
    return Context(
        resources_of(scope),
        principal=state.principal,
        address=state.address,
        headers=scope["headers"],
        request_id=state.request_id,
        budget=budget,
    )


class ExecuteStage:
    def __init__(self, schema: Schema, settings: Settings) -> None:
        self._executor = OperationExecutor(schema)
        self._timeout: float = settings.operation_timeout

    async def execute_admitted(
        self,
        operation: Operation,
        variables: VariableValues,
        raw_variables: dict[str, Any],
        context: Context,
        cost: Cost,
        turn: Turn,
    ) -> Answer:
        """At the deadline it is cancelled with its statements. Raises RejectedDocument and Overloaded."""
        stats = operation_stats.current()
        began = perf_counter()
        if turn.try_start():
            admitted = began
        else:
            await turn.wait()
            admitted = perf_counter()
        try:
            with context.resources.deadlines.begin(), operation.span(raw_variables):
                return await self._executor.run(operation, variables, raw_variables, context, cost)
        except asyncio.CancelledError:
            context.cancel()
            raise
        except TimeoutError:
            context.cancel()
            return write_error(self._too_late(operation), context.request_id)
        except LimitExceeded as exceeded:
            error = GraphQLError(exceeded.message, original_error=exceeded)
            raise RejectedDocument([error], exceeded.code) from None
        finally:
            turn.done()
            if stats is not None:
                stats.wait_seconds = admitted - began
                stats.execute_seconds = perf_counter() - admitted

    def _too_late(self, operation: Operation) -> DeadlineExceeded:
        advice = "please ask for less"
        if operation.type is OperationType.MUTATION:
            advice = "what of it was written is not said here: please look before you try again"
        return DeadlineExceeded(f"The operation took longer than {self._timeout:g} seconds; {advice}.")
