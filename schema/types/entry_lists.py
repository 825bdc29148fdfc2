"""Fields with the entries of an operator: those of one year, or of all years that it has data for."""

import inspect
from collections.abc import Awaitable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from types import MappingProxyType
from typing import Annotated, Any, Protocol, TypeVar
from uuid import UUID

import strawberry

from app.domain import dno as structs
from app.domain import tags
from app.domain.entry import DnoYear, Publication
from app.domain.family import Family, KeyColumn
from schema.batch_field import batch_field, length
from schema.context import Context

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class EntryLoader(Protocol[T_co]):
    def load_many(self, keys: Sequence[DnoYear], /) -> Awaitable[Sequence[tuple[T_co, ...] | None]]:
        """The entries of each operator and year; None where there are none."""


YearArgument = Annotated[
    int | None, strawberry.argument(description="Only this calendar year; left out: all years.")
]


# Filtered by as a column of the key.
_PUBLICATION = KeyColumn("publication", Publication)


def entries_of(
    family: Family, description: str, metadata: Mapping[str, Any] = MappingProxyType(length(1))
) -> Any:
    """The field with a family's entries of one year, or of all years. Each column of the key is an argument, and the
    publication, if the family has it.
    """
    loader = attrgetter(
        f"{family.name}_by_dno_year"
    )  # as Loaders.of_family, without a lookup by name per call

    async def entries(
        dnos: Sequence[structs.Dno], context: Context, year: YearArgument = None, **key: Any
    ) -> Sequence[Sequence[Any]]:
        found = await of_years(context, dnos, year, loader(context.loaders))
        for value in key.values():
            if value is not None:
                return only(found, columns_of(family, key))
        return found

    declare_columns(entries, family)
    entry_type: Any = Annotated[family.graphql_type, strawberry.lazy(f"schema.types.{family.module}")]
    return batch_field(
        list[entry_type],
        description=description,
        reads=lambda dno, year=None, **_: reads_of(family.tag, dno, year),
        metadata=metadata,
    )(entries)


def declare_columns(function: Any, family: Family, *, without: str = "") -> None:
    """Replaces `**key` in the signature, of which the field's arguments are made, by a parameter for each column."""
    signature = inspect.signature(function)
    declared = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    columns = (*family.key, _PUBLICATION) if family.has_publication else family.key
    for column in columns:
        if column.name == without:
            continue
        noun = column.name.replace("_", " ")
        values: Any = column.values or str
        wanted = list[values] if column.several else values
        which = f"these {column.several}" if column.several else f"this {noun}"
        argument: Any = Annotated[wanted | None, strawberry.argument(description=f"Only {which}.")]
        name = column.several or column.name
        declared.append(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=argument)
        )
    function.__signature__ = signature.replace(parameters=declared)


def columns_of(family: Family, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that `declare_columns` declares, by the names of the columns."""
    names = {column.several or column.name: column.name for column in family.key}
    return {names.get(name, name): value for name, value in arguments.items()}


async def years_of(context: Context, dnos: Sequence[structs.Dno]) -> list[Sequence[int]]:
    found = await context.loaders.years_by_dno.load_many([dno.id for dno in dnos])
    return [years or () for years in found]


async def of_years(
    context: Context,
    dnos: Sequence[structs.Dno],
    year: int | None,
    loader: EntryLoader[T],
) -> list[Sequence[T]]:
    """One year's entries of each operator, or those of all years that it has data for."""
    if year is not None:
        if not 0 <= year <= 9999:
            return [() for _ in dnos]
        found = await loader.load_many([DnoYear(dno.id, year) for dno in dnos])
        return [entries or () for entries in found]
    # Many parents may be the same operator, below its own entries: its list is built once.
    once = list({dno.id: dno for dno in dnos}.values())
    keys = [
        [DnoYear(dno.id, year) for year in years]
        for dno, years in zip(once, await years_of(context, once), strict=True)
    ]
    flat: Any = iter(await loader.load_many(list(chain.from_iterable(keys))))
    entries = [tuple(chain.from_iterable(next(flat) or () for _ in of_dno)) for of_dno in keys]
    if len(once) == len(dnos):
        return list(entries)
    by_id = {dno.id: found for dno, found in zip(once, entries, strict=True)}
    return [by_id[dno.id] for dno in dnos]


def only(found: Sequence[Sequence[T]], wanted: Mapping[str, Any]) -> Sequence[Sequence[T]]:
    """`wanted`: a value, or a list of values, by field; None: all."""
    given = [
        (name, [*dict.fromkeys(value)] if isinstance(value, list) else [value])
        for name, value in wanted.items()
        if value is not None
    ]
    if not given:
        return found
    return [
        [entry for entry in entries if all(getattr(entry, name) in values for name, values in given)]
        for entries in found
    ]


def reads_of(tag: Any, dno: Any, year: int | None) -> tuple[str, ...]:
    """Tag of the entries of one year, or of all entries of the operator."""
    return (tag(DnoYear(_id(dno), year)),) if year is not None else (tags.entries(_id(dno)),)


def _id(dno: structs.Dno | structs.DirectoryEntry) -> UUID:
    return dno.id
