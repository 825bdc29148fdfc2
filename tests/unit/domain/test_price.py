"""Units and voltage levels of the kinds of prices, and the sentences about those that do not fit."""

import pytest

from app.domain.entry import VoltageLevel
from app.domain.price import RULES, PriceKind, PriceUnit, broken_rules, only_level, unit_of


def test_each_kind_has_a_unit_and_levels_and_each_unit_but_that_of_a_month_a_kind() -> None:
    assert RULES.keys() == {*PriceKind}
    assert {unit_of(kind) for kind in PriceKind} == {*PriceUnit} - {PriceUnit.EUR_PER_MONTH}
    assert all(rule.levels for rule in RULES.values())


@pytest.mark.parametrize("kind", PriceKind)
def test_the_unit_and_each_level_of_a_kind_fit_and_no_others(kind: PriceKind) -> None:
    rule = RULES[kind]
    for level in (None, *VoltageLevel):
        broken = [column for column, _ in broken_rules(kind, level, rule.unit)]
        assert broken == ([] if level in rule.levels else ["voltage_level"])
    for unit in PriceUnit:
        broken = [column for column, _ in broken_rules(kind, rule.levels[-1], unit)]
        assert broken == ([] if unit is rule.unit else ["unit"])
    assert [*broken_rules(kind, rule.levels[-1], None)] == []


def test_only_kinds_of_low_voltage_have_one_level() -> None:
    assert {only_level(kind) for kind in PriceKind} == {VoltageLevel.NS, None}
    assert only_level(PriceKind.SLP_GRUNDPREIS) is VoltageLevel.NS
    assert only_level(PriceKind.MODUL_1) is only_level(PriceKind.BLINDARBEIT) is None


def test_the_reason_names_what_would_fit() -> None:
    found = broken_rules(PriceKind.SLP_GRUNDPREIS, VoltageLevel.MS, PriceUnit.CT_PER_KWH)
    assert [*found] == [
        ("voltage_level", "SLP_GRUNDPREIS is a price of NS, not of MS"),
        ("unit", "SLP_GRUNDPREIS has the unit EUR_PER_YEAR, not CT_PER_KWH"),
    ]
    assert [*broken_rules(PriceKind.MONATSLEISTUNGSPREIS, None, None)] == [
        ("voltage_level", "MONATSLEISTUNGSPREIS needs a voltage level")
    ]
