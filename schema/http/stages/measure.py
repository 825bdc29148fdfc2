"""Metrics of operations: counters by name and outcome, durations, and the log of slow ones."""

from graphql import OperationType
from starlette.types import Scope

from app.http.request_state import request_state
from app.observability import metrics, operation_stats
from app.observability.counting import Timings
from app.observability.operation_names import NameCount, OperationNames
from app.settings import Settings
from schema.execution.documents import Operation
from schema.http.stages.look_up_operation import OperationLookup

_names = OperationNames(metrics.OPERATIONS)
_seconds = {
    kind: Timings(metrics.OPERATION_SECONDS, kind) for kind in ("query", "mutation", "subscription", "none")
}


class OperationMetrics:
    def __init__(self, settings: Settings, lookup: OperationLookup) -> None:
        self._settings = settings
        self._lookup = lookup

    def counter(self, operation: Operation | None, outcome: str, scope: Scope, *, own: bool) -> NameCount:
        """Names that anonymous callers send become label values only within a bound, or if they are frequent."""
        if operation is None:
            return _names.count("none", outcome, known=True)
        anonymous = request_state(scope).principal.anonymous
        known = operation.name is None or own or not anonymous or self._lookup.is_registered(operation)
        count = operation.counts.get((outcome, known))
        if count is None:
            count = _names.count(operation.label, outcome, known=known)
            operation.counts[outcome, known] = count
        return count

    def note_seconds(
        self, operation: Operation | None, seconds: float, stats: operation_stats.OperationStats
    ) -> None:
        _seconds[operation.kind if operation else "none"].observe(seconds)
        if operation_stats.is_slow(self._settings, seconds):
            operation_stats.slow_operation(
                seconds,
                stats,
                operation=operation.name if operation else None,
                document=operation.document.hash if operation else None,
            )


def is_query(operation: Operation | None) -> bool:
    return operation is not None and operation.type is OperationType.QUERY
