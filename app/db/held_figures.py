"""Which operators have figures of which kind, level and status, by year."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from app.db.pool import Pool
from app.domain.entry import VerificationStatus, VoltageLevel
from app.domain.families import FIGURES
from app.domain.family import Family
from app.domain.held_figures import HeldFigures

_Description = tuple[Any, ...]  # kind of entries, kind of price, level, status


def _held(family: Family) -> str:
    """SQL: one row for each year of $1 (null: every year), kind, level and status with the operators that have an entry.

    An operator with several entries of a description is repeated: leaving that to a set costs a third of DISTINCT.
    """
    keys = {column.name for column in family.key}
    level = "NULLIF(voltage_level, '')" if "voltage_level" in keys else "NULL::text"
    kind = "kind" if "kind" in keys else "NULL::text"
    return (
        f"SELECT year, '{family.data_type}' AS data_type, {kind} AS price_kind, {level} AS voltage_level,"
        f" verification_status, array_agg(dno_id) AS dno_ids FROM {family.table}"
        " WHERE deleted_at IS NULL AND ($1::int[] IS NULL OR year = ANY($1)) GROUP BY 1, 2, 3, 4, 5"
    )


_HELD: Final = " UNION ALL ".join(map(_held, FIGURES))


async def fetch_held_figures(
    pool: Pool, years: Sequence[int | None]
) -> dict[int | None, tuple[HeldFigures, ...]]:
    """By year; None: of all years together, which is made of the rows of every year."""
    wanted = set(years)
    of_any = None in wanted
    rows = await pool.fetch(_HELD, None if of_any else list(wanted), name="held_figures")
    found: dict[int | None, dict[_Description, set[UUID]]] = {}
    for year, *description, dno_ids in map(tuple, rows):
        keys = [year] if year in wanted else []
        for key in [*keys, None] if of_any else keys:
            found.setdefault(key, {}).setdefault(tuple(description), set()).update(dno_ids)
    return {year: tuple(map(_held_figures, held.items())) for year, held in found.items()}


def _held_figures(held: tuple[_Description, set[UUID]]) -> HeldFigures:
    (data_type, price_kind, level, status), dno_ids = held
    return HeldFigures(
        data_type,
        price_kind,
        None if level is None else VoltageLevel(level),
        VerificationStatus(status),
        frozenset(dno_ids),
    )
