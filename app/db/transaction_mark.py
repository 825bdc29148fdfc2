"""By what a transaction is found again whose commit was not answered."""

import msgspec

from app.db.pool import Pool


class TransactionMark(msgspec.Struct, frozen=True):
    """`timeline` is the history that its server writes, which another number begins when a standby is promoted: a
    former primary's transactions may be unknown to the new one, and their ids given to others.
    """

    id: str  # xid8
    timeline: str

    async def outcome(self, pool: Pool) -> str | None:
        """ "committed", "aborted" or "in progress"; None if this server cannot know."""
        rows = await pool.fetch(
            "SELECT CASE WHEN left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) = $2"
            " THEN pg_xact_status($1::text::xid8) END",
            self.id,
            self.timeline,
            name="outcome",
        )
        outcome: str | None = rows[0][0]
        return outcome
