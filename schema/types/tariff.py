"""GraphQL types of Netzentgelte."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from app.domain import cost
from app.domain import tariff as structs
from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from schema.batch_field import field, length, type_for
from schema.types import entry_fields as fields
from schema.types.node import TARIFF_ID, Node
from schema.types.warning import Warning


@type_for(
    cost.PricePair,
    description="The two prices of a load-metered tariff that hold together: those below 2500 h/a, or those from there on.",
)
class PricePair:
    below_2500h: bool = strawberry.field(
        name="below2500h", description="true: for a utilisation below 2500 h/a; false: from 2500 h/a."
    )
    leistung: Decimal | None = strawberry.field(
        description="Leistungspreis, EUR per kW and year; null: not published."
    )
    arbeit: Decimal | None = strawberry.field(description="Arbeitspreis, ct per kWh; null: not published.")


@type_for(
    cost.AnnualCost,
    description="What a tariff costs in a year for one consumption, net, without levies and taxes.",
)
class AnnualCost:
    utilisation_hours: Decimal = strawberry.field(
        description="Consumption divided by peak load, hours per year; from 2500 on the other pair of prices applies."
    )
    capacity_charge: Decimal | None = strawberry.field(
        description="EUR: Leistungspreis times peak load; null where that price is not published."
    )
    energy_charge: Decimal | None = strawberry.field(
        description="EUR: Arbeitspreis times consumption; null where that price is not published."
    )
    total: Decimal | None = strawberry.field(description="EUR: both together; null where one of them is.")
    price_pair: PricePair = strawberry.field(description="The prices that were used.")
    warnings: list[Warning] = strawberry.field(
        description="IMPOSSIBLE_UTILISATION where it is above the 8,784 h of a leap year: consumption or peak load is wrong. The "
        "charges are computed all the same.",
        metadata=length(1),
    )


@type_for(
    structs.Tariff,
    description="Netzentgelt of one operator, year and voltage level, for customers with load metering; net, "
    "without levies and taxes.",
)
class Tariff(Node):
    id = fields.entry_id(TARIFF_ID)
    dno = fields.dno("The operator that asks for it.")
    year: int = strawberry.field(description="Calendar year in which the prices hold.")
    voltage_level: VoltageLevel = strawberry.field(description="Where the customer is connected.")
    leistung: Decimal | None = strawberry.field(
        description="Leistungspreis, EUR per kW and year, from 2500 h/a; null: not published."
    )
    arbeit: Decimal | None = strawberry.field(
        description="Arbeitspreis, ct per kWh, from 2500 h/a; null: not published."
    )
    leistung_unter_2500h: Decimal | None = strawberry.field(
        name="leistungUnter2500h",
        description="Leistungspreis, EUR per kW and year, below 2500 h/a; null: not published.",
    )
    arbeit_unter_2500h: Decimal | None = strawberry.field(
        name="arbeitUnter2500h", description="Arbeitspreis, ct per kWh, below 2500 h/a; null: not published."
    )
    verification_status: VerificationStatus = strawberry.field(description="How sure these prices are.")
    source = fields.source("Where the prices were read.")
    version: int = fields.version()
    updated_at: datetime = fields.updated_at()
    publication: Publication = fields.publication()
    history = fields.history()
    previous_year = fields.previous_year(
        structs.FAMILY, "The same operator's and level's tariff of the year before; null where none is known."
    )

    @field(description="What it costs in a year for one consumption.")
    def annual_cost(
        root: strawberry.Parent[structs.Tariff],
        consumption_kwh: Annotated[
            Decimal, strawberry.argument(description="Energy taken in the year, kWh.")
        ],
        peak_load_kw: Annotated[
            Decimal, strawberry.argument(description="Highest load of the year, kW; above 0.")
        ],
    ) -> AnnualCost:
        return cost.annual_cost(root.prices, consumption_kwh, peak_load_kw)  # type: ignore[return-value]
