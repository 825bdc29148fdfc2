"""Mutations that add and correct Netzentgelte."""

from decimal import Decimal
from uuid import UUID

import strawberry

from app.domain.correction import NewTariff, TariffCorrection
from app.domain.entry import Publication, VoltageLevel
from app.domain.tariff import FAMILY, PRICE_FIELDS, Prices
from schema.mutations import entry_fields as fields
from schema.mutations.family_mutations import FamilyMutations
from schema.mutations.payload import UserError, errors_field, warnings_field
from schema.types.revision import Revision
from schema.types.tariff import Tariff
from schema.types.warning import Warning


@strawberry.input(description="A new tariff.")
class AddTariffInput:
    dno: str = fields.dno()
    year: int = fields.year()
    voltage_level: VoltageLevel = fields.voltage_level()
    leistung: Decimal | None = fields.price(FAMILY, "leistung")
    arbeit: Decimal | None = fields.price(FAMILY, "arbeit")
    leistung_unter_2500h: Decimal | None = fields.price(FAMILY, "leistung_unter_2500h")
    arbeit_unter_2500h: Decimal | None = fields.price(FAMILY, "arbeit_unter_2500h")
    source_url: str | None = fields.source_url("price sheet")
    publication: Publication | None = fields.publication()

    def new_entry(self) -> NewTariff:
        return NewTariff(
            dno=self.dno,
            year=self.year,
            voltage_level=self.voltage_level,
            prices=Prices(**{name: getattr(self, name) for name in PRICE_FIELDS}),
            source_url=self.source_url,
            publication=self.publication or Publication.FINAL,
        )


@strawberry.input(description="What shall be different. A price left out stays as it is; null clears it.")
class CorrectTariffInput:
    id: strawberry.ID = fields.entry_id("tariff")
    expected_version: int | None = fields.expected_version("tariff")
    leistung: Decimal | None = fields.price(FAMILY, "leistung", default=strawberry.UNSET)
    arbeit: Decimal | None = fields.price(FAMILY, "arbeit", default=strawberry.UNSET)
    leistung_unter_2500h: Decimal | None = fields.price(
        FAMILY, "leistung_unter_2500h", default=strawberry.UNSET
    )
    arbeit_unter_2500h: Decimal | None = fields.price(FAMILY, "arbeit_unter_2500h", default=strawberry.UNSET)
    source_url: str | None = fields.new_source_url()
    publication: Publication | None = fields.new_publication()
    force: bool | None = fields.force()
    reason: str | None = fields.reason()
    verify: bool | None = fields.verify("tariff")

    def correction(self, id: UUID) -> TariffCorrection:
        prices = {name: getattr(self, name) for name in PRICE_FIELDS}
        given = {name: price for name, price in prices.items() if price is not strawberry.UNSET}
        return TariffCorrection(id=id, prices=given)


@strawberry.type(description="The tariff as it is now, and the revision that the write left.")
class TariffPayload:
    tariff: Tariff | None = strawberry.field(default=None, description="As it is now, also with CONFLICT.")
    revision: Revision | None = fields.revision()
    errors: list[UserError] = errors_field()
    warnings: list[Warning] = warnings_field()


_TARIFFS = FamilyMutations(FAMILY, TariffPayload, entry="tariff")


@strawberry.type
class TariffMutations:
    add_tariff = _TARIFFS.add(AddTariffInput, "Adds a tariff.", argument="The new tariff.")
    correct_tariff = _TARIFFS.correct(
        CorrectTariffInput, "Corrects a tariff's prices.", argument="What shall be different."
    )
