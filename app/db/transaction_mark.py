"""Identifies a transaction whose commit got no response, so that its outcome can be looked up."""

import msgspec

from app.db.pool import Pool


class TransactionMark(msgspec.Struct, frozen=True):
    """`timeline`: the WAL timeline of its server, which changes when a standby is promoted. Transactions of a former
    primary may be missing on the new one, and their ids be reused.
    """

    id: str  # xid8
    timeline: str

    async def outcome(self, pool: Pool) -> str | None:
        """ "committed", "aborted" or "in progress"; None on another timeline."""
        rows = await pool.fetch(
            "SELECT CASE WHEN left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) = $2"
            " THEN pg_xact_status($1::text::xid8) END AS outcome",
            self.id,
            self.timeline,
            name="outcome",
        )
        outcome: str | None = rows[0]["outcome"]
        return outcome
