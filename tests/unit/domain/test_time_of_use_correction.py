"""Bands and windows of a time-of-use tariff: which are refused, and how windows are stored."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.clock import DAY_END, minutes
from app.domain.entry import VerificationStatus
from app.domain.time_of_use import TimeOfUseBand, TimeOfUsePrice, TimeOfUseTariff, TimeOfUseWindow
from app.domain.time_of_use_correction import TimeOfUseCorrection, check_bands, split_windows
from app.errors import BadInput

HT, ST, NT = TimeOfUseBand


def window(text: str) -> TimeOfUseWindow:
    """ "1 22:00-06:00 NT": quarter, start and end, band."""
    quarter, times, band = text.split()
    return TimeOfUseWindow(int(quarter), minutes(times[:5]), minutes(times[6:]), TimeOfUseBand(band))


@pytest.mark.parametrize(
    ("given_windows", "stored"),
    [
        ([], []),
        (["1 00:00-24:00 ST"], ["1 00:00-24:00 ST"]),
        (["2 00:00-06:00 NT", "1 06:00-24:00 ST", "1 00:00-06:00 NT"], ["1 00:00-06:00 NT", "1 06:00-24:00 ST", "2 00:00-06:00 NT"]),
        (["4 22:00-06:00 NT"], ["4 00:00-06:00 NT", "4 22:00-24:00 NT"]),
        (["4 22:00-00:00 NT"], ["4 22:00-24:00 NT"]),
        (["4 22:00-06:00 NT", "4 06:00-22:00 ST"], ["4 00:00-06:00 NT", "4 06:00-22:00 ST", "4 22:00-24:00 NT"]),
        (["4 06:00-05:59 NT"], ["4 00:00-05:59 NT", "4 06:00-24:00 NT"]),
    ],
)  # fmt: skip
def test_windows_are_sorted_and_split_at_midnight(given_windows: list[str], stored: list[str]) -> None:
    assert split_windows([*map(window, given_windows)]) == tuple(map(window, stored))


@pytest.mark.parametrize(
    ("given_windows", "path", "message"),
    [
        (["1 08:00-08:00 HT"], "0 end", "HT 08:00-08:00 of quarter 1 holds at no time."),
        (["1 24:00-08:00 HT"], "0 end", "HT 24:00-08:00 of quarter 1 holds at no time."),
        (["1 00:00-24:00 HT", "0 00:00-01:00 HT"], "1 quarter", "A year has the quarters 1 to 4."),
        (["5 00:00-01:00 HT"], "0 quarter", "A year has the quarters 1 to 4."),
        (
            ["1 22:00-06:00 NT", "1 05:45-07:00 HT"],
            "1 start",
            "HT 05:45-07:00 of quarter 1 overlaps NT 22:00-06:00 of quarter 1.",
        ),
        (
            ["2 10:00-12:00 HT", "1 10:00-12:00 HT", "2 11:59-12:00 HT"],
            "2 start",
            "HT 11:59-12:00 of quarter 2 overlaps HT 10:00-12:00 of quarter 2.",
        ),
        (["1 23:00-01:00 NT", "1 22:00-02:00 NT"], "1 start", "NT 22:00-02:00 of quarter 1 overlaps NT 23:00-01:00 of quarter 1."),
    ],
)  # fmt: skip
def test_windows_at_no_time_and_windows_that_overlap_are_refused(
    given_windows: list[str], path: str, message: str
) -> None:
    with pytest.raises(BadInput) as refused:
        split_windows([*map(window, given_windows)])
    assert (refused.value.field, refused.value.message) == (("input", "windows", *path.split()), message)


TIMES = st.integers(0, DAY_END)


@given(
    st.lists(
        st.builds(TimeOfUseWindow, st.integers(1, 2), TIMES, TIMES, st.sampled_from(TimeOfUseBand)),
        max_size=5,
    )
)
def test_each_minute_is_in_the_bands_of_the_given_windows_or_the_windows_are_refused(given_windows: list[TimeOfUseWindow]) -> None:  # fmt: skip
    def given_bands(quarter: int, minute: int) -> list[TimeOfUseBand]:
        return [
            one.band
            for one in given_windows
            if one.quarter == quarter
            and (
                one.start <= minute < one.end
                if one.start < one.end
                else minute >= one.start or minute < one.end
            )
        ]

    at = [(quarter, minute) for quarter in (1, 2) for minute in range(0, DAY_END, 7)]
    at += [
        (one.quarter, minute) for one in given_windows for minute in (one.start, one.end) if minute < DAY_END
    ]
    holds_at_no_time = any(one.start in (one.end, DAY_END) for one in given_windows)
    try:
        stored = split_windows(given_windows)
    except BadInput:
        assert holds_at_no_time or any(len(given_bands(*moment)) > 1 for moment in at)
        return
    assert not holds_at_no_time
    assert stored == tuple(sorted(stored))
    for quarter, minute in at:
        bands = [one.band for one in stored if one.quarter == quarter and one.start <= minute < one.end]
        assert bands == given_bands(quarter, minute)
        assert len(bands) <= 1


@pytest.mark.parametrize("price", ["-1", "1.23456", "1000000", "NaN", "Infinity"])
def test_a_price_that_is_none_is_refused_with_its_place(price: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_bands([TimeOfUsePrice(ST, Decimal(1)), TimeOfUsePrice(HT, Decimal(price))])
    assert refused.value.field == ("input", "bands", "1", "price")


def test_a_band_has_one_price() -> None:
    with pytest.raises(BadInput) as refused:
        check_bands([TimeOfUsePrice(ST, Decimal(1)), TimeOfUsePrice(ST, Decimal(1))])
    assert (refused.value.field, refused.value.message) == (
        ("input", "bands", "1", "band"),
        "ST has two prices.",
    )


def test_a_correction_replaces_the_bands_or_the_windows_that_it_has() -> None:
    id, at = UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC)
    before = TimeOfUseTariff(
        id, id, 2026, Decimal(9), Decimal(6), Decimal(1), (window("1 00:00-24:00 ST"),),
        VerificationStatus.VERIFIED, None, None, 1, at,
    )  # fmt: skip
    bands = TimeOfUseCorrection(id=id, bands=[TimeOfUsePrice(NT, Decimal(2))]).corrected(before)
    assert (bands.price_ht, bands.price_st, bands.price_nt, bands.windows) == (None, None, 2, before.windows)
    windows = TimeOfUseCorrection(id=id, windows=[window("1 22:00-06:00 NT")]).corrected(before)
    assert (windows.bands, len(windows.windows)) == (before.bands, 2)
    assert TimeOfUseCorrection(id=id).applied_to(before) == before


def test_a_correction_that_leaves_neither_bands_nor_windows_is_refused() -> None:
    id, at = UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC)
    only_windows = TimeOfUseTariff(
        id, id, 2026, None, None, None, (window("1 00:00-24:00 ST"),), VerificationStatus.VERIFIED, None, None, 1, at
    )  # fmt: skip
    only_bands = msgspec.structs.replace(only_windows, price_st=Decimal(6), windows=())
    for before, correction, field in (
        (only_windows, TimeOfUseCorrection(id=id, windows=[]), "windows"),
        (only_bands, TimeOfUseCorrection(id=id, bands=[]), "bands"),
        (only_bands, TimeOfUseCorrection(id=id, bands=[], windows=[]), "bands"),
    ):
        with pytest.raises(BadInput) as refused:
            correction.corrected(before)
        assert refused.value.field == ("input", field)
    assert TimeOfUseCorrection(id=id, windows=[]).corrected(only_bands) == only_bands
