"""What one operation has cost, and a line in the log when that took too long."""

from contextvars import ContextVar
from typing import Any

import msgspec
import structlog

from app.observability import metrics
from app.settings import Settings

log = structlog.get_logger("slow")


class Costs(msgspec.Struct):
    """Filled while an operation runs; each stage adds to it.

    A statement that was shared with other operations counts for each of them: each waited for it.
    """

    statements: int = 0
    round_trips: int = 0
    keys: dict[str, int] = {}  # by region: what was asked for
    layers: dict[str, int] = {}  # by "l1", "l2", "postgres": where it was found
    steps: dict[str, float] = {}  # seconds by "read", "wait", "execute"

    def asked(self, region: str, keys: int) -> None:
        self.keys[region] = self.keys.get(region, 0) + keys

    def found(self, layer: str, keys: int) -> None:
        self.layers[layer] = self.layers.get(layer, 0) + keys

    def took(self, step: str, seconds: float) -> None:
        self.steps[step] = self.steps.get(step, 0.0) + seconds


_current: ContextVar[Costs | None] = ContextVar("costs", default=None)
# Those of the operation that this task works for; None where it works for no operation, or for several.
current = _current.get


def begin() -> Costs:
    """From here on what this task and its children do is the cost of one operation."""
    costs = Costs()
    _current.set(costs)
    return costs


def is_slow(settings: Settings, seconds: float) -> bool:
    return 0 < settings.slow_operation_threshold <= seconds


def slow_operation(
    seconds: float, costs: Costs, *, operation: str | None, document: str | None, **facts: Any
) -> None:
    """`document` is a hash: neither texts nor variables are logged."""
    metrics.SLOW_OPERATIONS.inc()
    log.warning(
        "slow operation",
        operation=operation,
        document=document,
        seconds=round(seconds, 4),
        statements=costs.statements,
        round_trips=costs.round_trips,
        keys=costs.keys,
        layers=costs.layers,
        steps={step: round(taken, 4) for step, taken in costs.steps.items()},
        **facts,
    )
