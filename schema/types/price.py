"""GraphQL type of prices of a price sheet."""

from datetime import datetime
from decimal import Decimal

import strawberry

from app.domain import price as structs
from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from schema.batch_field import describe, type_for
from schema.types import entry_fields as fields
from schema.types.node import Kind, Node

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
    id = fields.entry_id(Kind["PRICE"])
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
        description="The rule that gave the amount; null: it is published."
    )
    publication: Publication = fields.publication()
    verification_status: VerificationStatus = strawberry.field(description="How sure this price is.")
    version: int = fields.version()
    updated_at: datetime = fields.updated_at()
    source = fields.source("Where the price was read.")
    history = fields.history()
