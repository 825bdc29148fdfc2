"""Rows of an import whose entries, as they are stored now, have unusual values."""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from app.db.family_tables import TABLES
from app.db.pool import Connection
from app.domain.family import Family
from app.importers.problems import RowLocation

_MANY: Final = 1_000

Entries = Sequence[tuple[RowLocation, Sequence[str]]]


async def implausible_rows(
    connection: Connection, family: Family, entries: Entries
) -> Iterator[tuple[RowLocation, str]]:
    """Location and reason, in the order of the rows. Of the `entries` the first columns are operator, year and key."""
    found: dict[tuple[str, ...], list[str]] = {}
    dno_ids = [UUID(dno_id) for dno_id in {values[0] for _, values in entries}]
    years = [int(year) for year in {values[1] for _, values in entries}]
    if len(entries) > _MANY:
        # Else the planner takes the tables for as small as they were before.
        await connection.execute(f"ANALYZE {family.table}, revisions")
    async for entry, warnings in TABLES[family.name].plausibility.find(connection, dno_ids, years):
        found[_key(family, entry)] = [warning.message for warning in warnings]
    width = 2 + len(family.key)
    return (
        (location, reason) for location, values in entries for reason in found.get(tuple(values[:width]), ())
    )


def _key(family: Family, entry: Any) -> tuple[str, ...]:
    """As files have it."""
    named = (getattr(entry, key.name) for key in family.key)
    return (str(entry.dno_id), str(entry.year), *("" if value is None else str(value) for value in named))
