"""Mutations that add and correct Hochlastzeitfenster."""

from uuid import UUID

import strawberry

from app.domain.correction import HlzfCorrection, NewHlzf
from app.domain.entry import Publication, VoltageLevel
from app.domain.hlzf import FAMILY, Season, TimeWindow
from schema.mutations import entry_fields as fields
from schema.mutations.family_mutations import FamilyMutations
from schema.mutations.payload import UserError, errors_field, warnings_field
from schema.types.hlzf import Hlzf
from schema.types.revision import Revision
from schema.types.scalars import Minutes
from schema.types.warning import Warning


@strawberry.input(description="A span of wall-clock time in Germany.")
class TimeWindowInput:
    start: Minutes = strawberry.field(description="The first minute that belongs to it.")
    end: Minutes = strawberry.field(description="The first minute that no longer does; at most 24:00.")


@strawberry.input(description="New windows of one season.")
class AddHlzfInput:
    dno: str = fields.dno()
    year: int = fields.year()
    voltage_level: VoltageLevel = fields.voltage_level()
    season: Season = strawberry.field(description="Part of the year in which they hold.")
    windows: list[TimeWindowInput] = strawberry.field(
        description="In any order, not overlapping; empty: the operator published that there is none."
    )
    source_url: str | None = fields.source_url()
    publication: Publication | None = fields.publication()

    def new_entry(self) -> NewHlzf:
        return NewHlzf(
            dno=self.dno,
            year=self.year,
            voltage_level=self.voltage_level,
            season=self.season,
            windows=_windows(self.windows),
            source_url=self.source_url,
            publication=self.publication or Publication.FINAL,
        )


@strawberry.input(description="The windows that shall hold instead.")
class CorrectHlzfInput:
    id: strawberry.ID = fields.entry_id()
    expected_version: int | None = fields.expected_version()
    windows: list[TimeWindowInput] = strawberry.field(description="All of them; empty: there is none.")
    source_url: str | None = fields.new_source_url()
    publication: Publication | None = fields.new_publication()
    force: bool | None = fields.force()
    reason: str | None = fields.reason()
    verify: bool | None = fields.verify()

    def correction(self, id: UUID) -> HlzfCorrection:
        return HlzfCorrection(id=id, windows=_windows(self.windows))


@strawberry.type(description="The windows as they are now, and the revision that the write left.")
class HlzfPayload:
    hlzf: Hlzf | None = strawberry.field(default=None, description="As they are now, also with CONFLICT.")
    revision: Revision | None = fields.revision()
    errors: list[UserError] = errors_field()
    warnings: list[Warning] = warnings_field()


_HLZF = FamilyMutations(FAMILY, HlzfPayload, entry="hlzf")


@strawberry.type
class HlzfMutations:
    add_hlzf = _HLZF.add(AddHlzfInput, "Adds a season's windows.", argument="The new windows.")
    correct_hlzf = _HLZF.correct(
        CorrectHlzfInput, "Replaces a season's windows.", argument="What shall hold instead."
    )


def _windows(given: list[TimeWindowInput]) -> tuple[TimeWindow, ...]:
    return tuple(TimeWindow(window.start, window.end) for window in given)
