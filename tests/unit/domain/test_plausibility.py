"""Values that are possible and yet unusual."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from app.domain import hlzf, price, tariff
from app.domain import time_of_use as time_of_use_module
from app.domain.clock import minutes
from app.domain.entry import VerificationStatus, VoltageLevel
from app.domain.hlzf import Hlzf, Season, TimeWindow
from app.domain.implied_figures import implied_figures
from app.domain.plausibility import References
from app.domain.plausibility_rules import plausibility_warnings
from app.domain.plausible_prices import usual_bounds
from app.domain.price import Price, PriceKind, unit_of
from app.domain.tariff import Prices
from app.domain.time_of_use import TimeOfUseBand, TimeOfUseTariff, TimeOfUseWindow


def prices(*texts: str | None) -> Prices:
    return Prices(*(None if text is None else Decimal(text) for text in texts))


NONE = Prices()


def tariff_codes(now: Prices, **references: tuple) -> list[tuple[str, str]]:
    found = plausibility_warnings(tariff.FAMILY, now, References(**references))
    assert all(warning.field[0] == "input" for warning in found)
    return [(warning.code, warning.field[1]) for warning in found]


@pytest.mark.parametrize(
    ("now", "then", "codes"),
    [
        (prices("58.21", "1.26", "18.30", "2.86"), NONE, []),
        (prices("18.30", "2.86", "58.21", "1.26"), NONE, [("UNUSUAL_ORDER", "leistungUnter2500h"), ("UNUSUAL_ORDER", "arbeitUnter2500h")]),
        (NONE, NONE, [("MISSING_PRICE", "leistung")]),
        (prices(None, None, None, "0"), NONE, []),
        (prices("18.30", None, "18.30", None), NONE, []),
        (prices(None, None, "58.21", None), NONE, []),
        (prices(None, "1.26", None, "1.25"), NONE, [("UNUSUAL_ORDER", "arbeitUnter2500h")]),
        (prices("30"), prices("10"), []),
        (prices("30.0001"), prices("10"), [("UNUSUAL_RISE", "leistung")]),
        (prices("10"), prices("30"), []),
        (prices("9.9999"), prices("30"), [("UNUSUAL_FALL", "leistung")]),
        (prices("30"), prices("0"), []),  # a multiple of zero is no measure
        (prices("30"), NONE, []),
        (prices("0"), prices("30"), [("UNUSUAL_FALL", "leistung")]),
        # Leistungspreis and Arbeitspreis in each other's place.
        (prices("1.26", "58.21", "2.86", "18.30"), NONE, [("UNUSUAL_ORDER", "leistungUnter2500h"), ("UNUSUAL_ORDER", "arbeitUnter2500h"), ("PAIRS_DO_NOT_MEET", "leistung")]),
        # EUR/MWh in the place of ct/kWh.
        (prices("58.21", "12.6", "18.30", "28.6"), NONE, [("PAIRS_DO_NOT_MEET", "leistung")]),
    ],
)  # fmt: skip
def test_unusual_prices_get_a_warning(now, then, codes):
    assert tariff_codes(now, last_year=astuple(then)) == codes


@pytest.mark.parametrize(
    ("leistung", "meets"),
    # 58.50 + 25 × 1.26 = 90.00; 1 % of the higher cost is allowed.
    [("18.50", True), ("17.60", True), ("17.59", False), ("19.40", True), ("19.41", False)],
)
def test_price_pairs_meet_at_2500_hours_within_one_percent(leistung, meets):
    assert (tariff_codes(prices("58.50", "1.26", leistung, "2.86")) == []) is meets


def test_the_warning_of_pairs_has_both_costs():
    [warning] = plausibility_warnings(tariff.FAMILY, prices("58.50", "1.26", "10", "2.86"))
    assert warning.message == (
        "At 2,500 h both price pairs usually cost the same within 1%, Leistungspreis + 25 × Arbeitspreis: 81.50 EUR per kW under"
        " 2,500 h, 90.00 EUR per kW from 2,500 h."
    )


@pytest.mark.parametrize(
    ("now", "median", "figures", "message"),
    [
        (
            "11.26",
            "1.125",
            10,
            "11.26 ct per kWh is more than 5 times the median 1.125 of 10 figures of this kind.",
        ),
        (
            "0.22",
            "1.125",
            10,
            "0.22 ct per kWh is less than a fifth of the median 1.125 of 10 figures of this kind.",
        ),
        ("5.625", "1.125", 10, None),
        ("0.225", "1.125", 10, None),
        ("11.26", "1.125", 9, None),  # too few for a distribution
        ("11.26", None, 0, None),
        (None, "1.125", 10, None),
        ("5", "0", 10, None),
    ],
)
def test_a_price_far_from_those_of_all_operators_gets_a_warning(now, median, figures, message):
    usual = astuple(prices(None, median))
    found = plausibility_warnings(
        tariff.FAMILY, prices("58.20", now), References(usual=usual, figures=(None, figures, None, None))
    )
    assert [warning.message for warning in found] == ([] if message is None else [message])
    assert all((warning.code, warning.field[1]) == ("UNUSUAL_MAGNITUDE", "arbeit") for warning in found)


NET = prices("58.20", "1.26", "18.20", "2.86")
GROSS = [("GROSS_FOR_NET", "leistung")]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (prices("69.26", "1.50", "21.66", "3.40"), GROSS),
        (prices("69.258", "1.4994", "21.658", "3.4034"), GROSS),
        (prices("69.26", "1.26", "18.20", "2.86"), GROSS),  # one price was exchanged
        (prices("69.26"), GROSS),
        (prices("69.28"), []),
        (prices("69.26", "1.33", "21.66", "3.40"), []),  # one rose otherwise
        (NET, []),
        (NONE, []),
    ],
)
@pytest.mark.parametrize("known", ["last_year", "before"])
def test_prices_of_1_19_times_a_known_figure_may_be_gross(now, expected, known):
    codes = tariff_codes(now, **{known: astuple(NET)})
    assert [code for code in codes if code[0] == "GROSS_FOR_NET"] == expected


def test_a_warning_of_gross_prices_has_both_figures():
    found = plausibility_warnings(tariff.FAMILY, prices("69.26"), References(last_year=astuple(NET)))
    assert [warning.message for warning in found] == [
        "69.26 is 1.19 times last year's 58.20: gross in the place of net?"
    ]


def test_a_low_price_that_any_rise_would_make_gross_is_no_evidence():
    assert tariff_codes(prices(None, "0.12"), last_year=astuple(prices(None, "0.10"))) == []


@pytest.mark.parametrize(
    ("kind", "amount", "energy", "standard", "known"),
    [
        ("SLP_ARBEITSPREIS", "10.26", None, "8.62", "the ST price of Modul 3 8.62"),
        ("SLP_ARBEITSPREIS", "8.62", None, "8.62", None),
        ("SLP_ARBEITSPREIS", "10.26", "10.26", None, None),
        ("MODUL_2_ARBEITSPREIS", "4.11", None, "8.62", "40 % of the SLP Arbeitspreis 8.62, 3.4480"),
        ("MODUL_2_ARBEITSPREIS", "4.11", "8.62", "1", "40 % of the SLP Arbeitspreis 8.62, 3.4480"),
        ("MODUL_1", "156.93", "8.62", None, "67.227 EUR + 7.5 × the SLP Arbeitspreis 8.62, 131.877"),
        ("MODUL_1", "131.88", "8.62", None, None),
        ("MODUL_1", "131.88", None, None, None),
        ("SLP_GRUNDPREIS", "10.26", "8.62", "8.62", None),
    ],
)
def test_a_price_of_1_19_times_what_others_of_the_sheet_imply_may_be_gross(
    kind, amount, energy, standard, known
):
    made = Price(UUID(int=1), UUID(int=2), 2026, PriceKind(kind), VoltageLevel.NS, None, Decimal(amount), unit_of(PriceKind(kind)), VerificationStatus.UNVERIFIED, None, None, 1, datetime(2026, 1, 1, tzinfo=UTC))  # fmt: skip
    energy, standard = (None if text is None else Decimal(text) for text in (energy, standard))
    implied = tuple(implied_figures(price.FAMILY, made, energy, standard))
    found = plausibility_warnings(price.FAMILY, made, References(known=implied))
    assert [(warning.code, warning.message) for warning in found] == (
        []
        if known is None
        else [("GROSS_FOR_NET", f"{amount} is 1.19 times {known}: gross in the place of net?")]
    )


def peak_windows(text: str) -> Hlzf:
    pairs = tuple(
        TimeWindow(minutes(window[:5]), minutes(window[6:])) for window in text.split(", ") if window
    )
    return Hlzf(UUID(int=1), UUID(int=2), 2026, VoltageLevel.MS, Season.WINTER, pairs, VerificationStatus.UNVERIFIED, None, None, 1, datetime(2026, 1, 1, tzinfo=UTC))  # fmt: skip


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ("", []),
        ("07:30-13:00, 16:15-20:45", []),
        ("07:30-13:00, 16:15-20:46", [("NOT_ON_QUARTER_HOUR", "Windows usually begin and end at quarter-hours (:00, :15, :30, :45), not 16:15-20:46."), ("MANY_HOURS", "Windows usually cover at most 10:00 h of a day, not 10:01 h.")]),
        ("06:00-22:00", [("MANY_HOURS", "Windows usually cover at most 10:00 h of a day, not 16:00 h.")]),
        ("07:01-13:00", [("NOT_ON_QUARTER_HOUR", "Windows usually begin and end at quarter-hours (:00, :15, :30, :45), not 07:01-13:00.")]),
        ("00:01-00:02, 01:01-01:02, 02:01-02:02, 03:01-03:02, 04:01-04:02, 05:01-05:02", [("NOT_ON_QUARTER_HOUR", "Windows usually begin and end at quarter-hours (:00, :15, :30, :45), not 00:01-00:02, 01:01-01:02, 02:01-02:02, 03:01-03:02, 04:01-04:02 and 1 more.")]),
    ],
)  # fmt: skip
def test_unusual_peak_load_windows_get_a_warning(windows, expected):
    found = plausibility_warnings(hlzf.FAMILY, peak_windows(windows))
    assert [(warning.code, warning.message) for warning in found] == expected
    assert all(warning.field == ("input", "windows") for warning in found)


def time_of_use(ht: str | None, st: str | None, nt: str | None, windows: str) -> TimeOfUseTariff:
    """Windows as "1 00:00-24:00 ST, …", in order."""
    bands = [None if text is None else Decimal(text) for text in (ht, st, nt)]
    words = [text.split() for text in windows.split(", ") if text]
    held = tuple(
        TimeOfUseWindow(int(quarter), minutes(times[:5]), minutes(times[6:]), TimeOfUseBand(band))
        for quarter, times, band in words
    )
    return TimeOfUseTariff(UUID(int=1), UUID(int=2), 2026, *bands, held, VerificationStatus.UNVERIFIED, None, None, 1, datetime(2026, 1, 1, tzinfo=UTC))  # fmt: skip


TWO_DAYS = "1 00:00-06:00 NT, 1 06:00-24:00 ST, 4 00:00-24:00 HT"
UNKNOWN = (None, None, None)


@pytest.mark.parametrize(
    ("tariff", "last_year", "expected"),
    [
        (time_of_use("12", "6", "2.4", TWO_DAYS), UNKNOWN, []),
        (time_of_use("6.01", "6", "0.6", TWO_DAYS), UNKNOWN, []),
        (time_of_use("9.03", "4.51", "0.45", TWO_DAYS), UNKNOWN, [("OUT_OF_BOUNDS", "HT (9.03) is usually above ST (4.51) and at most 200% of it.")]),
        (time_of_use("9.025", "4.51", "1.81", TWO_DAYS), UNKNOWN, [("OUT_OF_BOUNDS", "NT (1.81) is usually 10% to 40% of ST (4.51).")]),
        (time_of_use("9", "5.87", "2.35", TWO_DAYS), UNKNOWN, []),  # 40 % are 2.348
        (time_of_use("9", "4.51", "0.45", TWO_DAYS), UNKNOWN, []),  # 10 % are 0.451
        (time_of_use("12.01", "6", "1", TWO_DAYS), UNKNOWN, [("OUT_OF_BOUNDS", "HT (12.01) is usually above ST (6) and at most 200% of it.")]),
        (time_of_use("6", "6", "1", TWO_DAYS), UNKNOWN, [("OUT_OF_BOUNDS", "HT (6) is usually above ST (6) and at most 200% of it.")]),
        (time_of_use("9", "6", "2.41", TWO_DAYS), UNKNOWN, [("OUT_OF_BOUNDS", "NT (2.41) is usually 10% to 40% of ST (6).")]),
        (time_of_use("9", "6", "0.59", TWO_DAYS), UNKNOWN, [("OUT_OF_BOUNDS", "NT (0.59) is usually 10% to 40% of ST (6).")]),
        (time_of_use("9", "0", "0", TWO_DAYS), UNKNOWN, [("OUT_OF_BOUNDS", "HT (9) is usually above ST (0) and at most 200% of it.")]),
        (time_of_use("9", "6", "1", TWO_DAYS), (Decimal(3), Decimal(1), None), [("UNUSUAL_RISE", "6 is more than 3 times last year's 1.")]),
        (time_of_use("9", "6", None, TWO_DAYS), UNKNOWN, [("MISSING_PRICE", "NT has no price.")]),
        (time_of_use("99", None, "1", TWO_DAYS), UNKNOWN, [("MISSING_PRICE", "ST has no price.")]),
        (time_of_use(None, "6", "1", TWO_DAYS.partition(", 4")[0] + ", 2 00:00-24:00 ST"), UNKNOWN, []),
        (
            time_of_use("9", "6", "1", "1 01:00-06:00 NT, 1 07:00-23:00 ST, 4 00:00-24:00 HT"),
            UNKNOWN,
            [("GAP", "In quarter 1 no band holds at 00:00-01:00, 06:00-07:00, 23:00-24:00.")],
        ),
        (
            time_of_use("9", "6", "1", ", ".join(f"1 {hour:02}:30-{hour + 1:02}:00 NT" for hour in range(24)) + ", 4 00:00-24:00 HT"),
            UNKNOWN,
            [("GAP", "In quarter 1 no band holds at 00:00-00:30, 01:00-01:30, 02:00-02:30, 03:00-03:30, 04:00-04:30 and 19 more.")],
        ),
        (time_of_use("9", "6", "1", TWO_DAYS.replace("06:00", "06:10")), UNKNOWN, [("NOT_ON_QUARTER_HOUR", "Windows usually begin and end at quarter-hours (:00, :15, :30, :45), not 00:00-06:10, 06:10-24:00.")]),
        (time_of_use("9", "6", "1", "3 00:00-24:00 HT"), UNKNOWN, [("FEW_QUARTERS", "Usually at least 2 quarters have windows, not 1.")]),
        (time_of_use(None, None, None, ""), UNKNOWN, [("MISSING_PRICE", "ST has no price."), ("FEW_QUARTERS", "Usually at least 2 quarters have windows, not 0.")]),
    ],
)  # fmt: skip
def test_unusual_time_of_use_tariffs_get_a_warning(tariff, last_year, expected):
    found = plausibility_warnings(time_of_use_module.FAMILY, tariff, References(last_year=last_year))
    assert [(warning.code, warning.message) for warning in found] == expected
    fields = {"GAP": "windows", "FEW_QUARTERS": "windows", "NOT_ON_QUARTER_HOUR": "windows"}
    assert all(warning.field == ("input", fields.get(warning.code, "bands")) for warning in found)


@given(
    st.decimals("0", "1000", places=4),
    st.none() | st.decimals("0", "1000", places=4),
    st.none() | st.integers(0, 30),
)
def test_a_figure_beyond_the_usual_bounds_is_one_of_unusual_magnitude(price, median, figures):
    low, high = usual_bounds(median, figures)
    beyond = low is not None and not low <= price <= high
    assert (
        ("UNUSUAL_MAGNITUDE", "leistung") in tariff_codes(Prices(price), usual=(median,), figures=(figures,))
    ) == beyond
