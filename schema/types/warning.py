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
        description="For programs. Of figures: UNUSUAL_ORDER, PAIRS_DO_NOT_MEET (both price pairs cost the same at 2,500 h), "
        "UNUSUAL_RISE and UNUSUAL_FALL (against last year), UNUSUAL_MAGNITUDE (against all operators), GROSS_FOR_NET (1.19 times a "
        "known figure), MISSING_PRICE; of time-of-use tariffs also OUT_OF_BOUNDS (NT is 10 to 40 % of ST, HT above ST and at most 200 % "
        "of it), GAP, FEW_QUARTERS; of windows NOT_ON_QUARTER_HOUR, and MANY_HOURS (more than 10 h a day). Of costs: "
        "IMPOSSIBLE_UTILISATION (more than 8,784 h)."
    )
    message: str = strawberry.field(description="For people.")
    field: list[str] = strawberry.field(description="Path of the input field in doubt.")
