"""The header Retry-After of another server's response (RFC 9110, 10.2.3)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_LONGEST: Final = 100  # bytes


def seconds_asked(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    """From this moment on. Names of headers are in small letters."""
    wish = next((value for name, value in headers if name == b"retry-after"), b"")
    return seconds_to_wait(wish, datetime.now(UTC))


def seconds_to_wait(wish: bytes, now: datetime) -> float | None:
    """Seconds from `now`; None if the header is missing or cannot be read. A date that has passed is no wait."""
    if wish.isdigit():
        return float(wish) if len(wish) < 10 else None
    try:
        moment = parsedate_to_datetime(wish[:_LONGEST].decode("ascii"))
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
