"""Unusual time-of-use tariffs: the regulator's bounds for § 14a EnWG, Modul 3, missing prices, and gaps between windows."""

from collections.abc import Iterator
from decimal import Decimal

from app.domain.clock import DAY_END, hh_mm
from app.domain.plausibility import PlausibilityWarning
from app.domain.time_of_use import QUARTERS, TimeOfUseBand, TimeOfUseTariff

# Shares of the standard price, and the quarters that have windows.
LOWEST_NT, HIGHEST_NT, HIGHEST_HT = Decimal("0.1"), Decimal("0.4"), Decimal(2)
# Prices at a bound are rounded to two decimals: in 30 of 133 sheets of 2025 and 2026 they lie beyond it by less than this.
ROUNDING = Decimal("0.005")
FEWEST_QUARTERS = 2
NAMED_GAPS = 5  # of a quarter


def bound_warnings(tariff: TimeOfUseTariff) -> Iterator[PlausibilityWarning]:
    for text in _out_of_bounds(tariff):
        yield PlausibilityWarning("OUT_OF_BOUNDS", text, ("input", "bands"))


def missing_price_warnings(tariff: TimeOfUseTariff) -> Iterator[PlausibilityWarning]:
    for text in _missing_prices(tariff):
        yield PlausibilityWarning("MISSING_PRICE", text, ("input", "bands"))


def coverage_warnings(tariff: TimeOfUseTariff) -> Iterator[PlausibilityWarning]:
    windows = ("input", "windows")
    for text in _gaps(tariff):
        yield PlausibilityWarning("GAP", text, windows)
    for text in _few_quarters(tariff):
        yield PlausibilityWarning("FEW_QUARTERS", text, windows)


def _out_of_bounds(tariff: TimeOfUseTariff) -> Iterator[str]:
    standard, high, low = tariff.price_st, tariff.price_ht, tariff.price_nt
    if standard is None:
        return
    if low is not None and not LOWEST_NT * standard - ROUNDING <= low <= HIGHEST_NT * standard + ROUNDING:
        yield f"NT ({low}) is usually {LOWEST_NT:.0%} to {HIGHEST_NT:.0%} of ST ({standard})."
    if high is not None and not standard < high <= HIGHEST_HT * standard + ROUNDING:
        yield f"HT ({high}) is usually above ST ({standard}) and at most {HIGHEST_HT:.0%} of it."


def _missing_prices(tariff: TimeOfUseTariff) -> Iterator[str]:
    for band in TimeOfUseBand:
        if tariff.price(band) is None and (
            band is TimeOfUseBand.ST or any(w.band is band for w in tariff.windows)
        ):
            yield f"{band} has no price."


def _gaps(tariff: TimeOfUseTariff) -> Iterator[str]:
    """One text for each quarter with windows."""
    for quarter in QUARTERS:
        of_quarter = [window for window in tariff.windows if window.quarter == quarter]
        ends = [0, *(window.end for window in of_quarter)]
        starts = [*(window.start for window in of_quarter), DAY_END]
        gaps = [
            f"{hh_mm(end)}-{hh_mm(start)}" for end, start in zip(ends, starts, strict=True) if start > end
        ]
        if of_quarter and gaps:
            more = f" and {len(gaps) - NAMED_GAPS} more" if len(gaps) > NAMED_GAPS else ""
            yield f"In quarter {quarter} no band holds at {', '.join(gaps[:NAMED_GAPS])}{more}."


def _few_quarters(tariff: TimeOfUseTariff) -> Iterator[str]:
    quarters = {window.quarter for window in tariff.windows}
    if len(quarters) < FEWEST_QUARTERS:
        yield f"Usually at least {FEWEST_QUARTERS} quarters have windows, not {len(quarters)}."
