"""What changed lately, out of history: for those who missed the telling."""

from datetime import datetime

from app.db.pool import Pool
from app.domain.event import EntryChange, Event, Topic
from app.domain.revision import ChangeKind

_TOPICS = {"NETZENTGELTE": Topic.TARIFFS, "HLZF": Topic.HLZF}


async def fetch_changes_since(pool: Pool, moment: datetime, limit: int) -> list[Event]:
    """In order for each entry. They have no number: theirs was the outbox's."""
    rows = await pool.fetch(
        "SELECT data_type, dno_id, year, changed_at, entry_id, version, kind FROM revisions"
        " WHERE changed_at >= $1 ORDER BY changed_at, version LIMIT $2",
        moment,
        limit,
        name="changes",
    )
    return [
        Event(
            0,
            _TOPICS[row["data_type"]],
            row["dno_id"],
            row["year"],
            row["changed_at"],
            (EntryChange(row["entry_id"], row["version"], ChangeKind(row["kind"])),),
        )
        for row in rows
    ]
