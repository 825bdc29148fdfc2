"""What is refused as the input of a bill: the field and one sentence."""

from decimal import Decimal
from typing import Any

import pytest

from app.domain.consumption import BandConsumption, Consumption, Metering, SpecialUse
from app.domain.entry import VoltageLevel
from app.errors import BadInput

HOUSEHOLD: dict[str, Any] = {
    "year": 2025,
    "voltage_level": VoltageLevel.NS,
    "metering": Metering.SLP,
    "consumption_kwh": Decimal(3500),
}
FACTORY = HOUSEHOLD | {
    "voltage_level": VoltageLevel.MS,
    "metering": Metering.RLM,
    "peak_load_kw": Decimal(100),
}
MONTHLY = FACTORY | {"metering": Metering.RLM_MONTHLY}
LARGEST = "1,000,000,000,000,000"


def bands(*kwh: str) -> BandConsumption:
    return BandConsumption(*map(Decimal, kwh))


def months(*kilowatts: str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, kilowatts))


@pytest.mark.parametrize(
    ("of", "changes", "field", "sentence"),
    [
        (HOUSEHOLD, {"year": 1999}, "year", "A year lies between 2000 and 2100."),
        (HOUSEHOLD, {"year": 2101}, "year", "A year lies between 2000 and 2100."),
        (
            HOUSEHOLD,
            {"consumption_kwh": Decimal(-1)},
            "consumptionKwh",
            f"`consumptionKwh` lies between 0 and {LARGEST}.",
        ),
        (
            HOUSEHOLD,
            {"consumption_kwh": Decimal("0.0000001")},
            "consumptionKwh",
            "`consumptionKwh` has at most 6 decimals.",
        ),
        (
            HOUSEHOLD,
            {"voltage_level": VoltageLevel.MS},
            "voltageLevel",
            "There are prices without load metering (SLP) for NS only, not for MS.",
        ),
        (
            FACTORY,
            {"peak_load_kw": None},
            "peakLoadKw",
            "`peakLoadKw` is needed with RLM: the highest load of the year.",
        ),
        (
            MONTHLY,
            {"peak_load_kw": None},
            "monthlyPeakLoadKw",
            "`monthlyPeakLoadKw` is needed with RLM_MONTHLY: the highest load of each month.",
        ),
        (FACTORY, {"peak_load_kw": Decimal(0)}, "peakLoadKw", "`peakLoadKw` is greater than zero."),
        (
            FACTORY,
            {"peak_load_kw": Decimal("NaN")},
            "peakLoadKw",
            f"`peakLoadKw` lies between 0 and {LARGEST}.",
        ),
        (
            MONTHLY,
            {"monthly_peak_load_kw": months("1")},
            "monthlyPeakLoadKw",
            "`monthlyPeakLoadKw` has 1 values; it needs 12, January first, 0 in months without use.",
        ),
        (
            MONTHLY,
            {"monthly_peak_load_kw": ()},
            "monthlyPeakLoadKw",
            "`monthlyPeakLoadKw` has 0 values; it needs 12, January first, 0 in months without use.",
        ),
        (
            MONTHLY,
            {"monthly_peak_load_kw": months(*["0"] * 11, "-1")},
            "monthlyPeakLoadKw",
            f"`monthlyPeakLoadKw` lies between 0 and {LARGEST}.",
        ),
        (
            MONTHLY,
            {"monthly_peak_load_kw": months(*["0"] * 12), "peak_load_kw": None},
            "monthlyPeakLoadKw",
            "`monthlyPeakLoadKw` is greater than zero in at least one month.",
        ),
        (
            MONTHLY,
            {"monthly_peak_load_kw": months(*["99.50"] * 12)},
            "peakLoadKw",
            "`peakLoadKw` is 100, but the highest of `monthlyPeakLoadKw` is 99.50.",
        ),
        (HOUSEHOLD, {"module": 4}, "module", "`module` is 4; § 14a EnWG has the modules 1, 2 and 3."),
        (HOUSEHOLD, {"module": 0}, "module", "`module` is 0; § 14a EnWG has the modules 1, 2 and 3."),
        (
            HOUSEHOLD,
            {"module": 1, "year": 2023},
            "module",
            "Module 1 exists since 2024; `year` is 2023.",
        ),
        (
            HOUSEHOLD,
            {"module": 3, "year": 2024},
            "module",
            "Module 3 exists since 2025; `year` is 2024.",
        ),
        (
            FACTORY,
            {"module": 2},
            "module",
            "Module 2 is for consumption without load metering (SLP) only.",
        ),
        (
            FACTORY,
            {"module": 1},
            "module",
            "The modules of § 14a are for NS and MS_NS only, not for MS.",
        ),
        (
            FACTORY,
            {"special_use": SpecialUse.STRASSENBELEUCHTUNG},
            "specialUse",
            "Prices for STRASSENBELEUCHTUNG are for consumption without load metering (SLP) only.",
        ),
        (
            HOUSEHOLD,
            {"special_use": SpecialUse.WAERMEPUMPE, "module": 1},
            "specialUse",
            "Prices for WAERMEPUMPE are not combined with a module of § 14a; give one of them.",
        ),
        (
            HOUSEHOLD,
            {"module": 3},
            "bandKwh",
            "`bandKwh` is needed with module 3: the kWh in HT, ST and NT.",
        ),
        (
            HOUSEHOLD,
            {"module": 3, "band_kwh": bands("500", "2000", "999.9")},
            "bandKwh",
            "`bandKwh` adds up to 3499.9 kWh, not to the 3500 of `consumptionKwh`.",
        ),
        (
            HOUSEHOLD,
            {"module": 3, "band_kwh": bands("-500", "3000", "1000")},
            "bandKwh.ht",
            f"`bandKwh.ht` lies between 0 and {LARGEST}.",
        ),
        (
            HOUSEHOLD,
            {"municipality_inhabitants": 0},
            "municipalityInhabitants",
            "`municipalityInhabitants` lies between 1 and 100,000,000.",
        ),
        (
            HOUSEHOLD,
            {"first_half_kwh": Decimal("3500.1")},
            "firstHalfKwh",
            "`firstHalfKwh` is 3500.1, more than the 3500 of `consumptionKwh`.",
        ),
        (
            HOUSEHOLD,
            {"first_half_kwh": Decimal(-1)},
            "firstHalfKwh",
            f"`firstHalfKwh` lies between 0 and {LARGEST}.",
        ),
        (
            HOUSEHOLD,
            {"meter": "x" * 201},
            "meter",
            "`meter` has 201 letters; at most 200 are allowed.",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_field_and_one_sentence(of, changes, field, sentence):
    with pytest.raises(BadInput) as refused:
        Consumption(**(of | changes)).check()
    assert (refused.value.field, refused.value.message) == (("input", *field.split(".")), sentence)


@pytest.mark.parametrize(
    "of",
    [
        HOUSEHOLD,
        HOUSEHOLD | {"consumption_kwh": Decimal(0)},
        HOUSEHOLD | {"year": 2000},
        HOUSEHOLD | {"municipality_inhabitants": 100_000_000},
        HOUSEHOLD | {"year": 2100},
        HOUSEHOLD | {"module": 1},
        HOUSEHOLD | {"module": 3, "band_kwh": bands("0", "3500", "0")},
        HOUSEHOLD | {"first_half_kwh": Decimal(3500), "municipality_inhabitants": 1, "meter": "x" * 200},
        FACTORY,
        FACTORY | {"module": 1, "voltage_level": VoltageLevel.MS_NS},
        MONTHLY,
        MONTHLY | {"module": 1, "voltage_level": VoltageLevel.NS},
        MONTHLY | {"peak_load_kw": None, "monthly_peak_load_kw": months(*["0"] * 11, "5")},
        MONTHLY | {"monthly_peak_load_kw": months(*["0"] * 11, "100.0")},
    ],
)
def test_possible_values_are_accepted(of):
    Consumption(**of).check()
