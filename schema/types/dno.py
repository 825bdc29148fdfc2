"""GraphQL types of a distribution network operator."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Annotated
from uuid import UUID

import strawberry

from app.domain import clock, tags
from app.domain import dno as structs
from app.domain.entry import VoltageLevel
from app.domain.families import BY_NAME
from app.domain.holiday_rule import HolidayRule as HolidayRuleStruct
from app.domain.holiday_rule import rule_of_year
from app.domain.price_series import PriceInterval as PriceIntervalStruct
from app.domain.price_series import price_at
from app.domain.tariff import Tariff as TariffStruct
from app.domain.time_of_use import TimeOfUseTariff as TimeOfUseStruct
from schema.batch_field import batch_field, field, length, type_for
from schema.context import Context
from schema.types import bill, peak, price_lists
from schema.types.entry_lists import entries_of, of_years, only, reads_of, years_of
from schema.types.holiday_rule import HolidayRule
from schema.types.node import DNO_ID, Node, id_field
from schema.types.price_interval import At, PriceInterval
from schema.types.tariff import Tariff
from schema.types.time_of_use import TimeOfUseTariff


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
    description="What the Marktstammdatenregister lists in an operator's grid; in the starter data as of 16 February 2026. Source: "
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
        description="Years with any figures, newest first; holiday rules are none.",
        reads=lambda dno: (tags.years(dno.id),),
    )
    async def years(dnos: Sequence[structs.Dno], context: Context) -> Sequence[Sequence[int]]:
        return await years_of(context, dnos)

    tariffs = entries_of(
        BY_NAME["tariffs"],
        "Netzentgelte, newest year first, the highest level first.",
        length(10, of_year=5),
    )

    @batch_field(
        Tariff | None,
        description="Netzentgelt of one year and level; null where none is known.",
        reads=lambda dno, year, **_: reads_of(tags.tariffs, dno, year),
    )
    async def tariff(
        dnos: Sequence[structs.Dno],
        context: Context,
        year: Annotated[int, strawberry.argument(description="Calendar year.")],
        voltage_level: Annotated[VoltageLevel, strawberry.argument(description="Voltage level.")],
    ) -> Sequence[TariffStruct | None]:
        found = await of_years(context, dnos, year, context.loaders.tariffs_by_dno_year)
        return [next(iter(tariffs), None) for tariffs in only(found, {"voltage_level": voltage_level})]

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
        reads=lambda dno, year: reads_of(tags.time_of_use, dno, year),
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
        reads=lambda dno, at: reads_of(tags.time_of_use, dno, at.astimezone(clock.GERMANY).year),
    )
    async def time_of_use_price(
        dnos: Sequence[structs.Dno], context: Context, at: At
    ) -> Sequence[PriceIntervalStruct | None]:
        found = await _time_of_use_tariffs(context, dnos, at.astimezone(clock.GERMANY).year)
        return [None if tariff is None else price_at(tariff, at) for tariff in found]

    prices = price_lists.prices()
    price_history = price_lists.price_history()

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

    @batch_field(
        list[HolidayRule],
        description="What the operator states of the days on which its Hochlastzeitfenster hold: newest year first; a rule "
        "without a year, which holds in each year without a rule of its own, is the last.",
        reads=lambda dno: (tags.holiday_rules_of(dno.id),),
        metadata=length(2),
    )
    async def holiday_rules(
        dnos: Sequence[structs.Dno], context: Context
    ) -> Sequence[Sequence[HolidayRuleStruct]]:
        found = await context.loaders.holiday_rules_by_dno.load_many([dno.id for dno in dnos])
        return [sorted(rules or (), key=attrgetter("year"), reverse=True) for rules in found]

    bill = bill.bill()

    is_peak = peak.is_peak()
    peak_status = peak.peak_status()
    peak_intervals = peak.peak_intervals()
    peak_statuses = peak.peak_statuses()

    updated_at: datetime = strawberry.field(description="When the operator's own data changed last.")


async def _time_of_use_tariffs(
    context: Context, dnos: Sequence[structs.Dno], year: int
) -> list[TimeOfUseStruct | None]:
    found = await of_years(context, dnos, year, context.loaders.time_of_use_by_dno_year)
    return [next(iter(tariffs), None) for tariffs in found]
