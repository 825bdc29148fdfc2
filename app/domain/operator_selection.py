"""The operators that a filter lets through, and how many there would be with another value of one of its parts."""

from collections.abc import Mapping, Sequence

import msgspec

from app.domain.directory import Directory
from app.domain.entry import VerificationStatus, VoltageLevel
from app.domain.families import FIGURES, DataType
from app.domain.federal_state import canonical_region
from app.domain.held_figures import FiguresFilter, HeldBits
from app.domain.price import PriceKind


class RegionCount(msgspec.Struct, frozen=True, gc=False):
    region: str
    dnos: int


class YearCount(msgspec.Struct, frozen=True, gc=False):
    year: int
    dnos: int


class LevelCount(msgspec.Struct, frozen=True, gc=False):
    voltage_level: VoltageLevel
    dnos: int


class StatusCount(msgspec.Struct, frozen=True, gc=False):
    verification_status: VerificationStatus
    dnos: int


class DataTypeCount(msgspec.Struct, frozen=True, gc=False):
    data_type: DataType
    dnos: int


class PriceKindCount(msgspec.Struct, frozen=True, gc=False):
    price_kind: PriceKind
    dnos: int


class Selection(msgspec.Struct, frozen=True):
    """The parts of a filter, each as the bits of the operators that pass it.

    `in_regions`: those of the wanted region. `by_words`: those that pass what is neither a region nor about figures.
    """

    directory: Directory
    in_regions: int
    by_words: int
    year: int | None
    figures: FiguresFilter

    @property
    def of_figures(self) -> bool:
        """Whether the filter asks for figures at all."""
        return self.year is not None or self.figures != FiguresFilter()

    def operators(self, held: Sequence[HeldBits]) -> int:
        """`held`: of the wanted year, or of any."""
        having = self.figures.operators(held) if self.of_figures else -1
        return self.in_regions & self.by_words & having

    def by_region(self, held: Sequence[HeldBits]) -> list[RegionCount]:
        """Each state or other region that any operator has, by its official name, in alphabetical order."""
        regions = {name: bits for name, bits in self.directory.masks.regions.items() if name}
        passing = self.by_words & (self.figures.operators(held) if self.of_figures else -1)
        counts = dict.fromkeys(map(canonical_region, regions), 0)
        for name, operators in regions.items():
            counts[canonical_region(name)] += (operators & passing).bit_count()
        return [RegionCount(*row) for row in sorted(counts.items())]

    def by_year(self, held: Mapping[int, Sequence[HeldBits]]) -> list[YearCount]:
        """`held`: by year, each of which becomes the wanted one."""
        return [YearCount(year, self._count(self.figures, of_year)) for year, of_year in held.items()]

    def by_level(self, held: Sequence[HeldBits]) -> list[LevelCount]:
        return [LevelCount(level, self._with(held, voltage_level=level)) for level in VoltageLevel]

    def by_status(self, held: Sequence[HeldBits]) -> list[StatusCount]:
        return [
            StatusCount(status, self._with(held, verification_status=status)) for status in VerificationStatus
        ]

    def by_data_type(self, held: Sequence[HeldBits]) -> list[DataTypeCount]:
        """Each beside the kinds that are wanted already."""
        kinds = [DataType(family.data_type) for family in FIGURES]
        wanted = self.figures.data_types
        return [DataTypeCount(kind, self._with(held, data_types=(*wanted, kind))) for kind in kinds]

    def by_price_kind(self, held: Sequence[HeldBits]) -> list[PriceKindCount]:
        """Likewise."""
        wanted = self.figures.price_kinds
        return [PriceKindCount(kind, self._with(held, price_kinds=(*wanted, kind))) for kind in PriceKind]

    def _with(self, held: Sequence[HeldBits], **changed: object) -> int:
        return self._count(msgspec.structs.replace(self.figures, **changed), held)

    def _count(self, figures: FiguresFilter, held: Sequence[HeldBits]) -> int:
        return (self.in_regions & self.by_words & figures.operators(held)).bit_count()
