"""GraphQL types of time-of-use tariffs of § 14a EnWG."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.domain import tags
from app.domain import time_of_use as structs
from app.domain.entry import VerificationStatus
from schema.batch_field import batch_field, field, length, type_for
from schema.context import Context
from schema.types.entry import Source, source_of
from schema.types.node import TIME_OF_USE_ID, Node, write_id
from schema.types.scalars import Minutes

if TYPE_CHECKING:
    from schema.types.dno import Dno


@type_for(structs.TimeOfUsePrice, description="Price of one band.")
class TimeOfUsePrice:
    band: structs.TimeOfUseBand = strawberry.field(description="HT high, ST standard, NT low.")
    price: Decimal = strawberry.field(description="ct per kWh, net.")


@type_for(structs.TimeOfUseWindow, description="When a band holds.")
class TimeOfUseWindow:
    quarter: int = strawberry.field(description="1 is January to March.")
    band: structs.TimeOfUseBand = strawberry.field(description="The band that holds.")
    start: Minutes = strawberry.field(description="The first minute that belongs to it.")
    end: Minutes = strawberry.field(description="The first minute that no longer does; at most 24:00.")


@type_for(
    structs.TimeOfUseTariff,
    description="Time-variable grid charge for controllable loads (§ 14a EnWG, Modul 3) of one operator and year.",
)
class TimeOfUseTariff(Node):
    @field(description="Stays the same for the life of the entry; opaque.")
    def id(root: strawberry.Parent[structs.TimeOfUseTariff]) -> strawberry.ID:
        return write_id(TIME_OF_USE_ID, root.id)

    @batch_field(
        Annotated["Dno", strawberry.lazy("schema.types.dno")],
        description="The operator that asks for it.",
        through=lambda loaders: loaders.dno_by_id,
        reads=lambda tariff: (tags.operator(tariff.dno_id),),
    )
    async def dno(tariffs: Sequence[structs.TimeOfUseTariff], context: Context) -> Sequence[object]:
        return [tariff.dno_id for tariff in tariffs]

    year: int = strawberry.field(description="Calendar year in which the prices hold.")
    bands: list[TimeOfUsePrice] = strawberry.field(
        description="The price of each band, HT first.", metadata=length(3)
    )
    windows: list[TimeOfUseWindow] = strawberry.field(
        description="When each band holds; a quarter without windows has no time-variable prices.",
        metadata=length(8),
    )
    verification_status: VerificationStatus = strawberry.field(description="How sure these figures are.")

    @field(description="Where the figures were read.")
    def source(root: strawberry.Parent[structs.TimeOfUseTariff]) -> Source | None:
        return source_of(root.source_url, root.source_title)  # type: ignore[return-value]
