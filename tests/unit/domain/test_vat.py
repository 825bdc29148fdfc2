"""The standard rate of value-added tax by day."""

from datetime import date
from decimal import Decimal

import pytest

from app.domain.vat import PERIODS, changes_between, period_on


@pytest.mark.parametrize(
    ("day", "percent"),
    [
        ("2006-12-31", 16),
        ("2007-01-01", 19),
        ("2020-06-30", 19),
        ("2020-07-01", 16),
        ("2020-12-31", 16),
        ("2021-01-01", 19),
        ("2026-11-28", 19),
    ],
)
def test_the_rate_was_lower_before_2007_and_in_the_second_half_of_2020(day: str, percent: int) -> None:
    assert period_on(date.fromisoformat(day)).percent == percent


def test_the_factor_is_exact() -> None:
    assert [period.factor for period in PERIODS] == [1 + Decimal(period.percent) / 100 for period in PERIODS]


def test_every_rate_names_the_law_that_set_it() -> None:
    assert all("UStG" in period.source for period in PERIODS)


def test_a_day_before_every_listed_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="1998-03-31"):
        period_on(date(1998, 3, 31))


def test_a_change_counts_from_its_first_day() -> None:
    assert changes_between(date(2020, 6, 30), date(2020, 7, 1)) == (date(2020, 7, 1),)
    assert changes_between(date(2020, 7, 1), date(2020, 12, 31)) == ()
