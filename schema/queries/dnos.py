"""Queries for operators: one by slug, a page of the list, a fuzzy search by name."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import chain
from operator import or_
from typing import Annotated
from uuid import UUID

import msgspec
import strawberry

from app.domain.directory_pages import DnoOrder, Page, read_cursor
from app.domain.directory_parts import Part
from app.domain.dno import Dno as DnoStruct
from app.domain.federal_state import spellings_of
from app.domain.held_figures import FiguresFilter
from app.domain.operator_code import read_code
from app.domain.operator_selection import Selection
from app.domain.place import DnoAtPlace
from app.errors import BadInput
from app.interpreter.search import CITY, Match
from app.stepwise import run_stepwise
from schema.batch_field import Joined, root_field
from schema.context import Context
from schema.directory import load_directory
from schema.queries.places import load_dnos_at
from schema.types.connection import DnoConnection, DnoFilter
from schema.types.counted import check_counted
from schema.types.dno import Dno
from schema.types.dno_facets import held_of
from schema.types.match import DnoMatch
from schema.types.pagination import check_length, check_offset, folded, folded_words, page_size

_PLACE = re.compile(
    r"\s*(?:(?:PLZ|D)[\s:-]*)?(?P<postal_code>[0-9]{5})(?:[\s,]+(?P<city>\S.*?))?\s*", re.IGNORECASE
)


def _slugs(arguments: Sequence[Mapping[str, str]]) -> list[str]:
    return [check_length(each["slug"], "slug") for each in arguments]


@strawberry.type
class DnoQueries:
    @root_field(
        Dno | None,
        description="One operator by its slug; null where there is none.",
        joined=Joined(_slugs, lambda loaders: loaders.dno_by_slug),
    )
    async def dno(
        context: Context,
        slug: Annotated[str, strawberry.argument(description="Short name, such as netze-bw.")],
    ) -> DnoStruct | None:
        (found,) = await context.loaders.dno_by_slug.load_many([check_length(slug, "slug")])
        return found

    @root_field(
        Dno | None,
        description="One operator by one of its codes, exactly: MaStR number (SNB…), BDEW code, ACER code or VNB id; null where "
        "no operator has it. A BDEW or ACER code that several operators have in common is refused.",
    )
    async def dno_by_code(
        context: Context,
        code: Annotated[str, strawberry.argument(description="The code, such as SNB982046657236.")],
    ) -> DnoStruct | None:
        wanted = read_code(check_length(code, "code"), "code")
        directory = await load_directory(context, Part.BY_CODE)
        ids = directory.ids_by_code.get(wanted, ())
        if len(ids) > 1:
            slugs = ", ".join(directory.by_id[dno_id].slug for dno_id in ids)
            raise BadInput(
                f"Several operators have the code {wanted}: {slugs}. Their MaStR numbers differ.",
                argument="code",
            )
        found = await context.loaders.dno_by_id.load_many(ids)
        return found[0] if found else None

    @root_field(DnoConnection, description="Operators, page by page.", price=50, priced_by="filter")
    async def dnos(
        context: Context,
        first: Annotated[int | None, strawberry.argument(description="How many at most, 1 to 100.")] = 50,
        after: Annotated[
            str | None, strawberry.argument(description="A page's `endCursor`: go on behind it.")
        ] = None,
        filter: Annotated[DnoFilter | None, strawberry.argument(description="Only some of them.")] = None,
        order_by: Annotated[
            DnoOrder | None, strawberry.argument(description="In which order.")
        ] = DnoOrder.NAME,
        offset: Annotated[
            int | None,
            strawberry.argument(
                description="How many to pass over, behind `after` if it is given: 50 for the second page of 50."
            ),
        ] = 0,
    ) -> Page:
        order = order_by or DnoOrder.NAME
        first = page_size(first, 50)
        position = None if after is None else read_cursor(after, order)
        offset = check_offset(offset)
        selection = await _select(context, filter or DnoFilter(), order)
        held = await held_of(context, selection) if selection.of_figures else ()
        operators = selection.operators(held) if filter else None
        context.budget.check()
        page = selection.directory.in_order(order).page(first, position, operators, offset)
        return msgspec.structs.replace(page, selection=selection)

    @root_field(
        list[DnoMatch],
        description="Operators by name, official name, city or a name that people use; typos, missing umlauts and the "
        "order of words are forgiven. A code finds the operator that has it, and a postal code, alone or before a city, the "
        "operators there (see `dnosAt`). Best first.",
        price=200,
    )
    async def search_dnos(
        context: Context,
        query: Annotated[
            str,
            strawberry.argument(description="What is remembered of the name; or a code, or a postal code."),
        ],
        first: Annotated[int | None, strawberry.argument(description="How many at most, 1 to 100.")] = 10,
    ) -> list[Match]:
        first = page_size(first, 10)
        if not (place := _PLACE.fullmatch(check_length(query, "query"))):
            return await _by_name(context, query, first)
        postal_code, city = place["postal_code"], place["city"]
        if (found := await _by_place(context, postal_code, city)) or city is None:
            return found[:first]
        # Another name stands behind the postal code: of an operator, or of a place that is not known there.
        return _best(await _by_place(context, postal_code), await _by_name(context, city, first))[:first]


async def _by_name(context: Context, query: str, first: int) -> list[Match]:
    directory, (aliases,) = await asyncio.gather(
        load_directory(context), context.loaders.aliases.load_many([None])
    )
    names = await context.resources.names.of(directory.entries, aliases or ())
    context.budget.check()
    return await run_stepwise(names.search_stepwise(folded(query, "query"), first))


async def _by_place(context: Context, postal_code: str, city: str | None = None) -> list[Match]:
    return _best([Match(at.dno_id, _score(at)) for at in await load_dnos_at(context, postal_code, city)])


def _best(*found: Sequence[Match]) -> list[Match]:
    """Each operator once, the best score first; equal ones in their order."""
    best: dict[UUID, Match] = {}
    for match in chain(*found):
        if match.dno_id not in best or best[match.dno_id].score < match.score:
            best[match.dno_id] = match
    return sorted(best.values(), key=lambda match: -match.score)


def _score(at: DnoAtPlace) -> float:
    """Without counted locations, that of a city."""
    return round(at.share, 4) if at.locations else CITY


async def regions_named(context: Context, region: str) -> frozenset[str]:
    """The spellings of a region that operators have. Raises BadInput if it names none."""
    directory = await load_directory(context, Part.MASKS)
    return spellings_of(check_length(region, "region"), directory.regions)


async def _select(context: Context, wanted: DnoFilter, order: DnoOrder) -> Selection:
    """The parts of the filter."""
    words = () if wanted.search is None else (Part.WORDS,)
    directory = await load_directory(context, Part.MASKS, order, *words)
    masks = directory.masks
    in_regions = by_words = directory.all_operators
    if wanted.transmission is not None:
        by_words &= masks.transmission if wanted.transmission else ~masks.transmission
    if wanted.closed_network is not None:
        by_words &= masks.closed_network if wanted.closed_network else ~masks.closed_network
    if wanted.search is not None:
        by_words &= directory.with_prefixes(folded_words(wanted.search, "search"))
    if wanted.region is not None:
        regions = await regions_named(context, wanted.region)
        in_regions = reduce(
            or_, (operators for name, operators in masks.regions.items() if name in regions), 0
        )
    figures = FiguresFilter(
        data_types=tuple(check_counted(each, "dataTypes") for each in wanted.data_types or ()),
        price_kinds=tuple(wanted.price_kinds or ()),
        voltage_level=wanted.voltage_level,
        verification_status=wanted.verification_status,
    )
    return Selection(directory, in_regions, by_words, wanted.has_data_for_year, figures)
