"""The query for rows of a crawler's database that were set aside."""

import re
from typing import Annotated, Final

import strawberry

from app.auth.roles import require
from app.db.followed_rows import fetch_set_aside_page
from app.domain.account import Role
from app.domain.page_cursor import read_position
from app.domain.set_aside import SetAsidePage, SetAsidePosition
from app.errors import BadInput
from schema.batch_field import root_field
from schema.context import Context
from schema.types.pagination import page_size
from schema.types.set_aside import SetAsideConnection

_ID: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)


@strawberry.type
class SetAsideQueries:
    @root_field(
        SetAsideConnection,
        description="Rows of the dno-crawler database that this server follows, which did not fit and were not taken over. Needs the"
        " role EDITOR.",
        price=100,
    )
    async def set_aside(
        context: Context,
        first: Annotated[int | None, strawberry.argument(description="How many at most, 1 to 100.")] = 50,
        after: Annotated[
            str | None, strawberry.argument(description="A page's `endCursor`: go on behind it.")
        ] = None,
    ) -> SetAsidePage:
        context.read_set.never_keep("setAside")
        require(await context.current_principal(), Role.EDITOR)
        position = None if after is None else read_position(after, SetAsidePosition)
        if position is not None and not _ID.fullmatch(position.source_id):
            raise BadInput("`after` is not a cursor of this list.", argument="after")
        return await fetch_set_aside_page(context.resources.pool, position, page_size(first, 50))
