"""Prices of a price sheet: one row per price, whose unit and voltage level must fit its kind."""

from collections.abc import Iterator

from app.domain.entry import VoltageLevel
from app.domain.price import FAMILY, PriceKind, PriceUnit, broken_rules, only_level
from app.importers.family import FamilySource
from app.importers.layout import Row
from app.importers.problems import Problem
from app.importers.source import References


class PriceSource(FamilySource):
    def __init__(self, references: References) -> None:
        super().__init__(FAMILY, references)

    def take(self, row: Row, values: list[str]) -> Iterator[Problem]:
        """An empty level is that of a kind that has only one."""
        names = row.layout.names
        kind = PriceKind(values[names.index("kind")])
        level = _level(kind, values[names.index("voltage_level")])
        values[names.index("voltage_level")] = level or ""
        unit = PriceUnit(values[names.index("unit")])
        broken = [row.problem(*rule) for rule in broken_rules(kind, level, unit)]
        yield from broken or super().take(row, values)


def _level(kind: PriceKind, cell: str) -> VoltageLevel | None:
    return VoltageLevel(cell) if cell else only_level(kind)
