"""By how many percent a price has risen in a change."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from app.domain.family import ColumnType, Family


class PriceRise(NamedTuple):
    """`percent` None: the earlier price was not positive, so that the rise has no percentage."""

    field: str
    before: Decimal
    after: Decimal
    percent: Decimal | None

    def exceeds(self, percent: Decimal) -> bool:
        return self.percent is None or self.percent > percent


def largest_price_rise(
    family: Family, before: Mapping[str, Any], after: Mapping[str, Any], previous_year: Mapping[str, Any]
) -> PriceRise | None:
    """Compared with the entry before the change; where it had no price, with that of the year before. None: no price has
    risen, or there is none to compare with.
    """
    rises = _rises(family, before, after, previous_year)
    return max(rises, key=lambda rise: (rise.percent is None, rise.percent or 0), default=None)


def _rises(
    family: Family, before: Mapping[str, Any], after: Mapping[str, Any], previous_year: Mapping[str, Any]
) -> Iterable[PriceRise]:
    for column in family.columns:
        if column.type not in (ColumnType.PRICE, ColumnType.RATE):
            continue
        old, new = before.get(column.name), after.get(column.name)
        if old is None:
            old = previous_year.get(column.name)
        if old is None or new is None or Decimal(new) <= Decimal(old):
            continue
        old, new = Decimal(old), Decimal(new)
        percent = (new - old) / old * 100 if old > 0 else None
        yield PriceRise(column.field, old, new, percent)
