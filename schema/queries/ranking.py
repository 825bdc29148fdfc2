"""The query that ranks tariffs by annual cost."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

import strawberry

from app.db import tariffs
from app.domain import tags
from app.domain.cost import Ranked
from app.domain.entry import Publication, VoltageLevel
from schema.batch_field import root_field
from schema.context import Context
from schema.queries.dnos import regions_named
from schema.types.pagination import page_size
from schema.types.ranking import RankedTariff


@strawberry.type
class RankingQueries:
    @root_field(
        list[RankedTariff],
        description="Tariffs of one year and level by their total annual cost, the cheapest first. Tariffs that lack a "
        "needed price are left out.",
        price=200,
    )
    async def rank_tariffs(
        context: Context,
        year: Annotated[int, strawberry.argument(description="Calendar year.")],
        voltage_level: Annotated[
            VoltageLevel, strawberry.argument(description="Where the customer is connected.")
        ],
        consumption_kwh: Annotated[
            Decimal, strawberry.argument(description="Energy taken in the year, kWh.")
        ],
        peak_load_kw: Annotated[
            Decimal, strawberry.argument(description="Highest load of the year, kW; above 0.")
        ],
        region: Annotated[
            str | None, strawberry.argument(description="Only operators of this federal state.")
        ] = None,
        first: Annotated[int | None, strawberry.argument(description="How many at most, 1 to 100.")] = 20,
        publication: Annotated[
            Publication | None,
            strawberry.argument(description="Only tariffs that are as final as this; left out: all."),
        ] = None,
    ) -> Sequence[Ranked]:
        first = page_size(first, 20)
        context.read_set.update((tags.year(year), tags.DIRECTORY))
        regions = None if region is None else await regions_named(context, region)
        return await tariffs.fetch_ranking(
            context.resources.pool,
            year,
            voltage_level,
            consumption_kwh,
            peak_load_kw,
            regions,
            first,
            publication=publication,
        )
