"""Pages of the history of all families, newest first, by filter."""

from typing import Any, Final

from app.db.known_years import has_year
from app.db.pool import Pool
from app.db.revisions import KNOWN_DATA_TYPES
from app.domain.change_page import ChangeFilter, ChangePage, ChangePosition, ListedChange
from app.domain.entry_page import EntryKey, has_level
from app.domain.families import FAMILIES, OF_DATA_TYPE, DataType


async def fetch_change_page(
    pool: Pool, wanted: ChangeFilter, first: int, after: ChangePosition | None
) -> ChangePage:
    rows = await pool.fetch(
        _PAGE.format(operator=_operator(wanted)),
        *_arguments(wanted),
        *(after or (None, None, None)),
        first + 1,
        name="history",
    )
    changes = [
        ListedChange(
            ChangePosition(row["changed_at"], row["entry_id"], row["version"]),
            row["id"],
            data_type := DataType(row["data_type"]),
            EntryKey(OF_DATA_TYPE[data_type], row["dno_id"], row["year"], row["entry_id"]),
        )
        for row in rows[:first]
    ]
    return ChangePage(tuple(changes), len(rows) > first, after is not None, wanted)


async def count_changes(pool: Pool, wanted: ChangeFilter) -> int:
    rows = await pool.fetch(_COUNT.format(operator=_operator(wanted)), *_arguments(wanted), name="history")
    found: int = rows[0]["changes"]
    return found


def _operator(wanted: ChangeFilter) -> str:
    """Without an alternative, so that the index on the operator is used."""
    given = wanted.entries.dno is not None
    return "r.dno_id = (SELECT id FROM dnos WHERE slug = $1)" if given else "$1::text IS NULL"


def _arguments(wanted: ChangeFilter) -> tuple[Any, ...]:
    entries = wanted.entries
    return (
        entries.dno,
        entries.year,
        entries.voltage_level,
        entries.verification_status,
        entries.publication,
        entries.data_type,
        wanted.since,
        entries.implausible,
        list(wanted.unusual),
        wanted.author,
    )


_LEVELS: Final = " ".join(
    f"WHEN '{family.data_type}' THEN (SELECT t.voltage_level FROM {family.table} t WHERE t.id = r.entry_id)"
    for family in FAMILIES
    if has_level(family)
)
_YEARS: Final = " ".join(
    f"WHEN '{family.data_type}' THEN r.year <> {family.without_year}"
    f" OR EXISTS (SELECT FROM {family.table} t WHERE t.id = r.entry_id AND {known})"
    for family in FAMILIES
    if (known := has_year(family))
)
# Revisions that are older than the column have none.
_WITH_PUBLICATION: Final = ", ".join(repr(family.data_type) for family in FAMILIES if family.has_publication)
_PASSING: Final = f"""
    FROM revisions r WHERE r.data_type IN ({KNOWN_DATA_TYPES})
        AND {{operator}}
        AND ($2::integer IS NULL OR r.year = $2 AND CASE r.data_type {_YEARS} ELSE true END)
        AND ($3::text IS NULL OR CASE r.data_type {_LEVELS} END = $3)
        AND ($4::text IS NULL OR coalesce(r.after, r.before) ->> 'verification_status' = $4)
        AND ($5::text IS NULL OR r.data_type IN ({_WITH_PUBLICATION})
            AND coalesce(coalesce(r.after, r.before) ->> 'publication', 'FINAL') = $5)
        AND ($6::text IS NULL OR r.data_type = $6)
        AND r.changed_at >= coalesce($7::timestamptz, '-infinity')
        AND ($8::boolean IS NULL OR (r.entry_id = ANY($9::uuid[])) = $8)
        AND ($10::text IS NULL OR r.changed_by = $10)
    """
_PAGE: Final = f"""
    SELECT r.id, r.entry_id, r.data_type, r.dno_id, r.year, r.version, r.changed_at {_PASSING}
        AND (r.changed_at, r.entry_id, r.version) < (
            coalesce($11::timestamptz, 'infinity'),
            coalesce($12::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
            coalesce($13::integer, 2147483647)
        )
    ORDER BY r.changed_at DESC, r.entry_id DESC, r.version DESC LIMIT $14
    """
_COUNT: Final = f"SELECT count(*) AS changes {_PASSING}"
