"""GraphQL types of tariffs with their annual cost."""

import strawberry

from app.domain.cost import Ranked
from app.domain.question_figures import TariffCost as TariffCostStruct
from schema.batch_field import type_for
from schema.types.tariff import AnnualCost, Tariff


@type_for(Ranked, description="A tariff's place in a ranking.")
class RankedTariff:
    rank: int = strawberry.field(
        description="1 is the cheapest, or the most expensive where a question asks for these; equals are ordered by name."
    )
    tariff: Tariff = strawberry.field(description="The tariff.")
    cost: AnnualCost = strawberry.field(description="What it costs in the year.")


@type_for(TariffCostStruct, description="A tariff and what it costs in a year.")
class TariffCost:
    tariff: Tariff = strawberry.field(description="The tariff.")
    cost: AnnualCost = strawberry.field(description="What it costs in the year.")
