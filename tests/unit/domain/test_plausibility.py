"""Values that are possible and yet unusual."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from app.domain.clock import minutes
from app.domain.entry import VerificationStatus
from app.domain.plausibility import plausibility_warnings, time_of_use_warnings
from app.domain.tariff import Prices
from app.domain.time_of_use import TimeOfUseBand, TimeOfUseTariff, TimeOfUseWindow


def prices(*texts: str | None) -> Prices:
    return Prices(*(None if text is None else Decimal(text) for text in texts))


NONE = Prices()


@pytest.mark.parametrize(
    ("now", "then", "codes"),
    [
        (prices("58.21", "1.26", "18.30", "2.86"), NONE, []),
        (prices("18.30", "1.26", "58.21", "2.86"), NONE, [("UNUSUAL_ORDER", "leistungUnter2500h")]),
        (prices("18.30", None, "18.30", None), NONE, []),
        (prices(None, None, "58.21", None), NONE, []),
        (prices("30"), prices("10"), []),
        (prices("30.0001"), prices("10"), [("UNUSUAL_RISE", "leistung")]),
        (prices("30"), prices("0"), []),  # a multiple of zero is no measure
        (prices("30"), NONE, []),
        (
            prices("1", "31", "2", "31"),
            prices("10", "10", "10", "10"),
            [
                ("UNUSUAL_ORDER", "leistungUnter2500h"),
                ("UNUSUAL_RISE", "arbeit"),
                ("UNUSUAL_RISE", "arbeitUnter2500h"),
            ],
        ),
    ],
)
def test_unusual_prices_get_a_warning(now, then, codes):
    assert [(warning.code, warning.field) for warning in plausibility_warnings(now, then)] == [
        (code, ("input", field)) for code, field in codes
    ]


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
        (time_of_use("9", "6", "1", "3 00:00-24:00 HT"), UNKNOWN, [("FEW_QUARTERS", "Usually at least 2 quarters have windows, not 1.")]),
        (time_of_use(None, None, None, ""), UNKNOWN, [("MISSING_PRICE", "ST has no price."), ("FEW_QUARTERS", "Usually at least 2 quarters have windows, not 0.")]),
    ],
)  # fmt: skip
def test_unusual_time_of_use_tariffs_get_a_warning(tariff, last_year, expected):
    found = time_of_use_warnings(tariff, last_year)
    assert [(warning.code, warning.message) for warning in found] == expected
    fields = {"GAP": "windows", "FEW_QUARTERS": "windows"}
    assert all(warning.field == ("input", fields.get(warning.code, "bands")) for warning in found)
