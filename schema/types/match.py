"""GraphQL type of a search result."""

from collections.abc import Sequence

import strawberry

from app.interpreter.search import Match
from schema.batch_field import batch_field, type_for
from schema.context import Context
from schema.types.dno import Dno


@type_for(Match, description="An operator that a search found.")
class DnoMatch:
    @batch_field(Dno, description="The operator.", through=lambda loaders: loaders.dno_by_id)
    async def dno(matches: Sequence[Match], context: Context) -> Sequence[object]:
        return [match.dno_id for match in matches]

    score: float = strawberry.field(description="How well it fits, 0 to 1.")
