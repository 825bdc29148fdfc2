"""Executes one operation: by its compiled plan if it has one, else by the executor."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, cast
from weakref import WeakValueDictionary

import msgspec
import structlog
from graphql import ExecutionResult, GraphQLError, OperationType, execute
from graphql.execution.values import VariableValues
from strawberry import Schema
from strawberry.execution import optimized_is_awaitable
from strawberry.utils.await_maybe import await_maybe

from app.bounded_mapping import BoundedMapping
from app.domain import tags
from app.errors import AppError, LimitExceeded
from app.limits.work_budget import WorkBudget
from app.observability import metrics
from schema.context import Context
from schema.errors import forget_frames, formatted
from schema.execution.arguments import CannotCoerce
from schema.execution.bounded_executor import BoundedExecutor
from schema.execution.documents import Cost, Operation
from schema.execution.execute import PlanExecution
from schema.execution.joined import JoinedExecution
from schema.execution.leaf_serializers import CannotWrite

log = structlog.get_logger("execution")

# Answers to introspection that are kept, and their bytes together.
MAX_INTROSPECTIONS = 16
MAX_INTROSPECTION_BYTES = 4 * 2**20


class Answer(msgspec.Struct):
    """The result of an operation as JSON. `repeatable`: executing it again has no side effects, so it may be cached."""

    body: bytes
    errors: int = 0
    data: bool = True
    cookies: Sequence[str] = ()
    repeatable: bool = False
    count: Any = None
    units: int = 0  # of work, for a change of a subscription


class OperationExecutor:
    """Executes the operations of one schema."""

    def __init__(self, schema: Schema, *, planned: bool = True) -> None:
        self._schema = schema
        self._planned = planned
        # By document and name: they change with the schema only, so not with any data.
        self._introspections: BoundedMapping[tuple[str, str | None], bytes] = BoundedMapping(
            MAX_INTROSPECTIONS, (MAX_INTROSPECTION_BYTES, lambda _, body: len(body))
        )
        self._introspecting: WeakValueDictionary[tuple[str, str | None], asyncio.Lock] = WeakValueDictionary()

    async def run(
        self,
        operation: Operation,
        variables: VariableValues,
        raw_variables: dict[str, Any],
        context: Context,
        cost: Cost | None = None,
    ) -> Answer:
        extensions = cost.json if cost is not None else None
        if self._planned and operation.type is not OperationType.SUBSCRIPTION:
            answer = await self._by_plan(operation, variables, context, extensions)
            if answer is not None:
                return answer
            if operation.introspects and not operation.variable_types:
                return await self._introspect(operation, context, extensions)
        return await self._by_executor(operation, raw_variables, context, extensions)

    async def _by_plan(
        self, operation: Operation, variables: VariableValues, context: Context, extensions: str | None
    ) -> Answer | None:
        """None if the executor has to run the operation: it has no plan, or the plan ended with an error.

        The executor reports errors of resolvers and values of wrong types with their paths; a mutation that the plan has run is
        not run again, its outcome is reported. Any other exception is a
        fault of this server: it is logged and counted, and the executor runs the operation as well.
        """
        plan = operation.plan(variables)
        if plan.root is None:
            metrics.UNPLANNED.labels(plan.reason).inc()
            if plan.reason == "introspection":
                # Introspection is slow and changes only with a release, so its response is cached.
                context.read_set.add(tags.SCHEMA)
            return None
        caches = context.resources.settings.response_cache and operation.repeats
        memory = context.resources.memory if caches else None
        try:
            after = f',"extensions":{extensions}}}' if extensions else "}"
            execution = JoinedExecution if plan.joins else PlanExecution
            body = await execution(plan, variables, context, memory).body('{"data":', after)
            return Answer(body, cookies=context.set_cookies)
        except LimitExceeded:
            if context.outcome is None:
                raise
            metrics.UNPLANNED.labels("refusal").inc()
        except AppError:
            metrics.UNPLANNED.labels("refusal").inc()
        except (CannotWrite, CannotCoerce):
            metrics.UNPLANNED.labels("unwritable").inc()
        except Exception:
            log.warning("plan failed", operation=operation.name, hash=operation.document.hash, exc_info=True)
            metrics.UNPLANNED.labels("failure").inc()
        context.loaders.clear()
        # What a mutation has written is reported with an error where its payload exceeds the limit.
        context.budget.restart(exceeds_again=context.outcome is not None)
        return None

    async def _introspect(self, operation: Operation, context: Context, extensions: str | None) -> Answer:
        """Executes each document once: the usual query of tools takes a hundred times as long as any other."""
        key = (operation.document.hash, operation.name)
        body = self._introspected(key, context)
        if body is None:
            # Held by those that execute the document or wait for it.
            lock = self._introspecting.setdefault(key, asyncio.Lock())
            async with lock:
                body = self._introspected(key, context)  # by an equal operation, meanwhile
                if body is None:
                    answer = await self._by_executor(operation, {}, context, None)
                    if answer.errors:
                        return answer
                    body = self._introspections[key] = answer.body
        return Answer(body[:-1] + f',"extensions":{extensions}}}'.encode() if extensions else body)

    def _introspected(self, key: tuple[str, str | None], context: Context) -> bytes | None:
        body = self._introspections.get(key)
        if body is not None:
            self._introspections.touch(key)
            context.budget.check_answer(len(body))
        return body

    async def _by_executor(
        self, operation: Operation, raw_variables: dict[str, Any], context: Context, extensions: str | None
    ) -> Answer:
        operation = operation.plainly()
        result = await await_maybe(
            execute(
                self._schema._schema,
                operation.document.ast,
                variable_values=raw_variables,
                operation_name=operation.name,
                context_value=context,
                is_awaitable=cast("Any", optimized_is_awaitable),
                executor_class=BoundedExecutor,
            )
        )
        assert isinstance(result, ExecutionResult)
        answer = write_result(result, context.request_id, extensions)
        if operation.type is not OperationType.MUTATION:
            # A mutation has committed already: its result is returned with errors for the fields beyond the limit.
            check_limits(answer, context.budget)
        answer.cookies = context.set_cookies
        return answer


def write_result(
    result: ExecutionResult,
    request_id: str,
    extensions: str | None = None,
    *,
    error_extensions: Callable[[], dict[str, Any]] = dict,
) -> Answer:
    """`error_extensions`: added to the extensions of each error."""
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body["errors"] = formatted(result.errors, request_id)
        for error in body["errors"]:
            error["extensions"] |= error_extensions()
        forget_frames(result.errors)
    if extensions is not None:
        body["extensions"] = json.loads(extensions)
    return Answer(write_json(body), errors=len(result.errors or ()), data=result.data is not None)


def check_limits(answer: Answer, budget: WorkBudget) -> None:
    """Raises LimitExceeded if any part of the operation exceeded a limit."""
    budget.check_answer(len(answer.body))
    if budget.exceeded is not None:
        raise budget.exceeded.error()


def write_errors(errors: list[GraphQLError], request_id: str, code: str) -> Answer:
    body = write_json({"errors": formatted(errors, request_id, code)})
    forget_frames(errors)
    return Answer(body, errors=len(errors), data=False)


def write_json(value: Any) -> bytes:
    """JSON as plans write it: without spaces, non-ASCII characters unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
