"""The table of time-of-use grid charges (§ 14a EnWG, Modul 3)."""

from collections.abc import Iterable
from typing import Any

from app.db.family_table import FamilyTable
from app.domain.plausibility import PlausibilityWarning, time_of_use_warnings
from app.domain.time_of_use import FAMILY, TimeOfUseTariff


def _warnings(tariff: TimeOfUseTariff, last_year: tuple[Any, ...]) -> Iterable[PlausibilityWarning]:
    return time_of_use_warnings(tariff, last_year)


TABLE: FamilyTable[TimeOfUseTariff] = FamilyTable(FAMILY, TimeOfUseTariff, _warnings)

fetch_by_dno_year = TABLE.fetch_by_dno_year
add, correct, lock, save = TABLE.add, TABLE.correct, TABLE.lock, TABLE.save
