"""GraphQL types of coverage."""

from collections.abc import Sequence

import strawberry

from app.domain import coverage as structs
from schema.batch_field import batch_field, type_for
from schema.context import Context


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
