"""How the driver encodes and decodes values of PostgreSQL's types, where it differs from its own way."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec

from app.db.connect import Connection

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# PostgreSQL's infinite moments, and the driver's.
_INFINITIES: Final = {2**63 - 1: datetime.max, -(2**63): datetime.min}  # noqa: DTZ901 - the driver's have no time zone
_INFINITE: Final = {moment: number for number, moment in _INFINITIES.items()}


async def set_type_codecs(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=_encode_jsonb, decoder=_decode_jsonb
    )
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", format="tuple", encoder=_encode_moment, decoder=_decode_moment
    )


def _encode_jsonb(value: object) -> bytes:
    return b"\x01" + msgspec.json.encode(value)


def _decode_jsonb(data: bytes) -> Any:
    # bytes(data): asyncpg passes a buffer of its own; Decimal keeps 58.20 from becoming 58.2.
    return _JSON.decode(bytes(data)[1:])


_JSON = msgspec.json.Decoder(float_hook=Decimal)


def _encode_moment(moment: datetime) -> tuple[int]:
    if not isinstance(moment, datetime):
        raise TypeError(f"expected a datetime, got {type(moment).__name__}")
    if moment.tzinfo in (None, UTC) and (bare := moment.replace(tzinfo=None)) in _INFINITE:
        return (_INFINITE[bare],)
    return ((moment.astimezone(UTC) - _EPOCH) // _MICROSECOND,)


@lru_cache(maxsize=4096)
def _decode_moment(microseconds: tuple[int]) -> datetime:
    """Cached: entries that were imported together were changed at the same moment."""
    [number] = microseconds
    return _INFINITIES[number] if number in _INFINITIES else _EPOCH + number * _MICROSECOND
