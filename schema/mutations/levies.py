"""Mutations that add and correct levies."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import strawberry

from app.domain.levy import FAMILY, LevyKind
from app.domain.levy_correction import RATE_DECIMALS, LevyCorrection, NewLevy, Rate, year_of
from app.errors import BadInput
from schema.mutations import entry_fields as fields
from schema.mutations.family_mutations import FamilyMutations
from schema.mutations.payload import UserError, errors_field, warnings_field
from schema.types.levy import Levy
from schema.types.revision import Revision
from schema.types.warning import Warning

_VALUE = (
    f"In ct/kWh, net, or in percent for UMSATZSTEUER; at most {RATE_DECIMALS} decimals, negative where money is paid back. The "
    "standard rate of UMSATZSTEUER is that with which gross prices are computed; another one is refused."
)
_TO = "Last day on which it holds, of 2000 to 2100; null: it still holds."
_FROM_INHABITANTS = "Only for KONZESSIONSABGABE: least number of inhabitants of the municipality."
_TO_INHABITANTS = "Only for KONZESSIONSABGABE: largest number of inhabitants."
_LEGAL_BASIS = "The paragraph that sets it."
_ARTICLE = "Artikel-ID of the market communication."
_NOTE = "What the figure rests on, and where sources differ."


def _kept(description: str) -> Any:
    """A value that stays as it is if it is left out."""
    return strawberry.field(default=strawberry.UNSET, description=f"{description} Left out: as before.")


@strawberry.input(
    description="A new rate. Rates of one kind and customer group have no day in common: close the one before first."
)
class AddLevyInput:
    kind: LevyKind = strawberry.field(description="Which levy.")
    customer_group: str | None = strawberry.field(
        default=None,
        description="For whom, as the other rates of this kind have it; left out: for all whose group has no rate of its own.",
    )
    value: Decimal = strawberry.field(description=_VALUE)
    valid_from: date | None = strawberry.field(
        default=None, description="First day on which it holds, of 2000 to 2100; left out: not known."
    )
    valid_to: date | None = strawberry.field(default=None, description=_TO)
    inhabitants_from: int | None = strawberry.field(default=None, description=_FROM_INHABITANTS)
    inhabitants_to: int | None = strawberry.field(default=None, description=_TO_INHABITANTS)
    legal_basis: str | None = strawberry.field(default=None, description=_LEGAL_BASIS)
    article_id: str | None = strawberry.field(default=None, description=_ARTICLE)
    note: str | None = strawberry.field(default=None, description=_NOTE)
    source_url: str | None = fields.source_url()

    def new_entry(self) -> NewLevy:
        rate = Rate(**{name: getattr(self, name) for name in Rate.__struct_fields__})
        return NewLevy(
            year=year_of(self.valid_from),
            kind=self.kind,
            customer_group=self.customer_group or None,
            valid_from=self.valid_from,
            rate=rate,
            source_url=self.source_url,
        )


@strawberry.input(description="What shall be different. Kind, customer group and first day stay as they are.")
class CorrectLevyInput:
    id: strawberry.ID = fields.entry_id("levy")
    expected_version: int | None = fields.expected_version("levy")
    value: Decimal | None = _kept(_VALUE)
    valid_to: date | None = _kept(_TO)
    inhabitants_from: int | None = _kept(_FROM_INHABITANTS)
    inhabitants_to: int | None = _kept(_TO_INHABITANTS)
    legal_basis: str | None = _kept(_LEGAL_BASIS)
    article_id: str | None = _kept(_ARTICLE)
    note: str | None = _kept(_NOTE)
    source_url: str | None = fields.new_source_url()
    reason: str | None = fields.reason()
    verify: bool | None = fields.verify("levy")

    def correction(self, id: UUID) -> LevyCorrection:
        given = {
            name: value
            for name in Rate.__struct_fields__
            if (value := getattr(self, name)) is not strawberry.UNSET
        }
        if given.get("value", 0) is None:
            raise BadInput("A levy has a value; null is none.", field=("input", "value"))
        return LevyCorrection(id=id, values=given)


@strawberry.type(description="The levy as it is now, and the revision that the write left.")
class LevyPayload:
    levy: Levy | None = strawberry.field(default=None, description="As it is now, also with CONFLICT.")
    revision: Revision | None = fields.revision()
    errors: list[UserError] = errors_field()
    warnings: list[Warning] = warnings_field()


_LEVIES = FamilyMutations(FAMILY, LevyPayload, entry="levy")


@strawberry.type
class LevyMutations:
    add_levy = _LEVIES.add(
        AddLevyInput, "Adds a rate of a levy, a tax or the concession fee.", argument="The new rate."
    )
    correct_levy = _LEVIES.correct(
        CorrectLevyInput,
        "Corrects a rate of a levy, a tax or the concession fee.",
        argument="What shall be different.",
    )
