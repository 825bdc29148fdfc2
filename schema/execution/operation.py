"""One operation executed: by its plan where there is one, by the executor where not."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import structlog
from graphql import ExecutionResult, GraphQLError, OperationType, execute
from graphql.execution.values import VariableValues
from strawberry import Schema
from strawberry.execution import optimized_is_awaitable
from strawberry.utils.await_maybe import await_maybe

from app.domain import tags
from app.errors import AppError, LimitExceeded
from app.limits.work_budget import WorkBudget
from app.observability import metrics
from schema.context import Context
from schema.errors import forget_frames, formatted
from schema.execution.arguments import CannotCoerce
from schema.execution.bounded_executor import BoundedExecutor
from schema.execution.documents import Cost, Operation
from schema.execution.execute import Run
from schema.execution.leaf_serializers import CannotWrite

log = structlog.get_logger("execution")


@dataclass(slots=True)
class Answer:
    """The body of an answer, without its media type. `repeatable`: it changes nothing, so it may be kept."""

    body: bytes
    errors: int = 0
    data: bool = True
    cookies: Sequence[str] = ()
    repeatable: bool = False
    count: Any = None
    units: int = 0  # of work, for a change of a subscription


class Executions:
    """How operations of one schema are carried out."""

    def __init__(self, schema: Schema, *, planned: bool = True) -> None:
        self._schema = schema
        self._planned = planned

    async def run(
        self,
        operation: Operation,
        variables: VariableValues,
        given: dict[str, Any],
        context: Context,
        cost: Cost | None = None,
    ) -> Answer:
        extensions = cost.json if cost is not None else None
        if self._planned and operation.type is OperationType.QUERY:
            answer = await self._by_plan(operation, variables, context, extensions)
            if answer is not None:
                return answer
        return await self._by_executor(operation, given, context, extensions)

    async def _by_plan(
        self, operation: Operation, variables: VariableValues, context: Context, extensions: str | None
    ) -> Answer | None:
        """None where the executor has to answer: there is no plan, or it ended with an error.

        Errors of resolvers and values that are not of their type are answered by the executor, with their paths.
        Any other failure is a fault of this server: the executor answers it as well, and it is logged and counted.
        """
        plan = operation.plan(variables)
        if plan.root is None:
            metrics.UNPLANNED.labels(plan.reason).inc()
            if plan.reason == "introspection":
                # Changes only with a release, and is costly: worth keeping like any answer.
                context.read_set.add(tags.SCHEMA)
            return None
        memory = context.resources.memory if context.resources.settings.response_cache else None
        try:
            behind = f',"extensions":{extensions}}}' if extensions else "}"
            return Answer(await Run(plan, variables, context, memory).body('{"data":', behind))
        except LimitExceeded:
            raise
        except AppError:
            metrics.UNPLANNED.labels("refusal").inc()
        except (CannotWrite, CannotCoerce):
            metrics.UNPLANNED.labels("unwritable").inc()
        except Exception:
            log.warning("plan failed", operation=operation.name, hash=operation.document.hash, exc_info=True)
            metrics.UNPLANNED.labels("failure").inc()
        context.loaders.clear()
        context.budget.restart()
        return None

    async def _by_executor(
        self, operation: Operation, given: dict[str, Any], context: Context, extensions: str | None
    ) -> Answer:
        result = await await_maybe(
            execute(
                self._schema._schema,
                operation.document.ast,
                variable_values=given,
                operation_name=operation.name,
                context_value=context,
                is_awaitable=cast("Any", optimized_is_awaitable),
                executor_class=BoundedExecutor,
            )
        )
        assert isinstance(result, ExecutionResult)
        answer = write_result(result, context.request_id, extensions)
        if operation.type is not OperationType.MUTATION:
            # What a mutation has written is answered as far as there was room for it.
            check(answer, context.budget)
        answer.cookies = context.set_cookies
        return answer


def write_result(
    result: ExecutionResult,
    request_id: str,
    extensions: str | None = None,
    *,
    beside_errors: Callable[[], dict[str, Any]] = dict,
) -> Answer:
    """`beside_errors`: what the extensions of each error say besides."""
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body["errors"] = formatted(result.errors, request_id)
        for error in body["errors"]:
            error["extensions"] |= beside_errors()
        forget_frames(result.errors)
    if extensions is not None:
        body["extensions"] = json.loads(extensions)
    return Answer(write_json(body), errors=len(result.errors or ()), data=result.data is not None)


def check(answer: Answer, budget: WorkBudget) -> None:
    """Refuses with LimitExceeded as a whole what passed a limit anywhere."""
    budget.check_answer(len(answer.body))
    if budget.exceeded is not None:
        raise budget.exceeded.error()


def write_errors(errors: list[GraphQLError], request_id: str, code: str) -> Answer:
    body = write_json({"errors": formatted(errors, request_id, code)})
    forget_frames(errors)
    return Answer(body, errors=len(errors), data=False)


def write_json(value: Any) -> bytes:
    """The same bytes as a plan writes: no spaces, letters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
