"""Holiday rules: the days on which an operator's Hochlastzeitfenster hold, as it states them, by operator and year."""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol, TypeVar
from uuid import UUID

import msgspec

from app.domain.entry import FIRST_YEAR, VerificationStatus
from app.domain.family import Column, ColumnType, Family

# The year of a rule that the operator states without a year. The ruling on peak-load windows is of 2013, so no
# operator has a rule for this year.
WITHOUT_YEAR = FIRST_YEAR


class BridgeDays(StrEnum):
    """Whether windows hold on bridge days."""

    WORKING_DAYS = "WORKING_DAYS"
    ALL_EXCLUDED = "ALL_EXCLUDED"
    ONE_EXCLUDED = "ONE_EXCLUDED"
    UNKNOWN = "UNKNOWN"


class HolidayScope(StrEnum):
    """Which public holidays count; those of all federal states always do."""

    NATIONWIDE = "NATIONWIDE"
    STATE = "STATE"
    NETWORK_AREA = "NETWORK_AREA"
    UNKNOWN = "UNKNOWN"


class ChristmasDays(StrEnum):
    """Whether windows hold from 24 to 31 December; 25 and 26 December are holidays anyway."""

    ALL_EXCLUDED = "ALL_EXCLUDED"
    BETWEEN_EXCLUDED = "BETWEEN_EXCLUDED"  # from 27 to 30 December; 24 and 31 December are not named
    WORKING_DAYS = "WORKING_DAYS"
    UNKNOWN = "UNKNOWN"


class TimeStamps(StrEnum):
    """What the printed times of windows mean. A meter stamps a quarter-hour with its end: 09:15 is 09:00 to 09:15."""

    CLOCK_TIME = "CLOCK_TIME"
    INTERVAL_END = "INTERVAL_END"
    UNKNOWN = "UNKNOWN"


class DayRule(Protocol):
    """What of a holiday rule decides on which days windows hold, and what their times mean."""

    @property
    def year(self) -> int: ...
    @property
    def bridge_days(self) -> BridgeDays: ...
    @property
    def excluded_dates(self) -> tuple[date, ...]: ...
    @property
    def working_dates(self) -> tuple[date, ...]: ...
    @property
    def holidays(self) -> HolidayScope: ...
    @property
    def holiday_states(self) -> tuple[str, ...]: ...
    @property
    def christmas(self) -> ChristmasDays: ...
    @property
    def time_stamps(self) -> TimeStamps: ...
    @property
    def time_stamp_words(self) -> str | None: ...


class HolidayRule(msgspec.Struct, frozen=True, gc=False):
    """What one operator states. The texts are its own words, or a summary of them; None: it states nothing of that."""

    id: UUID
    dno_id: UUID
    year: int  # WITHOUT_YEAR: it names none
    bridge_days: BridgeDays
    excluded_dates: tuple[date, ...]  # named by the operator as off-peak, in order
    working_dates: tuple[date, ...]  # named by the operator as working days, in order
    holidays: HolidayScope
    holiday_states: tuple[str, ...]  # federal states of the network area, for NETWORK_AREA; empty: not known
    christmas: ChristmasDays
    time_stamps: TimeStamps
    bridge_day_words: str | None
    holiday_words: str | None
    christmas_words: str | None
    time_stamp_words: str | None
    verification_status: VerificationStatus
    source_url: str | None
    source_title: str | None
    version: int
    updated_at: datetime


FAMILY = Family(
    name="holiday_rules",
    table="holiday_rules",
    struct=HolidayRule,
    graphql_type="HolidayRule",
    module="holiday_rule",
    id_kind="HOLIDAY_RULE",
    id_prefix="rule",
    data_type="HOLIDAY_RULE",
    description="Holiday rules: the days on which Hochlastzeitfenster hold.",
    noun="holiday rule",
    columns=(
        Column("bridge_days", ColumnType.WORD, values=BridgeDays),
        Column("excluded_dates", ColumnType.DATES),
        Column("working_dates", ColumnType.DATES),
        Column("holidays", ColumnType.WORD, values=HolidayScope),
        Column("holiday_states", ColumnType.WORDS),
        Column("christmas", ColumnType.WORD, values=ChristmasDays),
        Column("time_stamps", ColumnType.WORD, values=TimeStamps),
        Column("bridge_day_words", ColumnType.TEXT),
        Column("holiday_words", ColumnType.TEXT),
        Column("christmas_words", ColumnType.TEXT),
        Column("time_stamp_words", ColumnType.TEXT),
    ),
    figures=False,
    without_year=WITHOUT_YEAR,
)


def time_stamps_in_doubt(rule: DayRule) -> TimeStamps | None:
    """What printed times may mean if not clock times. None: nothing is known against clock times."""
    if rule.time_stamps is TimeStamps.CLOCK_TIME:
        return None
    if rule.time_stamps is TimeStamps.UNKNOWN and rule.time_stamp_words is None:
        return None
    return rule.time_stamps


AnyRule = TypeVar("AnyRule", bound=DayRule)


def rule_of_year(rules: Iterable[AnyRule], year: int) -> AnyRule | None:
    """Of one operator's rules, that of the year, or else the one without a year."""
    found = None
    for rule in rules:
        if rule.year == year:
            return rule
        if rule.year == WITHOUT_YEAR:
            found = rule
    return found
