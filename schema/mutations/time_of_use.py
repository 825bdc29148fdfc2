"""Mutations that add and correct time-of-use tariffs of § 14a EnWG."""

from decimal import Decimal
from uuid import UUID

import strawberry

from app.domain.entry import Publication
from app.domain.time_of_use import FAMILY, TimeOfUseBand, TimeOfUsePrice, TimeOfUseWindow
from app.domain.time_of_use_correction import NewTimeOfUse, TimeOfUseCorrection
from schema.mutations import entry_fields as fields
from schema.mutations.family_mutations import FamilyMutations
from schema.mutations.payload import UserError, errors_field, warnings_field
from schema.types.revision import Revision
from schema.types.scalars import Minutes
from schema.types.time_of_use import TimeOfUseTariff
from schema.types.warning import Warning


@strawberry.input(description="The price of one band.")
class TimeOfUsePriceInput:
    band: TimeOfUseBand = strawberry.field(description="HT high, ST standard, NT low.")
    price: Decimal = strawberry.field(description="ct per kWh, net; at most 4 decimals, not negative.")


@strawberry.input(description="When a band holds, on each day of a quarter.")
class TimeOfUseWindowInput:
    quarter: int = strawberry.field(description="1 to 4; 1 is January to March.")
    band: TimeOfUseBand = strawberry.field(description="The band that holds.")
    start: Minutes = strawberry.field(description="The first minute that belongs to it.")
    end: Minutes = strawberry.field(
        description="The first minute that no longer does; before the start: on the next day, the window is stored in "
        "two parts."
    )


_WINDOWS = (
    "In any order; those of a quarter do not overlap. A quarter without windows has no time-variable prices."
)


@strawberry.input(description="A new time-of-use tariff; with at least one band or window.")
class AddTimeOfUseInput:
    dno: str = fields.dno()
    year: int = fields.year()
    bands: list[TimeOfUsePriceInput] = strawberry.field(description="The price of each band that has one.")
    windows: list[TimeOfUseWindowInput] = strawberry.field(description=_WINDOWS)
    source_url: str | None = fields.source_url("price sheet")
    publication: Publication | None = fields.publication()

    def new_entry(self) -> NewTimeOfUse:
        return NewTimeOfUse(
            dno=self.dno,
            year=self.year,
            bands=_bands(self.bands),
            windows=_windows(self.windows),
            source_url=self.source_url,
            publication=self.publication or Publication.FINAL,
        )


@strawberry.input(
    description="What shall be different: bands, windows, or both. At least one band or window stays."
)
class CorrectTimeOfUseInput:
    id: strawberry.ID = fields.entry_id("tariff")
    expected_version: int | None = fields.expected_version("tariff")
    bands: list[TimeOfUsePriceInput] | None = strawberry.field(
        default=None,
        description="All of them: a band that is not listed has no price. Left out or null: as before.",
    )
    windows: list[TimeOfUseWindowInput] | None = strawberry.field(
        default=None, description=f"All of them. {_WINDOWS} Left out or null: as before."
    )
    source_url: str | None = fields.new_source_url()
    publication: Publication | None = fields.new_publication()
    force: bool | None = fields.force()
    reason: str | None = fields.reason()
    verify: bool | None = fields.verify("tariff")

    def correction(self, id: UUID) -> TimeOfUseCorrection:
        return TimeOfUseCorrection(
            id=id,
            bands=None if self.bands is None else _bands(self.bands),
            windows=None if self.windows is None else _windows(self.windows),
        )


@strawberry.type(description="The time-of-use tariff as it is now, and the revision that the write left.")
class TimeOfUsePayload:
    time_of_use: TimeOfUseTariff | None = strawberry.field(
        default=None, description="As it is now, also with CONFLICT."
    )
    revision: Revision | None = fields.revision()
    errors: list[UserError] = errors_field()
    warnings: list[Warning] = warnings_field()


_TIME_OF_USE = FamilyMutations(FAMILY, TimeOfUsePayload, entry="time_of_use")


@strawberry.type
class TimeOfUseMutations:
    add_time_of_use = _TIME_OF_USE.add(
        AddTimeOfUseInput, "Adds a time-of-use tariff.", argument="The new tariff."
    )
    correct_time_of_use = _TIME_OF_USE.correct(
        CorrectTimeOfUseInput,
        "Corrects a time-of-use tariff's bands and windows.",
        argument="What shall be different.",
    )


def _bands(given: list[TimeOfUsePriceInput]) -> tuple[TimeOfUsePrice, ...]:
    return tuple(TimeOfUsePrice(price.band, price.price) for price in given)


def _windows(given: list[TimeOfUseWindowInput]) -> tuple[TimeOfUseWindow, ...]:
    return tuple(TimeOfUseWindow(window.quarter, window.start, window.end, window.band) for window in given)
