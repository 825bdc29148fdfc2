"""The table of each family."""

from typing import Any, Final

from app.db import hlzf, holiday_rules, levies, prices, tariffs, time_of_use
from app.db.family_table import FamilyTable
from app.domain.families import FAMILIES

TABLES: Final[dict[str, FamilyTable[Any]]] = {
    family.name: FamilyTable(family, family.struct) for family in FAMILIES
} | {
    table.family.name: table
    for table in (
        tariffs.TABLE,
        hlzf.TABLE,
        time_of_use.TABLE,
        prices.TABLE,
        holiday_rules.TABLE,
        levies.TABLE,
    )
}
