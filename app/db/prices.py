"""The table of prices of a price sheet."""

from collections.abc import Iterable
from typing import Any

from app.db.family_table import FamilyTable
from app.domain.plausibility import PlausibilityWarning, price_warnings
from app.domain.price import FAMILY, Price


def _warnings(price: Price, last_year: tuple[Any, ...]) -> Iterable[PlausibilityWarning]:
    return price_warnings(price, *last_year)


TABLE: FamilyTable[Price] = FamilyTable(FAMILY, Price, _warnings)

fetch_by_dno_year = TABLE.fetch_by_dno_year
