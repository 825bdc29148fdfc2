"""Records are decoded from bytes as they were encoded, whatever their types."""

import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cache.codec import Codec
from app.domain.account import ApiKey, User
from app.domain.dno import DirectoryEntry, Dno
from app.domain.entry import DnoYear
from app.domain.event import Event
from app.domain.held_figures import HeldOfYear
from app.domain.hlzf import Hlzf
from app.domain.revision import Revision
from app.domain.tariff import Tariff
from app.domain.time_of_use import TimeOfUseTariff

TYPES = [
    Dno,
    tuple[DirectoryEntry, ...],
    tuple[Tariff, ...],
    tuple[Hlzf, ...],
    tuple[TimeOfUseTariff, ...],
    tuple[Revision, ...],
    tuple[Event, ...],
    HeldOfYear,
    User,
    ApiKey,
    DnoYear,
    tuple[int, ...],
    frozenset[UUID],
]


@pytest.mark.parametrize("type", TYPES, ids=str)
def test_a_record_survives_a_round_trip(type: Any) -> None:
    codec: Codec[Any] = Codec(type)

    @settings(max_examples=30)
    @given(st.from_type(type))
    def check(value: Any) -> None:
        decoded = codec.decode(codec.encode(value, 60))
        assert decoded is not None
        assert decoded.value == value
        # Decimals that are equal may still be spelt differently.
        if not isinstance(value, frozenset):
            assert msgspec.json.encode(decoded.value) == msgspec.json.encode(value)

    check()


@pytest.mark.parametrize("digits", ["58.20", "58.2", "0", "0.00", "1E+3", "12345678901234567890.0001"])
def test_prices_keep_their_digits(digits: str) -> None:
    codec = Codec[tuple[Decimal, ...]](tuple[Decimal, ...])
    decoded = codec.decode(codec.encode((Decimal(digits),), 60))
    assert decoded is not None
    assert decoded.value is not None
    assert str(decoded.value[0]) == digits


def test_a_time_stays_the_same_moment() -> None:
    codec = Codec[datetime](datetime)
    moment = datetime(2026, 3, 29, 3, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    decoded = codec.decode(codec.encode(moment, 60))
    assert decoded is not None
    assert decoded.value == moment


def test_a_cached_absence_differs_from_a_miss() -> None:
    codec = Codec[int](int)
    decoded = codec.decode(codec.encode(None, 60))
    assert decoded is not None
    assert decoded.value is None
    assert codec.decode(b"") is None


def test_an_empty_value_differs_from_a_cached_absence() -> None:
    codec = Codec[tuple[int, ...]](tuple[int, ...])
    decoded = codec.decode(codec.encode((), 60))
    assert decoded is not None
    assert decoded.value == ()


def test_it_returns_the_remaining_lifetime_of_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = Codec[int](int)
    data = codec.encode(1, 60)
    now = time.time()
    monkeypatch.setattr("app.cache.codec.time", lambda: now + 20)
    decoded = codec.decode(data)
    assert decoded is not None
    assert decoded.seconds == pytest.approx(40, abs=0.1)
    monkeypatch.setattr("app.cache.codec.time", lambda: now + 61)
    assert codec.decode(data) is None


def test_a_type_with_other_fields_does_not_read_the_bytes() -> None:
    older = msgspec.defstruct("Record", [("a", int), ("b", str, "")])
    newer = msgspec.defstruct("Record", [("a", int)])
    assert Codec[Any](newer).decode(Codec[Any](older).encode(older(1), 60)) is None


@given(st.binary(max_size=200))
def test_bytes_of_unknown_origin_are_a_miss(data: bytes) -> None:
    codec = Codec[Tariff](Tariff)
    assert codec.decode(data) is None
    header = codec.encode(None, 60)
    decoded = codec.decode(header + b"\xc1" + data)
    assert decoded is None


def test_a_release_reads_its_own_bytes_after_a_restart() -> None:
    """The fingerprint of the shape depends on the type alone, not on the process or the time."""
    assert Codec[Any](Tariff).encode(None, 0)[:4] == Codec[Any](Tariff).encode(None, 0)[:4]
    assert len({Codec[Any](each).encode(None, 0)[:4] for each in TYPES}) == len(TYPES)


def test_the_size_of_a_decoded_record_is_that_of_its_bytes() -> None:
    codec = Codec[str](str)
    for value in ("value", None):
        data = codec.encode(value, 60)
        decoded = codec.decode(data)
        assert decoded is not None
        assert decoded.size == len(data)


def test_a_record_ends_to_the_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = Codec[int](int)
    monkeypatch.setattr("app.cache.codec.time", lambda: 1000.0)
    for value in (1, None):
        data = codec.encode(value, 0.5)
        assert int.from_bytes(data[4:12], "big") == 1_000_500
        monkeypatch.setattr("app.cache.codec.time", lambda: 1000.25)
        decoded = codec.decode(data)
        assert decoded is not None
        assert decoded.seconds == 0.25
        monkeypatch.setattr("app.cache.codec.time", lambda: 1000.5)
        assert codec.decode(data) is None
        monkeypatch.setattr("app.cache.codec.time", lambda: 1000.0)


def test_a_truncated_header_is_a_miss() -> None:
    codec = Codec[int](int)
    header = codec.encode(None, 60)
    assert len(header) == 12
    for length in range(12):
        assert codec.decode(header[:length]) is None


def test_uuids_take_sixteen_bytes() -> None:
    codec = Codec[UUID](UUID)
    assert len(codec.encode(UUID(int=1), 60)) == 12 + 2 + 16
