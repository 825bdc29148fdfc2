"""A batch of operations: executed one after the other, with one work budget and one response."""

from collections.abc import Sequence

from starlette.types import Scope

from app.errors import AppError
from app.http.request_state import request_state
from app.limits.work_budget import WorkBudget
from app.settings import Settings
from schema.execution.operation import Answer
from schema.http.operation_runner import OperationRunner
from schema.http.request import GraphQLRequest
from schema.http.stages.write import write_error


class BatchRunner:
    def __init__(self, settings: Settings, runner: OperationRunner) -> None:
        self._settings = settings
        self._runner = runner

    async def run_batch(self, requests: Sequence[GraphQLRequest], scope: Scope) -> list[Answer]:
        """Executes them in order under one work budget. Raises TooMany before the first one is executed."""
        await self._runner.charges.charge_batch(len(requests), scope)
        budget = WorkBudget(self._settings)
        return [await self._run_member(request, scope, budget) for request in requests]

    async def _run_member(self, request: GraphQLRequest, scope: Scope, budget: WorkBudget) -> Answer:
        """An error of one does not affect the others. The caller's rights are read again before each."""
        state = request_state(scope)
        try:
            state.principal = await state.resources.authenticator.renewed(state.principal)
            return (await self._runner.run_operation(request, scope, budget=budget)).answer
        except AppError as error:
            return write_error(error, state.request_id)
