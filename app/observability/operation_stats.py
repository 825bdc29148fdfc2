"""Statistics of one operation: statements, round trips, keys and times; logged if the operation was slow."""

from contextvars import ContextVar
from typing import Any

import msgspec
import structlog

from app.observability import metrics
from app.settings import Settings

log = structlog.get_logger("slow")


class OperationStats(msgspec.Struct):
    """Each stage of an operation adds to them.

    A statement that several operations share counts for each of them, since each waits for it.
    """

    statements: int = 0
    round_trips: int = 0
    reads: int = 0  # records below L1 whose reading it began; others may wait for the same
    asked: list[tuple[str, int]] = []  # a region and a number of keys, for each look-up
    l1: int = 0  # records found in the memory
    l2: int = 0  # in Redis
    postgres: int = 0
    read_seconds: float = 0.0
    wait_seconds: float = 0.0
    execute_seconds: float = 0.0

    @property
    def keys(self) -> dict[str, int]:
        """Requested, by region."""
        keys: dict[str, int] = {}
        for region, number in self.asked:
            keys[region] = keys.get(region, 0) + number
        return keys

    @property
    def layers(self) -> dict[str, int]:
        """Found, by layer."""
        return {"l1": self.l1, "l2": self.l2, "postgres": self.postgres}

    @property
    def steps(self) -> dict[str, float]:
        """Seconds."""
        return {"read": self.read_seconds, "wait": self.wait_seconds, "execute": self.execute_seconds}


_current: ContextVar[OperationStats | None] = ContextVar("operation_stats", default=None)
# The statistics of the current task's operation; None for a task of no operation, or of several.
current = _current.get


def begin() -> OperationStats:
    """Starts the statistics of one operation, for this task and its children."""
    stats = OperationStats()
    _current.set(stats)
    return stats


def is_slow(settings: Settings, seconds: float) -> bool:
    return 0 < settings.slow_operation_threshold <= seconds


def slow_operation(
    seconds: float, stats: OperationStats, *, operation: str | None, document: str | None, **facts: Any
) -> None:
    """`document` is a hash: neither texts nor variables are logged."""
    metrics.SLOW_OPERATIONS.inc()
    log.warning(
        "slow operation",
        operation=operation,
        document=document,
        seconds=round(seconds, 4),
        statements=stats.statements,
        round_trips=stats.round_trips,
        keys=stats.keys,
        layers=stats.layers,
        steps={step: round(taken, 4) for step, taken in stats.steps.items()},
        **facts,
    )
