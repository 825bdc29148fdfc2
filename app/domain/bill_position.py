"""One position of a bill, and the part of a bill that is being put together from positions."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from app.domain.cost import charge, charge_in_cents, total_of
from app.domain.entry import Publication, VerificationStatus
from app.domain.levy import Levy
from app.domain.missing_figures import MissingFigure
from app.domain.plausibility import PlausibilityWarning

CT_PER_KWH = "ct/kWh"


class BillPosition(msgspec.Struct, frozen=True, gc=False):
    """`amount` is quantity times price, EUR, rounded half up to the cent, unless a warning of the bill limits it."""

    name: str
    quantity: Decimal
    quantity_unit: str
    price: Decimal
    price_unit: str
    amount: Decimal
    entry: Any | None = None  # the published figure, or the price derived from one
    levy: Levy | None = None


class BillPart(msgspec.Struct, frozen=True, gc=False):
    """The charges of the operator, or the levies. Without effect on anything that is not known: that is in `missing`."""

    positions: tuple[BillPosition, ...]
    missing: tuple[MissingFigure, ...]
    warnings: tuple[PlausibilityWarning, ...]

    @property
    def total(self) -> Decimal | None:
        """EUR; None where something needed is not known."""
        return None if self.missing else total_of(position.amount for position in self.positions)


class PartBuilder:
    """Collects the positions of one part."""

    def __init__(self) -> None:
        self.positions: list[BillPosition] = []
        self.missing: list[MissingFigure] = []
        self.warnings: list[PlausibilityWarning] = []

    def add_energy(
        self, name: str, kwh: Decimal, cents: Decimal, entry: Any = None, levy: Any = None
    ) -> None:
        amount = charge_in_cents(kwh, cents)
        self.positions.append(BillPosition(name, kwh, "kWh", cents, CT_PER_KWH, amount, entry, levy))

    def add(self, name: str, quantity: Decimal, unit: str, euros: Decimal, per: str, entry: Any) -> None:
        """`per`: what the price in EUR is for, such as kW/a."""
        amount = charge(quantity, euros)
        self.positions.append(BillPosition(name, quantity, unit, euros, f"EUR/{per}", amount, entry))

    def warn(self, code: str, message: str, *field: str) -> None:
        self.warnings.append(PlausibilityWarning(code, message, field))

    def built(self) -> BillPart:
        return BillPart(tuple(self.positions), tuple(self.missing), tuple(self.warnings))


def doubts(positions: Sequence[BillPosition]) -> list[PlausibilityWarning]:
    """Figures of the bill that are preliminary, derived, in doubt or unverified; one warning for each of these."""
    found = [
        ("PRELIMINARY_PRICES", "Preliminary, so the operator may still change it", is_preliminary),
        ("DERIVED_PRICES", "Derived by a rule, not published", is_derived),
        ("FLAGGED_FIGURES", "Flagged as being in doubt", _is_flagged),
        ("UNVERIFIED_LEVIES", "Unverified, as quoted in reports", _is_unverified_levy),
    ]
    return [
        # The name of a position may end with a day, as in 01.07.-31.12.
        PlausibilityWarning(code, f"{text}: {'; '.join(names).removesuffix('.')}.", ())
        for code, text, applies in found
        if (names := [position.name for position in positions if applies(position)])
    ]


def is_preliminary(position: BillPosition) -> bool:
    return getattr(position.entry, "publication", None) is Publication.PRELIMINARY


def is_derived(position: BillPosition) -> bool:
    return getattr(position.entry, "derived_from", None) is not None


def _is_flagged(position: BillPosition) -> bool:
    figure = position.entry or position.levy
    return getattr(figure, "verification_status", None) is VerificationStatus.FLAGGED


def _is_unverified_levy(position: BillPosition) -> bool:
    levy = position.levy
    return levy is not None and levy.verification_status is VerificationStatus.UNVERIFIED
