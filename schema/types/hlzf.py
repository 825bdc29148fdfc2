"""GraphQL types of Hochlastzeitfenster."""

from datetime import datetime

import strawberry

from app.domain import hlzf as structs
from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from schema.batch_field import length, type_for
from schema.types import entry_fields as fields
from schema.types.node import HLZF_ID, Node
from schema.types.scalars import Minutes


@type_for(structs.TimeWindow, description="A span of wall-clock time in Germany on working days.")
class TimeWindow:
    start: Minutes = strawberry.field(description="The first minute that belongs to it.")
    end: Minutes = strawberry.field(description="The first minute that no longer does; at most 24:00.")


@type_for(
    structs.Hlzf,
    description="Hochlastzeitfenster of one operator, year, voltage level and season (§ 19 (2) StromNEV). They hold on "
    "working days only.",
)
class Hlzf(Node):
    id = fields.entry_id(HLZF_ID)
    dno = fields.dno("The operator that publishes them.")
    year: int = strawberry.field(description="Calendar year in which they hold.")
    voltage_level: VoltageLevel = strawberry.field(description="Where the customer is connected.")
    season: structs.Season = strawberry.field(description="Part of the year in which they hold.")
    windows: list[TimeWindow] = strawberry.field(
        description="In order; empty: the operator published that there is none.", metadata=length(2)
    )
    verification_status: VerificationStatus = strawberry.field(description="How sure these windows are.")
    source = fields.source("Where the windows were read.")
    version: int = fields.version()
    updated_at: datetime = fields.updated_at()
    publication: Publication = fields.publication()
    history = fields.history()
    previous_year = fields.previous_year(
        structs.FAMILY,
        "The same operator's entry of the year before, of the same level and season; null where none is known.",
    )
