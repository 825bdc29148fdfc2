"""The query for the history of all families, by filter."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from app.db.change_pages import fetch_change_page
from app.domain.change_page import ChangeFilter, ChangePage, ChangePosition
from app.domain.entry_page import EntryFilter as Wanted
from app.domain.page_cursor import read_position
from schema.batch_field import root_field
from schema.context import Context
from schema.queries.entries import add_list_tags, checked_filter
from schema.types.change_connection import ChangeConnection
from schema.types.entry_connection import EntryFilter
from schema.types.pagination import page_size
from schema.types.unusual_entries import load_unusual_ids


@strawberry.type
class ChangeQueries:
    @root_field(
        ChangeConnection,
        description="The history of all entries, page by page, the latest change first.",
        price=500,
    )
    async def changes(
        context: Context,
        since: Annotated[
            datetime | None, strawberry.argument(description="Only changes at this moment or later.")
        ] = None,
        filter: Annotated[
            EntryFilter | None,
            strawberry.argument(
                description="Only changes of some entries. Verification status and publication are those that a change left; `implausible` "
                "is what the entry is now."
            ),
        ] = None,
        first: Annotated[int | None, strawberry.argument(description="How many at most, 1 to 100.")] = 50,
        after: Annotated[
            str | None, strawberry.argument(description="A page's `endCursor`: go on behind it.")
        ] = None,
    ) -> ChangePage:
        first = page_size(first, 50)
        position = None if after is None else read_position(after, ChangePosition)
        wanted = checked_filter(filter or EntryFilter())
        await add_list_tags(context, wanted)
        unusual = await _unusual(context, wanted)
        return await fetch_change_page(
            context.resources.pool, ChangeFilter(wanted, since, unusual), first, position
        )


async def _unusual(context: Context, wanted: Wanted) -> list[UUID]:
    if wanted.implausible is None:
        return []
    # Of the entries as they are now: status and publication are compared in the history.
    now = Wanted(
        dno=wanted.dno, data_type=wanted.data_type, year=wanted.year, voltage_level=wanted.voltage_level
    )
    return await load_unusual_ids(context, now)
