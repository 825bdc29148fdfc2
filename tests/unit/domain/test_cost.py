"""What a year on the grid costs, computed by hand from published price sheets."""

from decimal import Decimal

import pytest

from app.domain.cost import PricePair, annual_cost
from app.domain.tariff import Prices
from app.errors import BadInput


def prices(*texts: str | None) -> Prices:
    return Prices(*(None if text is None else Decimal(text) for text in texts))


BAYERNWERK_MS_2026 = prices("99.17", "0.68", "15.86", "4.01")
DORTMUND_NS_2024 = prices("122.46", "3.81", "29.71", "7.52")
NETZE_ODR_NS_2025 = prices("149.46", "1.38", "10.83", "6.93")
BAYERNWERK_NS_2025 = prices(None, None, "21.93", "7.45")


@pytest.mark.parametrize(
    ("of", "kwh", "kw", "hours", "capacity", "energy", "total"),
    [
        # 5,000,000 / 1500 = 3333.33 h; 1500 · 99.17; 5,000,000 · 0.0068
        (BAYERNWERK_MS_2026, "5000000", "1500", "3333.33", "148755.00", "34000.00", "182755.00"),
        # 1,000,000 / 550 = 1818.18 h; 550 · 15.86; 1,000,000 · 0.0401
        (BAYERNWERK_MS_2026, "1000000", "550", "1818.18", "8723.00", "40100.00", "48823.00"),
        # 2500 h to the point: 100 · 122.46; 250,000 · 0.0381
        (DORTMUND_NS_2024, "250000", "100", "2500.00", "12246.00", "9525.00", "21771.00"),
        # One kWh less, and the other pair holds: 100 · 29.71; 249,999 · 0.0752 = 18,799.9248
        (DORTMUND_NS_2024, "249999", "100", "2499.99", "2971.00", "18799.92", "21770.92"),
        # 37.5 · 149.46 = 5604.75; 123,456.7 · 0.0138 = 1703.70246
        (NETZE_ODR_NS_2025, "123456.7", "37.5", "3292.18", "5604.75", "1703.70", "7308.45"),
        (NETZE_ODR_NS_2025, "0", "10", "0.00", "108.30", "0.00", "108.30"),
        # Published under 2500 h only: what is not published is not zero.
        (BAYERNWERK_NS_2025, "30000", "20", "1500.00", "438.60", "2235.00", "2673.60"),
        (BAYERNWERK_NS_2025, "60000", "20", "3000.00", None, None, None),
        (prices("10", None, None, None), "60000", "20", "3000.00", "200.00", None, None),
    ],
)
def test_published_prices(of, kwh, kw, hours, capacity, energy, total):
    cost = annual_cost(of, Decimal(kwh), Decimal(kw))
    found = (cost.utilisation_hours, cost.capacity_charge, cost.energy_charge, cost.total)
    assert tuple(value if value is None else str(value) for value in found) == (
        hours,
        capacity,
        energy,
        total,
    )


def test_the_price_pair_that_was_used_is_named():
    cost = annual_cost(DORTMUND_NS_2024, Decimal(250000), Decimal(100))
    assert cost.price_pair == PricePair(False, Decimal("122.46"), Decimal("3.81"))
    cost = annual_cost(DORTMUND_NS_2024, Decimal(249999), Decimal(100))
    assert cost.price_pair == PricePair(True, Decimal("29.71"), Decimal("7.52"))


def test_more_hours_than_a_leap_year_has_are_computed_with_a_warning():
    cost = annual_cost(BAYERNWERK_MS_2026, Decimal(878400), Decimal(100))
    assert (str(cost.utilisation_hours), cost.warnings) == ("8784.00", ())
    # 100 · 99.17; 878,400.001 · 0.0068 = 5973.1200068
    cost = annual_cost(BAYERNWERK_MS_2026, Decimal("878400.001"), Decimal(100))
    [warning] = cost.warnings
    assert (str(cost.total), warning.code, warning.field) == (
        "15890.12",
        "IMPOSSIBLE_UTILISATION",
        ("peakLoadKw",),
    )
    assert warning.message == "A utilisation of more than 8,784 h is impossible: a year has at most 8,784 h."
    [warning] = annual_cost(BAYERNWERK_MS_2026, Decimal(878401), Decimal(100)).warnings
    assert warning.message == "A utilisation of 8,784.01 h is impossible: a year has at most 8,784 h."


def test_half_a_cent_is_a_cent():
    cost = annual_cost(prices("0.0050", "0.5", None, None), Decimal(2501), Decimal(1))
    assert str(cost.capacity_charge) == "0.01"
    assert str(cost.energy_charge) == "12.51"  # 12.505


def test_the_largest_amounts_stay_exact():
    largest = Decimal("999999999999999.999999")
    cost = annual_cost(prices("999999.9999", "999999.9999", None, None), largest, Decimal("0.000001"))
    assert str(cost.energy_charge) == "9999999998999999999.99"


@pytest.mark.parametrize(
    ("kwh", "kw", "argument"),
    [
        ("-1", "10", "consumptionKwh"),
        ("NaN", "10", "consumptionKwh"),
        ("1E+15", "10", "consumptionKwh"),
        ("1.0000001", "10", "consumptionKwh"),
        ("100", "0", "peakLoadKw"),
        ("100", "-1", "peakLoadKw"),
        ("100", "Infinity", "peakLoadKw"),
    ],
)
def test_impossible_amounts_are_rejected(kwh, kw, argument):
    with pytest.raises(BadInput) as refused:
        annual_cost(BAYERNWERK_MS_2026, Decimal(kwh), Decimal(kw))
    assert refused.value.details == {"argument": argument}
