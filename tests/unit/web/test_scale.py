"""Scales of charts."""

from decimal import Decimal
from itertools import pairwise

import pytest

from app.web.charts.scale import scale


@pytest.mark.parametrize(
    ("amounts", "ticks"),
    [
        (["58.2", "61"], ["0", "20", "40", "60", "80"]),
        (["8.1"], ["0", "2", "4", "6", "8", "10"]),
        (["10.1"], ["0.0", "2.5", "5.0", "7.5", "10.0", "12.5"]),
        (["12345.6"], ["0", "2500", "5000", "7500", "10000", "12500"]),
        (["0.004"], ["0.000", "0.001", "0.002", "0.003", "0.004"]),
        (["-3", "7"], ["-5.0", "-2.5", "0.0", "2.5", "5.0", "7.5"]),
        (["-1", "-0.2"], ["-1.0", "-0.8", "-0.6", "-0.4", "-0.2", "0.0"]),
        (["0"], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    ],
)
def test_ticks_are_round_and_enclose_all_amounts_and_zero(amounts: list[str], ticks: list[str]) -> None:
    assert [str(tick) for tick in scale(map(Decimal, amounts), 0, 100).ticks] == ticks


def test_there_are_never_more_ticks_than_wanted() -> None:
    for most in range(3, 9):
        for low in range(0, -30, -7):
            for high in range(1, 400, 3):
                found = scale((Decimal(low) / 10, Decimal(high) / 10), 0, 1, most).ticks
                assert 2 <= len(found) <= most, (low, high)
                assert found[0] * 10 <= low
                assert found[-1] * 10 >= high
                assert len({after - before for before, after in pairwise(found)}) == 1


def test_amounts_are_drawn_between_the_ends_in_either_direction() -> None:
    upwards = scale([Decimal(61)], 100, 0)
    assert [upwards.at(Decimal(each)) for each in ("0", "20", "61", "80")] == [100, 75, 23.8, 0]
    across = scale([Decimal(61)], 10, 90)
    assert [across.at(Decimal(each)) for each in ("0", "20", "61", "80")] == [10, 30, 71, 90]
