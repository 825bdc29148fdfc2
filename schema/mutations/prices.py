"""Mutations that add and correct prices of a price sheet."""

from decimal import Decimal
from uuid import UUID

import strawberry

from app.domain.entry import Publication, VoltageLevel
from app.domain.price import FAMILY, PriceKind, PriceUnit
from app.domain.price_correction import NewPrice, PriceCorrection
from schema.mutations import entry_fields as fields
from schema.mutations.family_mutations import FamilyMutations
from schema.mutations.payload import UserError, errors_field, warnings_field
from schema.types.price import Price
from schema.types.revision import Revision
from schema.types.warning import Warning

_AMOUNT = "Net, in the unit of the kind; at most 4 decimals, not negative."


@strawberry.input(description="A new price.")
class AddPriceInput:
    dno: str = fields.dno()
    year: int = fields.year()
    kind: PriceKind = strawberry.field(description="The position of the price sheet.")
    voltage_level: VoltageLevel | None = strawberry.field(
        default=None,
        description="Where the customer is connected. Left out: NS for kinds that exist only there, none for metering, "
        "reactive energy and services; other kinds need it.",
    )
    variant: str | None = strawberry.field(
        default=None,
        description="Which meter, which customer group, or which condition, at most 100 characters; left out: there is only "
        "one.",
    )
    amount: Decimal = strawberry.field(description=_AMOUNT)
    unit: PriceUnit | None = strawberry.field(
        default=None, description="Unit of the amount, to be checked; refused if it is not that of the kind."
    )
    source_url: str | None = fields.source_url("price sheet")
    publication: Publication | None = fields.publication()

    def new_entry(self) -> NewPrice:
        return NewPrice(
            dno=self.dno,
            year=self.year,
            kind=self.kind,
            voltage_level=self.voltage_level,
            variant=self.variant,
            amount=self.amount,
            unit=self.unit,
            source_url=self.source_url,
            publication=self.publication or Publication.FINAL,
        )


@strawberry.input(description="What shall be different.")
class CorrectPriceInput:
    id: strawberry.ID = fields.entry_id("price")
    expected_version: int | None = fields.expected_version("price")
    amount: Decimal | None = strawberry.field(
        default=None, description=f"{_AMOUNT} Left out or null: as before."
    )
    source_url: str | None = fields.new_source_url()
    publication: Publication | None = fields.new_publication()
    force: bool | None = fields.force()
    reason: str | None = fields.reason()
    verify: bool | None = fields.verify("price")

    def correction(self, id: UUID) -> PriceCorrection:
        return PriceCorrection(id=id, amount=self.amount)


@strawberry.type(description="The price as it is now, and the revision that the write left.")
class PricePayload:
    price: Price | None = strawberry.field(default=None, description="As it is now, also with CONFLICT.")
    revision: Revision | None = fields.revision()
    errors: list[UserError] = errors_field()
    warnings: list[Warning] = warnings_field()


_PRICES = FamilyMutations(FAMILY, PricePayload, entry="price")


@strawberry.type
class PriceMutations:
    add_price = _PRICES.add(AddPriceInput, "Adds a price.", argument="The new price.")
    correct_price = _PRICES.correct(
        CorrectPriceInput, "Corrects a price's amount.", argument="What shall be different."
    )
