"""GraphQL type of warnings: values that are possible and yet in doubt."""

import strawberry

from app.domain.plausibility import PlausibilityWarning
from schema.batch_field import type_for


@type_for(
    PlausibilityWarning,
    description="What is possible and yet so unusual that a person should look at it again.",
)
class Warning:
    code: str = strawberry.field(
        description="For programs. Of figures: UNUSUAL_ORDER, UNUSUAL_RISE; of time-of-use tariffs also OUT_OF_BOUNDS (NT is "
        "10 to 40 % of ST, HT above ST and at most 200 % of it), MISSING_PRICE, GAP, FEW_QUARTERS. Of costs: "
        "IMPOSSIBLE_UTILISATION (more than 8,784 h)."
    )
    message: str = strawberry.field(description="For people.")
    field: list[str] = strawberry.field(description="Path of the input field in doubt.")
