"""GraphQL type of an operator at a postal code."""

from collections.abc import Sequence

import strawberry

from app.domain import place as structs
from schema.batch_field import batch_field, describe, type_for
from schema.context import Context
from schema.types import entry_fields
from schema.types.dno import Dno

describe(
    structs.PlaceBasis,
    "The evidence that an operator has a network at a postal code. None of it is a map of the concession areas.",
    REGISTERED_UNITS="Locations of units in the Marktstammdatenregister that are connected to its network.",
    PUBLISHED="A list of places that was published, as a rule by the operator.",
    SEAT="Only the operator's own address: nothing is known of the networks at the postal code.",
)


@type_for(structs.DnoAtPlace, description="An operator that has, or may have, a network at a postal code.")
class DnoAtPlace:
    @batch_field(Dno, description="The operator.", through=lambda loaders: loaders.dno_by_id)
    async def dno(operators: Sequence[structs.DnoAtPlace], context: Context) -> Sequence[object]:
        return [at.dno_id for at in operators]

    share: float = strawberry.field(
        description="The operator's part of all locations that were counted for the answer, 0 to 1; 0 where its `locations` are 0. "
        "Of evidence, not of customers or of the area."
    )
    locations: int = strawberry.field(
        description="Its counted locations, which have one or several units each; 0 where none were counted, as for SEAT."
    )
    basis: structs.PlaceBasis = strawberry.field(
        description="The evidence; PUBLISHED where there is more than one kind."
    )
    source = entry_fields.source("Where the evidence was read; null for SEAT, and where it is not stated.")
