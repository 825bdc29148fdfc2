"""GraphQL types of rankings and comparisons by bill."""

from collections.abc import Sequence
from decimal import Decimal

import strawberry

from app.domain import bill_ranking as structs
from app.domain import consumption as consumptions
from app.domain import tags
from app.domain.bill_profile import BillProfile
from app.domain.dno import Dno as DnoStruct
from app.domain.entry import VoltageLevel
from schema.batch_field import batch_field, describe, length, type_for
from schema.context import Context
from schema.types.bill import Bill
from schema.types.dno import Dno

describe(
    BillProfile,
    "A usual consumption by which operators are compared.",
    HOUSEHOLD="3,500 kWh without load metering (SLP) at NS.",
    HEAT_PUMP="6,000 kWh without load metering at NS, by a meter of its own: § 14a EnWG, Modul 2; in years before 2024 the price "
    "that operators had for heat pumps.",
    BUSINESS="100,000 kWh with a peak load of 50 kW (RLM) at NS.",
    INDUSTRY="5,000,000 kWh with a peak load of 1,500 kW (RLM) at MS.",
)


@type_for(
    consumptions.Consumption,
    name="RankedConsumption",
    description="The consumption that a ranking was computed for.",
)
class RankedConsumption:
    year: int = strawberry.field(description="Calendar year.")
    voltage_level: VoltageLevel = strawberry.field(description="Where the customer is connected.")
    metering: consumptions.Metering = strawberry.field(description="How it is metered and charged.")
    consumption_kwh: Decimal = strawberry.field(description="Energy taken in the year, kWh.")
    peak_load_kw: Decimal | None = strawberry.field(
        description="Highest load of the year, kW; null: not given."
    )
    module: int | None = strawberry.field(description="Module of § 14a EnWG; null: none.")
    special_use: consumptions.SpecialUse | None = strawberry.field(
        description="Use with prices of its own; null: the general ones."
    )


@type_for(structs.RankedBill, description="An operator's bill in a ranking or comparison.")
class RankedBill:
    rank: int | None = strawberry.field(
        description="1 is the first; equals are ordered by name. By the bill's `network`: levies and taxes do not depend on the "
        "operator. Null where a needed price is not known, which `bill.missing` names."
    )
    bill: Bill = strawberry.field(description="What the consumption costs with this operator.")
    difference: Decimal | None = strawberry.field(
        description="EUR, net: how much more the charges of this operator are than the lowest of all that have a rank; null without "
        "a rank."
    )
    derived: bool = strawberry.field(
        description="Whether a price of the bill was derived by a rule, as it is not published."
    )
    preliminary: bool = strawberry.field(description="Whether a price of the bill is preliminary.")

    @batch_field(Dno, description="The operator.", reads=lambda ranked: (tags.operator(ranked.dno_id),))
    async def dno(ranked: Sequence[structs.RankedBill], context: Context) -> Sequence[DnoStruct | None]:
        return await context.loaders.dno_by_id.load_many([one.dno_id for one in ranked])


@type_for(
    structs.BillRanking,
    description="Operators by what one consumption costs with each of them. Those whose charges are not known have no rank and are "
    "counted by the reason.",
)
class BillRanking:
    consumption: RankedConsumption = strawberry.field(description="What was ranked.")
    bills: list[RankedBill] = strawberry.field(
        description="The first of the ranking, or those after `skip` of them.", metadata=length(20)
    )
    ranked: int = strawberry.field(description="Operators that have a rank.")
    lowest: Decimal | None = strawberry.field(
        description="EUR, net: the lowest charges of all that have a rank; null where none has one."
    )
    highest: Decimal | None = strawberry.field(
        description="EUR, net: the highest charges of all that have a rank; null where none has one."
    )
    derived_only: int = strawberry.field(
        description="Operators that would have a rank with `includeDerived`: a needed price is not published, but derived."
    )
    other_publication: int = strawberry.field(
        description="Operators whose charges are known, but not with the `publication` that was asked for; 0 without it. "
        "Operators whose charges are known with derived prices only are counted also without `includeDerived`."
    )
    not_known: int = strawberry.field(
        description="Operators with figures of the year of which a needed price is not known."
    )
    without_data: int = strawberry.field(description="Operators without any figures of the year.")
