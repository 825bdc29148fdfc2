"""Recently committed changes, read from history by instances that missed their messages."""

from typing import NamedTuple

from app.db.pool import Pool
from app.domain.event import EntryChange, Event, Topic
from app.domain.families import FAMILIES
from app.domain.revision import ChangeKind

_TOPICS = {family.data_type: Topic(family.name) for family in FAMILIES}


class Changes(NamedTuple):
    """`snapshot`: the database snapshot in which they were read."""

    events: list[Event]
    snapshot: str


async def fetch_snapshot(pool: Pool) -> str:
    """The current snapshot: which transactions have ended."""
    rows = await pool.fetch("SELECT pg_current_snapshot()::text AS snapshot", name="snapshot")
    snapshot: str = rows[0]["snapshot"]
    return snapshot


async def fetch_changes_since(pool: Pool, snapshot: str, limit: int) -> Changes:
    """All changes committed after `snapshot`, in order for each entry. The events have number 0: the outbox's numbers
    are not in history. Rows with transaction ids that this server has not reached yet were restored from another
    server; they are left out, as are families of a later release, which has migrated the database already.
    """
    rows = await pool.fetch(
        # Within one entry by version: a later writer waits for its lock, while transaction numbers
        # may have been drawn long before.
        "WITH since AS (SELECT data_type, dno_id, year, changed_at, entry_id, version, kind FROM revisions"
        " WHERE written_in >= pg_snapshot_xmin($1::text::pg_snapshot)"
        " AND written_in < pg_snapshot_xmax(pg_current_snapshot())"
        " AND NOT pg_visible_in_snapshot(written_in, $1::text::pg_snapshot) AND data_type = ANY($3::text[])"
        " ORDER BY version, written_in LIMIT $2)"
        " SELECT pg_current_snapshot()::text AS snapshot, since.* FROM (VALUES (1)) AS one LEFT JOIN since ON true"
        " ORDER BY version",
        snapshot,
        limit,
        list(_TOPICS),
        name="changes",
    )
    return Changes(
        [
            Event(
                0,
                _TOPICS[row["data_type"]],
                row["dno_id"],
                row["year"],
                row["changed_at"],
                (EntryChange(row["entry_id"], row["version"], ChangeKind(row["kind"])),),
            )
            for row in rows
            if row["entry_id"] is not None
        ],
        rows[0]["snapshot"],
    )
