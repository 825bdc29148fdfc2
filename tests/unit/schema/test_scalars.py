"""Values survive serialization to the digit; anything else is rejected."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.clock import DAY_END
from schema.types.scalars import read_decimal, read_time, write_decimal, write_time

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
