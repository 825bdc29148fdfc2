"""GraphQL types of a distribution network operator."""

import inspect
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain
from operator import attrgetter
from types import MappingProxyType
from typing import Annotated, Any, TypeVar
from uuid import UUID

import strawberry

from app.domain import clock, tags
from app.domain import dno as structs
from app.domain.entry import DnoYear, Publication, VoltageLevel
from app.domain.families import BY_NAME
from app.domain.family import Family, KeyColumn
from app.domain.holiday_rule import HolidayRule as HolidayRuleStruct
from app.domain.holiday_rule import rule_of_year
from app.domain.price_series import PriceInterval as PriceIntervalStruct
from app.domain.price_series import price_at
from app.domain.tariff import Tariff as TariffStruct
from app.domain.time_of_use import TimeOfUseTariff as TimeOfUseStruct
from loaders.record_loader import RecordLoader
from schema.batch_field import batch_field, field, length, type_for
from schema.context import Context
from schema.types import bill, peak
from schema.types import price as price  # describes the enums of arguments
from schema.types.holiday_rule import HolidayRule
from schema.types.node import DNO_ID, Node, id_field
from schema.types.price_interval import At, PriceInterval
from schema.types.tariff import Tariff
from schema.types.time_of_use import TimeOfUseTariff

T = TypeVar("T")

YearArgument = Annotated[
    int | None, strawberry.argument(description="Only this calendar year; left out: all years.")
]


@type_for(tuple, description="How many units are registered at one voltage level.")
class ConnectionPoints:
    @field(description="Where they are connected.")
    def voltage_level(root: strawberry.Parent[tuple[VoltageLevel, int]]) -> VoltageLevel:
        return root[0]

    @field(description="Registered units.")
    def count(root: strawberry.Parent[tuple[VoltageLevel, int]]) -> int:
        return root[1]


@type_for(
    structs.GridStatistics,
    description="What the Marktstammdatenregister lists in an operator's grid, state of 16 February 2026. Source: "
    "Bundesnetzagentur, dl-de/by-2-0, changed.",
)
class GridStatistics:
    connection_points: int | None = strawberry.field(description="Registered units at all voltage levels.")
    connection_points_by_level: list[ConnectionPoints] = strawberry.field(
        description="Registered units, level by level, the highest first.", metadata=length(4)
    )
    capacity_mw: Decimal | None = strawberry.field(description="Registered generating capacity, MW.")
    solar_mw: Decimal | None = strawberry.field(description="Solar part of it, MW.")
    wind_mw: Decimal | None = strawberry.field(description="Wind part of it, MW.")


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

    columns = {key.several or key.name: key.name for key in (*family.key, _PUBLICATION)}

    async def entries(
        dnos: Sequence[structs.Dno], context: Context, year: YearArgument = None, **key: Any
    ) -> Sequence[Sequence[Any]]:
        found = await _of_years(context, dnos, year, loader(context.loaders))
        return _only(found, {columns[name]: value for name, value in key.items()}) if key else found

    _declare(entries, family)
    entry_type: Any = Annotated[family.graphql_type, strawberry.lazy(f"schema.types.{family.module}")]
    return batch_field(
        list[entry_type],
        description=description,
        reads=lambda dno, year=None, **_: _reads(family.tag, dno, year),
        metadata=metadata,
    )(entries)


def _declare(function: Any, family: Family) -> None:
    """Replaces `**key` in the signature, of which the field's arguments are made, by a parameter for each column."""
    signature = inspect.signature(function)
    declared = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    columns = (*family.key, _PUBLICATION) if family.has_publication else family.key
    for column in columns:
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


@type_for(structs.Dno, description="A distribution network operator (Verteilnetzbetreiber).")
class Dno(Node):
    id = id_field(DNO_ID, "Stays the same for the life of the operator; opaque.")
    slug: str = strawberry.field(description="Short name for addresses, ASCII: netze-bw.")
    name: str = strawberry.field(description="Name without the legal form.")
    official_name: str | None = strawberry.field(description="Name as registered, with the legal form.")
    region: str | None = strawberry.field(description="Federal state (Bundesland) of the operator's seat.")
    city: str | None = strawberry.field(description="Place of the operator's seat.")
    postal_code: str | None = strawberry.field(description="Postal code of the operator's seat, 5 digits.")
    website: str | None = strawberry.field(description="The operator's web address.")
    mastr_nr: str | None = strawberry.field(description="Number in the Marktstammdatenregister: SNB….")
    bdew_code: str | None = strawberry.field(description="BDEW market-partner code, 13 digits.")
    acer_code: str | None = strawberry.field(description="Code of the EU regulators' agency.")
    vnb_id: str | None = strawberry.field(
        description="Id at VNBdigital: 1 to 4 digits, or 17 letters and digits."
    )
    transmission: bool = strawberry.field(description="Also a transmission system operator.")
    closed_network: bool = strawberry.field(
        description="Closed distribution system (geschlossenes Verteilernetz)."
    )

    @batch_field(
        list[str],
        description="Names in use for the operator that no register lists, in alphabetical order.",
        reads=lambda dno: (tags.ALIASES,),
        metadata=length(1),
    )
    async def aliases(dnos: Sequence[structs.Dno], context: Context) -> Sequence[Sequence[str]]:
        (aliases,) = await context.loaders.aliases.load_many([None])
        by_dno: dict[UUID, list[str]] = {dno.id: [] for dno in dnos}
        for alias in aliases or ():
            if (names := by_dno.get(alias.dno_id)) is not None:
                names.append(alias.alias)
        return [by_dno[dno.id] for dno in dnos]

    @field(description="Registered units and capacity; null where nothing is registered.")
    def statistics(root: strawberry.Parent[structs.Dno]) -> GridStatistics | None:
        return root.statistics if root.statistics.known else None  # type: ignore[return-value]

    @batch_field(
        list[int],
        description="Years with any data, newest first.",
        reads=lambda dno: (tags.years(dno.id),),
    )
    async def years(dnos: Sequence[structs.Dno], context: Context) -> Sequence[Sequence[int]]:
        return await _years(context, dnos)

    tariffs = entries_of(
        BY_NAME["tariffs"],
        "Netzentgelte, newest year first, the highest level first.",
        length(10, of_year=5),
    )

    @batch_field(
        Tariff | None,
        description="Netzentgelt of one year and level; null where none is known.",
        reads=lambda dno, year, **_: _reads(tags.tariffs, dno, year),
    )
    async def tariff(
        dnos: Sequence[structs.Dno],
        context: Context,
        year: Annotated[int, strawberry.argument(description="Calendar year.")],
        voltage_level: Annotated[VoltageLevel, strawberry.argument(description="Voltage level.")],
    ) -> Sequence[TariffStruct | None]:
        found = await _of_years(context, dnos, year, context.loaders.tariffs_by_dno_year)
        return [next(iter(tariffs), None) for tariffs in _only(found, {"voltage_level": voltage_level})]

    hlzf = entries_of(
        BY_NAME["hlzf"],
        "Hochlastzeitfenster, newest year first, then by level and season.",
        length(10, of_year=4),
    )
    time_of_use = entries_of(
        BY_NAME["time_of_use"], "Time-of-use tariffs of § 14a EnWG, Modul 3, newest year first."
    )

    @batch_field(
        TimeOfUseTariff | None,
        description="Time-of-use tariff of § 14a EnWG, Modul 3, of one year; null where none is known.",
        reads=lambda dno, year: _reads(tags.time_of_use, dno, year),
    )
    async def time_of_use_tariff(
        dnos: Sequence[structs.Dno],
        context: Context,
        year: Annotated[int, strawberry.argument(description="Calendar year.")],
    ) -> Sequence[TimeOfUseStruct | None]:
        return await _time_of_use_tariffs(context, dnos, year)

    @batch_field(
        PriceInterval | None,
        description="The time-of-use price (§ 14a EnWG, Modul 3) at a moment, by the tariff of its year, with the whole time of "
        "that year for which it holds. null: not known.",
        reads=lambda dno, at: _reads(tags.time_of_use, dno, at.astimezone(clock.GERMANY).year),
    )
    async def time_of_use_price(
        dnos: Sequence[structs.Dno], context: Context, at: At
    ) -> Sequence[PriceIntervalStruct | None]:
        found = await _time_of_use_tariffs(context, dnos, at.astimezone(clock.GERMANY).year)
        return [None if tariff is None else price_at(tariff, at) for tariff in found]

    prices = entries_of(
        BY_NAME["prices"],
        "Prices of the price sheet beside those for load metering by year: newest year first, then by kind, level and variant.",
        length(12, of_year=12),
    )

    @batch_field(
        HolidayRule | None,
        description="What the operator states of the days on which its Hochlastzeitfenster hold in a year: the rule of that "
        "year, or else one without a year; null where neither is known.",
        reads=lambda dno, **_: (tags.holiday_rules_of(dno.id),),
    )
    async def holiday_rule(
        dnos: Sequence[structs.Dno],
        context: Context,
        year: Annotated[int, strawberry.argument(description="Calendar year.")],
    ) -> Sequence[HolidayRuleStruct | None]:
        found = await context.loaders.holiday_rules_by_dno.load_many([dno.id for dno in dnos])
        return [rule_of_year(rules or (), year) for rules in found]

    bill = bill.bill()

    is_peak = peak.is_peak()
    peak_status = peak.peak_status()
    peak_intervals = peak.peak_intervals()
    peak_statuses = peak.peak_statuses()

    updated_at: datetime = strawberry.field(description="When the operator's own data changed last.")


async def _years(context: Context, dnos: Sequence[structs.Dno]) -> list[Sequence[int]]:
    found = await context.loaders.years_by_dno.load_many([dno.id for dno in dnos])
    return [years or () for years in found]


async def _time_of_use_tariffs(
    context: Context, dnos: Sequence[structs.Dno], year: int
) -> list[TimeOfUseStruct | None]:
    found = await _of_years(context, dnos, year, context.loaders.time_of_use_by_dno_year)
    return [next(iter(tariffs), None) for tariffs in found]


async def _of_years(
    context: Context,
    dnos: Sequence[structs.Dno],
    year: int | None,
    loader: RecordLoader[DnoYear, tuple[T, ...]],
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
        for dno, years in zip(once, await _years(context, once), strict=True)
    ]
    flat: Any = iter(await loader.load_many(list(chain.from_iterable(keys))))
    entries = [tuple(chain.from_iterable(next(flat) or () for _ in of_dno)) for of_dno in keys]
    if len(once) == len(dnos):
        return list(entries)
    by_id = {dno.id: found for dno, found in zip(once, entries, strict=True)}
    return [by_id[dno.id] for dno in dnos]


def _only(found: Sequence[Sequence[T]], wanted: Mapping[str, Any]) -> Sequence[Sequence[T]]:
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


def _reads(tag: Any, dno: Any, year: int | None) -> tuple[str, ...]:
    """Tag of the entries of one year, or of all entries of the operator."""
    return (tag(DnoYear(_id(dno), year)),) if year is not None else (tags.entries(_id(dno)),)


def _id(dno: structs.Dno | structs.DirectoryEntry) -> UUID:
    return dno.id
