"""Unusual prices of a tariff: none at all, or pairs in an unusual order or that do not meet at 2,500 hours of use."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from app.domain.plausibility import PlausibilityWarning

# EUR per kW for each ct per kWh at 2,500 hours of use.
EUROS_AT_THRESHOLD: Final = 25
# Of the higher cost. In 166 of 166 published rows the costs differ by at most 0.75 %.
UNUSUAL_DISTANCE: Final = Decimal("0.01")
_NO_PRICES: Final = (None, None, None, None)
_PAIRS: Final = (
    f"At 2,500 h both price pairs usually cost the same within {UNUSUAL_DISTANCE:.0%}, Leistungspreis + 25 × Arbeitspreis:"
    " {} EUR per kW under 2,500 h, {} EUR per kW from 2,500 h."
)


def tariff_warnings(prices: Any) -> Iterator[PlausibilityWarning]:
    """`prices`: Prices or a Tariff."""
    below, above = prices.leistung_unter_2500h, prices.leistung
    if below is not None and above is not None and below > above:
        yield PlausibilityWarning(
            "UNUSUAL_ORDER",
            "The Leistungspreis under 2,500 h ({}) is usually below the one from 2,500 h ({}).",
            ("input", "leistungUnter2500h"),
            (below, above),
        )
    below, above = prices.arbeit_unter_2500h, prices.arbeit
    if below is not None and above is not None and below < above:
        yield PlausibilityWarning(
            "UNUSUAL_ORDER",
            "The Arbeitspreis under 2,500 h ({}) is usually above the one from 2,500 h ({}).",
            ("input", "arbeitUnter2500h"),
            (below, above),
        )
    given = (prices.leistung, prices.arbeit, prices.leistung_unter_2500h, prices.arbeit_unter_2500h)
    if None not in given:
        yield from _apart(prices)
    elif given == _NO_PRICES:
        yield PlausibilityWarning("MISSING_PRICE", "None of the prices is given.", ("input", "leistung"))


def _apart(prices: Any) -> Iterator[PlausibilityWarning]:
    above = prices.leistung + EUROS_AT_THRESHOLD * prices.arbeit
    below = prices.leistung_unter_2500h + EUROS_AT_THRESHOLD * prices.arbeit_unter_2500h
    if abs(above - below) > UNUSUAL_DISTANCE * max(above, below):
        yield PlausibilityWarning(
            "PAIRS_DO_NOT_MEET",
            _PAIRS,
            ("input", "leistung"),
            (below, above),
        )
