"""The query for coverage."""

import strawberry

from app.domain import tags
from app.domain.coverage import Coverage as CoverageStruct
from app.domain.coverage import coverage_of
from schema.batch_field import root_field
from schema.context import Context
from schema.held_figures import load_entries_of_deleted, load_held
from schema.types.coverage import Coverage


@strawberry.type
class CoverageQueries:
    @root_field(Coverage, description="How much of the country's grid data is here, by year and by region.")
    async def coverage(context: Context) -> CoverageStruct:
        directory, held = await load_held(context, tags.COVERAGE)
        return coverage_of(directory, held, await load_entries_of_deleted(context, directory, held))
