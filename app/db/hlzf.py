"""The table of Hochlastzeitfenster."""

from app.db.family_table import FamilyTable
from app.domain.hlzf import FAMILY, Hlzf

TABLE: FamilyTable[Hlzf] = FamilyTable(FAMILY, Hlzf)

fetch_by_dno_year = TABLE.fetch_by_dno_year
add, correct, lock, save = TABLE.add, TABLE.correct, TABLE.lock, TABLE.save
