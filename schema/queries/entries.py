"""The query for entries of all families, by filter."""

from typing import Annotated

import strawberry

from app.cache.clock import monotonic
from app.db.entry_pages import fetch_entry_page
from app.domain import entry_page as structs
from app.domain import tags
from app.domain.page_cursor import read_position
from schema.batch_field import root_field
from schema.context import Context
from schema.types.entry_connection import EntryConnection, EntryFilter
from schema.types.pagination import check_length, page_size
from schema.types.unusual_entries import load_unusual_page, load_usual_page


@strawberry.type
class EntryQueries:
    @root_field(
        EntryConnection,
        description="Entries of all kinds, page by page: by operator's slug, year and kind; those without an operator (levies) are the "
        "last.",
        price=500,
    )
    async def entries(
        context: Context,
        filter: Annotated[EntryFilter | None, strawberry.argument(description="Only some of them.")] = None,
        first: Annotated[int | None, strawberry.argument(description="How many at most, 1 to 100.")] = 50,
        after: Annotated[
            str | None, strawberry.argument(description="A page's `endCursor`: go on behind it.")
        ] = None,
    ) -> structs.EntryPage:
        first = page_size(first, 50)
        position = None if after is None else read_position(after, structs.EntryPosition)
        wanted = checked_filter(filter or EntryFilter())
        await add_list_tags(context, wanted)
        if wanted.implausible is None:
            return await fetch_entry_page(context.resources.pool, wanted, first, position)
        load_page = load_unusual_page if wanted.implausible else load_usual_page
        return await load_page(context, wanted, first, position)


def checked_filter(given: EntryFilter) -> structs.EntryFilter:
    return structs.EntryFilter(
        dno=None if given.dno is None else check_length(given.dno, "dno"),
        data_type=given.data_type,
        year=given.year,
        voltage_level=given.voltage_level,
        verification_status=given.verification_status,
        publication=given.publication,
        implausible=given.implausible,
    )


async def add_list_tags(context: Context, wanted: structs.EntryFilter) -> None:
    """A page is made of rows, not of records with tags of their own."""
    until = monotonic() + context.resources.settings.unverified_lifetime
    context.read_set.update((), until)
    dno = None
    if wanted.dno is not None:
        (dno,) = await context.loaders.dno_by_slug.load_many([wanted.dno])
    # Entries of a deleted operator have a history, too.
    context.read_set.update(tags.every_entry() if dno is None else (tags.entries(dno.id),))
