"""Queries for levies of a year."""

from collections.abc import Sequence
from typing import Annotated, Any

import strawberry

from app.domain.levy import Levy as LevyStruct
from app.domain.levy import LevyKind, of_year
from app.domain.missing_levies import missing_in
from schema.batch_field import length, root_field
from schema.context import Context
from schema.queries.years import check_year
from schema.types.levy import Levy, MissingLevy

Year = Annotated[int, strawberry.argument(description="Calendar year, 2000 to 2100.")]


@strawberry.type
class LevyQueries:
    @root_field(
        list[Levy],
        description="Levies, taxes and the concession fee that hold on any day of a year: by kind, inhabitants, customer group "
        "and first day. What is charged and not held is listed by `missingLevies`.",
        metadata=length(20),
    )
    async def levies(
        context: Context,
        year: Year,
        kinds: Annotated[
            list[LevyKind] | None,
            strawberry.argument(description="Only these kinds; left out: all."),
        ] = None,
    ) -> Sequence[Any]:
        found = of_year(await _all(context, year), year)
        return found if kinds is None else [levy for levy in found if levy.kind in kinds]

    @root_field(
        list[MissingLevy],
        description="Levies that are charged in a year, and of which no rate is held for some of its days.",
        metadata=length(5),
    )
    async def missing_levies(context: Context, year: Year) -> Sequence[Any]:
        return missing_in(await _all(context, year), year)


async def _all(context: Context, year: int) -> Sequence[LevyStruct]:
    check_year(year)
    (found,) = await context.loaders.levies.load_many([None])
    return found or ()
