"""Warnings about values that are valid, but so unusual that they should be checked."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from app.domain.clock import DAY_END, hh_mm
from app.domain.price import Price
from app.domain.tariff import PRICE_FIELDS, Prices
from app.domain.time_of_use import QUARTERS, TimeOfUseBand, TimeOfUseTariff

UNUSUAL_RISE = 3  # times last year's price

# The regulator's bounds for § 14a EnWG, Modul 3: shares of the standard price, and the quarters that have windows.
LOWEST_NT, HIGHEST_NT, HIGHEST_HT = Decimal("0.1"), Decimal("0.4"), Decimal(2)
# Prices at a bound are rounded to two decimals: in 30 of 133 sheets of 2025 and 2026 they lie beyond it by less than this.
ROUNDING = Decimal("0.005")
FEWEST_QUARTERS = 2
NAMED_GAPS = 5  # of a quarter


class PlausibilityWarning(msgspec.Struct, frozen=True):
    """The value is written all the same; `code` is stable, for programs."""

    code: str
    message: str
    field: tuple[str, ...]


def plausibility_warnings(prices: Prices, last_year: Prices) -> tuple[PlausibilityWarning, ...]:
    return tuple(_warnings(prices, last_year))


def _warnings(prices: Prices, last_year: Prices) -> Iterator[PlausibilityWarning]:
    below, above = prices.leistung_unter_2500h, prices.leistung
    if below is not None and above is not None and below > above:
        yield PlausibilityWarning(
            "UNUSUAL_ORDER",
            f"The Leistungspreis under 2,500 h ({below}) is usually below the one from 2,500 h ({above}).",
            ("input", "leistungUnter2500h"),
        )
    for name, field in PRICE_FIELDS.items():
        yield from _rise(getattr(prices, name), getattr(last_year, name), ("input", field))


def price_warnings(price: Price, last_year: Decimal | None) -> tuple[PlausibilityWarning, ...]:
    """`last_year`: the amount of the same kind, level and variant in the year before."""
    return tuple(_rise(price.amount, last_year, ("input", "amount")))


def _rise(now: Decimal | None, then: Decimal | None, field: tuple[str, ...]) -> Iterator[PlausibilityWarning]:
    if now is not None and then and now > UNUSUAL_RISE * then:
        yield PlausibilityWarning(
            "UNUSUAL_RISE", f"{now} is more than {UNUSUAL_RISE} times last year's {then}.", field
        )


def time_of_use_warnings(
    tariff: TimeOfUseTariff, last_year: Sequence[Decimal | None]
) -> tuple[PlausibilityWarning, ...]:
    """`last_year`: the prices of HT, ST and NT in the year before."""
    bands, windows = ("input", "bands"), ("input", "windows")
    return (
        *(PlausibilityWarning("OUT_OF_BOUNDS", text, bands) for text in _out_of_bounds(tariff)),
        *(
            warning
            for band, then in zip(TimeOfUseBand, last_year, strict=True)
            for warning in _rise(tariff.price(band), then, bands)
        ),
        *(PlausibilityWarning("MISSING_PRICE", text, bands) for text in _missing_prices(tariff)),
        *(PlausibilityWarning("GAP", text, windows) for text in _gaps(tariff)),
        *(PlausibilityWarning("FEW_QUARTERS", text, windows) for text in _few_quarters(tariff)),
    )


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
