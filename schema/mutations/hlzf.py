"""Mutations that add and correct Hochlastzeitfenster."""

from typing import Annotated

import strawberry

from app.auth.roles import require
from app.db import hlzf
from app.domain.account import Role
from app.domain.correction import HlzfCorrection, NewHlzf
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season, TimeWindow
from schema.context import Info
from schema.mutations.payload import UserError, Warning, errors_field, mutation, warnings_field
from schema.types.hlzf import Hlzf
from schema.types.node import HLZF_ID, read_id
from schema.types.revision import Revision
from schema.types.scalars import Minutes


@strawberry.input(description="A span of wall-clock time in Germany.")
class TimeWindowInput:
    start: Minutes = strawberry.field(description="The first minute that belongs to it.")
    end: Minutes = strawberry.field(description="The first minute that no longer does; at most 24:00.")


@strawberry.input(description="New windows of one season.")
class AddHlzfInput:
    dno: str = strawberry.field(description="Slug of the operator.")
    year: int = strawberry.field(description="Calendar year, 2000 to 2100.")
    voltage_level: VoltageLevel = strawberry.field(description="Where the customer is connected.")
    season: Season = strawberry.field(description="Part of the year in which they hold.")
    windows: list[TimeWindowInput] = strawberry.field(
        description="In any order, not overlapping; empty: the operator published that there is none."
    )
    source_url: str | None = strawberry.field(default=None, description="Address of the document.")

    def hlzf(self) -> NewHlzf:
        return NewHlzf(
            dno=self.dno,
            year=self.year,
            voltage_level=self.voltage_level,
            season=self.season,
            windows=_windows(self.windows),
            source_url=self.source_url,
        )


@strawberry.input(description="The windows that shall hold instead.")
class CorrectHlzfInput:
    id: strawberry.ID = strawberry.field(description="The entry's id.")
    expected_version: int | None = strawberry.field(
        default=None, description="Refused with CONFLICT when the entry is at another version by now."
    )
    windows: list[TimeWindowInput] = strawberry.field(description="All of them; empty: there is none.")
    reason: str | None = strawberry.field(default=None, description="Why; kept in the history.")
    verify: bool | None = strawberry.field(
        default=False, description="Verified from now on (ADMIN); else a verified entry becomes UNVERIFIED."
    )

    def correction(self) -> HlzfCorrection:
        _, id = read_id(self.id, HLZF_ID, field=("input", "id"))
        return HlzfCorrection(
            id=id,
            windows=_windows(self.windows),
            expected_version=self.expected_version,
            reason=self.reason,
            verify=bool(self.verify),
        )


@strawberry.type(description="The windows as they are now, and the revision that the write left.")
class HlzfPayload:
    hlzf: Hlzf | None = strawberry.field(default=None, description="As they are now.")
    revision: Revision | None = strawberry.field(
        default=None, description="What changed; null where nothing did, or nothing was written."
    )
    errors: list[UserError] = errors_field()
    warnings: list[Warning] = warnings_field()


@strawberry.type
class HlzfMutations:
    @mutation(HlzfPayload, description="Adds a season's windows.", role=Role.EDITOR)
    async def add_hlzf(
        self, info: Info, input: Annotated[AddHlzfInput, strawberry.argument(description="The new windows.")]
    ) -> HlzfPayload:
        added = input.hlzf()
        entry, work = await info.context.write(lambda work: hlzf.add(work, added))
        return HlzfPayload(hlzf=entry, revision=work.revision, warnings=work.warnings)  # type: ignore[arg-type]

    @mutation(HlzfPayload, description="Replaces a season's windows.", role=Role.EDITOR)
    async def correct_hlzf(
        self,
        info: Info,
        input: Annotated[CorrectHlzfInput, strawberry.argument(description="What shall hold instead.")],
    ) -> HlzfPayload:
        if input.verify:
            require(info.context.principal, Role.ADMIN)
        correction = input.correction()
        entry, work = await info.context.write(lambda work: hlzf.correct(work, correction))
        return HlzfPayload(hlzf=entry, revision=work.revision, warnings=work.warnings)  # type: ignore[arg-type]


def _windows(given: list[TimeWindowInput]) -> tuple[TimeWindow, ...]:
    return tuple(TimeWindow(window.start, window.end) for window in given)
