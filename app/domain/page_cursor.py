"""Opaque cursors of pages: a position in an order, as text."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any, Final, TypeVar

import msgspec

from app.errors import BadInput

P = TypeVar("P", bound=tuple[Any, ...])

MAX_CURSOR_LENGTH: Final = 1000
_INTEGERS: Final = 2**31  # of PostgreSQL


def write_position(position: tuple[Any, ...]) -> str:
    return urlsafe_b64encode(msgspec.msgpack.encode(tuple(position))).decode().rstrip("=")


def read_position(cursor: str, position: type[P]) -> P:
    """Raises BadInput for a damaged cursor, and for one of another list."""
    try:
        if len(cursor) > MAX_CURSOR_LENGTH:
            raise ValueError("too long")
        packed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        found: P = msgspec.msgpack.decode(packed, type=position)
        if not all(map(_can_be_compared, found)):
            raise ValueError("not as it was written")
    except (ValueError, msgspec.MsgspecError):
        raise BadInput("`after` is not a cursor of this list.", argument="after") from None
    return found


def _can_be_compared(value: object) -> bool:
    """With a column of its type."""
    match value:
        case str():
            return "\0" not in value
        case int():
            return abs(value) < _INTEGERS
        case datetime():
            # In any zone.
            return value.tzinfo is not None and MINYEAR < value.year < MAXYEAR
    return True
