"""Which operators have which figures, of every year, and what is counted from it."""

from app.cache.clock import monotonic
from app.cache.read_set import ReadSet
from app.db.coverage import fetch_entries_of
from app.domain.coverage import EntryCount, Held
from app.domain.directory import Directory, Records
from app.domain.directory_parts import Part
from app.domain.held_figures import HeldOfYear
from loaders.registry import Loaders
from schema.context import Context
from schema.directory import directory_of


async def load_held_figures(loaders: Loaders) -> dict[int, HeldOfYear | None]:
    """The record of each year, newest first."""
    (years,) = await loaders.held_years.load_many([None])
    records = await loaders.held_figures_by_year.load_many(years or ())
    return dict(zip(years or (), records, strict=True))


async def load_held(context: Context, tag: str) -> tuple[Directory, Held]:
    """The directory, and the figures by its positions. `tag`: whatever invalidates one of these records invalidates it, too;
    it stands for all of them in the read set.
    """
    records = ReadSet()
    loaders = Loaders(context.resources.read_through, records, memoize=False)
    directory = await directory_of(context.resources, loaders, Part.MASKS)
    held = await load_held_figures(loaders)
    lifetime = context.resources.settings.coverage_lifetime
    context.read_set.update((tag,), min(records.until, monotonic() + lifetime))
    if records.fetched:
        context.read_set.fetched.add(tag)
    return directory, {year: directory.held(year, of_year) for year, of_year in held.items()}


async def load_entries_of_deleted(context: Context, directory: Directory, held: Held) -> list[EntryCount]:
    """Of operators that have figures and are not in the directory any more; read once for the same records."""
    deleted = {dno_id for of_year in held.values() for dno_id in of_year.absent}
    if not deleted:
        return []
    records, known = Records(held.values()), directory.entries_of_deleted
    if known is None or known[0] != records:
        known = records, await fetch_entries_of(context.resources.pool, sorted(deleted))
        directory.entries_of_deleted = known
    counts: list[EntryCount] = known[1]
    return counts
