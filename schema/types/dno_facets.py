"""GraphQL types of the facets of a list of operators: counts by the values of each part of its filter."""

from collections.abc import Sequence

import strawberry

from app.domain import operator_selection as structs
from app.domain.entry import VerificationStatus, VoltageLevel
from app.domain.families import DataType
from app.domain.held_figures import HeldBits
from app.domain.price import PriceKind
from schema.batch_field import batch_field, length, type_for
from schema.context import Context
from schema.held_figures import load_held_figures


@type_for(structs.RegionCount, description="A federal state and its operators.")
class RegionCount:
    region: str = strawberry.field(description="Federal state (Bundesland).")
    dnos: int = strawberry.field(description="Operators.")


@type_for(structs.YearCount, description="A year and its operators.")
class YearCount:
    year: int = strawberry.field(description="Calendar year.")
    dnos: int = strawberry.field(description="Operators.")


@type_for(structs.LevelCount, description="A voltage level and its operators.")
class LevelCount:
    voltage_level: VoltageLevel = strawberry.field(description="Voltage level.")
    dnos: int = strawberry.field(description="Operators.")


@type_for(structs.StatusCount, description="A verification status and its operators.")
class StatusCount:
    verification_status: VerificationStatus = strawberry.field(description="Verification status.")
    dnos: int = strawberry.field(description="Operators.")


@type_for(structs.DataTypeCount, description="A kind of entries and its operators.")
class DataTypeCount:
    data_type: DataType = strawberry.field(description="Kind of entries.")
    dnos: int = strawberry.field(description="Operators.")


@type_for(structs.PriceKindCount, description="A kind of price and its operators.")
class PriceKindCount:
    price_kind: PriceKind = strawberry.field(description="Kind of price.")
    dnos: int = strawberry.field(description="Operators.")


@type_for(
    structs.Selection,
    description="Counts of operators by the values of each part of the filter, exactly as a list with that value has them: "
    "the other parts of the filter apply, the page and its order do not matter.",
)
class DnoFacets:
    @batch_field(
        list[RegionCount],
        description="By federal state, those without a match too; in alphabetical order.",
        metadata=length(16),
    )
    async def by_region(
        parents: Sequence[structs.Selection], context: Context
    ) -> Sequence[Sequence[structs.RegionCount]]:
        return [parent.by_region(await held_of(context, parent)) for parent in parents]

    @batch_field(list[YearCount], description="By year of `hasDataForYear`, newest first.")
    async def by_year(
        parents: Sequence[structs.Selection], context: Context
    ) -> Sequence[Sequence[structs.YearCount]]:
        return [parent.by_year(await _held_by_year(context, parent)) for parent in parents]

    @batch_field(list[LevelCount], description="By `voltageLevel`, the highest first.", metadata=length(7))
    async def by_voltage_level(
        parents: Sequence[structs.Selection], context: Context
    ) -> Sequence[Sequence[structs.LevelCount]]:
        return [parent.by_level(await held_of(context, parent)) for parent in parents]

    @batch_field(list[StatusCount], description="By `verificationStatus`.", metadata=length(3))
    async def by_verification_status(
        parents: Sequence[structs.Selection], context: Context
    ) -> Sequence[Sequence[structs.StatusCount]]:
        return [parent.by_status(await held_of(context, parent)) for parent in parents]

    @batch_field(
        list[DataTypeCount],
        description="With each kind of entries of operators beside those of `dataTypes`.",
        metadata=length(4),
    )
    async def by_data_type(
        parents: Sequence[structs.Selection], context: Context
    ) -> Sequence[Sequence[structs.DataTypeCount]]:
        return [parent.by_data_type(await held_of(context, parent)) for parent in parents]

    @batch_field(
        list[PriceKindCount],
        description="With each kind of price beside those of `priceKinds`.",
        metadata=length(len(PriceKind)),
    )
    async def by_price_kind(
        parents: Sequence[structs.Selection], context: Context
    ) -> Sequence[Sequence[structs.PriceKindCount]]:
        return [parent.by_price_kind(await held_of(context, parent)) for parent in parents]


async def held_of(context: Context, selection: structs.Selection) -> Sequence[HeldBits]:
    """Which operators have which figures of the wanted year, or of any."""
    if selection.year is None:
        return selection.directory.held_of_any(await load_held_figures(context.loaders))
    (held,) = await context.loaders.held_figures_by_year.load_many([selection.year])
    return selection.directory.held(selection.year, held).figures


async def _held_by_year(context: Context, selection: structs.Selection) -> dict[int, Sequence[HeldBits]]:
    """Of the years with figures of operators that are not deleted."""
    held = {
        year: selection.directory.held(year, record)
        for year, record in (await load_held_figures(context.loaders)).items()
    }
    return {year: of_year.figures for year, of_year in held.items() if of_year.operators}
