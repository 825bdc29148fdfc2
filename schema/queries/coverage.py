"""The query for coverage."""

import strawberry

from app.domain.coverage import Coverage as CoverageStruct
from schema.batch_field import root_field
from schema.context import Context
from schema.types.coverage import Coverage


@strawberry.type
class CoverageQueries:
    @root_field(Coverage, description="How much of the country's grid data is here, by year and by region.")
    async def coverage(context: Context) -> CoverageStruct:
        (found,) = await context.loaders.coverage.load_many([None])
        return found or CoverageStruct(0, 0, 0, (), ())
