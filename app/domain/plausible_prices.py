"""Unusual prices of any family: against last year, against all operators, and gross prices in the place of net ones."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

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

_RISE: Final = f"{{}} is more than {UNUSUAL_RISE} times last year's {{}}."
_FALL: Final = "{} is less than a third of last year's {}."
_ABOVE: Final = (
    f"{{}}{{}} is more than {UNUSUAL_MULTIPLE} times the median {{}} of {{}} figures of this kind."
)
_BELOW: Final = "{}{} is less than a fifth of the median {} of {} figures of this kind."
_GROSS: Final = f"{{}} is {GROSS} times {{}} {{}}: gross in the place of net?"


class _Prices(NamedTuple):
    """The prices of a family's entries, and the paths of their inputs."""

    of: Callable[[Any], Any]  # a tuple of figures
    fields: tuple[tuple[str, ...], ...]


@cache
def _prices(family: Family) -> _Prices:
    names = [column.name for column in family.prices]
    get = attrgetter(*names) if names else lambda entry: ()
    of = get if len(names) != 1 else lambda entry: (get(entry),)
    return _Prices(of, tuple(input_field(column) for column in family.prices))


def price_warnings(family: Family, entry: Any, references: References) -> Iterator[PlausibilityWarning]:
    """Runs for every row of an import: most prices are usual, and comparing them makes nothing but numbers."""
    of, fields = _prices(family)
    now = of(entry)
    for place, (price, then) in enumerate(zip(now, references.last_year, strict=False)):
        if price is not None and then and not then <= UNUSUAL_RISE * price <= _RISE_SQUARED * then:
            yield _against_last_year(fields[place], price, then)
    for place, (price, median) in enumerate(zip(now, references.usual, strict=False)):
        if (
            price is not None
            and median
            and not median <= UNUSUAL_MULTIPLE * price <= _MULTIPLE_SQUARED * median
            and (figures := references.figures[place] or 0) >= FEWEST_FIGURES
        ):
            yield _against_all(family.prices[place], fields[place], price, median, figures)
    yield from _gross(family, now, references)


def usual_bounds(median: Figure, figures: int | None) -> tuple[Figure, Figure]:
    """The lowest and the highest figure without a warning by comparison with all operators; None: any."""
    if not median or (figures or 0) < FEWEST_FIGURES:
        return None, None
    return median / UNUSUAL_MULTIPLE, median * UNUSUAL_MULTIPLE


def input_field(column: Column) -> tuple[str, ...]:
    """The path of a column's value in the inputs of mutations."""
    return ("input", column.field.partition(".")[0])


def _against_last_year(field: tuple[str, ...], now: Decimal, then: Decimal) -> PlausibilityWarning:
    if now > then:
        return PlausibilityWarning("UNUSUAL_RISE", _RISE, field, (now, then))
    return PlausibilityWarning("UNUSUAL_FALL", _FALL, field, (now, then))


def _against_all(
    column: Column, field: tuple[str, ...], now: Decimal, median: Decimal, figures: int
) -> PlausibilityWarning:
    compared = _ABOVE if now > median else _BELOW
    unit = f" {column.unit}" if column.unit.startswith(("EUR", "ct")) else ""
    return PlausibilityWarning("UNUSUAL_MAGNITUDE", compared, field, (now, unit, median, figures))


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
    return PlausibilityWarning("GROSS_FOR_NET", _GROSS, input_field(column), (now, name, net))


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
