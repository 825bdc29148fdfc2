"""The table of time-of-use grid charges (§ 14a EnWG, Modul 3)."""

from app.db.family_table import FamilyTable
from app.domain.time_of_use import FAMILY, TimeOfUseTariff

TABLE: FamilyTable[TimeOfUseTariff] = FamilyTable(FAMILY, TimeOfUseTariff)

fetch_by_dno_year = TABLE.fetch_by_dno_year
add, correct, lock, save = TABLE.add, TABLE.correct, TABLE.lock, TABLE.save
