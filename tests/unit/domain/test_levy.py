"""Levies of a year, what is missing of them, and the rules that their values satisfy."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from app.domain import vat
from app.domain.entry import WHOLE_COUNTRY, VerificationStatus
from app.domain.levy import Levy, LevyKind, LevyUnit, before, of_year, unit_of
from app.domain.levy_correction import NewLevy, Rate, broken_rules, year_of
from app.domain.missing_levies import missing_in
from app.errors import BadInput

KWKG, EEG, VAT = LevyKind.KWKG, LevyKind.EEG, LevyKind.UMSATZSTEUER
FEE = LevyKind.KONZESSIONSABGABE


def levy(kind: LevyKind, first: str | None, last: str | None, **values: Any) -> Levy:
    valid_from = None if first is None else date.fromisoformat(first)
    names = dict.fromkeys(Levy.__struct_fields__)
    known = names | {
        "id": uuid4(),
        "dno_id": WHOLE_COUNTRY,
        "year": year_of(valid_from),
        "kind": kind,
        "valid_from": valid_from,
        "valid_to": None if last is None else date.fromisoformat(last),
        "value": Decimal(1),
        "unit": unit_of(kind),
        "verification_status": VerificationStatus.VERIFIED,
        "version": 1,
        "updated_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Levy(**known | values)


def test_levies_of_a_year_are_those_that_hold_on_any_of_its_days() -> None:
    first_half = levy(EEG, "2022-01-01", "2022-06-30")
    second_half = levy(EEG, "2022-07-01", "2022-12-31")
    tax = levy(LevyKind.STROMSTEUER, "2015-01-01", None)
    assert of_year([tax, second_half, first_half], 2022) == (first_half, second_half, tax)
    assert of_year([tax, second_half, first_half], 2023) == (tax,)
    assert of_year([tax], 2014) == ()


def test_a_levy_whose_first_day_is_not_known_is_listed_up_to_its_last_day() -> None:
    fee = levy(FEE, None, "2026-12-31")
    assert of_year([fee], 2000) == of_year([fee], 2026) == (fee,)
    assert of_year([fee], 2027) == ()
    assert fee.holds_on(date(2000, 1, 1))
    assert not fee.holds_on(date(2027, 1, 1))


def test_the_rate_before_is_that_of_the_day_before_the_first_one() -> None:
    first = levy(EEG, "2021-01-01", "2021-12-31", customer_group="A")
    second = levy(EEG, "2022-01-01", "2022-06-30", customer_group="A")
    other = levy(EEG, "2021-01-01", None, customer_group="B")
    held = [other, second, first]
    assert before(held, second) is first
    assert before(held, first) is before(held, other) is None
    assert before(held, levy(EEG, "2022-07-02", None, customer_group="A")) is None  # a day without a rate
    assert before(held, levy(EEG, None, None, customer_group="B")) is None


def test_concession_fees_are_in_the_order_of_inhabitants() -> None:
    fees = [
        levy(FEE, None, None, customer_group=group, inhabitants_from=least, inhabitants_to=most)
        for group, least, most in (
            ("S_TARIF_100000", 25_001, 100_000),
            ("S_TARIF_G_500000", 500_001, None),
            ("S_TARIF_25000", None, 25_000),
        )
    ]
    found = [each.customer_group for each in of_year(fees, 2026)]
    assert found == ["S_TARIF_25000", "S_TARIF_100000", "S_TARIF_G_500000"]


def test_days_without_a_rate_are_missing() -> None:
    def of_eeg(levies: list[Levy], year: int) -> list[tuple[str, str]]:
        found = [each for each in missing_in(levies, year) if each.kind is EEG]
        return [(str(each.valid_from), str(each.valid_to)) for each in found]

    group = {"customer_group": "non_privileged"}
    first_half = levy(EEG, "2022-01-01", "2022-06-30", **group)
    december = levy(EEG, "2022-12-01", "2022-12-31", **group)
    assert of_eeg([], 2022) == [("2022-01-01", "2022-12-31")]
    assert of_eeg([first_half], 2022) == [("2022-07-01", "2022-12-31")]
    assert of_eeg([december], 2022) == [("2022-01-01", "2022-11-30")]
    assert of_eeg([december, first_half], 2022) == [("2022-07-01", "2022-11-30")]
    assert of_eeg([levy(EEG, "2021-12-01", None, **group)], 2022) == []
    assert of_eeg([levy(EEG, "2022-01-01", None, customer_group="other")], 2022) == [
        ("2022-01-01", "2022-12-31")
    ]
    assert of_eeg([], 2023) == []  # abolished


def test_a_rate_of_all_customers_is_one_of_each_group_but_of_concession_fees_and_vat() -> None:
    kinds = (LevyKind.PARAGRAF_19_STROM_NEV, FEE, VAT)
    for_all = [levy(kind, "2026-01-01", "2026-06-30") for kind in kinds]
    found = missing_in(for_all, 2026)
    assert {
        (str(each.customer_group), str(each.valid_from)) for each in found if each.kind is for_all[0].kind
    } == {(group, "2026-07-01") for group in ("A'", "B'", "C'")}
    for kind in (FEE, VAT):
        assert {str(each.valid_from) for each in found if each.kind is kind} == {"2026-01-01"}


def test_before_the_groups_are_known_any_rate_is_one() -> None:
    (missing,) = [each for each in missing_in([], 2014) if each.kind is KWKG]
    assert missing.customer_group is None
    assert missing.reason == "No rate of KWKG is held for 2014-01-01 to 2014-12-31."
    held = levy(KWKG, "2014-01-01", "2014-12-31", customer_group="A")
    assert [each for each in missing_in([held], 2014) if each.kind is KWKG] == []


def broken(
    kind: LevyKind = KWKG,
    value: str = "0.3",
    span: tuple[str | None, str | None] = ("2026-01-01", None),
    group: str | None = "A",
    unit: LevyUnit | None = None,
    inhabitants: tuple[int | None, int | None] = (None, None),
) -> list[str]:
    first, last = (None if day is None else date.fromisoformat(day) for day in span)
    return [
        column for column, _ in broken_rules(kind, unit, group, Decimal(value), (first, last), inhabitants)
    ]


@pytest.mark.parametrize(
    ("given", "column"),
    [
        ({"value": "1000"}, "value"),
        ({"value": "-1000"}, "value"),
        ({"value": "0.12345"}, "value"),
        ({"value": "NaN"}, "value"),
        ({"value": "Infinity"}, "value"),
        ({"span": ("2026-01-01", "2025-12-31")}, "valid_to"),
        ({"span": ("1999-12-31", None)}, "valid_from"),
        ({"span": (None, "2101-01-01")}, "valid_to"),
        ({"group": " A"}, "customer_group"),
        ({"group": ""}, "customer_group"),
        ({"group": "A" * 101}, "customer_group"),
        ({"unit": LevyUnit.PERCENT}, "unit"),
        ({"kind": VAT, "value": "19", "unit": LevyUnit.CT_PER_KWH, "group": "reduced"}, "unit"),
        ({"inhabitants": (0, None)}, "inhabitants_from"),
        ({"kind": FEE, "inhabitants": (-1, None)}, "inhabitants_from"),
        ({"kind": FEE, "inhabitants": (2, 1)}, "inhabitants_to"),
        ({"kind": FEE, "inhabitants": (None, 10**9)}, "inhabitants_to"),
    ],
)
def test_a_value_that_breaks_a_rule_is_named(given: dict[str, Any], column: str) -> None:
    assert broken(**given) == [column]


def test_valid_rates_break_no_rule() -> None:
    assert broken(value="-0.051", span=(None, None), group=None) == []
    assert broken(FEE, "1.32", (None, None), "S_TARIF_25000", LevyUnit.CT_PER_KWH, (0, 25_000)) == []


def test_the_standard_vat_is_that_with_which_gross_prices_are_computed() -> None:
    assert broken(VAT, "19", ("2015-01-01", "2020-06-30"), "standard") == []
    assert broken(VAT, "16", ("2020-07-01", "2020-12-31"), "standard") == []
    assert broken(VAT, "19", ("2021-01-01", None), "standard") == []
    assert broken(VAT, "19", ("2015-01-01", None), "standard") == ["value"]  # 16 % in 2020
    assert broken(VAT, "20", ("2021-01-01", None), "standard") == ["value"]
    assert broken(VAT, "19", (None, "2020-06-30"), "standard") == ["valid_from"]
    assert broken(VAT, "7", ("2021-01-01", None), "reduced") == []
    for first, last in zip(vat.PERIODS, vat.PERIODS[1:], strict=False):
        if first.since.year >= 2000:
            assert broken(VAT, str(first.percent), (str(first.since), None), "standard") == ["value"], last


def test_a_new_levy_is_refused_with_the_field_that_breaks_a_rule() -> None:
    new = NewLevy(
        year=2026,
        kind=KWKG,
        customer_group="A",
        valid_from=date(2026, 1, 1),
        rate=Rate(value=Decimal(1000)),
    )
    with pytest.raises(BadInput) as refused:
        new.check()
    assert refused.value.field == ("input", "value")
    assert str(refused.value) == "`value` must be between -1000 and 1000."
