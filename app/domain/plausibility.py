"""What is possible and yet so unusual that a person should look at it again."""

from collections.abc import Iterator

import msgspec

from app.domain.tariff import PRICE_FIELDS, Prices

UNUSUAL_RISE = 3  # times last year's price


class Doubt(msgspec.Struct, frozen=True):
    """Nothing is refused for it; `code` is what programs read."""

    code: str
    message: str
    field: tuple[str, ...]


def doubts(prices: Prices, last_year: Prices) -> tuple[Doubt, ...]:
    return tuple(_doubts(prices, last_year))


def _doubts(prices: Prices, last_year: Prices) -> Iterator[Doubt]:
    below, above = prices.leistung_unter_2500h, prices.leistung
    if below is not None and above is not None and below > above:
        yield Doubt(
            "UNUSUAL_ORDER",
            f"The Leistungspreis under 2,500 h ({below}) is usually below the one from 2,500 h ({above}).",
            ("input", "leistungUnter2500h"),
        )
    for name, field in PRICE_FIELDS.items():
        now, then = getattr(prices, name), getattr(last_year, name)
        if now is not None and then and now > UNUSUAL_RISE * then:
            yield Doubt(
                "UNUSUAL_RISE",
                f"{now} is more than {UNUSUAL_RISE} times last year's {then}.",
                ("input", field),
            )
