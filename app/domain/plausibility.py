"""Warnings about values that are valid, but so unusual that they should be checked."""

from collections.abc import Iterator

import msgspec

from app.domain.tariff import PRICE_FIELDS, Prices

UNUSUAL_RISE = 3  # times last year's price


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
        now, then = getattr(prices, name), getattr(last_year, name)
        if now is not None and then and now > UNUSUAL_RISE * then:
            yield PlausibilityWarning(
                "UNUSUAL_RISE",
                f"{now} is more than {UNUSUAL_RISE} times last year's {then}.",
                ("input", field),
            )
