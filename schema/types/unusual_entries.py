"""Lists of entries with unusual values, and of those without, operator by operator in the order of slugs."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final
from uuid import UUID

from app.cache.read_set import ReadSet
from app.db.entry_pages import count_entries, fetch_entry_page
from app.db.unusual_entries import UnusualFigures
from app.domain.directory import DnoOrder
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
from loaders.registry import Loaders
from schema.context import Context

# Operators whose records are loaded together: few, as most pages need no more, then more.
_FIRST_OPERATORS, _MOST_OPERATORS = 10, 100
# Entries of which those without unusual values are taken.
_ENTRIES_AT_ONCE: Final = 1_000


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
    position, more = after, True
    while more and len(found) <= first:
        page = await fetch_entry_page(context.resources.pool, wanted, _ENTRIES_AT_ONCE, position)
        more = page.has_next
        dno_ids = list({each.dno_id for each in page.entries})
        unusual = {
            entry.id for entries in await load_unusual_entries(context, wanted, dno_ids) for entry in entries
        }
        found += [each for each in page.entries if each.position.id not in unusual]
        position = page.entries[-1].position if page.entries else None
        context.budget.check()
    return EntryPage(tuple(found[:first]), len(found) > first, after is not None, wanted)


async def count_matching(context: Context, wanted: EntryFilter) -> int:
    if wanted.implausible is None:
        return await count_entries(context.resources.pool, wanted)
    unusual = sum([1 async for _ in _unusual(context, wanted)])
    if wanted.implausible:
        return unusual
    # Both are read at different moments.
    return max(0, await count_entries(context.resources.pool, wanted) - unusual)


async def load_unusual_ids(context: Context, wanted: EntryFilter) -> list[UUID]:
    return [each.position.id async for each in _unusual(context, wanted)]


async def _unusual(
    context: Context, wanted: EntryFilter, after: EntryPosition | None = None
) -> AsyncIterator[ListedEntry]:
    """In order. Loads no more operators than the caller takes entries of."""
    operators = await _operators(context, wanted)
    if after is not None:
        operators = [operator for operator in operators if operator[0] >= after.slug]
    at_once = _FIRST_OPERATORS
    while operators:
        chunk, operators = operators[:at_once], operators[at_once:]
        at_once = _MOST_OPERATORS
        of_operators = await load_unusual_entries(context, wanted, [dno_id for _, dno_id in chunk])
        for (slug, dno_id), entries in zip(chunk, of_operators, strict=True):
            for position in sorted([EntryPosition.of(slug, entry) for entry in entries]):
                if after is None or position > after:
                    yield ListedEntry(position, dno_id)


async def load_unusual_entries(
    context: Context, wanted: EntryFilter, dno_ids: Sequence[UUID]
) -> list[set[UnusualEntry]]:
    """Of each operator those that pass. Its own records are not part of the read set: a list has the tags of all entries."""
    beyond = await _beyond_distribution(context, wanted)
    records = ReadSet()
    loaders = Loaders(context.resources.read_through, records, memoize=False)
    of_operators = await loaders.unusual_entries_by_dno.load_many(dno_ids)
    context.read_set.update((), records.until)
    context.budget.check()
    return [
        {entry for entry in (*(entries or ()), *beyond.get(dno_id, ())) if wanted.passes(entry)}
        for dno_id, entries in zip(dno_ids, of_operators, strict=True)
    ]


async def load_distributions(context: Context, families: Iterable[Family]) -> dict[str, UnusualFigures]:
    names = [family.name for family in families if family.prices]
    found = await context.loaders.unusual_figures_by_family.load_many(names)
    return {name: figures for name, figures in zip(names, found, strict=True) if figures is not None}


async def _beyond_distribution(context: Context, wanted: EntryFilter) -> dict[UUID, list[UnusualEntry]]:
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
    (entries,) = await context.loaders.directory.load_many([None])
    directory = context.resources.directories.of(entries or ())
    operators = [(entry.slug, entry.id) for entry in directory.in_order(DnoOrder.SLUG).entries]
    return [*operators, (NO_SLUG, WHOLE_COUNTRY)]
