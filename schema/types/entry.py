"""GraphQL types that all families share: enums, source, the union of entries."""

from typing import Annotated, Any, Union

import strawberry

from app.domain import entry as structs
from app.domain import hlzf as hlzf_structs
from app.domain.families import FAMILIES, DataType
from app.domain.family import Family
from schema.batch_field import describe, type_for

describe(
    structs.VoltageLevel,
    "Voltage level (Netzebene), from the top of the grid to the bottom.",
    HOES="Höchstspannung, 220 and 380 kV: Netzebene 1.",
    HOES_HS="Transformation from Höchst- to Hochspannung: Netzebene 2.",
    HS="Hochspannung, 110 kV: Netzebene 3.",
    HS_MS="Transformation from Hoch- to Mittelspannung: Netzebene 4.",
    MS="Mittelspannung, 10 to 30 kV: Netzebene 5.",
    MS_NS="Transformation from Mittel- to Niederspannung: Netzebene 6.",
    NS="Niederspannung, 0.4 kV: Netzebene 7.",
)
describe(
    structs.Publication,
    "How final a published figure is.",
    PRELIMINARY="Vorläufig: the operator may still change it.",
    FINAL="Endgültig, or not said to be preliminary by the source.",
)
describe(
    DataType,
    "What is published.",
    **{family.data_type: family.description for family in FAMILIES},
)
describe(
    structs.VerificationStatus,
    "How sure a figure is.",
    UNVERIFIED="Taken over as somebody quoted or read it.",
    VERIFIED="Compared with what the operator published.",
    FLAGGED="In doubt; the history says why.",
)
describe(
    hlzf_structs.Season,
    "Meteorological season of a calendar year.",
    WINTER="January, February and December.",
    SPRING="March to May.",
    SUMMER="June to August.",
    AUTUMN="September to November.",
)


@type_for(structs.Source, description="Where a figure was read.")
class Source:
    url: str | None = strawberry.field(description="Address of the document, or of who published it.")
    title: str | None = strawberry.field(description="What the document is, in words.")


def _lazy(family: Family) -> Any:
    """The family's GraphQL type, imported when the schema is built."""
    module = strawberry.lazy(f"schema.types.{family.module}")
    return Annotated[family.graphql_type, module]


Entry: Any = Annotated[
    Union[tuple(map(_lazy, FAMILIES))],  # noqa: UP007  # as many as there are families
    strawberry.union("Entry", description="A figure that can be corrected, verified, flagged and reverted."),
]
