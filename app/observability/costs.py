"""What one operation has cost, and a line in the log when that took too long."""

from typing import Any

import msgspec
import structlog

from app.observability import metrics
from app.settings import Settings

log = structlog.get_logger("slow")


class Costs(msgspec.Struct):
    """Filled while an operation runs; whoever does the work adds to it."""

    statements: int = 0
    round_trips: int = 0
    keys: dict[str, int] = {}  # by region: what was asked for
    layers: dict[str, int] = {}  # by "l1", "l2", "postgres": where it was found
    steps: dict[str, float] = {}  # seconds by "parse", "validate", "execute", …

    def asked(self, region: str, keys: int) -> None:
        self.keys[region] = self.keys.get(region, 0) + keys

    def found(self, layer: str, keys: int) -> None:
        self.layers[layer] = self.layers.get(layer, 0) + keys

    def took(self, step: str, seconds: float) -> None:
        self.steps[step] = self.steps.get(step, 0.0) + seconds


def slow_operation(
    settings: Settings,
    seconds: float,
    costs: Costs,
    *,
    operation: str | None,
    document: str,
    **facts: Any,
) -> bool:
    """Says whether it was slow. `document` is a hash: neither texts nor variables are logged."""
    if not settings.slow_operation or seconds < settings.slow_operation:
        return False
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
    return True
