"""GraphQL types of rows that `dno follow` set aside, after the Relay connection specification."""

from collections.abc import Sequence
from datetime import datetime

import strawberry

from app.db.followed_rows import count_set_aside_rows
from app.domain import set_aside as structs
from app.domain.set_aside import SetAside, SetAsidePage
from schema.batch_field import batch_field, field, type_for
from schema.context import Context
from schema.types.connection import PageInfo


@type_for(structs.SetAsideValue, description="A column of a row that was set aside.")
class SetAsideValue:
    @field(description="The name of the column.")
    def name(root: strawberry.Parent[structs.SetAsideValue]) -> str:
        return root.column

    @field(description="Its value as text; null: it has none.")
    def value(root: strawberry.Parent[structs.SetAsideValue]) -> str | None:
        return root.value


@type_for(
    SetAside,
    name="SetAsideRow",
    description="A row of a dno-crawler database, or a part of one, that did not fit and was not taken over.",
)
class SetAsideRow:
    @field(description="The table of the row.")
    def source(root: strawberry.Parent[SetAside]) -> str:
        return root.source

    @field(description="Its id in that table.")
    def row_id(root: strawberry.Parent[SetAside]) -> str:
        return str(root.source_id)

    @field(description="Why it was not taken over.")
    def reason(root: strawberry.Parent[SetAside]) -> str:
        return root.reason

    @field(description="What it has.")
    def content(root: strawberry.Parent[SetAside]) -> list[SetAsideValue]:
        texts = [(name, None if value is None else str(value)) for name, value in root.content.items()]
        return [structs.SetAsideValue(*text) for text in texts]  # type: ignore[misc]

    @field(description="Since when it has not fitted.")
    def since(root: strawberry.Parent[SetAside]) -> datetime | None:
        return root.since


@type_for(SetAsidePage, description="A page of the rows that were set aside.")
class SetAsideConnection:
    @field(description="The rows of this page.")
    def nodes(root: strawberry.Parent[SetAsidePage]) -> list[SetAsideRow]:
        return list(root.rows)  # type: ignore[arg-type]

    @field(description="Where this page lies in its list.")
    def page_info(root: strawberry.Parent[SetAsidePage]) -> PageInfo:
        return root  # type: ignore[return-value]

    @batch_field(int, description="How many there are, on all pages.")
    async def total_count(pages: Sequence[SetAsidePage], context: Context) -> Sequence[int]:
        count = await count_set_aside_rows(context.resources.pool)
        return [count for _ in pages]
