"""Rows of an import whose entries, as they are stored now, have unusual values."""

from collections.abc import Collection, Sequence
from heapq import heappush, heappushpop
from typing import Final, NamedTuple
from uuid import UUID

from app.db.family_tables import TABLES
from app.db.pool import Connection
from app.domain.family import Family
from app.domain.plausibility import PlausibilityWarning
from app.importers.problems import RowLocation

MOST_LISTED: Final = 1_000
_MANY: Final = 1_000

Entries = Sequence[tuple[RowLocation, Sequence[str]]]


class Warned(NamedTuple):
    """An entry with an unusual value, at its first row."""

    location: RowLocation
    reason: str


class RowWarnings(NamedTuple):
    """Those of the first rows that have any, in the order of the rows; `total` is the number of all."""

    listed: tuple[Warned, ...] = ()
    total: int = 0


async def implausible_rows(
    connection: Connection, family: Family, entries: Entries, without: Collection[int] = ()
) -> RowWarnings:
    """Of the `entries` the first columns are operator, year and key. `without`: the places of rows that were not written."""
    width = 2 + len(family.key)
    places = {tuple(values[:width]): place for place, (_, values) in enumerate(entries)}
    dno_ids = [UUID(dno_id) for dno_id in {values[0] for _, values in entries}]
    years = [int(year) for year in {values[1] for _, values in entries}]
    if len(entries) > _MANY:
        # The planner takes the tables for as small as they were before; so would it for readers until autovacuum comes.
        await connection.execute(f"ANALYZE {family.table}")
        await connection.execute("SET LOCAL enable_nestloop = off")
    first = _First()
    async for key, warnings in TABLES[family.name].plausibility.find_by_key(connection, dno_ids, years):
        place = places.get(key)
        if place is not None and place not in without:
            first.add(place, warnings)
    if len(entries) > _MANY:
        await connection.execute("SET LOCAL enable_nestloop = on")
    return RowWarnings(
        tuple(
            [
                Warned(entries[place][0], warning.message)
                for place, warnings in first.in_order()
                for warning in warnings
            ][:MOST_LISTED]
        ),
        first.total,
    )


class _First:
    """Counts the warnings of all rows, and keeps those of the first rows."""

    def __init__(self) -> None:
        self.total = 0
        self._kept: list[tuple[int, tuple[PlausibilityWarning, ...]]] = []  # a heap, the last row first

    def add(self, place: int, warnings: tuple[PlausibilityWarning, ...]) -> None:
        self.total += len(warnings)
        if len(self._kept) < MOST_LISTED:
            heappush(self._kept, (-place, warnings))
        elif -place > self._kept[0][0]:
            heappushpop(self._kept, (-place, warnings))

    def in_order(self) -> list[tuple[int, tuple[PlausibilityWarning, ...]]]:
        return sorted([(-place, warnings) for place, warnings in self._kept])
