"""GraphQL type of prices of a price sheet."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Annotated

import strawberry

from app.domain import price as structs
from app.domain import tags
from app.domain.derived_prices import DerivedKey
from app.domain.entry import DnoYear, Publication, VerificationStatus, VoltageLevel
from schema.batch_field import batch_field, describe, field, type_for
from schema.context import Context
from schema.types import entry_fields as fields
from schema.types.node import Kind, Node, write_derived_id, write_id

describe(
    structs.PriceKind,
    "A position of a price sheet (Preisblatt Netznutzung) beside the prices for load metering by year. In parentheses its unit.",
    SLP_GRUNDPREIS="Grundpreis without load metering (EUR per year).",
    SLP_ARBEITSPREIS="Arbeitspreis without load metering (ct per kWh).",
    MONATSLEISTUNGSPREIS="Monatsleistungspreis of load-metered customers (EUR per kW and month).",
    MONATS_ARBEITSPREIS="Arbeitspreis that goes with the Monatsleistungspreis (ct per kWh).",
    MODUL_1="§ 14a EnWG, Modul 1: lump-sum reduction of the grid charge (EUR per year, as a positive amount).",
    MODUL_2_ARBEITSPREIS="§ 14a EnWG, Modul 2: reduced Arbeitspreis of a metering point of its own (ct per kWh).",
    MODUL_2_GRUNDPREIS="§ 14a EnWG, Modul 2: Grundpreis, where an operator asks for one (EUR per year).",
    SPEICHERHEIZUNG_ARBEITSPREIS="Storage heating, contracts made before 2024: Arbeitspreis (ct per kWh).",
    SPEICHERHEIZUNG_GRUNDPREIS="Storage heating, contracts made before 2024: Grundpreis (EUR per year).",
    WAERMEPUMPE_ARBEITSPREIS="Heat pump, contracts made before 2024: Arbeitspreis (ct per kWh).",
    WAERMEPUMPE_GRUNDPREIS="Heat pump, contracts made before 2024: Grundpreis (EUR per year).",
    EMOBILITAET_ARBEITSPREIS="Charging of electric vehicles, contracts made before 2024: Arbeitspreis (ct per kWh).",
    EMOBILITAET_GRUNDPREIS="Charging of electric vehicles, contracts made before 2024: Grundpreis (EUR per year).",
    STRASSENBELEUCHTUNG_ARBEITSPREIS="Street lighting: Arbeitspreis (ct per kWh).",
    RESERVE_200H="Netzreservekapazität used up to 200 hours (EUR per kW and year).",
    RESERVE_400H="Netzreservekapazität used from 200 to 400 hours (EUR per kW and year).",
    RESERVE_600H="Netzreservekapazität used from 400 to 600 hours (EUR per kW and year).",
    BLINDARBEIT="Reactive energy beyond the free share (ct per kvarh); `variant` has the share.",
    MESSSTELLENBETRIEB="Metering point operation with conventional meters (EUR per year); `variant` has the meter.",
    MESSSTELLENBETRIEB_ZUSATZ="Additional devices of a metering point, such as transformers (EUR per year).",
    MESSUNG="Measurement, of years in which it was charged apart from Messstellenbetrieb (EUR per year).",
    SPERRUNG="Disconnection on behalf of a supplier (EUR per order).",
    ENTSPERRUNG="Reconnection (EUR per order).",
    VERMIEDENE_NETZENTGELTE_LEISTUNG="Avoided grid charges paid to generators, capacity (EUR per kW and year).",
    VERMIEDENE_NETZENTGELTE_ARBEIT="Avoided grid charges paid to generators, energy (ct per kWh).",
)
describe(
    structs.PriceUnit,
    "Unit of a price. Each kind has one.",
    EUR_PER_YEAR="EUR per year.",
    EUR_PER_MONTH="EUR per month. No kind has it so far.",
    EUR_PER_KW_YEAR="EUR per kW and year.",
    EUR_PER_KW_MONTH="EUR per kW and month.",
    CT_PER_KWH="Cents per kWh.",
    CT_PER_KVARH="Cents per kvarh.",
    EUR_PER_ORDER="EUR per order.",
)


@type_for(
    structs.Price,
    description="One price of an operator's price sheet for one year, net, without levies and taxes. Kind, level and variant "
    "together distinguish it from the others.",
)
class Price(Node):
    @field(
        description="Stays the same for the life of the entry, and for a derived price as long as it is derived; opaque."
    )
    def id(root: strawberry.Parent[structs.Price]) -> strawberry.ID:
        if root.derived_from is None:
            return write_id(Kind["PRICE"], root.id)
        return write_derived_id(DerivedKey(root.dno_id, root.year, root.kind))

    dno = fields.dno("The operator that asks for it.")
    year: int = strawberry.field(description="Calendar year in which it holds.")
    kind: structs.PriceKind = strawberry.field(description="The position of the price sheet.")
    voltage_level: VoltageLevel | None = strawberry.field(
        description="Where the customer is connected; null: the price sheet names no level."
    )
    variant: str | None = strawberry.field(
        description="Which meter, which customer group, or which condition; null where there is only one."
    )
    amount: Decimal = strawberry.field(description="Net, in `unit`.")
    unit: structs.PriceUnit = strawberry.field(description="Unit of the amount, the same for a whole kind.")
    derived_from: str | None = strawberry.field(
        description="The rule by which the amount follows from another figure, whose source, publication and time of change are "
        "given here; null: published. A derived price is never VERIFIED, is not stored and cannot be changed."
    )
    publication: Publication = fields.publication()
    verification_status: VerificationStatus = strawberry.field(description="How sure this price is.")
    version: int = strawberry.field(description="Rises by one with every change; 0: derived, not stored.")
    updated_at: datetime = fields.updated_at()
    source = fields.source("Where the price was read.")
    history = fields.history()

    @batch_field(
        Annotated["Price", strawberry.lazy("schema.types.price")] | None,
        description="The same operator's price of the year before, of the same kind, level and variant, published or derived; null "
        "where none is known.",
        reads=lambda price: (tags.prices(_year_before(price)), tags.time_of_use(_year_before(price))),
    )
    async def previous_year(
        prices: Sequence[structs.Price], context: Context
    ) -> Sequence[structs.Price | None]:
        found = await context.loaders.prices_with_derived.load_many(map(_year_before, prices))
        return [
            next((other for other in others if _position(other) == _position(price)), None)
            for price, others in zip(prices, found, strict=True)
        ]


_position = attrgetter("kind", "voltage_level", "variant")


def _year_before(price: structs.Price) -> DnoYear:
    return DnoYear(price.dno_id, price.year - 1)
