"""Replaces places: rows are staged in a temporary table, and only the differences to the stored ones are written.

Within one transaction, in bounded memory:

    await create_staged(connection)
    await stage(connection, rows, on_rows)                  # or INSERT INTO staged_places …
    outcome = await replace(connection, PlaceBasis.REGISTERED_UNITS)
"""

from collections.abc import Iterable, Sequence
from typing import Final

from app.db import staging
from app.db.pool import Connection
from app.db.staging import OnRows, Outcome
from app.domain.place import PlaceBasis

STAGED: Final = "staged_places"

# In the order of the rows to stage. The key's columns are the empty text where they are not stated, the others null.
COLUMNS: Final = {
    "basis": "text",
    "postal_code": "text",
    "municipality": "text",
    "dno_id": "uuid",
    "voltage_level": "text",
    "locations": "integer",
    "source_url": "text",
    "source_title": "text",
}
_KEY: Final = "postal_code, basis, municipality, dno_id, voltage_level"
_SAME_KEY: Final = " AND ".join(f"w.{name} = p.{name}" for name in _KEY.split(", "))
_VALUES: Final = "locations, source_url, source_title"


async def create_staged(connection: Connection) -> None:
    described = ", ".join(f"{name} {sql_type}" for name, sql_type in COLUMNS.items())
    await connection.execute(f"CREATE TEMPORARY TABLE {STAGED} (n integer, {described}) ON COMMIT DROP")


async def stage(connection: Connection, rows: Iterable[Sequence[str]], on_rows: OnRows) -> None:
    """Rows of COLUMNS as text."""
    await staging.copy_rows(connection, STAGED, rows, on_rows, ("municipality", "voltage_level"))


async def replace(
    connection: Connection, basis: PlaceBasis, *, only_listed_operators: bool = False
) -> Outcome:
    """Makes the staged rows of this basis the stored ones. Each key must be staged once.

    `only_listed_operators`: places of operators without a staged row of this basis stay.
    """
    row = await connection.fetchrow(
        f"""
        WITH wanted AS MATERIALIZED (
            SELECT * FROM {STAGED} WHERE basis = $1
        ), removed AS (
            DELETE FROM places p WHERE p.basis = $1
                AND (NOT $2 OR dno_id IN (SELECT dno_id FROM wanted))
                AND NOT EXISTS (SELECT FROM wanted w WHERE {_SAME_KEY})
            RETURNING 1
        ), written AS (
            INSERT INTO places AS p ({_KEY}, {_VALUES})
            SELECT {_KEY}, {_VALUES} FROM wanted ORDER BY {_KEY}
            ON CONFLICT ({_KEY}) DO UPDATE SET
                locations = excluded.locations,
                source_url = excluded.source_url,
                source_title = excluded.source_title
            WHERE (p.locations, p.source_url, p.source_title)
                IS DISTINCT FROM (excluded.locations, excluded.source_url, excluded.source_title)
            RETURNING old.basis IS NULL AS inserted
        )
        SELECT (SELECT count(*) FROM wanted) AS staged,
            (SELECT count(*) FROM removed) AS removed,
            count(*) FILTER (WHERE inserted) AS inserted,
            count(*) FILTER (WHERE NOT inserted) AS updated
        FROM written
        """,
        basis,
        only_listed_operators,
    )
    assert row is not None
    unchanged = row["staged"] - row["inserted"] - row["updated"]
    return Outcome(row["inserted"], row["updated"], unchanged, (), row["removed"])
