"""GraphQL types of Hochlastzeitfenster."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.domain import hlzf as structs
from app.domain import tags
from app.domain.entry import VerificationStatus, VoltageLevel
from app.domain.revision import Revision as RevisionStruct
from schema.batch_field import batch_field, field, length, type_for
from schema.context import Context
from schema.types.entry import Source, source_of
from schema.types.node import HLZF_ID, Node, write_id
from schema.types.revision import FirstArgument, Revision, histories
from schema.types.scalars import Minutes

if TYPE_CHECKING:
    from schema.types.dno import Dno


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
    @field(description="Stays the same for the life of the entry; opaque.")
    def id(root: strawberry.Parent[structs.Hlzf]) -> strawberry.ID:
        return write_id(HLZF_ID, root.id)

    @batch_field(
        Annotated["Dno", strawberry.lazy("schema.types.dno")],
        description="The operator that publishes them.",
        through=lambda loaders: loaders.dno_by_id,
        reads=lambda hlzf: (tags.operator(hlzf.dno_id),),
    )
    async def dno(entries: Sequence[structs.Hlzf], context: Context) -> Sequence[object]:
        return [hlzf.dno_id for hlzf in entries]

    year: int = strawberry.field(description="Calendar year in which they hold.")
    voltage_level: VoltageLevel = strawberry.field(description="Where the customer is connected.")
    season: structs.Season = strawberry.field(description="Part of the year in which they hold.")
    windows: list[TimeWindow] = strawberry.field(
        description="In order; empty: the operator published that there is none.", metadata=length(2)
    )
    verification_status: VerificationStatus = strawberry.field(description="How sure these windows are.")

    @field(description="Where the windows were read.")
    def source(root: strawberry.Parent[structs.Hlzf]) -> Source | None:
        return source_of(root.source_url, root.source_title)  # type: ignore[return-value]

    version: int = strawberry.field(description="Rises by one with every change.")
    updated_at: datetime = strawberry.field(description="When it changed last.")

    @batch_field(
        list[Revision],
        description="Its changes, newest first.",
        reads=lambda hlzf, **_: (tags.history(hlzf.id),),
    )
    async def history(
        entries: Sequence[structs.Hlzf], context: Context, first: FirstArgument = 20
    ) -> Sequence[Sequence[RevisionStruct]]:
        return await histories(context, [hlzf.id for hlzf in entries], first)
