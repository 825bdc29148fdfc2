"""Which operators have figures of which kind, level and status: what lists of operators are filtered by."""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import and_, or_
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from app.domain.entry import VerificationStatus, VoltageLevel

ANY_YEAR: Final = None  # the key of the record about all years
ID_BYTES: Final = 16


class HeldFigures(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The operators with an entry of this description.

    `data_type`: as families name it. `price_kind`: None for entries other than prices of a price sheet. `voltage_level`: None for
    entries without one. `entries`: how many there are. `operators`: the bits of a number, the lowest first; bit n is the nth
    operator of `HeldOfYear.ids`.
    """

    data_type: str
    price_kind: str | None
    voltage_level: VoltageLevel | None
    verification_status: VerificationStatus
    entries: int
    operators: bytes


class HeldOfYear(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """`ids`: the ids of all operators, deleted ones too, in their order and without anything between them.

    Positions take a hundredth of the bytes of ids, which are repeated for each description.
    """

    ids: bytes
    figures: tuple[HeldFigures, ...]


class HeldBits(NamedTuple):
    """The same with the operators as bits of a number, by their positions in the directory.

    Sets of thousands of operators are united in nanoseconds so, and counts of facets unite many of them.
    """

    figures: HeldFigures
    operators: int


class HeldInDirectory(NamedTuple):
    """`absent`: operators with figures that are not in the directory, because they are deleted."""

    figures: tuple[HeldBits, ...] = ()
    absent: tuple[UUID, ...] = ()

    @property
    def operators(self) -> int:
        """Those with figures of any kind."""
        return reduce(or_, (each.operators for each in self.figures), 0)

    def operators_with(self, data_type: str) -> int:
        """Those with entries of this kind."""
        return reduce(
            or_, (each.operators for each in self.figures if each.figures.data_type == data_type), 0
        )


class FiguresFilter(msgspec.Struct, frozen=True):
    """`data_types`, `price_kinds`: an operator needs entries of each of them."""

    data_types: tuple[str, ...] = ()
    price_kinds: tuple[str, ...] = ()
    voltage_level: VoltageLevel | None = None
    verification_status: VerificationStatus | None = None

    def operators(self, held: Sequence[HeldBits]) -> int:
        """The operators with entries of each kind that have the status, and the level or none."""
        kinds = [
            *([each for each in held if each.figures.data_type == wanted] for wanted in set(self.data_types)),
            *(
                [each for each in held if each.figures.price_kind == wanted]
                for wanted in set(self.price_kinds)
            ),
        ]
        if not kinds:
            # Of any kind: an entry without a level is none of the level.
            return self._with_any(
                each for each in held if self.voltage_level is None or each.figures.voltage_level is not None
            )
        return reduce(and_, map(self._with_any, kinds))

    def _with_any(self, held: Iterable[HeldBits]) -> int:
        return reduce(or_, (each.operators for each in held if self._passes(each.figures)), 0)

    def _passes(self, each: HeldFigures) -> bool:
        return (
            self.verification_status is None or each.verification_status is self.verification_status
        ) and (self.voltage_level is None or each.voltage_level in (None, self.voltage_level))


def united(years: Iterable[Sequence[HeldBits]]) -> tuple[HeldBits, ...]:
    """Of any of these years; `entries` and `operators` of the figures are those of one of them."""
    found: dict[tuple[object, ...], HeldBits] = {}
    for year in years:
        for figures, operators in year:
            of = (figures.data_type, figures.price_kind, figures.voltage_level, figures.verification_status)
            known = found.get(of)
            found[of] = HeldBits(figures, operators if known is None else known.operators | operators)
    return tuple(found.values())
