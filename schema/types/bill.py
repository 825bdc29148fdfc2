"""GraphQL types of a bill, and the field of an operator with it."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import strawberry

from app.domain import bill as structs
from app.domain import levy, tags
from app.domain.bill_position import BillPosition as BillPositionStruct
from app.domain.consumption import Consumption, Metering
from app.domain.dno import DirectoryEntry, Dno
from app.domain.entry import DnoYear
from app.domain.levy_charges import LevyRates, levy_charges
from app.domain.network_charges import PriceSheet
from app.limits.work_budget import in_turns
from loaders.record_loader import RecordLoader
from loaders.registry import Loaders
from schema.batch_field import batch_field, field, length, type_for
from schema.context import Context
from schema.types.consumption_input import ConsumptionInput
from schema.types.entry import Entry
from schema.types.levy import Levy
from schema.types.warning import Warning

T = TypeVar("T")


@type_for(
    BillPositionStruct,
    description="One position of a bill. `amount` is quantity times price; only the reduction of Modul 1 may be less, with the "
    "warning REDUCTION_LIMITED.",
)
class BillPosition:
    name: str = strawberry.field(description="The term of German price sheets.")
    quantity: Decimal = strawberry.field(description="How much, in `quantityUnit`.")
    quantity_unit: str = strawberry.field(description="kW, kWh, or a (a year).")
    price: Decimal = strawberry.field(
        description="Net, in `priceUnit`, as it was published or derived; negative for a reduction."
    )
    price_unit: str = strawberry.field(description="EUR/kW/a, EUR/kW/month, EUR/a, or ct/kWh.")
    amount: Decimal = strawberry.field(description="EUR, net, rounded half up to the cent.")
    entry: Entry | None = strawberry.field(
        description="The figure of the operator that the price comes from; null for levies."
    )
    levy: Levy | None = strawberry.field(
        description="The levy that the price comes from; null for charges of the operator."
    )


@type_for(
    structs.Bill,
    description="What the use of the grid costs in a year: charges of the operator, levies, taxes and VAT, exact. The price of "
    "the energy itself is not part of it. A total is null where something that it needs is not known.",
)
class Bill:
    positions: list[BillPosition] = strawberry.field(
        description="In the order of a price sheet; only those that are known.", metadata=length(10)
    )
    network: Decimal | None = strawberry.field(description="EUR, net: charges of the operator.")
    levies: Decimal | None = strawberry.field(
        description="EUR, net: levies, concession fee and Stromsteuer, as far as the input asks for them."
    )
    net: Decimal | None = strawberry.field(description="EUR: both together.")
    vat: Decimal | None = strawberry.field(
        description="EUR: value-added tax at the rate of 31 December of the year."
    )
    gross: Decimal | None = strawberry.field(description="EUR: with value-added tax.")
    vat_percent: int = strawberry.field(description="Rate of value-added tax on 31 December of the year.")

    @field(description="What would be needed for the totals that are null, in words; empty: nothing.")
    def missing(root: strawberry.Parent[structs.Bill]) -> list[str]:
        return [figure.sentence for figure in root.missing]

    warnings: list[Warning] = strawberry.field(
        description="What a reader of the totals should know: what is not included, assumed, preliminary or derived.",
        metadata=length(3),
    )


ConsumptionArgument = Annotated[
    ConsumptionInput, strawberry.argument(description="The consumption for which it is computed.")
]


def bill() -> Any:
    @batch_field(
        Bill,
        description="What a consumption costs in a year, all in: load metering by year or month, or without load metering, with "
        "the modules of § 14a EnWG, levies, taxes and VAT. What is not known makes its total null and is listed in `missing`. "
        "Refused with BAD_USER_INPUT: a module without what it needs, kWh per band that do not add up, SLP at another level "
        "than NS.",
        reads=lambda dno, **arguments: (*_reads(dno, arguments["input"].year), tags.all_of(levy.FAMILY)),
    )
    async def bill(
        dnos: Sequence[Dno], context: Context, input: ConsumptionArgument
    ) -> Sequence[structs.Bill]:
        consumption = input.consumption()
        sheets, levies = await asyncio.gather(
            load_price_sheets(context.loaders, dnos, consumption), context.loaders.levies.load_many([None])
        )
        charges = levy_charges(consumption, LevyRates.of(levies[0] or (), consumption.year))
        return [
            structs.bill_of(consumption, sheet, charges) async for sheet in in_turns(sheets, context.budget)
        ]

    return bill


def _reads(dno: Dno | DirectoryEntry, year: int) -> tuple[str, ...]:
    key = DnoYear(dno.id, year)
    return tags.tariffs(key), tags.prices(key), tags.time_of_use(key)


async def load_price_sheets(
    loaders: Loaders, dnos: Sequence[Dno | DirectoryEntry], consumption: Consumption
) -> list[PriceSheet]:
    """Of each operator, with what a bill for this consumption needs, derived prices included: one statement for each family."""
    sheets = await load_published_sheets(loaders, dnos, consumption)
    if not _uses_bands(consumption):
        return sheets
    return [
        sheet.with_derived(DnoYear(dno.id, consumption.year)) for dno, sheet in zip(dnos, sheets, strict=True)
    ]


async def load_published_sheets(
    loaders: Loaders, dnos: Sequence[Dno | DirectoryEntry], consumption: Consumption
) -> list[PriceSheet]:
    """The same without derived prices, which can be derived from them."""
    keys = [DnoYear(dno.id, consumption.year) for dno in dnos]
    by_year, module = consumption.metering is Metering.RLM, consumption.module is not None
    with_prices = not by_year or module or consumption.meter is not None
    tariffs, prices, time_of_use = await asyncio.gather(
        _load(loaders.tariffs_by_dno_year, keys, by_year),
        _load(loaders.prices_by_dno_year, keys, with_prices),
        _load(loaders.time_of_use_by_dno_year, keys, _uses_bands(consumption)),
    )
    return [
        PriceSheet(of_tariffs, of_prices, next(iter(of_time_of_use), None))
        for of_tariffs, of_prices, of_time_of_use in zip(tariffs, prices, time_of_use, strict=True)
    ]


def _uses_bands(consumption: Consumption) -> bool:
    """Whether a bill needs the prices of Modul 3, or prices that follow from them."""
    return consumption.module is not None or consumption.metering is Metering.SLP


async def _load(
    loader: RecordLoader[DnoYear, tuple[T, ...]], keys: Sequence[DnoYear], needed: bool
) -> Sequence[tuple[T, ...]]:
    """An empty record for each key where none is needed, or where there is none."""
    if not needed:
        return [()] * len(keys)
    return [entries or () for entries in await loader.load_many(keys)]
