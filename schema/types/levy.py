"""GraphQL types of levies, and of what is missing of them."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import strawberry

from app.domain import levy as structs
from app.domain import missing_levies, tags
from app.domain.entry import VerificationStatus
from schema.batch_field import batch_field, describe, field, type_for
from schema.context import Context
from schema.types import entry_fields as fields
from schema.types.node import Kind, Node

describe(
    structs.LevyKind,
    "Levies, taxes and fees on electricity that hold for the whole country.",
    KWKG="KWKG-Umlage: combined heat and power, § 12 EnFG; before, § 26 KWKG.",
    OFFSHORE="Offshore-Netzumlage, § 17f EnWG; Offshore-Haftungsumlage until 2018.",
    PARAGRAF_19_STROM_NEV="§ 19 StromNEV-Umlage; named Aufschlag für besondere Netznutzung from 2025 on.",
    ABLAV="Umlage für abschaltbare Lasten, § 18 AbLaV; until 2022.",
    EEG="EEG-Umlage: zero from July 2022 on, abolished from 2023 on.",
    KONZESSIONSABGABE="Concession fee: the highest rates that § 2 KAV allows. What is charged is agreed with each municipality.",
    STROMSTEUER="Electricity tax, § 3 and § 9 StromStG.",
    STROMSTEUER_ENTLASTUNG="Relief from the electricity tax, granted on application: an amount to deduct, § 9b and § 9c StromStG.",
    UMSATZSTEUER="Value-added tax, §§ 12 and 28 UStG.",
)


@type_for(
    structs.Levy,
    description="One rate of a levy, tax or fee, with the time for which it holds. It has no operator: it holds for the whole "
    "country.",
)
class Levy(Node):
    id = fields.entry_id(Kind["LEVY"])
    kind: structs.LevyKind = strawberry.field(description="Which levy.")
    customer_group: str | None = strawberry.field(
        description="For whom: A', B' and C' are the first 1,000,000 kWh, what is above, and what is above for energy-intensive "
        "companies; S_TARIF_25000 and the like are BO4E's groups of the concession fee. null: for all customers whose group has no rate of its own; "
        "of KONZESSIONSABGABE and UMSATZSTEUER: not known for whom."
    )
    value: Decimal = strawberry.field(
        description="The rate in its unit, net; negative where money was paid back."
    )

    @field(description="ct/kWh, or percent for UMSATZSTEUER.")
    def unit(root: strawberry.Parent[structs.Levy]) -> str:
        return root.unit.value

    valid_from: date | None = strawberry.field(
        description="First day on which it holds; null: not known, and then it is listed for each year up to its last day."
    )
    valid_to: date | None = strawberry.field(
        description="Last day on which it holds; null: it still holds, as far as is known."
    )
    inhabitants_from: int | None = strawberry.field(
        description="KONZESSIONSABGABE: least number of inhabitants of the municipality; null: no lower bound."
    )
    inhabitants_to: int | None = strawberry.field(
        description="KONZESSIONSABGABE: largest number of inhabitants; null: no upper bound."
    )
    legal_basis: str | None = strawberry.field(description="The paragraph that sets it, if it is known.")
    article_id: str | None = strawberry.field(
        description="Artikel-ID of the market communication (EDI@Energy), if it is known."
    )
    note: str | None = strawberry.field(
        description="What the figure rests on, and where sources differ; null: nothing to add."
    )
    verification_status: VerificationStatus = strawberry.field(description="How sure this rate is.")
    source = fields.source("Where the rate was read.")

    @batch_field(
        Annotated["Levy", strawberry.lazy("schema.types.levy")] | None,
        description="The rate of the same kind and customer group on the day before it begins; null: not known.",
        reads=lambda levy: (tags.all_of(structs.FAMILY),),
    )
    async def previous(levies: Sequence[structs.Levy], context: Context) -> Sequence[Any]:
        (found,) = await context.loaders.levies.load_many([None])
        return [structs.before(found or (), levy) for levy in levies]

    version: int = fields.version()
    updated_at: datetime = fields.updated_at()
    history = fields.history()


@type_for(
    missing_levies.MissingLevy,
    description="Days of a year on which a levy is charged and for which no rate is held.",
)
class MissingLevy:
    kind: structs.LevyKind = strawberry.field(description="Which levy.")
    customer_group: str | None = strawberry.field(
        description="For whom; null: the customer groups of that time are not known either."
    )
    valid_from: date = strawberry.field(description="First day without a rate.")
    valid_to: date = strawberry.field(description="Last day without a rate.")
    reason: str = strawberry.field(description="The same in words.")
