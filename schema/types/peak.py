"""GraphQL types of peak load, whether a moment lies in a Hochlastzeitfenster and why, and the fields of an operator with them."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import strawberry

from app.domain import clock, tags
from app.domain import peak as structs
from app.domain.dno import DirectoryEntry, Dno
from app.domain.entry import DnoYear, VoltageLevel
from app.domain.hlzf import Hlzf
from app.domain.holiday_rule import HolidayRule
from app.domain.price_series import check_span
from app.domain.working_days import PeakReason
from app.limits.work_budget import in_turns
from schema.batch_field import batch_field, describe, length, type_for
from schema.context import Context
from schema.types.price_interval import At

T = TypeVar("T")

Level = Annotated[VoltageLevel, strawberry.argument(description="Where the customer is connected.")]
From = Annotated[
    datetime, strawberry.argument(name="from", description="The first moment that belongs to it.")
]
To = Annotated[datetime, strawberry.argument(name="to", description="The first moment that no longer does.")]

# An operator with its windows of one level and its holiday rules, each of all years that are needed.
Records = tuple[Dno, Sequence[Hlzf], Sequence[HolidayRule]]

# That a span of 400 days can touch.
_MAX_YEARS = 3

describe(
    PeakReason,
    "Why a moment is or is not at peak load.",
    WINDOW="It lies in a Hochlastzeitfenster, on a working day.",
    NO_WINDOW="No Hochlastzeitfenster covers that time of day in that season.",
    WEEKEND="It is a Saturday or Sunday.",
    HOLIDAY="It is a public holiday that counts for this operator; the note names it.",
    BRIDGE_DAY="It is a bridge day that this operator excludes.",
    CHRISTMAS="It lies between 24 December and 1 January.",
    UNKNOWN="It is not known; the note names what is missing.",
)


@type_for(structs.TimeInterval, description="A span of time.")
class TimeInterval:
    start: datetime = strawberry.field(description="The first moment that belongs to it.")
    end: datetime = strawberry.field(description="The first moment that no longer does.")


@type_for(
    structs.PeakStatus, description="Whether it is peak load for an operator and voltage level, and why."
)
class PeakStatus:
    peak: bool | None = strawberry.field(
        description="true: in a Hochlastzeitfenster; null: not known, see `note`."
    )
    reason: PeakReason = strawberry.field(description="Why.")
    note: str | None = strawberry.field(
        description="For people: which holiday it is, what is not known, or how sure a rule is."
    )
    interval: TimeInterval | None = strawberry.field(
        description="How long this answer holds, within one calendar year and the span that was asked for."
    )


def is_peak() -> Any:
    @batch_field(
        bool | None,
        description="Whether a moment lies in a Hochlastzeitfenster: `peakStatus` without its reason. null: not known.",
        reads=lambda dno, at, **_: _reads(dno, at, at),
    )
    async def is_peak(
        dnos: Sequence[Dno], context: Context, at: At, voltage_level: Level
    ) -> Sequence[bool | None]:
        records = await _load(context, dnos, at, at, voltage_level)
        return [structs.is_peak(at, hlzf, dno.region, rules) for dno, hlzf, rules in records]

    return is_peak


def peak_status() -> Any:
    @batch_field(
        PeakStatus,
        description="Whether a moment lies in a Hochlastzeitfenster, why, and how long that holds. Windows hold on working "
        "days only: not on weekends, nationwide holidays, nor on the days that the operator's holiday rule excludes. Where "
        "the sheet of the year, the season or the rule is not known, `peak` is null with the reason UNKNOWN.",
        reads=lambda dno, at, **_: _reads(dno, at, at),
    )
    async def peak_status(
        dnos: Sequence[Dno], context: Context, at: At, voltage_level: Level
    ) -> Sequence[structs.PeakStatus]:
        records = await _load(context, dnos, at, at, voltage_level)
        return await _each(
            context, records, lambda dno, hlzf, rules: structs.peak_status(at, hlzf, dno.region, rules)
        )

    return peak_status


def peak_intervals() -> Any:
    @batch_field(
        list[TimeInterval] | None,
        description="The parts of a span of time that lie in Hochlastzeitfenster, in order. Parts of which it is not known are "
        "not among them: `peakStatuses` has those, too. null: nothing is known but weekends, holidays and the like. Refused "
        "with BAD_USER_INPUT: more than 400 days, and `to` before `from`.",
        reads=lambda dno, start, end, **_: _reads(dno, start, end),
        metadata=length(50),
    )
    async def peak_intervals(
        dnos: Sequence[Dno], context: Context, start: From, end: To, voltage_level: Level
    ) -> Sequence[Sequence[structs.TimeInterval] | None]:
        found = await _statuses(context, dnos, start, end, voltage_level)
        return [structs.peak_intervals(statuses) for statuses in found]

    return peak_intervals


def peak_statuses() -> Any:
    @batch_field(
        list[PeakStatus],
        description="A span of time in parts with one answer each, in order and without gaps, also those at off-peak and those "
        "of which it is not known. Refused with BAD_USER_INPUT: more than 400 days, and `to` before `from`.",
        reads=lambda dno, start, end, **_: _reads(dno, start, end),
        metadata=length(50),
    )
    async def peak_statuses(
        dnos: Sequence[Dno], context: Context, start: From, end: To, voltage_level: Level
    ) -> Sequence[Sequence[structs.PeakStatus]]:
        return await _statuses(context, dnos, start, end, voltage_level)

    return peak_statuses


def _years(start: datetime, end: datetime) -> range:
    return range(start.astimezone(clock.GERMANY).year, end.astimezone(clock.GERMANY).year + 1)


def _reads(dno: Dno | DirectoryEntry, start: datetime, end: datetime) -> tuple[str, ...]:
    """Tags of the sheets of these years and of the holiday rules. A span that is too long is refused, and reads nothing."""
    sheets = [tags.hlzf(DnoYear(dno.id, year)) for year in _years(start, end)[:_MAX_YEARS]]
    return (*sheets, tags.holiday_rules_of(dno.id))


async def _load(
    context: Context, dnos: Sequence[Dno], start: datetime, end: datetime, voltage_level: VoltageLevel
) -> list[Records]:
    loaders, years = context.loaders, _years(start, end)
    sheets, rules = await asyncio.gather(
        loaders.hlzf_by_dno_year.load_many([DnoYear(dno.id, year) for dno in dnos for year in years]),
        loaders.holiday_rules_by_dno.load_many([dno.id for dno in dnos]),
    )
    flat = iter(sheets)
    return [
        (
            dno,
            [entry for _ in years for entry in next(flat) or () if entry.voltage_level == voltage_level],
            of_dno or (),
        )
        for dno, of_dno in zip(dnos, rules, strict=True)
    ]


async def _statuses(
    context: Context, dnos: Sequence[Dno], start: datetime, end: datetime, voltage_level: VoltageLevel
) -> list[list[structs.PeakStatus]]:
    check_span(start, end)
    records = await _load(context, dnos, start, end, voltage_level)
    return await _each(
        context,
        records,
        lambda dno, hlzf, rules: structs.peak_statuses(hlzf, dno.region, rules, start, end),
    )


async def _each(context: Context, records: Sequence[Records], compute: Callable[..., T]) -> list[T]:
    """Computes operator by operator, within the limits and with other tasks in between."""
    return [compute(*record) async for record in in_turns(records, context.budget)]
