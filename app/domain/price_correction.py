"""New prices and corrections of them, with the rules that unit, voltage level and variant must satisfy."""

from decimal import Decimal
from typing import Any

import msgspec

from app.domain.correction import Correction, NewEntry, broken_label, check_price
from app.domain.entry import VoltageLevel
from app.domain.folding import compose
from app.domain.price import Price, PriceKind, PriceUnit, broken_rules, only_level, unit_of
from app.errors import AppError, BadInput, Code

_FIELDS = {"voltage_level": "voltageLevel", "unit": "unit"}


class NewPrice(NewEntry, frozen=True, kw_only=True):
    """A level of None is that of a kind that has only one; a unit of None is the kind's."""

    kind: PriceKind
    voltage_level: VoltageLevel | None = None
    variant: str | None = None
    amount: Decimal
    unit: PriceUnit | None = None

    def check_values(self) -> None:
        for column, reason in broken_rules(self.kind, self._level, self.unit):
            raise BadInput(f"{reason}.", field=("input", _FIELDS[column]))
        if self.variant is not None and (broken := broken_label(compose(self.variant))):
            raise BadInput(f"A variant {broken}.", field=("input", "variant"))
        check_price(self.amount, "amount")

    def columns(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "voltage_level": self._level,
            "variant": None if self.variant is None else compose(self.variant),
            "amount": self.amount,
            "unit": unit_of(self.kind),
        }

    def conflict(self) -> AppError:
        named = " and ".join([self.kind, *([self._level] if self._level else []), *self._variant_words()])
        return AppError(
            f"There is a price of {self.dno} for {self.year}, {named} already; correct that one.",
            Code.CONFLICT,
            field=("input", "kind"),
        )

    def _variant_words(self) -> list[str]:
        return [] if self.variant is None else [f"the variant {self.variant}"]

    @property
    def _level(self) -> VoltageLevel | None:
        return only_level(self.kind) if self.voltage_level is None else self.voltage_level


class PriceCorrection(Correction[Price], frozen=True, kw_only=True):
    """An amount of None: as before."""

    amount: Decimal | None = None

    def corrected(self, before: Price) -> Price:
        if self.amount is None:
            return before
        check_price(self.amount, "amount")
        return msgspec.structs.replace(before, amount=self.amount)
