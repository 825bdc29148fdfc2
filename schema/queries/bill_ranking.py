"""Queries that rank and compare operators by bill."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import strawberry

from app.cache.read_set import ReadSet
from app.domain import bill_ranking as structs
from app.domain import tags
from app.domain.bill_position import BillPart
from app.domain.bill_profile import BillProfile, consumption_of
from app.domain.consumption import Consumption
from app.domain.directory_parts import Part
from app.domain.dno import DirectoryEntry
from app.domain.entry import Publication
from app.domain.levy_charges import LevyRates, levy_charges
from app.errors import BadInput, quoted
from app.limits.work_budget import in_turns
from loaders.registry import Loaders
from schema.batch_field import root_field
from schema.context import Context
from schema.directory import load_directory
from schema.queries.dnos import regions_named
from schema.queries.years import check_year
from schema.types.bill import load_published_sheets
from schema.types.bill_ranking import BillRanking, RankedBill
from schema.types.consumption_input import ConsumptionInput
from schema.types.pagination import check_length, page_size

MAX_COMPARED = 20
MAX_SKIPPED = 10_000
OPERATORS_AT_ONCE = 1000  # more than there are in Germany

Profile = Annotated[
    BillProfile | None,
    strawberry.argument(description="A usual consumption, with `year`; or give `input`."),
]
Year = Annotated[int | None, strawberry.argument(description="Calendar year of the profile.")]
Input = Annotated[
    ConsumptionInput | None,
    strawberry.argument(description="The consumption, instead of `profile` and `year`."),
]
IncludeDerived = Annotated[
    bool,
    strawberry.argument(
        description="Whether prices that follow from published ones by a rule are used where none is published; such bills are marked "
        "`derived`."
    ),
]


@strawberry.type
class BillRankingQueries:
    @root_field(
        BillRanking,
        description="Operators by what one consumption costs with each of them, the cheapest first. Operators of which a needed price "
        "is not known have no place; they are counted. Refused with BAD_USER_INPUT unless either `profile` and `year` or `input` are "
        "given.",
        price=500,
    )
    async def rank_bills(
        context: Context,
        profile: Profile = None,
        year: Year = None,
        input: Input = None,
        region: Annotated[
            str | None, strawberry.argument(description="Only operators of this federal state.")
        ] = None,
        include_derived: IncludeDerived = False,
        dearest: Annotated[
            bool, strawberry.argument(description="Whether the most expensive come first.")
        ] = False,
        first: Annotated[int | None, strawberry.argument(description="How many at most, 1 to 100.")] = 20,
        skip: Annotated[
            int,
            strawberry.argument(
                description=f"How many of the first are left out, at most {MAX_SKIPPED:,}: the ranking page by page."
            ),
        ] = 0,
        publication: Annotated[
            Publication | None,
            strawberry.argument(
                description="FINAL: only operators whose charges have no preliminary price; PRELIMINARY: only those with one. The "
                "others are counted. Left out: all."
            ),
        ] = None,
    ) -> structs.BillRanking:
        consumption = _consumption(profile, year, input)
        places = _places(page_size(first, 20), skip)
        return await load_bill_ranking(
            context,
            consumption,
            region,
            include_derived=include_derived,
            dearest=dearest,
            places=places,
            publication=publication,
        )

    @root_field(
        list[RankedBill],
        description=f"What one consumption costs with each of these operators, in the order given, at most {MAX_COMPARED}. Refused "
        "with BAD_USER_INPUT for an operator that does not exist, and unless either `profile` and `year` or `input` are given.",
        price=50,
    )
    async def compare_bills(
        context: Context,
        slugs: Annotated[
            list[str],
            strawberry.argument(description="Short names of the operators; repeated ones count once."),
        ],
        profile: Profile = None,
        year: Year = None,
        input: Input = None,
        include_derived: IncludeDerived = False,
    ) -> Sequence[structs.RankedBill]:
        consumption = _consumption(profile, year, input)
        operators = await _named(context, slugs)
        sheets, levies = await asyncio.gather(
            _sheets(context.loaders, operators, consumption), _levies(context, consumption)
        )
        return structs.compare_bills(consumption, sheets, levies, include_derived=include_derived)


async def load_bill_ranking(
    context: Context,
    consumption: Consumption,
    region: str | None,
    *,
    include_derived: bool,
    dearest: bool,
    places: slice,
    publication: Publication | None = None,
) -> structs.BillRanking:
    """Loads the figures of all operators with one statement per family, or several if there are thousands. `consumption` has been checked.

    The result depends on the year and the directory, not on thousands of records one by one.
    """
    regions = None if region is None else await regions_named(context, region)
    directory, (with_data,) = await asyncio.gather(
        load_directory(context), context.loaders.dnos_with_data_by_year.load_many([consumption.year])
    )
    wanted = [entry for entry in directory.entries if regions is None or entry.region in regions]
    operators = [entry for entry in wanted if entry.id in (with_data or ())]
    records = ReadSet()
    loaders = Loaders(context.resources.read_through, records, memoize=False)
    sheets, levies = await asyncio.gather(
        _all_sheets(loaders, operators, consumption), _levies(context, consumption)
    )
    context.read_set.update((tags.year(consumption.year),), records.until)
    rated = [
        structs.rate_operator(consumption, operator, include_derived=include_derived, publication=publication)
        async for operator in in_turns(sheets, context.budget)
    ]
    return structs.rank_bills(
        consumption,
        rated,
        levies,
        dearest=dearest,
        places=places,
        without_data=len(wanted) - len(operators),
    )


def _places(first: int, skip: int) -> slice:
    if not 0 <= skip <= MAX_SKIPPED:
        raise BadInput(f"`skip` is {skip}; it must be from 0 to {MAX_SKIPPED}.", argument="skip")
    return slice(skip, skip + first)


def _consumption(
    profile: BillProfile | None, year: int | None, given: ConsumptionInput | None
) -> Consumption:
    if given is not None and profile is None and year is None:
        return given.consumption()
    if given is not None or profile is None or year is None:
        raise BadInput("Either `profile` and `year` or `input` must be given.", argument="profile")
    check_year(year)
    consumption = consumption_of(profile, year)
    consumption.check()
    return consumption


async def _named(context: Context, slugs: Sequence[str]) -> list[DirectoryEntry]:
    if len(slugs) > MAX_COMPARED:
        raise BadInput(
            f"At most {MAX_COMPARED} operators can be compared, not {len(slugs)}.", argument="slugs"
        )
    directory = await load_directory(context, Part.BY_ID, Part.BY_SLUG)
    found = []
    for slug in dict.fromkeys(slugs):
        dno_id = directory.id_by_slug.get(check_length(slug, "slugs"))
        if dno_id is None:
            raise BadInput(f"There is no operator {quoted(slug)}.", argument="slugs")
        found.append(directory.by_id[dno_id])
    return found


async def _levies(context: Context, consumption: Consumption) -> BillPart:
    (levies,) = await context.loaders.levies.load_many([None])
    return levy_charges(consumption, LevyRates.of(levies or (), consumption.year))


async def _all_sheets(
    loaders: Loaders, operators: Sequence[DirectoryEntry], consumption: Consumption
) -> list[structs.OperatorSheet]:
    """In parts, between which other requests are answered."""
    found: list[structs.OperatorSheet] = []
    for start in range(0, len(operators), OPERATORS_AT_ONCE):
        found += await _sheets(loaders, operators[start : start + OPERATORS_AT_ONCE], consumption)
    return found


async def _sheets(
    loaders: Loaders, operators: Sequence[DirectoryEntry], consumption: Consumption
) -> list[structs.OperatorSheet]:
    sheets = await load_published_sheets(loaders, operators, consumption)
    return [
        structs.OperatorSheet(entry.id, entry.name, entry.slug, sheet)
        for entry, sheet in zip(operators, sheets, strict=True)
    ]
