"""The log of natural-language questions: written in batches, deleted after a while, read for what is frequent."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import msgspec

from app.db.pool import Pool
from app.domain.entry import DnoYear, VoltageLevel
from app.domain.families import DataType


class AskedQuestion(msgspec.Struct, frozen=True):
    asked_at: datetime
    query: str
    dno_id: UUID | None
    year: int | None
    voltage_level: VoltageLevel | None
    data_type: DataType | None
    confidence: float
    duration_ms: float
    cached: bool
    address: str | None = None


async def insert_many(pool: Pool, questions: Sequence[AskedQuestion], ids: Sequence[UUID] = ()) -> None:
    """All or none, in one COPY. With `ids` a retry after a lost response inserts nothing twice."""
    ids = ids or [uuid4() for _ in questions]
    async with pool.connection() as connection:
        # If one exists, all of them do.
        with suppress(asyncpg.UniqueViolationError):
            await connection.copy_records_to_table(
                "query_logs",
                columns=("id", *AskedQuestion.__struct_fields__),
                records=[
                    (number, *msgspec.structs.astuple(question))
                    for number, question in zip(ids, questions, strict=True)
                ],
            )


async def delete_older_than(pool: Pool, days: float) -> int:
    """Returns how many were deleted."""
    async with pool.connection() as connection:
        done = await connection.execute(
            "DELETE FROM query_logs WHERE asked_at < now() - $1::interval", timedelta(days=days)
        )
    return int(done.rpartition(" ")[2])


async def delete_surplus(pool: Pool, max_rows: int) -> int:
    """Deletes the oldest rows beyond `max_rows`; returns how many."""
    async with pool.connection() as connection:
        done = await connection.execute(
            "DELETE FROM query_logs WHERE asked_at <="
            " (SELECT asked_at FROM query_logs ORDER BY asked_at DESC OFFSET $1 LIMIT 1)",
            max_rows,
        )
    return int(done.rpartition(" ")[2])


async def fetch_most_asked(pool: Pool, days: float, limit: int) -> tuple[DnoYear, ...]:
    """The most frequent first."""
    rows = await pool.fetch(
        "SELECT dno_id, year FROM query_logs"
        " WHERE asked_at >= now() - $1::interval AND dno_id IS NOT NULL AND year IS NOT NULL"
        " GROUP BY dno_id, year ORDER BY count(*) DESC, dno_id, year LIMIT $2",
        timedelta(days=days),
        limit,
        name="most_asked",
    )
    return tuple(DnoYear(row["dno_id"], row["year"]) for row in rows)
