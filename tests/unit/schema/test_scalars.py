"""Values survive serialization to the digit; anything else is rejected."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.clock import DAY_END, read_moment
from schema.types.scalars import read_datetime, read_decimal, read_time, write_decimal, write_time

SMALLEST = Decimal("1e-30")


@given(st.decimals(-(10**25), 10**25, allow_nan=False, allow_infinity=False, places=4))
def test_a_decimal_keeps_all_its_digits(value: Decimal) -> None:
    assert str(read_decimal(write_decimal(value))) == write_decimal(value)


@given(st.integers(-(10**30) + 1, 10**30 - 1))
def test_a_whole_number_is_a_decimal(value: int) -> None:
    assert read_decimal(value) == read_decimal(str(value)) == value


@given(st.floats() | st.booleans() | st.none() | st.lists(st.text()) | st.integers(min_value=10**30))
def test_floats_and_other_types_are_no_decimals(value: object) -> None:
    with pytest.raises(ValueError, match="A Decimal is a string"):
        read_decimal(value)


@given(st.text() | st.text("0123456789.,-+eE_ ") | st.from_regex(r"\d+\.\d+"))
def test_text_is_rejected_or_is_the_number_that_it_spells(text: str) -> None:
    try:
        value = read_decimal(text)
    except ValueError:
        return
    assert text.isascii()
    assert value.is_finite()
    assert value == 0 or SMALLEST <= value.copy_abs() < 10**30
    assert write_decimal(value).lstrip("-") == text.lstrip("+-") or text.lstrip("+-").startswith("0")


@given(st.integers(0, DAY_END))
def test_a_time_keeps_its_minute(minute: int) -> None:
    text = write_time(minute)
    assert (len(text), read_time(text), read_time(f"{text}:00")) == (5, minute, minute)


@given(st.text() | st.from_regex(r"\d\d:\d\d(:\d\d)?", fullmatch=True))
def test_text_is_rejected_or_is_the_time_that_it_spells(text: str) -> None:
    try:
        minute = read_time(text)
    except ValueError:
        return
    assert 0 <= minute <= DAY_END
    assert text in (write_time(minute), f"{write_time(minute)}:00")


MOMENT = datetime(2026, 1, 31, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T07:30:00Z",
        "2026-01-31t07:30:00z",
        "2026-01-31 08:30+01:00",
        "2026-01-31T07:30:00.000000-00:00",
        "20260131T073000Z",
        "2026-W05-6T07:30Z",
        "2026-01-31 08:30:00 +0100",
        "2026-01-31T08:30:00 +01:00",
        "2026-01-31T07:30 Z",
    ],
)
def test_a_moment_is_read_in_every_spelling_of_the_standards(text: str) -> None:
    assert read_datetime(text) == read_moment(text) == MOMENT


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31",
        "2026-01-31+01:00",
        "2026-01-31-01:00Z",
        "2026-01-31+01:00Z",
        "2026-01-31x07:30Z",
        "2026-01-31T",
    ],
)
def test_an_offset_without_a_time_is_not_taken_for_a_time(text: str) -> None:
    with pytest.raises(ValueError, match="A DateTime is a moment as a string"):
        read_datetime(text)
    if text != "2026-01-31":
        with pytest.raises(ValueError, match="must be a day such as"):
            read_moment(text)


@pytest.mark.parametrize("text", ["2026-01-31T07:30", "2026-01-31 07:30:00", "20260131T0730"])
def test_what_is_advised_for_a_moment_without_an_offset_is_a_moment(text: str) -> None:
    with pytest.raises(ValueError, match="needs its offset") as refused:
        read_datetime(text)
    advised = re.findall('"(.+?)"', str(refused.value))
    assert [read_datetime(each).date() for each in advised] == [date(2026, 1, 31)] * 2
