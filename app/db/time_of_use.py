"""The table of time-of-use grid charges (§ 14a EnWG, Modul 3)."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from app.db.family_table import FamilyTable
from app.db.pool import Connection
from app.domain.entry import DnoYear
from app.domain.plausibility import PlausibilityWarning, time_of_use_warnings
from app.domain.time_of_use import FAMILY, TimeOfUseTariff


def _warnings(tariff: TimeOfUseTariff, last_year: tuple[Any, ...]) -> Iterable[PlausibilityWarning]:
    return time_of_use_warnings(tariff, last_year)


TABLE: FamilyTable[TimeOfUseTariff] = FamilyTable(FAMILY, TimeOfUseTariff, _warnings)

fetch_by_dno_year = TABLE.fetch_by_dno_year
add, correct, lock, save = TABLE.add, TABLE.correct, TABLE.lock, TABLE.save

_LAST_YEAR: Final = {f"last_year_{column.name}": column.name for column in FAMILY.prices}
_WITH_LAST_YEAR: Final = (
    f"SELECT {TABLE.selected('t')}, {', '.join(f'p.{name} AS {as_name}' for as_name, name in _LAST_YEAR.items())}"
    f" FROM unnest($1::uuid[], $2::int[]) AS wanted (dno_id, year) JOIN {FAMILY.table} t USING (dno_id, year)"
    f" LEFT JOIN {FAMILY.table} p ON p.dno_id = t.dno_id AND p.year = t.year - 1 AND p.deleted_at IS NULL"
    " WHERE t.deleted_at IS NULL"
)


async def fetch_warnings(
    connection: Connection, keys: Sequence[DnoYear]
) -> dict[DnoYear, tuple[PlausibilityWarning, ...]]:
    """Unusual values of tariffs as they are stored."""
    found = {}
    for row in await connection.fetch(_WITH_LAST_YEAR, *DnoYear.columns(keys)):
        tariff = TABLE.entry(row)
        last_year = [row[name] for name in _LAST_YEAR]
        found[DnoYear(tariff.dno_id, tariff.year)] = time_of_use_warnings(tariff, last_year)
    return found
