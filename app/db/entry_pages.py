"""Pages of the entries of all families, read by filter in one statement."""

from typing import Any, Final

from app.db.known_years import has_year
from app.db.pool import Pool
from app.domain.entry import WHOLE_COUNTRY
from app.domain.entry_page import NO_SLUG, EntryFilter, EntryPage, EntryPosition, ListedEntry, has_level
from app.domain.families import FAMILIES
from app.domain.family import Family


async def fetch_entry_page(
    pool: Pool, wanted: EntryFilter, first: int, after: EntryPosition | None
) -> EntryPage:
    """Without regard to `implausible`. Reads operators in the order of their slugs until the page is full."""
    families = [family for family in FAMILIES if wanted.may_have(family)]
    if not families:
        return EntryPage((), has_next=False, has_previous=after is not None, filter=wanted)
    rows = await pool.fetch(
        "SELECT d.slug, e.year, e.family, e.id, d.id AS dno_id FROM (SELECT * FROM ("
        'SELECT id, slug COLLATE "C" AS slug FROM dnos WHERE deleted_at IS NULL AND ($1::text IS NULL OR slug = $1)'
        f" UNION ALL SELECT '{WHOLE_COUNTRY}', '{NO_SLUG}' WHERE $1 IS NULL) AS every"
        " WHERE $6::text IS NULL OR slug >= $6 ORDER BY slug) AS d CROSS JOIN LATERAL ("
        f"{' UNION ALL '.join(_OF_OPERATOR[family.name] for family in families)}) AS e"
        " WHERE $6::text IS NULL OR (d.slug, e.year, e.family, e.id) > ($6, $7::integer, $8::integer, $9::uuid)"
        " ORDER BY d.slug, e.year, e.family, e.id LIMIT $10",
        *_arguments(wanted),
        *(after or (None, None, None, None)),
        first + 1,
        name="entries",
    )
    listed = [
        ListedEntry(EntryPosition(row["slug"], row["year"], row["family"], row["id"]), row["dno_id"])
        for row in rows[:first]
    ]
    return EntryPage(tuple(listed), len(rows) > first, after is not None, wanted)


async def count_entries(pool: Pool, wanted: EntryFilter) -> int:
    """Without regard to `implausible`."""
    families = [family for family in FAMILIES if wanted.may_have(family)]
    if not families:
        return 0
    counts = " + ".join(f"({_COUNTS[family.name]})" for family in families)
    rows = await pool.fetch(f"SELECT {counts} AS entries", *_arguments(wanted), name="entries")
    found: int = rows[0]["entries"]
    return found


def _arguments(wanted: EntryFilter) -> tuple[Any, ...]:
    return (
        wanted.dno,
        wanted.year,
        wanted.voltage_level,
        wanted.verification_status,
        wanted.publication,
    )


def _passing(family: Family) -> str:
    """Every statement uses all arguments: PostgreSQL has to know their types."""
    level = "t.voltage_level" if has_level(family) else "NULL"
    publication = "t.publication" if family.has_publication else "NULL"
    known = f" AND {found}" if (found := has_year(family)) else ""
    return (
        f"t.deleted_at IS NULL AND ($2::integer IS NULL OR t.year = $2{known})"
        f" AND ($3::text IS NULL OR {level} = $3) AND ($4::text IS NULL OR t.verification_status = $4)"
        f" AND ($5::text IS NULL OR {publication} = $5)"
    )


def _count(family: Family) -> str:
    operators = (
        " JOIN dnos d ON d.id = t.dno_id AND d.deleted_at IS NULL AND ($1::text IS NULL OR d.slug = $1)"
        if family.of_operators
        else ""
    )
    where = _passing(family) + ("" if family.of_operators else " AND $1::text IS NULL")
    return f"SELECT count(*) FROM {family.table} t{operators} WHERE {where}"


_OF_OPERATOR: Final = {
    family.name: f"SELECT t.year::integer AS year, {place} AS family, t.id FROM {family.table} t"
    f" WHERE t.dno_id = d.id AND {_passing(family)}"
    for place, family in enumerate(FAMILIES)
}
_COUNTS: Final = {family.name: _count(family) for family in FAMILIES}
