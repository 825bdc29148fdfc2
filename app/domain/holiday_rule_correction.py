"""New holiday rules and corrections of them, with the rules that their values must satisfy."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from app.domain.correction import Correction, NewEntry, check_text
from app.domain.entry import FIRST_YEAR, LAST_YEAR
from app.domain.federal_state import FEDERAL_STATES, canonical_region
from app.domain.holiday_rule import (
    WITHOUT_YEAR,
    BridgeDays,
    ChristmasDays,
    HolidayRule,
    HolidayScope,
    TimeStamps,
)
from app.errors import AppError, BadInput, Code, quoted

MAX_DATES = 100
_TEXTS = {
    "bridge_day_words": "bridgeDayWords",
    "holiday_words": "holidayWords",
    "christmas_words": "christmasWords",
    "time_stamp_words": "timeStampWords",
}


class Stated(msgspec.Struct, frozen=True, kw_only=True):
    """The values of a rule, in any order and any spelling of federal states."""

    bridge_days: BridgeDays = BridgeDays.UNKNOWN
    excluded_dates: tuple[date, ...] = ()
    working_dates: tuple[date, ...] = ()
    holidays: HolidayScope = HolidayScope.UNKNOWN
    holiday_states: tuple[str, ...] = ()
    christmas: ChristmasDays = ChristmasDays.UNKNOWN
    time_stamps: TimeStamps = TimeStamps.UNKNOWN
    bridge_day_words: str | None = None
    holiday_words: str | None = None
    christmas_words: str | None = None
    time_stamp_words: str | None = None

    def checked(self, year: int) -> dict[str, Any]:
        """By column, as they are stored. Raises BadInput."""
        values = msgspec.structs.asdict(self)
        values["excluded_dates"] = _dates(self.excluded_dates, year, "excludedDates")
        values["working_dates"] = _dates(self.working_dates, year, "workingDates")
        if both := set(self.excluded_dates) & set(self.working_dates):
            raise _bad(f"{min(both)} is both excluded and a working day.", "workingDates")
        values["holiday_states"] = _states(self.holiday_states)
        if self.holiday_states and self.holidays is not HolidayScope.NETWORK_AREA:
            raise _bad("Federal states are given only for holidays of the NETWORK_AREA.", "holidayStates")
        for name, field in _TEXTS.items():
            check_text(values[name], field)
            values[name] = values[name] or None
        return values


class NewHolidayRule(NewEntry, frozen=True, kw_only=True):
    """`year` WITHOUT_YEAR: the operator names none."""

    stated: Stated

    def check_values(self) -> None:
        self.stated.checked(self.year)

    def columns(self) -> dict[str, Any]:
        return self.stated.checked(self.year)

    def conflict(self) -> AppError:
        of_year = "without a year" if self.year == WITHOUT_YEAR else f"for {self.year}"
        return AppError(
            f"There is a holiday rule of {self.dno} {of_year} already; correct that one.",
            Code.CONFLICT,
            field=("input", "year"),
        )


class HolidayRuleCorrection(Correction[HolidayRule], frozen=True, kw_only=True):
    """`stated` by column: a value left out stays as it is."""

    stated: Mapping[str, Any] = {}

    def corrected(self, before: HolidayRule) -> HolidayRule:
        values = {name: getattr(before, name) for name in Stated.__struct_fields__}
        after = Stated(**{**values, **self.stated}).checked(before.year)
        return msgspec.structs.replace(before, **after)


def _dates(days: tuple[date, ...], year: int, field: str) -> tuple[date, ...]:
    if len(days) > MAX_DATES:
        raise _bad(f"There are {len(days)} days; at most {MAX_DATES} are allowed.", field)
    for day in days:
        if year != WITHOUT_YEAR and day.year != year:
            raise _bad(f"{day} is not a day of {year}.", field)
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise _bad(f"A day lies between {FIRST_YEAR} and {LAST_YEAR}.", field)
    return tuple(sorted(set(days)))


def _states(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(names) > len(FEDERAL_STATES):
        raise _bad(f"There are {len(FEDERAL_STATES)} federal states.", "holidayStates")
    found = {canonical_region(name) for name in names}
    if unknown := found.difference(FEDERAL_STATES):
        raise _bad(f"{quoted(min(unknown))} is no federal state.", "holidayStates")
    return tuple(sorted(found))


def _bad(message: str, field: str) -> BadInput:
    return BadInput(message, field=("input", field))
