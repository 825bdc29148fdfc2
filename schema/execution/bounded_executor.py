"""The executor for operations without a plan; it checks the work budget during execution."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any

from graphql import GraphQLLeafType, introspection_types

from app.limits.work_budget import TURN, WorkBudget, in_turns, metered
from schema.execution.acyclic_executor import AcyclicExecutor

# Number of executed fields between two checks of the budget.
FIELDS_PER_CHECK = 500
# The types of introspection with long lists.
_LISTING = frozenset((introspection_types["__Schema"], introspection_types["__Type"]))


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

    def complete_iterable_value(
        self, item_type: Any, field_details_list: Any, info: Any, path: Any, items: Any, *more: Any
    ) -> Any:
        if info.parent_type not in _LISTING or _is_within_list(path):
            return super().complete_iterable_value(item_type, field_details_list, info, path, items, *more)
        # No field of introspection waits for anything, so no other task would run until it is complete. Only the outermost
        # lists wait, between their items, which take up to some hundredths of a second (many aliases): a coroutine for each
        # list within them would cost more than they do.
        completing = self._complete_in_turns(item_type, field_details_list, info, path, items, *more)
        return metered(completing, self._budget)

    async def _complete_in_turns(
        self, item_type: Any, field_details_list: Any, info: Any, path: Any, items: Iterable[Any], *more: Any
    ) -> list[Any]:
        completed: list[Any] = []
        async for item in in_turns(items, self._budget):
            item_path = path.add_key(len(completed), None)
            self.complete_list_item_value(
                item, completed, item_type, field_details_list, info, item_path, *more
            )
        return completed

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


def _is_within_list(path: Any) -> bool:
    while path is not None:
        if path.key.__class__ is int:
            return True
        path = path.prev
    return False
