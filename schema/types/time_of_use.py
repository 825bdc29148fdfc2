"""GraphQL types of time-of-use tariffs of § 14a EnWG."""

from datetime import datetime
from decimal import Decimal

import strawberry

from app.domain import time_of_use as structs
from app.domain.entry import Publication, VerificationStatus
from schema.batch_field import length, type_for
from schema.types import entry_fields as fields
from schema.types import price_interval
from schema.types.node import TIME_OF_USE_ID, Node
from schema.types.scalars import Minutes


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
    id = fields.entry_id(TIME_OF_USE_ID)
    dno = fields.dno("The operator that asks for it.")
    year: int = strawberry.field(description="Calendar year in which the prices hold.")
    bands: list[TimeOfUsePrice] = strawberry.field(
        description="The price of each band that has one, HT first.", metadata=length(3)
    )
    windows: list[TimeOfUseWindow] = strawberry.field(
        description="When each band holds; a quarter without windows has no time-variable prices.",
        metadata=length(8),
    )
    price_at = price_interval.price_at()
    prices = price_interval.prices()
    verification_status: VerificationStatus = strawberry.field(description="How sure these figures are.")
    source = fields.source("Where the figures were read.")
    version: int = fields.version()
    updated_at: datetime = fields.updated_at()
    publication: Publication = fields.publication()
    history = fields.history()
    previous_year = fields.previous_year(
        structs.FAMILY, "The same operator's tariff of the year before; null where none is known."
    )
