"""GraphQL types of pages of the history of all families, after the Relay connection specification."""

from collections.abc import Sequence
from typing import Any

import strawberry

from app.db.change_pages import count_changes
from app.domain.change_page import ChangePage, ListedChange
from app.domain.families import DataType
from app.domain.page_cursor import write_position
from schema.batch_field import batch_field, field, type_for
from schema.context import Context
from schema.types.connection import PageInfo
from schema.types.dno import Dno
from schema.types.entry import Entry
from schema.types.entry_connection import load_entries_of_present
from schema.types.node import Kind, write_id
from schema.types.revision import Revision


@type_for(
    ListedChange, name="Change", description="A change of an entry: the revision, and what was changed."
)
class EntryRevision:
    @field(description="What was changed.")
    def data_type(root: strawberry.Parent[ListedChange]) -> DataType:
        return root.data_type

    @field(description="Id of the entry, also of one that is deleted.")
    def entry_id(root: strawberry.Parent[ListedChange]) -> strawberry.ID:
        return write_id(Kind[root.key.family.id_kind], root.key.id)

    @field(description="Calendar year in which the entry holds; null: a family whose entries may have none.")
    def year(root: strawberry.Parent[ListedChange]) -> int | None:
        return None if root.key.year == root.key.family.without_year else root.key.year

    @batch_field(
        Dno | None, description="Whose entry it is; null for levies, and for an operator that is deleted."
    )
    async def dno(changes: Sequence[ListedChange], context: Context) -> Sequence[Any]:
        ids = [change.key.dno_id if change.key.family.of_operators else None for change in changes]
        found = iter(await context.loaders.dno_by_id.load_many([dno_id for dno_id in ids if dno_id]))
        return [next(found) if dno_id else None for dno_id in ids]

    @batch_field(
        Entry | None,
        description="The entry as it is now: after this change, perhaps after later ones. null: it is deleted, or its operator is.",
    )
    async def entry(changes: Sequence[ListedChange], context: Context) -> Sequence[Any]:
        return await load_entries_of_present([change.key for change in changes], context)

    @batch_field(
        Revision,
        description="What changed, when, by whom and why.",
        through=lambda loaders: loaders.revision_by_id,
    )
    async def revision(changes: Sequence[ListedChange], context: Context) -> Sequence[Any]:
        return [change.revision_id for change in changes]


@type_for(ListedChange, description="A change and its place in the list.")
class ChangeEdge:
    @field(description="`after` of a page that begins behind this change.")
    def cursor(root: strawberry.Parent[ListedChange]) -> str:
        return write_position(root.position)

    @field(description="The change.")
    def node(root: strawberry.Parent[ListedChange]) -> EntryRevision:
        return root  # type: ignore[return-value]


@type_for(ChangePage, description="A page of the history of entries.")
class ChangeConnection:
    @field(description="The changes of this page, each with its cursor.")
    def edges(root: strawberry.Parent[ChangePage]) -> list[ChangeEdge]:
        return list(root.changes)  # type: ignore[arg-type]

    @field(description="The changes of this page.")
    def nodes(root: strawberry.Parent[ChangePage]) -> list[EntryRevision]:
        return list(root.changes)  # type: ignore[arg-type]

    @field(description="Where this page lies in its list.")
    def page_info(root: strawberry.Parent[ChangePage]) -> PageInfo:
        return root  # type: ignore[return-value]

    @batch_field(int, description="How many changes the filter lets through, on all pages.")
    async def total_count(pages: Sequence[ChangePage], context: Context) -> Sequence[int]:
        return [await count_changes(context.resources.pool, page.filter) for page in pages]
