"""Which operators have figures of which kind, level and status, by year."""

import struct
from collections.abc import Iterable, Sequence
from typing import Final

from app.db.pool import Pool, Row
from app.domain.entry import VerificationStatus, VoltageLevel
from app.domain.families import FIGURES
from app.domain.family import Family
from app.domain.held_figures import HeldFigures, HeldOfYear


def _held(family: Family) -> str:
    """SQL: for each year of $1, kind, level and status the operators as bits of words of 32."""
    keys = {column.name for column in family.key}
    level = "NULLIF(voltage_level, '')" if "voltage_level" in keys else "NULL::text"
    kind = "kind" if "kind" in keys else "NULL::text"
    return (
        f"SELECT year::integer AS year, '{family.data_type}' AS data_type, {kind} AS price_kind, {level} AS voltage_level,"
        " verification_status::text, place >> 5 AS word, bit_or(1 << (place & 31)) AS bits, count(*) AS entries"
        f" FROM {family.table} JOIN numbered ON numbered.id = dno_id"
        " WHERE deleted_at IS NULL AND year = ANY($1::int[]) GROUP BY 1, 2, 3, 4, 5, 6"
    )


_HELD: Final = (
    "WITH numbered AS MATERIALIZED (SELECT id, (row_number() OVER (ORDER BY id))::integer - 1 AS place FROM dnos),"
    f" words AS ({' UNION ALL '.join(map(_held, FIGURES))})"
    " SELECT year, data_type, price_kind, voltage_level, verification_status, sum(entries)::bigint AS entries,"
    " array_agg(word) AS words, array_agg(bits) AS bits, NULL::bytea AS ids FROM words GROUP BY 1, 2, 3, 4, 5"
    # In the same snapshot: what the places mean.
    " UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, string_agg(uuid_send(id), '' ORDER BY id) FROM numbered"
    # Groups come in an order of PostgreSQL's choice, another one with other statistics; the record is the same with each read.
    " ORDER BY 1, 2, 3, 4, 5"
)


def _first_years(family: Family) -> str:
    """SQL: the years with entries, each found by the index on the year without reading those of the year before."""
    return (
        f"(WITH RECURSIVE years AS (SELECT min(year)::integer AS year FROM {family.table} WHERE deleted_at IS NULL"
        f" UNION ALL SELECT (SELECT min(t.year)::integer FROM {family.table} t WHERE t.deleted_at IS NULL AND t.year > years.year)"
        " FROM years WHERE year IS NOT NULL) SELECT year FROM years WHERE year IS NOT NULL)"
    )


_YEARS: Final = f"SELECT year FROM ({' UNION '.join(map(_first_years, FIGURES))}) AS years ORDER BY year DESC"


async def fetch_held_figures(pool: Pool, years: Sequence[int]) -> dict[int, HeldOfYear]:
    """By year; none for a year without figures."""
    rows = await pool.fetch(_HELD, list(years), name="held_figures")
    ids = b""
    found: dict[int, list[HeldFigures]] = {}
    for row in rows:
        if row["year"] is None:
            ids = row["ids"] or b""
        else:
            found.setdefault(row["year"], []).append(_held_figures(row))
    return {year: HeldOfYear(ids, tuple(figures)) for year, figures in found.items()}


async def fetch_years(pool: Pool, keys: Sequence[None]) -> dict[None, tuple[int, ...]]:
    """The years with figures, newest first."""
    rows = await pool.fetch(_YEARS, name="held_years")
    return {None: tuple(row["year"] for row in rows)}


def _held_figures(row: Row) -> HeldFigures:
    level = row["voltage_level"]
    return HeldFigures(
        row["data_type"],
        row["price_kind"],
        None if level is None else VoltageLevel(level),
        VerificationStatus(row["verification_status"]),
        row["entries"],
        _joined(row["words"], row["bits"]),
    )


def _joined(words: Sequence[int], bits: Iterable[int]) -> bytes:
    """The words, each at its place, as one number of many bits, the lowest first."""
    found = [0] * (max(words) + 1)
    for word, of_word in zip(words, bits, strict=True):
        found[word] = of_word
    return struct.pack(f"<{len(found)}i", *found)
