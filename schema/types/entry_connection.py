"""GraphQL types of pages of entries of all families, after the Relay connection specification."""

import asyncio
from collections.abc import Sequence
from typing import Any

import strawberry

from app.db.unusual_entries import fetch_warnings
from app.domain.entry import DnoYear, Publication, VerificationStatus, VoltageLevel
from app.domain.entry_page import EntryKey, EntryPage, ListedEntry
from app.domain.families import FAMILIES, DataType
from app.domain.page_cursor import write_position
from schema.batch_field import batch_field, field, length, type_for
from schema.context import Context
from schema.types.connection import PageInfo
from schema.types.entry import Entry
from schema.types.unusual_entries import count_matching, load_distributions
from schema.types.warning import Warning


@strawberry.input(description="Only entries to which all of this applies.")
class EntryFilter:
    dno: str | None = strawberry.field(default=None, description="Of this operator, by slug.")
    data_type: DataType | None = strawberry.field(default=None, description="Of this kind.")
    year: int | None = strawberry.field(
        default=None,
        description="Of this calendar year; levies by the year in which they begin. Entries without a year are of none.",
    )
    voltage_level: VoltageLevel | None = strawberry.field(default=None, description="At this level.")
    verification_status: VerificationStatus | None = strawberry.field(
        default=None, description="As sure as this."
    )
    publication: Publication | None = strawberry.field(default=None, description="As final as this.")
    implausible: bool | None = strawberry.field(
        default=None,
        description="With values that are possible and unusual (true), or without (false); see `warnings` of an edge.",
    )


@type_for(ListedEntry, description="An entry and its place in the list.")
class EntryEdge:
    @field(description="`after` of a page that begins behind this entry.")
    def cursor(root: strawberry.Parent[ListedEntry]) -> str:
        return write_position(root.position)

    @batch_field(Entry | None, description="The entry; null: it was deleted while the page was read.")
    async def node(edges: Sequence[ListedEntry], context: Context) -> Sequence[Any]:
        return await load_entries([edge.key for edge in edges], context)

    @batch_field(
        list[Warning],
        description="What is unusual about its values, compared with other stored figures.",
        metadata=length(2),
    )
    async def warnings(edges: Sequence[ListedEntry], context: Context) -> Sequence[Any]:
        figures = await load_distributions(context, {edge.family for edge in edges})
        distributions = {name: each.distribution for name, each in figures.items()}
        found = await fetch_warnings(context.resources.pool, edges, distributions)
        return [found.get(edge.position.id, ()) for edge in edges]


@type_for(EntryPage, description="A page of a list of entries.")
class EntryConnection:
    @field(description="The entries of this page, each with its cursor.")
    def edges(root: strawberry.Parent[EntryPage]) -> list[EntryEdge]:
        return list(root.entries)  # type: ignore[arg-type]

    @batch_field(list[Entry], description="The entries of this page.")
    async def nodes(pages: Sequence[EntryPage], context: Context) -> Sequence[Any]:
        found = iter(await load_entries([entry.key for page in pages for entry in page.entries], context))
        of_pages = [[next(found) for _ in page.entries] for page in pages]
        return [[entry for entry in entries if entry is not None] for entries in of_pages]

    @field(description="Where this page lies in its list.")
    def page_info(root: strawberry.Parent[EntryPage]) -> PageInfo:
        return root  # type: ignore[return-value]

    @batch_field(int, description="How many entries the filter lets through, on all pages.")
    async def total_count(pages: Sequence[EntryPage], context: Context) -> Sequence[int]:
        return [await count_matching(context, page.filter) for page in pages]


async def load_entries(keys: Sequence[EntryKey], context: Context) -> list[Any]:
    """One statement per family; None for an entry that is deleted."""
    entries: dict[Any, Any] = {}
    for family in FAMILIES:
        of_family = dict.fromkeys(DnoYear(key.dno_id, key.year) for key in keys if key.family is family)
        if of_family:
            for records in await context.loaders.of_family(family.name).load_many(of_family):
                entries |= {record.id: record for record in records or ()}
    return [entries.get(key.id) for key in keys]


async def load_entries_of_present(keys: Sequence[EntryKey], context: Context) -> list[Any]:
    """The same; None also for an entry of a deleted operator: its field `dno` has nothing to return."""
    operators = {key.dno_id for key in keys if key.family.of_operators}
    entries, found = await asyncio.gather(
        load_entries(keys, context), context.loaders.dno_by_id.load_many(operators)
    )
    deleted = operators - {dno.id for dno in found if dno is not None}
    return [None if key.dno_id in deleted else entry for key, entry in zip(keys, entries, strict=True)]
