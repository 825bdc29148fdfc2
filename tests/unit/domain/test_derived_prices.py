"""Prices that follow from others by the rules of § 14a EnWG."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.domain.derived_prices import (
    DERIVED_KINDS,
    MODULE_1_RULE,
    MODULE_2_RULE,
    STANDARD_PRICE_RULE,
    DerivedKey,
    prices_with_derived,
)
from app.domain.entry import DnoYear, Publication, VerificationStatus, VoltageLevel
from app.domain.price import Price, PriceKind, unit_of
from app.domain.time_of_use import TimeOfUseTariff

DNO = UUID("11111111-1111-4111-8111-111111111111")
THEN, LATER = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)
KEY = DnoYear(DNO, 2025)


def price(kind: PriceKind, amount: str, level: VoltageLevel | None = VoltageLevel.NS, **more: Any) -> Price:
    values: dict[str, Any] = {
        "id": UUID(int=len(kind)),
        "dno_id": DNO,
        "year": 2025,
        "kind": kind,
        "voltage_level": level,
        "variant": None,
        "amount": Decimal(amount),
        "unit": unit_of(kind),
        "verification_status": VerificationStatus.VERIFIED,
        "source_url": "https://example.org/prices",
        "source_title": "Price sheet",
        "version": 3,
        "updated_at": THEN,
    }
    return Price(**values | more)


def sheet(standard: str | None, **more: Any) -> TimeOfUseTariff:
    values: dict[str, Any] = {
        "id": UUID(int=7),
        "dno_id": DNO,
        "year": 2025,
        "price_ht": Decimal(20),
        "price_st": None if standard is None else Decimal(standard),
        "price_nt": Decimal(1),
        "windows": (),
        "verification_status": VerificationStatus.VERIFIED,
        "source_url": "https://example.org/modul3",
        "source_title": "Modul 3",
        "version": 2,
        "updated_at": LATER,
    }
    return TimeOfUseTariff(**values | more)


def amounts(prices: tuple[Price, ...]) -> dict[str, str]:
    return {one.kind: str(one.amount) for one in prices}


def test_all_three_prices_follow_from_the_standard_price_of_modul_3() -> None:
    """E-Werk Wanfried 2025, whose own page has all of them: ST 8.62 ct, Modul 1 131.88 EUR, Modul 2 3.45 ct.

    67.227 + 7.5 · 8.62 = 131.877; 0.4 · 8.62 = 3.448.
    """
    found = prices_with_derived(KEY, (), sheet("8.62"))
    assert amounts(found) == {"SLP_ARBEITSPREIS": "8.62", "MODUL_1": "131.88", "MODUL_2_ARBEITSPREIS": "3.45"}
    assert [one.derived_from for one in found] == [
        STANDARD_PRICE_RULE,
        f"{MODULE_1_RULE}; {STANDARD_PRICE_RULE}",
        f"{MODULE_2_RULE}; {STANDARD_PRICE_RULE}",
    ]
    assert [str(one.unit) for one in found] == ["CT_PER_KWH", "EUR_PER_YEAR", "CT_PER_KWH"]
    for one in found:
        assert (one.dno_id, one.year, one.voltage_level, one.variant) == (DNO, 2025, VoltageLevel.NS, None)
        assert (one.source_url, one.updated_at, one.version) == ("https://example.org/modul3", LATER, 0)


def test_modules_follow_from_the_published_price_rather_than_from_modul_3() -> None:
    """BS|NETZ 2025 has Modul 1 137.43 EUR and Modul 2 3.74 ct; 67.227 + 7.5 · 9.36 = 137.427 and 0.4 · 9.36 = 3.744."""
    published = price(PriceKind.SLP_ARBEITSPREIS, "9.36")
    found = prices_with_derived(KEY, (published,), sheet("8.62"))
    assert amounts(found) == {"SLP_ARBEITSPREIS": "9.36", "MODUL_1": "137.43", "MODUL_2_ARBEITSPREIS": "3.74"}
    assert found[0] is published
    assert [one.derived_from for one in found[1:]] == [MODULE_1_RULE, MODULE_2_RULE]
    assert {one.source_url for one in found[1:]} == {"https://example.org/prices"}


@pytest.mark.parametrize("kind", DERIVED_KINDS)
def test_a_published_price_takes_precedence_over_a_derived_one(kind: PriceKind) -> None:
    published = price(kind, "1.11")
    found = prices_with_derived(KEY, (published,), sheet("8.62"))
    assert [one.kind for one in found] == list(DERIVED_KINDS)
    assert [one for one in found if one.derived_from is None] == [published]


def test_prices_are_in_the_order_of_a_price_sheet() -> None:
    published = (
        price(PriceKind.SLP_GRUNDPREIS, "60"),
        price(PriceKind.MODUL_1, "100", VoltageLevel.MS_NS),
        price(PriceKind.MESSSTELLENBETRIEB, "10", None),
    )
    found = prices_with_derived(KEY, published, sheet("8.62"))
    assert [(one.kind, one.voltage_level) for one in found] == [
        ("SLP_GRUNDPREIS", "NS"),
        ("SLP_ARBEITSPREIS", "NS"),
        ("MODUL_1", "MS_NS"),
        ("MODUL_1", "NS"),
        ("MODUL_2_ARBEITSPREIS", "NS"),
        ("MESSSTELLENBETRIEB", None),
    ]


def test_nothing_is_derived_from_the_price_of_one_customer_group() -> None:
    of_group = price(PriceKind.SLP_ARBEITSPREIS, "5.00", variant="kommunal")
    assert prices_with_derived(KEY, (of_group,), sheet("8.62")) == (of_group,)
    of_all = price(PriceKind.SLP_ARBEITSPREIS, "6.41")
    found = prices_with_derived(KEY, (of_all, of_group), None)
    assert amounts(found)["MODUL_2_ARBEITSPREIS"] == "2.56"


@pytest.mark.parametrize("time_of_use", [None, sheet(None)])
def test_nothing_is_derived_from_what_is_not_known(time_of_use: TimeOfUseTariff | None) -> None:
    published = (price(PriceKind.SLP_GRUNDPREIS, "60"),)
    assert prices_with_derived(KEY, published, time_of_use) == published
    assert prices_with_derived(KEY, (), time_of_use) == ()


@pytest.mark.parametrize(("year", "number"), [(2023, 0), (2024, 0), (2025, 3), (2026, 3)])
def test_modul_3_has_a_standard_price_since_2025(year: int, number: int) -> None:
    assert len(prices_with_derived(DnoYear(DNO, year), (), sheet("8.62", year=year))) == number


@pytest.mark.parametrize(("year", "number"), [(2023, 0), (2024, 2), (2025, 2)])
def test_modules_1_and_2_exist_since_2024(year: int, number: int) -> None:
    published = price(PriceKind.SLP_ARBEITSPREIS, "8.56", year=year)
    found = prices_with_derived(DnoYear(DNO, year), (published,), None)
    assert len([one for one in found if one.derived_from is not None]) == number


@pytest.mark.parametrize(
    ("of_source", "of_derived"),
    [("verified", "unverified"), ("unverified", "unverified"), ("flagged", "flagged")],
)
def test_a_derived_price_is_never_verified_and_in_doubt_if_its_source_is(
    of_source: str, of_derived: str
) -> None:
    source = sheet("8.62", verification_status=VerificationStatus(of_source))
    assert {one.verification_status for one in prices_with_derived(KEY, (), source)} == {of_derived}


def test_a_price_derived_from_a_preliminary_one_is_preliminary() -> None:
    source = price(PriceKind.SLP_ARBEITSPREIS, "6.41", publication=Publication.PRELIMINARY)
    _, *derived = prices_with_derived(KEY, (source,), sheet("8.62"))
    assert {one.publication for one in derived} == {Publication.PRELIMINARY}


@pytest.mark.parametrize(
    ("energy", "module_1", "module_2"),
    [
        ("0", "67.23", "0.00"),
        ("5.5004", "108.48", "2.20"),  # 108.48 exactly; 2.20016
        ("0.0125", "67.32", "0.01"),  # 67.32075; 0.005 is rounded up
        ("999999.9999", "7500067.23", "400000.00"),
    ],
)
def test_derived_prices_are_rounded_half_up_to_two_decimals(
    energy: str, module_1: str, module_2: str
) -> None:
    found = amounts(prices_with_derived(KEY, (price(PriceKind.SLP_ARBEITSPREIS, energy),), None))
    assert (found["MODUL_1"], found["MODUL_2_ARBEITSPREIS"]) == (module_1, module_2)


def test_ids_depend_on_operator_year_and_kind_only() -> None:
    first = prices_with_derived(KEY, (), sheet("8.62"))
    changed = prices_with_derived(KEY, (), sheet("9.99", id=UUID(int=9)))
    assert [one.id for one in first] == [one.id for one in changed]
    assert first[1].id == DerivedKey(DNO, 2025, PriceKind.MODUL_1).id
    other = msgspec.structs.replace(first[0], year=2026)
    assert (
        len({one.id for one in (*first, *prices_with_derived(DnoYear(DNO, 2026), (), sheet("1")), other)})
        == 6
    )
