"""The query for the caller's own changes, which `undo` takes back."""

from datetime import datetime
from typing import Annotated

import strawberry

from app.auth.roles import require
from app.db.change_pages import fetch_change_page
from app.domain.account import Role
from app.domain.change_page import ChangeFilter, ChangePage, ChangePosition
from app.domain.entry_page import EntryFilter
from app.domain.page_cursor import read_position
from schema.batch_field import root_field
from schema.context import Context
from schema.types.change_connection import ChangeConnection
from schema.types.pagination import page_size


@strawberry.type
class OwnChangeQueries:
    @root_field(
        ChangeConnection,
        description="What the caller has changed, page by page, the latest change first. Needs the role EDITOR.",
        price=500,
    )
    async def own_changes(
        context: Context,
        since: Annotated[datetime, strawberry.argument(description="Only changes at this moment or later.")],
        first: Annotated[int | None, strawberry.argument(description="How many at most, 1 to 100.")] = 50,
        after: Annotated[
            str | None, strawberry.argument(description="A page's `endCursor`: go on behind it.")
        ] = None,
    ) -> ChangePage:
        context.read_set.never_keep("ownChanges")
        principal = await context.current_principal()
        require(principal, Role.EDITOR)
        wanted = ChangeFilter(EntryFilter(), since, author=principal.name)
        position = None if after is None else read_position(after, ChangePosition)
        return await fetch_change_page(context.resources.pool, wanted, page_size(first, 50), position)
