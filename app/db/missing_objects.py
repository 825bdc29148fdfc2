"""Tables, columns, functions, types and rights that are missing in the database: a restore in several transactions, or another release's migration."""

from time import monotonic
from typing import Final

import structlog

from app.observability.metrics import INCOMPLETE

log = structlog.get_logger(__name__)

_NAMES: Final = """
    api_key_uses api_keys cache_epoch dno_aliases dnos edge_changes edges families followed_entries
    followed_operators followed_rows followed_source hlzf_data holiday_rules levies netzentgelte_data
    outbox place_generation places prices query_logs relay_progress removed_rows revisions
    set_aside_rows time_of_use_data users webhook_changes webhook_messages webhook_subscriptions
"""
# All tables of this release.
TABLES: Final = tuple(_NAMES.split())

# Seconds between two lines of the log about one error. Each request has the error until it is corrected.
_REPEATED_AFTER: Final = 10.0
_MAX_TEXTS: Final = 100

_reported: dict[str, float] = {}


def report_missing(error: Exception) -> None:
    """Counted, and in the log once in ten seconds: a wrong statement has the same errors, and its text names its caller."""
    _report(repr(error), statement=getattr(error, "query", None), exc_info=error)


def report_missing_elsewhere(trace: str, statement: str | None) -> None:
    """The same of a process that has neither this log nor these metrics."""
    _report(trace, statement=statement, error=trace)


def _report(text: str, **details: object) -> None:
    INCOMPLETE.inc()
    now = monotonic()
    if now < _reported.get(text, now):
        return
    if len(_reported) >= _MAX_TEXTS:
        _reported.clear()
    _reported[text] = now + _REPEATED_AFTER
    log.error("the database lacks what a statement needs", **details)
