"""Mutations that add and correct Netzentgelte."""

from decimal import Decimal
from typing import Annotated

import strawberry

from app.auth.roles import require
from app.db import tariffs
from app.domain.account import Role
from app.domain.correction import NewTariff, TariffCorrection
from app.domain.entry import VoltageLevel
from app.domain.tariff import PRICE_FIELDS, Prices
from schema.context import Info
from schema.mutations.payload import UserError, Warning, errors_field, mutation, warnings_field
from schema.types.node import TARIFF_ID, read_id
from schema.types.revision import Revision
from schema.types.tariff import Tariff

PRICE = "at most 4 decimals, not negative"


@strawberry.input(description="A new tariff.")
class AddTariffInput:
    dno: str = strawberry.field(description="Slug of the operator.")
    year: int = strawberry.field(description="Calendar year, 2000 to 2100.")
    voltage_level: VoltageLevel = strawberry.field(description="Where the customer is connected.")
    leistung: Decimal | None = strawberry.field(
        default=None, description=f"EUR per kW and year, from 2500 h/a; {PRICE}."
    )
    arbeit: Decimal | None = strawberry.field(
        default=None, description=f"ct per kWh, from 2500 h/a; {PRICE}."
    )
    leistung_unter_2500h: Decimal | None = strawberry.field(
        default=None, name="leistungUnter2500h", description=f"EUR per kW and year, below 2500 h/a; {PRICE}."
    )
    arbeit_unter_2500h: Decimal | None = strawberry.field(
        default=None, name="arbeitUnter2500h", description=f"ct per kWh, below 2500 h/a; {PRICE}."
    )
    source_url: str | None = strawberry.field(default=None, description="Address of the price sheet.")

    def tariff(self) -> NewTariff:
        prices = Prices(**{name: getattr(self, name) for name in PRICE_FIELDS})
        return NewTariff(
            dno=self.dno,
            year=self.year,
            voltage_level=self.voltage_level,
            prices=prices,
            source_url=self.source_url,
        )


@strawberry.input(description="What shall be different. A price left out stays as it is; null clears it.")
class CorrectTariffInput:
    id: strawberry.ID = strawberry.field(description="The tariff's id.")
    expected_version: int | None = strawberry.field(
        default=None, description="Refused with CONFLICT when the tariff is at another version by now."
    )
    leistung: Decimal | None = strawberry.field(
        default=strawberry.UNSET, description=f"EUR per kW and year, from 2500 h/a; {PRICE}."
    )
    arbeit: Decimal | None = strawberry.field(
        default=strawberry.UNSET, description=f"ct per kWh, from 2500 h/a; {PRICE}."
    )
    leistung_unter_2500h: Decimal | None = strawberry.field(
        default=strawberry.UNSET,
        name="leistungUnter2500h",
        description=f"EUR per kW and year, below 2500 h/a; {PRICE}.",
    )
    arbeit_unter_2500h: Decimal | None = strawberry.field(
        default=strawberry.UNSET, name="arbeitUnter2500h", description=f"ct per kWh, below 2500 h/a; {PRICE}."
    )
    reason: str | None = strawberry.field(default=None, description="Why; kept in the history.")
    verify: bool | None = strawberry.field(
        default=False, description="Verified from now on (ADMIN); else a verified tariff becomes UNVERIFIED."
    )

    def correction(self) -> TariffCorrection:
        _, id = read_id(self.id, TARIFF_ID, field=("input", "id"))
        given = {name: getattr(self, name) for name in PRICE_FIELDS}
        return TariffCorrection(
            id=id,
            expected_version=self.expected_version,
            reason=self.reason,
            verify=bool(self.verify),
            prices={name: price for name, price in given.items() if price is not strawberry.UNSET},
        )


@strawberry.type(description="The tariff as it is now, and the revision that the write left.")
class TariffPayload:
    tariff: Tariff | None = strawberry.field(default=None, description="As it is now.")
    revision: Revision | None = strawberry.field(
        default=None, description="What changed; null where nothing did, or nothing was written."
    )
    errors: list[UserError] = errors_field()
    warnings: list[Warning] = warnings_field()


@strawberry.type
class TariffMutations:
    @mutation(TariffPayload, description="Adds a tariff.", role=Role.EDITOR)
    async def add_tariff(
        self, info: Info, input: Annotated[AddTariffInput, strawberry.argument(description="The new tariff.")]
    ) -> TariffPayload:
        added = input.tariff()
        tariff, work = await info.context.write(lambda work: tariffs.add(work, added))
        return TariffPayload(tariff=tariff, revision=work.revision, warnings=work.warnings)  # type: ignore[arg-type]

    @mutation(TariffPayload, description="Corrects a tariff's prices.", role=Role.EDITOR)
    async def correct_tariff(
        self,
        info: Info,
        input: Annotated[CorrectTariffInput, strawberry.argument(description="What shall be different.")],
    ) -> TariffPayload:
        if input.verify:
            require(info.context.principal, Role.ADMIN)
        correction = input.correction()
        tariff, work = await info.context.write(lambda work: tariffs.correct(work, correction))
        return TariffPayload(tariff=tariff, revision=work.revision, warnings=work.warnings)  # type: ignore[arg-type]
