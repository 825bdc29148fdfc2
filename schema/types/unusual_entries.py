"""Lists of entries with unusual values, and of those without, operator by operator in the order of slugs."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final, TypeAlias
from uuid import UUID

from app.cache.read_set import ReadSet
from app.db.entry_pages import count_entries, fetch_entry_page
from app.db.unusual_entries import UnusualFigures
from app.domain.directory_pages import DnoOrder
from app.domain.entry import WHOLE_COUNTRY
from app.domain.entry_page import (
    NO_SLUG,
    EntryFilter,
    EntryPage,
    EntryPosition,
    ListedEntry,
    UnusualEntry,
)
from app.domain.families import FAMILIES
from app.domain.family import Family
from app.limits.work_budget import in_turns
from loaders.registry import Loaders
from schema.context import Context
from schema.directory import load_directory

# Operators whose records are loaded together: few, as most pages need no more, then more.
_FIRST_OPERATORS, _MOST_OPERATORS = 10, 100
# Entries of which those without unusual values are taken.
_ENTRIES_AT_ONCE: Final = 1_000
# The comparison of an operator with 35 tariffs takes as long as reading so many records.
_READS_PER_COMPARISON: Final = 10

_ByOperator: TypeAlias = dict[UUID, list[UnusualEntry]]
_ById: TypeAlias = dict[UUID, UnusualEntry]


async def load_unusual_page(
    context: Context, wanted: EntryFilter, first: int, after: EntryPosition | None
) -> EntryPage:
    found: list[ListedEntry] = []
    async for each in _unusual(context, wanted, after):
        found.append(each)
        if len(found) > first:
            break
    return EntryPage(tuple(found[:first]), len(found) > first, after is not None, wanted)


async def load_usual_page(
    context: Context, wanted: EntryFilter, first: int, after: EntryPosition | None
) -> EntryPage:
    """Statements of many entries, until the page is full."""
    found: list[ListedEntry] = []
    beyond = await _beyond_distribution(context, wanted)
    position, more = after, True
    while more and len(found) <= first:
        page = await fetch_entry_page(context.resources.pool, wanted, _ENTRIES_AT_ONCE, position)
        more = page.has_next
        dno_ids = list({each.dno_id for each in page.entries})
        of_operators = await _load_unusual_entries(context, wanted, beyond, dno_ids)
        unusual = {entry_id for entries in of_operators for entry_id in entries}
        found += [each for each in page.entries if each.position.id not in unusual]
        position = page.entries[-1].position if page.entries else None
        context.budget.check()
    return EntryPage(tuple(found[:first]), len(found) > first, after is not None, wanted)


async def count_matching(context: Context, wanted: EntryFilter) -> int:
    if wanted.implausible is None:
        return await count_entries(context.resources.pool, wanted)
    unusual = sum([len(entries) async for _, _, entries in _by_operator(context, wanted)])
    if wanted.implausible:
        return unusual
    # Both are read at different moments.
    return max(0, await count_entries(context.resources.pool, wanted) - unusual)


async def load_unusual_ids(context: Context, wanted: EntryFilter) -> list[UUID]:
    return [entry_id async for _, _, entries in _by_operator(context, wanted) for entry_id in entries]


async def _unusual(
    context: Context, wanted: EntryFilter, after: EntryPosition | None = None
) -> AsyncIterator[ListedEntry]:
    """In order."""
    async for slug, dno_id, entries in _by_operator(context, wanted, after and after.slug):
        for position in sorted([EntryPosition.of(slug, entry) for entry in entries.values()]):
            if after is None or position > after:
                yield ListedEntry(position, dno_id)


async def _by_operator(
    context: Context, wanted: EntryFilter, first_slug: str | None = None
) -> AsyncIterator[tuple[str, UUID, _ById]]:
    """Slug, id and unusual entries. Loads no more operators than the caller takes."""
    operators = await _operators(context, wanted)
    if first_slug is not None:
        operators = [operator for operator in operators if operator[0] >= first_slug]
    beyond = await _beyond_distribution(context, wanted)
    at_once = _FIRST_OPERATORS
    while operators:
        chunk, operators = operators[:at_once], operators[at_once:]
        at_once = _MOST_OPERATORS
        of_operators = await _load_unusual_entries(context, wanted, beyond, [dno_id for _, dno_id in chunk])
        for (slug, dno_id), entries in zip(chunk, of_operators, strict=True):
            yield slug, dno_id, entries


async def _load_unusual_entries(
    context: Context, wanted: EntryFilter, beyond: _ByOperator, dno_ids: Sequence[UUID]
) -> list[_ById]:
    """Of each operator those that pass, with those `beyond` the distribution. The records of operators are not part of the
    read set: a list has the tags of all entries.
    """
    records = ReadSet()
    loaders = Loaders(context.resources.read_through, records, memoize=False)
    of_operators = await loaders.unusual_entries_by_dno.load_many(dno_ids)
    context.read_set.update((), records.until)
    context.budget.add_reads(_READS_PER_COMPARISON * len(records.fetched))
    return [
        {entry.id: entry for entry in (*(entries or ()), *beyond.get(dno_id, ())) if wanted.passes(entry)}
        async for dno_id, entries in in_turns(zip(dno_ids, of_operators, strict=True), context.budget)
    ]


async def load_distributions(context: Context, families: Iterable[Family]) -> dict[str, UnusualFigures]:
    names = [family.name for family in families if family.prices]
    found = await context.loaders.unusual_figures_by_family.load_many(names)
    return {name: figures for name, figures in zip(names, found, strict=True) if figures is not None}


async def _beyond_distribution(context: Context, wanted: EntryFilter) -> _ByOperator:
    by_dno: dict[UUID, list[UnusualEntry]] = {}
    families = [family for family in FAMILIES if wanted.may_have(family)]
    for figures in (await load_distributions(context, families)).values():
        for entry in figures.entries:
            by_dno.setdefault(entry.dno_id, []).append(entry)
    return by_dno


async def _operators(context: Context, wanted: EntryFilter) -> list[tuple[str, UUID]]:
    """Slug and id, in the order of slugs."""
    if wanted.dno is not None:
        (dno,) = await context.loaders.dno_by_slug.load_many([wanted.dno])
        return [] if dno is None else [(dno.slug, dno.id)]
    directory = await load_directory(context, DnoOrder.SLUG)
    operators = [(entry.slug, entry.id) for entry in directory.in_order(DnoOrder.SLUG).entries]
    return [*operators, (NO_SLUG, WHOLE_COUNTRY)]
