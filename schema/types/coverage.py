"""GraphQL types of coverage."""

from collections.abc import Sequence
from typing import Annotated

import strawberry

from app.domain import coverage as structs
from app.domain import tags
from app.domain.families import DataType
from schema.batch_field import batch_field, length, type_for
from schema.context import Context
from schema.held_figures import load_held
from schema.types.counted import check_counted


@type_for(structs.YearCoverage, description="How much is known for one year.")
class YearCoverage:
    year: int = strawberry.field(description="Calendar year.")
    dnos: int = strawberry.field(description="Operators with any data for it.")
    tariffs: int = strawberry.field(description="Netzentgelt entries.")
    hlzf: int = strawberry.field(description="HLZF entries.")
    time_of_use: int = strawberry.field(description="Time-of-use tariffs (§ 14a EnWG, Modul 3).")
    prices: int = strawberry.field(description="Other prices of price sheets.")
    verified: int = strawberry.field(description="Verified entries among all of these.")


@type_for(structs.RegionCoverage, description="How much is known in one federal state.")
class RegionCoverage:
    region: str = strawberry.field(description="Federal state (Bundesland).")
    dnos: int = strawberry.field(description="Operators.")
    dnos_with_data: int = strawberry.field(description="Operators with any data.")


@type_for(
    structs.RegionYearCoverage, description="How many operators of one federal state have data for one year."
)
class RegionYearCoverage:
    region: str | None = strawberry.field(
        description="Federal state (Bundesland); null: the operators of which none is known."
    )
    year: int = strawberry.field(description="Calendar year.")
    dnos: int = strawberry.field(description="Operators with data, of the kind that is asked for.")


@type_for(structs.Coverage, description="How much of the country's grid data is here. At most 5 minutes old.")
class Coverage:
    total_dnos: int = strawberry.field(description="Operators.")
    total_entries: int = strawberry.field(description="Entries of every data type.")
    verified_entries: int = strawberry.field(description="Verified ones among them.")

    @batch_field(int, description="Operators with any data for the current calendar year in Germany.")
    async def current_year_coverage(parents: Sequence[structs.Coverage], context: Context) -> Sequence[int]:
        year = context.today().year
        return [next((row.dnos for row in parent.by_year if row.year == year), 0) for parent in parents]

    by_year: list[YearCoverage] = strawberry.field(description="Newest year first.")
    by_region: list[RegionCoverage] = strawberry.field(description="In alphabetical order.")

    @batch_field(
        list[RegionYearCoverage],
        description="Operators with data by federal state and year: newest year first, then in alphabetical order, without "
        "states and years that have none.",
        reads=lambda coverage, **_: (tags.COVERAGE_OF_REGIONS,),
        metadata=length(160),
    )
    async def by_region_and_year(
        parents: Sequence[structs.Coverage],
        context: Context,
        data_type: Annotated[
            DataType | None,
            strawberry.argument(
                description="Only entries of this kind, one that `byYear` counts; null: of any."
            ),
        ] = None,
    ) -> Sequence[list[structs.RegionYearCoverage]]:
        if data_type is not None:
            check_counted(data_type, "dataType")
        rows = structs.coverage_of_regions(*await load_held(context, tags.COVERAGE_OF_REGIONS))
        return [[row for row in rows if row.data_type == data_type]] * len(parents)
