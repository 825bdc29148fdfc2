"""What every published figure shows: level, status, source."""

from typing import TYPE_CHECKING, Annotated, TypeAlias

import strawberry

from app.domain import entry as structs
from app.domain import hlzf as hlzf_structs
from app.domain import time_of_use as time_of_use_structs
from schema.fields import shows

if TYPE_CHECKING:
    from schema.types.hlzf import Hlzf
    from schema.types.tariff import Tariff

strawberry.enum(
    structs.VoltageLevel,
    description="Voltage level, from the top of the grid to the bottom; two names: the transformation between them.",
)
strawberry.enum(structs.DataType, description="What is published.")
strawberry.enum(structs.VerificationStatus, description="How sure a figure is.")
strawberry.enum(hlzf_structs.Season, description="Meteorological season; winter is December to February.")
strawberry.enum(time_of_use_structs.TimeOfUseBand, description="Price band of § 14a EnWG, Modul 3.")


@shows(structs.Source, description="Where a figure was read.")
class Source:
    url: str | None = strawberry.field(description="Address of the document, or of who published it.")
    title: str | None = strawberry.field(description="What the document is, in words.")


Entry: TypeAlias = Annotated[
    Annotated["Tariff", strawberry.lazy("schema.types.tariff")]
    | Annotated["Hlzf", strawberry.lazy("schema.types.hlzf")],
    strawberry.union("Entry", description="A figure that can be corrected, verified, flagged and reverted."),
]


def source_of(url: str | None, title: str | None) -> structs.Source | None:
    return None if url is None and title is None else structs.Source(url, title)
