"""GraphQL types of the price of § 14a that holds over a stretch of time, and the fields of a tariff that give it."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import strawberry

from app.domain import price_series as structs
from app.domain import tags
from app.domain.entry import DnoYear
from app.domain.time_of_use import TimeOfUseBand, TimeOfUseTariff
from schema.batch_field import batch_field, describe, field, length, type_for
from schema.context import Context

# Intervals that are computed between two checks of the work budget.
_INTERVALS_PER_CHECK = 500

describe(
    TimeOfUseBand,
    "Price band of § 14a EnWG, Modul 3.",
    HT="Hochtarif, the dearest.",
    ST="Standardtarif.",
    NT="Niedertarif, the cheapest.",
)
describe(
    structs.Resolution,
    "How a series of prices is divided.",
    CHANGES="As few intervals as say it all: a new one begins where the price changes.",
    HOUR="A new interval begins at each full hour, too.",
    QUARTER_HOUR="A new interval begins at each full quarter-hour, too.",
)


@type_for(
    structs.PriceInterval,
    description="The price of § 14a EnWG, Modul 3, that holds from one moment to another.",
)
class PriceInterval:
    start: datetime = strawberry.field(description="The first moment that belongs to it.")
    end: datetime = strawberry.field(description="The first moment that no longer does.")
    band: TimeOfUseBand = strawberry.field(description="The band that holds.")
    price: Decimal = strawberry.field(description="ct per kWh, net.")
    gross_price: Decimal = strawberry.field(
        description="ct per kWh with the standard rate of VAT of that day, not rounded: 19 %, 16 % in the second half of 2020 "
        "(§ 12 (1), § 28 (1) UStG)."
    )
    difference: Decimal | None = strawberry.field(
        description="ct per kWh, net, to the price of the standard band; null: that price is not known."
    )
    time_variable: bool = strawberry.field(
        description="false: the tariff has no windows in this quarter of the year, so that the standard band holds all the time."
    )


At = Annotated[datetime, strawberry.argument(description="The moment.")]


def price_at() -> Any:
    @field(
        description="The price at a moment, with the whole time for which it holds within the tariff's year. null: not known, "
        "or outside that year."
    )
    def price_at(root: strawberry.Parent[TimeOfUseTariff], at: At) -> PriceInterval | None:
        return structs.price_at(root, at)  # type: ignore[return-value]

    return price_at


def prices() -> Any:
    @batch_field(
        list[PriceInterval],
        description="The prices from one moment to another, in order, as far as they lie in the tariff's calendar year. Windows "
        "are German wall-clock time: on the days on which the clock changes there are 92 and 100 quarter-hours. Times "
        "whose band or price is not known have no interval. Refused with BAD_USER_INPUT: more than 400 days, and `to` before "
        "`from`.",
        reads=lambda tariff, **_: (tags.time_of_use(DnoYear(tariff.dno_id, tariff.year)),),
        metadata=length(8),
    )
    async def prices(
        tariffs: Sequence[TimeOfUseTariff],
        context: Context,
        start: Annotated[
            datetime, strawberry.argument(name="from", description="The first moment that belongs to it.")
        ],
        end: Annotated[
            datetime, strawberry.argument(name="to", description="The first moment that no longer does.")
        ],
        resolution: Annotated[
            structs.Resolution | None,
            strawberry.argument(
                description="How it is divided; HOUR and QUARTER_HOUR divide where the price changes, too."
            ),
        ] = structs.Resolution.CHANGES,
    ) -> Sequence[Sequence[structs.PriceInterval]]:
        structs.check_span(start, end)
        resolution = resolution or structs.Resolution.CHANGES
        found: list[list[structs.PriceInterval]] = []
        before = 0
        for tariff in tariffs:
            found.append(
                await _within_budget(structs.prices(tariff, start, end, resolution), context, before)
            )
            before += len(found[-1])
        return found

    return prices


async def _within_budget(
    intervals: Iterable[structs.PriceInterval], context: Context, before: int
) -> list[structs.PriceInterval]:
    """All of them, in steps. `before`: how many were computed for the same field. Raises LimitExceeded."""
    found: list[structs.PriceInterval] = []
    for interval in intervals:
        found.append(interval)
        if len(found) % _INTERVALS_PER_CHECK == 0:
            budget = context.budget
            budget.check_objects(before + len(found))
            budget.check()
            if budget.is_due():
                await asyncio.sleep(0)
    return found
