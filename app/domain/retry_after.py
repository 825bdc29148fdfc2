"""The header Retry-After of another server's response (RFC 9110, 10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_LONGEST: Final = 100  # letters


def seconds_to_wait(wish: bytes, now: datetime) -> float | None:
    """From `now` on; None: it cannot be read. The header has seconds or a date, and a date that has passed is no wait."""
    if wish.isdigit():
        return float(wish) if len(wish) < 10 else None
    try:
        moment = parsedate_to_datetime(wish[:_LONGEST].decode("ascii"))
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
