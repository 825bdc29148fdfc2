"""Figures side by side: which is the lowest, and by how much the others are above it."""

from decimal import Decimal
from typing import Any

import pytest

from app.web.comparison import Cell, compared, comparison_of, hours, share_of


def marks(*values: str | None) -> list[tuple[bool, str | None]]:
    return [(cell.lowest, cell.above) for cell in compared(values)]


def test_the_lowest_is_marked_and_the_others_have_their_distance_to_it() -> None:
    assert marks("50.00", "60.00", None) == [(True, None), (False, "20.0"), (False, None)]
    assert marks("2", "1.0", "1.00") == [(False, "100.0"), (True, None), (True, None)]


@pytest.mark.parametrize("values", [("5.00", None), ("5.00", "5.0"), (None, None), ()])
def test_nothing_is_marked_where_figures_do_not_differ(values: tuple[str | None, ...]) -> None:
    assert set(marks(*values)) <= {(False, None)}


def test_no_percentage_is_computed_from_zero_or_less() -> None:
    assert marks("0", "3.00") == [(True, None), (False, None)]
    assert marks("-1", "3.00") == [(True, None), (False, None)]


def test_bars_are_parts_of_the_highest_and_begin_at_zero() -> None:
    assert [cell.share for cell in compared(["50.00", "200.00", None])] == ["25.0", "100.0", "0"]
    assert compared(["-5", "0"])[0].share == "0"
    assert share_of(Decimal(-1), Decimal(10)) == "0.0"


def test_hours_are_those_of_all_windows_of_a_day() -> None:
    windows = [{"start": "07:30", "end": "13:00"}, {"start": "23:15", "end": "24:00"}]
    assert hours({"windows": windows}) == "6.25"
    assert hours({"windows": []}) == "0"
    assert hours({"windows": [{"start": "00:00", "end": "10:00"}]}) == "10"
    assert hours(None) is None


def bill(**families: Any) -> dict[str, Any]:
    dno = {"tariffs": [], "hlzf": [], "timeOfUse": [], "prices": [], **families}
    return {"bill": {"network": None, "gross": None}, "dno": dno}


def test_rows_are_those_that_any_operator_has_in_the_order_of_price_sheets() -> None:
    def price(kind: str, variant: str | None = None) -> dict[str, Any]:
        return {"kind": kind, "voltageLevel": "NS", "variant": variant, "amount": "1.00"}

    def window(level: str, season: str) -> dict[str, Any]:
        return {"voltageLevel": level, "season": season, "windows": []}

    found = comparison_of(
        [
            bill(prices=[price("MODUL_1"), price("SLP_GRUNDPREIS")], hlzf=[window("NS", "SUMMER")]),
            bill(
                prices=[price("SLP_ARBEITSPREIS", "B")], hlzf=[window("NS", "WINTER"), window("HS", "AUTUMN")]
            ),
        ]
    )
    assert [group.key[0] for group in found.prices] == ["SLP_GRUNDPREIS", "SLP_ARBEITSPREIS", "MODUL_1"]
    assert [group.key for group in found.windows] == [("HS", "AUTUMN"), ("NS", "WINTER"), ("NS", "SUMMER")]
    assert [[entry is None for entry in group.entries] for group in found.windows] == [
        [True, False],
        [True, False],
        [False, True],
    ]
    assert found.prices[0].rows[0].cells == [Cell("1.00", False, None, "100.0"), Cell(None)]
    assert found.time_of_use is None
