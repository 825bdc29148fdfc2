"""Which values may be written, and what omitted ones mean."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.correction import (
    HlzfCorrection,
    TariffCorrection,
    check_prices,
    check_source,
    check_text,
    check_windows,
    check_year,
)
from app.domain.entry import VerificationStatus, VoltageLevel
from app.domain.hlzf import TimeWindow
from app.domain.tariff import Prices, Tariff
from app.errors import BadInput

VERIFIED, UNVERIFIED, FLAGGED = (
    VerificationStatus.VERIFIED,
    VerificationStatus.UNVERIFIED,
    VerificationStatus.FLAGGED,
)
TARIFF = Tariff(
    UUID(int=1), UUID(int=2), 2025, VoltageLevel.MS, Decimal("58.20"), Decimal(1), None, None,
    VERIFIED, None, None, 3, datetime(2026, 1, 1, tzinfo=UTC),
)  # fmt: skip
ID = TARIFF.id


def refusal(check, *arguments, **options) -> tuple[str, ...]:
    with pytest.raises(BadInput) as refused:
        check(*arguments, **options)
    return refused.value.field


def test_an_omitted_value_stays_and_none_clears():
    after = TariffCorrection(
        id=ID, prices={"leistung": None, "arbeit_unter_2500h": Decimal("2.5")}
    ).applied_to(TARIFF)
    assert after.prices == Prices(None, Decimal(1), None, Decimal("2.5"))


@pytest.mark.parametrize(
    ("before", "arbeit", "verify", "after"),
    [
        (VERIFIED, "2", False, UNVERIFIED),
        (VERIFIED, "2", True, VERIFIED),
        (VERIFIED, "1", False, VERIFIED),
        (UNVERIFIED, "2", True, VERIFIED),
        (UNVERIFIED, "1", True, VERIFIED),
        (FLAGGED, "2", False, FLAGGED),
        (FLAGGED, "2", True, VERIFIED),
    ],
)
def test_a_change_removes_the_verification(before, arbeit, verify, after):
    tariff = msgspec.structs.replace(TARIFF, verification_status=before)
    corrected = TariffCorrection(id=ID, prices={"arbeit": Decimal(arbeit)}, verify=verify).applied_to(tariff)
    assert corrected.verification_status is after


@pytest.mark.parametrize(
    "price", ["-0.01", "1.23456", "1.00000", "1000000", "1E+6", "NaN", "sNaN", "Infinity", "-Infinity"]
)
def test_impossible_prices_are_rejected_under_their_name(price):
    assert refusal(check_prices, Prices(leistung_unter_2500h=Decimal(price))) == (
        "input",
        "leistungUnter2500h",
    )


@pytest.mark.parametrize("price", ["0", "0.0001", "999999.9999", "1E+5", None])
def test_possible_prices_are_accepted(price):
    check_prices(Prices(arbeit=None if price is None else Decimal(price)))


def test_years_outside_of_2000_to_2100_are_refused():
    assert refusal(check_year, 1999) == refusal(check_year, 2101) == ("input", "year")
    check_year(2000)
    check_year(2100)


@pytest.mark.parametrize(
    ("windows", "at"),
    [
        ([(0, 60), (120, 90)], ("1", "end")),
        ([(60, 60)], ("0", "end")),
        ([(60, 120), (0, 61)], ("1", "end")),
        ([(0, 61), (60, 120)], ("1", "start")),
        ([(0, 60), (0, 60)], ("1", "start")),
        ([(100, 200), (0, 300)], ("1", "end")),
        ([(0, 10), (20, 30), (5, 25)], ("2", "start")),
    ],
)
def test_windows_are_refused_at_their_place_in_the_input(windows, at):
    assert refusal(check_windows, tuple(TimeWindow(*window) for window in windows)) == (
        "input",
        "windows",
        *at,
    )


def test_windows_may_touch_and_come_in_any_order():
    check_windows((TimeWindow(720, 1440), TimeWindow(0, 720)))


@given(st.lists(st.tuples(st.integers(0, 1440), st.integers(0, 1440)), max_size=5))
def test_windows_are_refused_exactly_when_they_are_empty_or_share_a_minute(pairs):
    windows = tuple(TimeWindow(*pair) for pair in pairs)
    minutes = [minute for window in windows for minute in range(window.start, window.end)]
    sound = len(minutes) == len(set(minutes)) and all(window.start < window.end for window in windows)
    try:
        check_windows(windows)
    except BadInput:
        assert not sound
    else:
        assert sound


def test_corrected_windows_are_kept_in_order():
    from tests.unit.domain.test_peak import WINTER

    entry = msgspec.structs.replace(WINTER[0], verification_status=VERIFIED)
    same = HlzfCorrection(id=entry.id, windows=entry.windows[::-1]).applied_to(entry)
    assert same == entry


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "example.org",
        "https://",
        "https://[",
        "",
        "x" * 3000,
        "http://a\0",
        " http://a",
        "http://a ",
    ],
)
def test_a_source_is_a_web_address(url):
    assert refusal(check_source, url) == ("input", "sourceUrl")


def test_a_source_may_be_left_out():
    check_source(None)
    check_source("https://example.org/a b.pdf")


def test_texts_have_a_maximum_length():
    check_text(None, "reason")
    check_text("x" * 2000, "reason")
    assert refusal(check_text, "x" * 2001, "notes") == ("input", "notes")
    assert refusal(check_text, None, "reason", required=True) == ("input", "reason")
