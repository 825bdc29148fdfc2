"""The table of prices of a price sheet."""

from app.db.family_table import FamilyTable
from app.domain.price import FAMILY, Price

TABLE: FamilyTable[Price] = FamilyTable(FAMILY, Price)

fetch_by_dno_year = TABLE.fetch_by_dno_year
