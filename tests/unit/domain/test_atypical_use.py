"""Atypical use, worked out by hand. Prices are those of Netze ODR, MS 2025, as published:

191.79 EUR/kW and 1.58 ct/kWh from 2,500 h, 16.53 EUR/kW and 8.59 ct/kWh below.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.domain.atypical_use import UNKNOWN, AtypicalUse, Bounds, Missing, work_out
from app.domain.atypical_use_rules import ThresholdKind
from app.domain.dno import Dno, GridStatistics
from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from app.domain.hlzf import Hlzf, Season
from app.domain.holiday_rule import BridgeDays, ChristmasDays, HolidayRule, HolidayScope, TimeStamps
from app.domain.tariff import Tariff
from app.errors import BadInput
from tests.load_profiles import read, unstamped
from tests.unit.domain.peak_sheets import hlzf, rule

MS = VoltageLevel.MS
ODR = ("191.79", "1.58", "16.53", "8.59")
IN_WINDOW = "2025-01-14 08:00"  # a Tuesday
SUNDAY = "2025-01-12 03:00"
BRIDGE_DAY = "2025-05-02 08:00"
BEFORE_WINDOW = "2025-01-14 07:15"
ALL_STATED = rule(
    bridge_days=BridgeDays.WORKING_DAYS,
    holidays=HolidayScope.NATIONWIDE,
    christmas=ChristmasDays.ALL_EXCLUDED,
    time_stamps=TimeStamps.CLOCK_TIME,
)


def sheet(*windows: str, seasons: Sequence[Season] = tuple(Season)) -> list[Hlzf]:
    return [hlzf(season, *windows, year=2025) for season in seasons]


def tariff(*prices: str | None, level: VoltageLevel = MS) -> Tariff:
    return Tariff(
        UUID(int=3),
        UUID(int=2),
        2025,
        level,
        *(None if price is None else Decimal(price) for price in prices),
        verification_status=VerificationStatus.FLAGGED,
        source_url="https://example.org/prices",
        source_title=None,
        version=7,
        updated_at=datetime(2025, 1, 1, tzinfo=UTC),
        publication=Publication.PRELIMINARY,
    )


DNO = msgspec.convert(
    dict.fromkeys(Dno.__struct_fields__)
    | {
        "id": UUID(int=2),
        "slug": "netze-odr",
        "name": "Netze ODR",
        "official_name": "Netze ODR GmbH",
        "region": "Bayern",
        "transmission": False,
        "closed_network": False,
        "statistics": dict.fromkeys(GridStatistics.__struct_fields__),
        "version": 1,
        "updated_at": datetime(2025, 1, 1, tzinfo=UTC),
    },
    Dno,
    strict=False,
)


PUBLISHED = tariff(*ODR)
SHEET = tuple(sheet("07:30-13:00"))


def report(
    loads: Mapping[str, int | str],
    base: int | str = 0,
    *,
    prices: Tariff | None = PUBLISHED,
    windows: Sequence[Hlzf] = SHEET,
    rules: Sequence[HolidayRule] = (ALL_STATED,),
    level: VoltageLevel = MS,
) -> AtypicalUse:
    windows = [msgspec.structs.replace(entry, voltage_level=level) for entry in windows]
    tariffs = [] if prices is None else [msgspec.structs.replace(prices, voltage_level=level)]
    return work_out(read(unstamped(2025, loads, base)), DNO, level, tariffs, windows, rules)


def exactly(text: str) -> Bounds:
    return Bounds(Decimal(text), Decimal(text), Decimal(text))


def between(low: str, high: str) -> Bounds:
    return Bounds(None, Decimal(low), Decimal(high))


def met(of: AtypicalUse) -> list[bool | None]:
    return [threshold.met for threshold in of.thresholds]


def missing(of: AtypicalUse) -> list[Missing]:
    return [unknown.code for unknown in of.not_known]


def test_a_peak_at_night_above_2500_hours() -> None:
    """400 kW all year but 1,000 kW on a Sunday night.

    Consumption: (35,039 · 400 + 1,000) / 4 = 3,504,150 kWh; 3,504,150 / 1,000 = 3504.15 h.
    Published: 1,000 · 191.79 = 191,790.00; 3,504,150 · 0.0158 = 55,365.57; together 247,155.57.
    Individual: 400 · 191.79 = 76,716.00; with the same energy 132,081.57. Saving: 600 · 191.79 = 115,074.00.
    Floor: 20 % of 247,155.57 = 49,431.114.
    """
    found = report({SUNDAY: 1000}, 400)
    assert (found.consumption_kwh, found.utilisation_hours) == (Decimal(3_504_150), Decimal("3504.15"))
    assert found.published_charge is not None
    assert msgspec.structs.astuple(found.published_charge) == tuple(
        map(Decimal, ("191790.00", "55365.57", "247155.57"))
    )
    assert (found.individual_charge, found.saving) == (exactly("132081.57"), exactly("115074.00"))
    assert (found.floor.amount, found.floor.applies) == (Decimal("49431.11"), False)
    assert (found.shift_kw, found.shift_percent) == (exactly("600"), exactly("60.00"))
    assert (met(found), found.thresholds_met) == ([True, True, True], True)
    assert (found.not_known, found.unknown_time) == ((), ())
    assert (found.yearly_peak.kw, found.yearly_peak.start.isoformat()) == (
        Decimal(1000),
        "2025-01-12T03:00:00+01:00",
    )
    assert found.window_peak.kw == exactly("400")
    assert found.window_peak.known is not None
    assert found.window_peak.known.start.isoformat() == "2025-01-02T07:30:00+01:00"
    # 261 days from Monday to Friday, 5 nationwide holidays of these before Christmas (1 January, Good Friday, Easter Monday,
    # 1 May, Ascension), Whit Monday, 3 October, and 24 to 26, 29 to 31 December: 248 days of 22 quarter-hours.
    assert (found.window_peak.quarter_hours, found.window_peak.unknown_quarter_hours) == (248 * 22, 0)
    assert found.prices is not None
    assert (found.prices.version, found.prices.publication, found.prices.verification_status) == (
        7,
        "PRELIMINARY",
        "FLAGGED",
    )


def test_the_floor_holds_where_the_individual_charge_would_be_lower() -> None:
    """1,000 kW in 10,400 quarter-hours of a summer without windows: 2,600,000 kWh, 2600 h; 1 kW in one window in winter.

    Published: 191,790.00 + 2,600,000.25 · 0.0158 = 41,080.00395; together 232,870.00; 20 % of it is 46,574.00.
    Individual without the floor: 191.79 + 41,080.00 = 41,271.79. Saving: 232,870.00 − 46,574.00 = 186,296.00.
    """
    rows = unstamped(2025, {IN_WINDOW: 1}).splitlines()
    rows[6000:16_400] = [b"1000"] * 10_400
    windows = [*sheet("07:30-13:00", seasons=[Season.WINTER]), *sheet(seasons=list(Season)[1:])]
    found = work_out(read(b"\n".join(rows)), DNO, MS, [tariff(*ODR)], windows, [ALL_STATED])
    assert (found.floor.amount, found.floor.applies) == (Decimal("46574.00"), True)
    assert (found.individual_charge, found.saving) == (exactly("46574.00"), exactly("186296.00"))


def test_below_2500_hours_the_other_prices_hold() -> None:
    """1,000 kW in 4,800 quarter-hours of nights, 600 kW in one of a window: 1,200,150 kWh; 1200.15 h, and 2000.25 h by 600 kW.

    Published: 1,000 · 16.53 = 16,530.00; 1,200,150 · 0.0859 = 103,092.885, half up 103,092.89.
    Individual: 600 · 16.53 = 9,918.00, and the same energy. Saving: 400 · 16.53 = 6,612.00.
    """
    found = report(nights(4800) | {IN_WINDOW: 600})
    assert (found.consumption_kwh, found.utilisation_hours) == (Decimal(1_200_150), Decimal("1200.15"))
    assert found.prices is not None
    assert found.prices.below2500h
    assert found.published_charge is not None
    assert found.published_charge.total == Decimal("119622.89")
    assert (found.individual_charge, found.saving) == (exactly("113010.89"), exactly("6612.00"))


def test_prices_that_sources_leave_open_give_bounds() -> None:
    """As before with 100 kW in the window: 1,200,025 kWh; 1200.03 h by the yearly peak, 12,000.25 h by that of windows.

    Published: 16,530.00 + 1,200,025 · 0.0859 = 103,082.1475; together 119,612.15.
    Individual with its prices: 100 · 16.53 = 1,653.00, and the same energy: 104,735.15.
    With those from 2,500 h: 100 · 191.79 = 19,179.00; 1,200,025 · 0.0158 = 18,960.395, half up 18,960.40; together 38,139.40.
    """
    found = report(nights(4800) | {IN_WINDOW: 100})
    assert found.individual_charge == between("38139.40", "104735.15")
    assert found.saving == between("14877.00", "81472.75")
    assert missing(found) == [Missing.PRICE_PAIR]
    assert "104735.15 EUR" in found.not_known[0].text
    assert "38139.40 EUR" in found.not_known[0].text
    assert met(found) == [True, True, True]  # in any case


def nights(count: int) -> dict[str, int | str]:
    """1,000 kW in so many quarter-hours between midnight and 06:00, from 1 January on."""
    found: dict[str, int | str] = {}
    for month, days in ((1, 31), (2, 28), (4, 30), (5, 31), (6, 30), (7, 31), (8, 31)):
        for day in range(1, days + 1):
            for quarter in range(24):
                if len(found) < count:
                    found[f"2025-{month:02}-{day:02} {quarter // 4:02}:{quarter % 4 * 15:02}"] = 1000
    assert len(found) == count
    return found


# Bounds from unknown time


def test_a_peak_on_a_bridge_day_gives_bounds_unless_the_operator_states_what_holds() -> None:
    """1,000 kW on a Sunday, 850 kW on 2 May, a bridge day, 200 kW otherwise: a shift of 150 to 800 kW, 15 to 80 %.

    (35,038 · 200 + 1,850) / 4 = 1,752,362.5 kWh, 1752.36 h: the saving is at least 150 · 16.53 = 2,479.50.
    """
    loads = {SUNDAY: 1000, BRIDGE_DAY: 850}
    unknown = msgspec.structs.replace(ALL_STATED, bridge_days=BridgeDays.UNKNOWN)
    found = report(loads, 200, rules=[unknown])
    assert found.window_peak.kw == between("200", "850")
    assert (found.shift_kw, found.shift_percent) == (between("150", "800"), between("15.00", "80.00"))
    assert met(found) == [None, True, True]
    assert found.thresholds_met is None
    assert found.saving.at_least == Decimal("2479.50")
    assert found.saving.value is None
    [time] = [unknown for unknown in found.unknown_time if unknown.decides]
    assert (time.highest.kw, time.highest.start.isoformat()) == (Decimal(850), "2025-05-02T08:00:00+02:00")
    assert Missing.TIME in missing(found)

    for bridge_days, kw in ((BridgeDays.WORKING_DAYS, "850"), (BridgeDays.ALL_EXCLUDED, "200")):
        stated = report(loads, 200, rules=[msgspec.structs.replace(ALL_STATED, bridge_days=bridge_days)])
        assert stated.window_peak.kw == exactly(kw)


def test_unknown_time_with_lower_loads_changes_nothing() -> None:
    found = report({SUNDAY: 1000}, 400, rules=[])
    assert found.window_peak.kw == exactly("400")
    assert found.saving == exactly("115074.00")
    assert {unknown.decides for unknown in found.unknown_time} == {False}
    assert found.not_known == ()
    [note] = found.notes
    assert note.startswith("2025-12-24, 2025-12-29 to 2025-12-31: ")
    assert "BK4-13-739" in note


def test_a_season_that_the_sheet_does_not_mention_is_unknown() -> None:
    found = report(
        {SUNDAY: 1000, "2025-07-15 20:00": 700},
        400,
        windows=sheet("07:30-13:00", seasons=[Season.WINTER]),
    )
    assert found.window_peak.kw == between("400", "700")
    assert Missing.TIME in missing(found)


def test_printed_ends_of_quarter_hours_leave_the_one_before_a_window_open() -> None:
    """The operator prints 07:30 and may mean 07:15 to 07:30."""
    stated = msgspec.structs.replace(ALL_STATED, time_stamps=TimeStamps.INTERVAL_END)
    found = report({SUNDAY: 1000, BEFORE_WINDOW: 900}, 400, rules=[stated])
    assert found.window_peak.kw == between("400", "900")
    assert "end of each metering quarter-hour" in found.not_known[0].text
    assert report({SUNDAY: 1000, BEFORE_WINDOW: 900}, 400).window_peak.kw == exactly("400")


def test_a_window_that_begins_within_a_quarter_hour_leaves_it_open() -> None:
    found = report({SUNDAY: 1000, BEFORE_WINDOW: 900}, 400, windows=sheet("07:20-13:00"))
    assert found.window_peak.kw == between("400", "900")
    assert "within a quarter-hour" in found.not_known[0].text


def test_a_quarter_hour_with_several_answers_is_counted_once() -> None:
    """Windows with less than a quarter-hour between them: of 08:00 to 08:15 neither answer holds throughout."""
    together = report({SUNDAY: 1000}, 400).window_peak.quarter_hours
    apart = report({SUNDAY: 1000}, 400, windows=sheet("07:30-08:02", "08:10-13:00"))
    assert apart.window_peak.quarter_hours + apart.window_peak.unknown_quarter_hours == together
    [unknown] = apart.unknown_time
    assert unknown.quarter_hours == together // 22


# Thresholds


@pytest.mark.parametrize(
    ("level", "window_kw", "expected"),
    [
        (MS, "800", True),
        (MS, "800.000000001", False),
        (VoltageLevel.NS, "700", True),
        (VoltageLevel.MS_NS, "701", False),
        (VoltageLevel.HOES, "950", True),
        (VoltageLevel.HOES_HS, "900", True),
        (VoltageLevel.HS_MS, "799", True),
        (VoltageLevel.HS_MS, "850", None),  # 15 %: met by 10 %, not by 20 %
        (VoltageLevel.HS_MS, "901", False),
        (VoltageLevel.HS, "850", None),
    ],
)
def test_the_relative_threshold_of_a_level(
    level: VoltageLevel, window_kw: str, expected: bool | None
) -> None:
    found = report({SUNDAY: 1000, IN_WINDOW: window_kw}, 400, level=level)
    threshold = found.thresholds[0]
    assert (threshold.kind, threshold.met, threshold.basis) == (
        ThresholdKind.RELATIVE_SHIFT,
        expected,
        "BK4-13-739",
    )
    assert threshold.sureness
    disputed = level in (VoltageLevel.HS, VoltageLevel.HS_MS)
    assert (threshold.disputed is not None, "in dispute" in threshold.sureness) == (disputed, disputed)
    assert (Missing.THRESHOLD in missing(found)) is disputed


@pytest.mark.parametrize(("window_kw", "expected"), [("100", True), ("100.000000001", False)])
def test_the_shift_is_at_least_100_kilowatts(window_kw: str, expected: bool) -> None:
    assert report({SUNDAY: 200, IN_WINDOW: window_kw}, 50).thresholds[1].met is expected


@pytest.mark.parametrize(("price", "expected"), [("5.00", True), ("4.99", False)])
def test_the_saving_is_at_least_500_euros(price: str, expected: bool) -> None:
    """100 kW less: 100 · 5.00 = 500.00."""
    found = report({SUNDAY: 200}, 100, prices=tariff(price, "1", price, "1"))
    assert found.thresholds[2].met is expected
    assert found.thresholds_met is expected


def test_a_peak_inside_of_windows_shifts_nothing() -> None:
    found = report({IN_WINDOW: 1000}, 400)
    assert (found.shift_kw, found.saving) == (exactly("0"), exactly("0.00"))
    assert found.thresholds_met is False


# What is missing


def test_without_prices_the_peaks_are_known_and_the_charges_are_not() -> None:
    found = report({SUNDAY: 1000}, 400, prices=None)
    assert (found.prices, found.published_charge, found.floor.amount) == (None, None, None)
    assert (found.individual_charge, found.saving) == (UNKNOWN, UNKNOWN)
    assert met(found) == [True, True, None]
    assert missing(found) == [Missing.TARIFF]


def test_a_price_that_is_not_published_is_not_zero() -> None:
    found = report({SUNDAY: 1000}, 400, prices=tariff(None, *ODR[1:]))
    assert found.published_charge is not None
    assert msgspec.structs.astuple(found.published_charge) == (None, Decimal("55365.57"), None)
    assert (found.saving, missing(found)) == (UNKNOWN, [Missing.PRICES])


def test_an_open_pair_of_prices_that_is_not_published_leaves_the_charge_unknown() -> None:
    found = report(nights(4800) | {IN_WINDOW: 100}, prices=tariff(None, None, *ODR[2:]))
    assert (found.individual_charge, found.saving) == (UNKNOWN, UNKNOWN)
    assert "not published" in found.not_known[0].text


def test_without_windows_nothing_is_compared() -> None:
    found = report({SUNDAY: 1000}, 400, windows=[])
    assert (found.window_peak.kw, found.shift_kw, found.saving) == (UNKNOWN, UNKNOWN, UNKNOWN)
    assert (met(found), found.thresholds_met) == ([None, None, None], None)
    assert missing(found) == [Missing.WINDOWS]
    assert found.published_charge is not None
    assert found.published_charge.total == Decimal("247155.57")
    other_level = work_out(
        read(unstamped(2025, {SUNDAY: 1000})), DNO, VoltageLevel.NS, [tariff(*ODR)], sheet("07:30-13:00"), ()
    )
    assert missing(other_level) == [Missing.WINDOWS, Missing.TARIFF]


def test_an_operator_without_any_window_gives_no_peak_to_compare() -> None:
    for windows in (sheet(), sheet(seasons=[Season.WINTER])):
        found = report({SUNDAY: 1000}, 400, windows=windows)
        assert (found.window_peak.kw, found.saving) == (UNKNOWN, UNKNOWN)
        assert missing(found) == [Missing.NO_WINDOW]


def test_a_profile_without_any_load_is_refused() -> None:
    with pytest.raises(BadInput, match="all its numbers are zero"):
        report({})


def test_the_open_pair_counts_where_it_changes_within_the_bounds() -> None:
    """A window peak between 100 and 900 kW and 1,200,000 kWh or so: the pair changes at 480 kW. With prices that do not meet there,
    a bound may lie at the change itself: 100 EUR/kW without Arbeitspreis from 2,500 h, 1 EUR/kW without Arbeitspreis below.
    """
    loads = nights(4799) | {IN_WINDOW: 100, BRIDGE_DAY: 900}
    unknown = msgspec.structs.replace(ALL_STATED, bridge_days=BridgeDays.UNKNOWN)
    found = report(loads, prices=tariff("100", "0", "1", "0"), rules=[unknown])
    # 4,799 · 1,000 + 1,000 = 4,800,000 / 4 = 1,200,000 kWh; / 2,500 = 480 kW; 480 · 100 = 48,000.
    assert found.consumption_kwh == Decimal(1_200_000)
    assert found.individual_charge.at_most == Decimal("48000.00")


def test_the_report_is_json_with_names_of_the_api() -> None:
    written: Any = msgspec.json.decode(msgspec.json.encode(report({SUNDAY: 1000}, 400)))
    assert written["saving"] == {"value": "115074.00", "atLeast": "115074.00", "atMost": "115074.00"}
    assert written["dno"] == {"slug": "netze-odr", "name": "Netze ODR"}
    assert written["yearlyPeak"] == {
        "kw": "1000",
        "start": "2025-01-12T03:00:00+01:00",
        "end": "2025-01-12T03:15:00+01:00",
    }
