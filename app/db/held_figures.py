"""Which operators have figures of which kind, level and status, by year."""

from collections.abc import Sequence
from typing import Final

from app.db.pool import Pool
from app.domain.entry import VerificationStatus, VoltageLevel
from app.domain.families import FIGURES
from app.domain.family import Family
from app.domain.held_figures import HeldFigures


def _held(family: Family) -> str:
    """SQL: one row for each key of $1, kind, level and status with the operators that have an entry."""
    keys = {column.name for column in family.key}
    level = "NULLIF(t.voltage_level, '')" if "voltage_level" in keys else "NULL::text"
    kind = "t.kind" if "kind" in keys else "NULL::text"
    return (
        f"SELECT wanted.year, '{family.data_type}' AS data_type, {kind} AS price_kind, {level} AS voltage_level,"
        " t.verification_status, array_agg(DISTINCT t.dno_id) AS dno_ids"
        f" FROM {family.table} t JOIN unnest($1::int[]) AS wanted (year)"
        " ON wanted.year IS NULL OR t.year = wanted.year WHERE t.deleted_at IS NULL GROUP BY 1, 2, 3, 4, 5"
    )


_HELD: Final = " UNION ALL ".join(map(_held, FIGURES))


async def fetch_held_figures(
    pool: Pool, years: Sequence[int | None]
) -> dict[int | None, tuple[HeldFigures, ...]]:
    """By year; None: of all years together."""
    rows = await pool.fetch(_HELD, years, name="held_figures")
    found: dict[int | None, list[HeldFigures]] = {}
    for row in rows:
        level = row["voltage_level"]
        found.setdefault(row["year"], []).append(
            HeldFigures(
                row["data_type"],
                row["price_kind"],
                None if level is None else VoltageLevel(level),
                VerificationStatus(row["verification_status"]),
                frozenset(row["dno_ids"]),
            )
        )
    return {year: tuple(held) for year, held in found.items()}
