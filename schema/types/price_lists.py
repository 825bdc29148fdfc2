"""Fields of an operator with its prices: those of a year or of all years, and one kind over the years."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated, Any

import strawberry

from app.domain import tags
from app.domain.dno import DirectoryEntry, Dno
from app.domain.entry import DnoYear
from app.domain.price import FAMILY, PriceKind
from app.domain.price import Price as PriceStruct
from schema.batch_field import batch_field, length
from schema.context import Context
from schema.types.entry_lists import (
    EntryLoader,
    YearArgument,
    columns_of,
    declare_columns,
    of_years,
    only,
)
from schema.types.price import Price

DerivedArgument = Annotated[
    bool,
    strawberry.argument(
        description="Whether prices that follow from others by a rule (`derivedFrom`) are listed where none is published."
    ),
]
_year = attrgetter("year")


def prices() -> Any:
    async def prices(
        dnos: Sequence[Dno],
        context: Context,
        year: YearArgument = None,
        *,
        derived: DerivedArgument = True,
        **key: Any,
    ) -> Sequence[Sequence[PriceStruct]]:
        found = await of_years(context, dnos, year, _loader(context, derived=derived))
        return only(found, columns_of(FAMILY, key))

    declare_columns(prices, FAMILY)
    return batch_field(
        list[Price],
        description="Prices of the price sheet beside those for load metering by year: newest year first, then by kind, level and "
        "variant.",
        reads=lambda dno, year=None, **_: _reads(dno, year),
        metadata=length(12, of_year=12),
    )(prices)


def price_history() -> Any:
    async def price_history(
        dnos: Sequence[Dno],
        context: Context,
        kind: Annotated[PriceKind, strawberry.argument(description="The position of the price sheet.")],
        *,
        derived: DerivedArgument = True,
        **key: Any,
    ) -> Sequence[Sequence[PriceStruct]]:
        found = await of_years(context, dnos, None, _loader(context, derived=derived))
        chosen = only(found, {"kind": kind, **columns_of(FAMILY, key)})
        return [sorted(entries, key=_year) for entries in chosen]

    declare_columns(price_history, FAMILY, without="kind")
    return batch_field(
        list[Price],
        description="The prices of one kind over all years, the oldest first, then by level and variant. Years without one are left out.",
        reads=lambda dno, **_: _reads(dno, None),
        metadata=length(5),
    )(price_history)


def _loader(context: Context, *, derived: bool) -> EntryLoader[PriceStruct]:
    return context.loaders.prices_with_derived if derived else context.loaders.prices_by_dno_year


def _reads(dno: Dno | DirectoryEntry, year: int | None) -> tuple[str, ...]:
    """Tags of what prices of a year are read or derived from; of all years, that of all entries of the operator."""
    if year is None:
        return (tags.entries(dno.id),)
    key = DnoYear(dno.id, year)
    return tags.prices(key), tags.time_of_use(key)
