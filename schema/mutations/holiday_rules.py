"""Mutations that add and correct holiday rules."""

from datetime import date
from typing import Any
from uuid import UUID

import strawberry

from app.domain.entry import LAST_YEAR
from app.domain.holiday_rule import (
    FAMILY,
    WITHOUT_YEAR,
    BridgeDays,
    ChristmasDays,
    HolidayScope,
    TimeStamps,
)
from app.domain.holiday_rule_correction import HolidayRuleCorrection, NewHolidayRule, Stated
from app.errors import BadInput
from schema.mutations import entry_fields as fields
from schema.mutations.family_mutations import FamilyMutations
from schema.mutations.payload import UserError, errors_field, warnings_field
from schema.types.holiday_rule import HolidayRule
from schema.types.revision import Revision
from schema.types.warning import Warning

_BRIDGE_DAYS = "Whether windows hold on bridge days."
_EXCLUDED = "Days that the operator names as off-peak, of the rule's year; at most 100."
_WORKING = "Days that the operator names as working days, of the rule's year; at most 100."
_HOLIDAYS = "Which public holidays are off-peak."
_STATES = "Names of the federal states of the network area, in any spelling; only for NETWORK_AREA."
_CHRISTMAS = "Whether windows hold from 24 to 31 December."
_TIME_STAMPS = "What the printed times mean."


def _words(subject: str, default: Any = None) -> Any:
    return strawberry.field(default=default, description=f"What is stated of {subject}, in its own words.")


def _kept(description: str) -> Any:
    """A value that stays as it is if it is left out."""
    return strawberry.field(default=strawberry.UNSET, description=description)


@strawberry.input(description="A new holiday rule. What is left out is not known.")
class AddHolidayRuleInput:
    dno: str = fields.dno()
    year: int | None = strawberry.field(
        default=None, description="Calendar year, 2001 to 2100; left out: the operator names none."
    )
    bridge_days: BridgeDays = strawberry.field(default=BridgeDays.UNKNOWN, description=_BRIDGE_DAYS)
    excluded_dates: list[date] = strawberry.field(default_factory=list, description=_EXCLUDED)
    working_dates: list[date] = strawberry.field(default_factory=list, description=_WORKING)
    holidays: HolidayScope = strawberry.field(default=HolidayScope.UNKNOWN, description=_HOLIDAYS)
    holiday_states: list[str] = strawberry.field(default_factory=list, description=_STATES)
    christmas: ChristmasDays = strawberry.field(default=ChristmasDays.UNKNOWN, description=_CHRISTMAS)
    time_stamps: TimeStamps = strawberry.field(default=TimeStamps.UNKNOWN, description=_TIME_STAMPS)
    bridge_day_words: str | None = _words("bridge days")
    holiday_words: str | None = _words("public holidays")
    christmas_words: str | None = _words("24 December to 1 January")
    time_stamp_words: str | None = _words("the printed times")
    source_url: str | None = fields.source_url()

    def new_entry(self) -> NewHolidayRule:
        if self.year == WITHOUT_YEAR:
            raise BadInput(
                f"A year lies between {WITHOUT_YEAR + 1} and {LAST_YEAR}; left out, the operator names none.",
                field=("input", "year"),
            )
        return NewHolidayRule(
            dno=self.dno,
            year=WITHOUT_YEAR if self.year is None else self.year,
            stated=Stated(**_given(self)),
            source_url=self.source_url,
        )


@strawberry.input(
    description="What shall be different. A value left out stays as it is; null clears words and the source."
)
class CorrectHolidayRuleInput:
    id: strawberry.ID = fields.entry_id("holiday rule")
    expected_version: int | None = fields.expected_version("holiday rule")
    bridge_days: BridgeDays | None = _kept(_BRIDGE_DAYS)
    excluded_dates: list[date] | None = _kept(f"{_EXCLUDED} All of them.")
    working_dates: list[date] | None = _kept(f"{_WORKING} All of them.")
    holidays: HolidayScope | None = _kept(_HOLIDAYS)
    holiday_states: list[str] | None = _kept(f"{_STATES} All of them.")
    christmas: ChristmasDays | None = _kept(_CHRISTMAS)
    time_stamps: TimeStamps | None = _kept(_TIME_STAMPS)
    bridge_day_words: str | None = _words("bridge days", strawberry.UNSET)
    holiday_words: str | None = _words("public holidays", strawberry.UNSET)
    christmas_words: str | None = _words("24 December to 1 January", strawberry.UNSET)
    time_stamp_words: str | None = _words("the printed times", strawberry.UNSET)
    source_url: str | None = fields.new_source_url()
    reason: str | None = fields.reason()
    verify: bool | None = fields.verify("holiday rule")

    def correction(self, id: UUID) -> HolidayRuleCorrection:
        return HolidayRuleCorrection(id=id, stated=_given(self))


@strawberry.type(description="The holiday rule as it is now, and the revision that the write left.")
class HolidayRulePayload:
    holiday_rule: HolidayRule | None = strawberry.field(
        default=None, description="As it is now, also with CONFLICT."
    )
    revision: Revision | None = fields.revision()
    errors: list[UserError] = errors_field()
    warnings: list[Warning] = warnings_field()


_RULES = FamilyMutations(FAMILY, HolidayRulePayload, entry="holiday_rule")


@strawberry.type
class HolidayRuleMutations:
    add_holiday_rule = _RULES.add(AddHolidayRuleInput, "Adds a holiday rule.", argument="The new rule.")
    correct_holiday_rule = _RULES.correct(
        CorrectHolidayRuleInput, "Corrects a holiday rule.", argument="What shall be different."
    )


def _given(input: AddHolidayRuleInput | CorrectHolidayRuleInput) -> dict[str, Any]:
    """The values that are there; null clears words, and is as good as left out elsewhere."""
    given: dict[str, Any] = {}
    for name in Stated.__struct_fields__:
        value = getattr(input, name)
        if value is strawberry.UNSET or (value is None and not name.endswith("_words")):
            continue
        given[name] = tuple(value) if isinstance(value, list) else value
    return given
