"""The executor for operations without a plan; it checks the work budget during execution."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from graphql import GraphQLLeafType

from app.limits.work_budget import TURN, WorkBudget, metered
from schema.execution.acyclic_executor import AcyclicExecutor

# Number of executed fields between two checks of the budget.
FIELDS_PER_CHECK = 500


class BoundedExecutor(AcyclicExecutor):
    """After a limit is exceeded, each further field raises LimitExceeded."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._budget: WorkBudget = self.context_value.budget
        self._fields = 0

    def execute_fields(
        self, parent_type: Any, source_value: Any, path: Any, grouped_field_set: Any, *more: Any
    ) -> Any:
        budget = self._budget
        budget.add_objects(1)
        self._fields += len(grouped_field_set)
        if self._fields >= FIELDS_PER_CHECK:
            self._fields = 0
            budget.check()
        return super().execute_fields(parent_type, source_value, path, grouped_field_set, *more)

    async def complete_awaitable_value(
        self, return_type: Any, field_details_list: Any, info: Any, path: Any, result: Any, *more: Any
    ) -> Any:
        completing = super().complete_awaitable_value(
            return_type, field_details_list, info, path, self._await_fairly(result), *more
        )
        return await metered(completing, self._budget)

    async def _await_fairly(self, result: Awaitable[Any]) -> Any:
        value = await result
        if self._budget.cpu_time > TURN and self._budget.is_due():
            await asyncio.sleep(0)
        return value

    def complete_leaf_value(self, return_type: GraphQLLeafType, result: Any) -> Any:  # type: ignore[override]
        value = super().complete_leaf_value(return_type, result)
        self._budget.add_bytes(len(value) if value.__class__ is str else 4)
        return value
