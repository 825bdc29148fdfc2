"""Unusual prices of any family: against last year, against all operators, and gross prices in the place of net ones."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from app.domain.family import Column, Family
from app.domain.plausibility import Figure, PlausibilityWarning, References

UNUSUAL_RISE: Final = 3  # times last year's price, or a third of it
UNUSUAL_MULTIPLE: Final = 5  # times the median of all operators, or a fifth of it
_RISE_SQUARED: Final = UNUSUAL_RISE**2
_MULTIPLE_SQUARED: Final = UNUSUAL_MULTIPLE**2
FEWEST_FIGURES: Final = 10  # fewer have no distribution
GROSS: Final = Decimal("1.19")  # § 12 (1) UStG
# Prices are printed with two decimals: of the net price and of the gross one each half of the last.
GROSS_ROUNDING: Final = Decimal("0.011")
# Of smaller prices the rounding is more than a hundredth, and any rise may look like VAT.
LEAST_COMPARED: Final = Decimal("0.5")


def price_warnings(family: Family, entry: Any, references: References) -> Iterator[PlausibilityWarning]:
    """Runs for every row of an import: most prices are usual, and comparing them makes nothing but numbers."""
    now = [getattr(entry, column.name) for column in family.prices]
    for place, (price, then) in enumerate(zip(now, references.last_year, strict=False)):
        if price is not None and then and not then <= UNUSUAL_RISE * price <= _RISE_SQUARED * then:
            yield _against_last_year(family.prices[place], price, then)
    for place, (price, median) in enumerate(zip(now, references.usual, strict=False)):
        if (
            price is not None
            and median
            and not median <= UNUSUAL_MULTIPLE * price <= _MULTIPLE_SQUARED * median
        ):
            yield from _against_all(family.prices[place], price, median, references.figures[place] or 0)
    yield from _gross(family, now, references)


def usual_bounds(median: Figure, figures: int | None) -> tuple[Figure, Figure]:
    """The lowest and the highest figure without a warning by comparison with all operators; None: any."""
    if not median or (figures or 0) < FEWEST_FIGURES:
        return None, None
    return median / UNUSUAL_MULTIPLE, median * UNUSUAL_MULTIPLE


def input_field(column: Column) -> tuple[str, ...]:
    """The path of a column's value in the inputs of mutations."""
    return ("input", column.field.partition(".")[0])


def _against_last_year(column: Column, now: Decimal, then: Decimal) -> PlausibilityWarning:
    if now > then:
        message = f"{now} is more than {UNUSUAL_RISE} times last year's {then}."
        return PlausibilityWarning("UNUSUAL_RISE", message, input_field(column))
    message = f"{now} is less than a third of last year's {then}."
    return PlausibilityWarning("UNUSUAL_FALL", message, input_field(column))


def _against_all(
    column: Column, now: Decimal, median: Decimal, figures: int
) -> Iterator[PlausibilityWarning]:
    if figures < FEWEST_FIGURES:
        return
    compared = f"more than {UNUSUAL_MULTIPLE} times" if now > median else "less than a fifth of"
    unit = f" {column.unit}" if column.unit.startswith(("EUR", "ct")) else ""
    message = f"{now}{unit} is {compared} the median {median} of {figures} figures of this kind."
    yield PlausibilityWarning("UNUSUAL_MAGNITUDE", message, input_field(column))


def _gross(family: Family, now: Sequence[Figure], references: References) -> Iterator[PlausibilityWarning]:
    """At most one: a sheet is gross as a whole."""
    for then, name in (
        (references.before, "the figure before the last change"),
        (references.last_year, "last year's"),
    ):
        if (place := _first_gross(now, then)) is not None:
            yield _gross_warning(family.prices[place], now[place], then[place], name)
            return
    for known in references.known:
        [(column, price)] = [
            (column, price)
            for column, price in zip(family.prices, now, strict=True)
            if column.name == known.column
        ]
        if price is not None and _is_gross(price, known.figure):
            yield _gross_warning(column, price, known.figure, known.description)
            return


def _gross_warning(column: Column, now: Figure, net: Figure, name: str) -> PlausibilityWarning:
    message = f"{now} is {GROSS} times {name} {net}: gross in the place of net?"
    return PlausibilityWarning("GROSS_FOR_NET", message, input_field(column))


def _first_gross(now: Sequence[Figure], then: Sequence[Figure]) -> int | None:
    """The first price with that ratio, if all prices have it that are not the same in both."""
    found = None
    for place, (price, net) in enumerate(zip(now, then, strict=False)):
        if price is None or net is None or price == net:
            continue
        if not _has_gross_ratio(price, net):
            return None
        if found is None and net >= LEAST_COMPARED:
            found = place
    return found


def _is_gross(price: Decimal, net: Decimal) -> bool:
    return net >= LEAST_COMPARED and _has_gross_ratio(price, net)


def _has_gross_ratio(price: Decimal, net: Decimal) -> bool:
    return abs(price - GROSS * net) <= GROSS_ROUNDING
