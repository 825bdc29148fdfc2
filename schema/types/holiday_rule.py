"""GraphQL type of holiday rules."""

from datetime import date, datetime

import strawberry

from app.domain import holiday_rule as structs
from app.domain.entry import VerificationStatus
from schema.batch_field import describe, field, length, type_for
from schema.types import entry_fields as fields
from schema.types.node import Kind, Node

describe(
    structs.BridgeDays,
    "Whether Hochlastzeitfenster hold on bridge days: single Mondays to Fridays between a public holiday and a weekend, or "
    "between two public holidays.",
    WORKING_DAYS="They hold: bridge days are working days.",
    ALL_EXCLUDED="They hold on none.",
    ONE_EXCLUDED="They hold on all but one, or on all but those in `excludedDates`.",
    UNKNOWN="Not stated, or not known.",
)
describe(
    structs.HolidayScope,
    "The public holidays on which Hochlastzeitfenster do not hold; those of all federal states are always among them.",
    NATIONWIDE="Only those of all federal states.",
    STATE="Those of the federal state of the operator's seat.",
    NETWORK_AREA="Those that hold in the whole network area: in each of `holidayStates`.",
    UNKNOWN="Not stated, or not known.",
)
describe(
    structs.ChristmasDays,
    "Whether Hochlastzeitfenster hold on 24 December and from 27 to 31 December.",
    ALL_EXCLUDED="They hold on none of these days.",
    BETWEEN_EXCLUDED="They do not hold between Christmas and New Year; 24 and 31 December are not named.",
    WORKING_DAYS="They hold.",
    UNKNOWN="Not stated, or not known.",
)
describe(
    structs.TimeStamps,
    "What the printed times of Hochlastzeitfenster mean.",
    CLOCK_TIME="The time of the clock.",
    INTERVAL_END="The end of a metering quarter-hour: 09:15 means 09:00 to 09:15. Times are as printed, not shifted.",
    UNKNOWN="Not stated, or open.",
)


@type_for(
    structs.HolidayRule,
    description="What an operator states of the days on which its Hochlastzeitfenster hold. Texts are its words, or a summary "
    "of them; null: it states nothing, or it is not known.",
)
class HolidayRule(Node):
    id = fields.entry_id(Kind["HOLIDAY_RULE"])
    dno = fields.dno("The operator that states it.")

    @field(
        description="Calendar year; null: the operator names none, so it holds in each year without a rule of its own."
    )
    def year(root: strawberry.Parent[structs.HolidayRule]) -> int | None:
        return None if root.year == structs.WITHOUT_YEAR else root.year

    bridge_days: structs.BridgeDays = strawberry.field(description="Whether windows hold on bridge days.")
    excluded_dates: list[date] = strawberry.field(
        description="Days that the operator names as off-peak, in order.", metadata=length(2)
    )
    working_dates: list[date] = strawberry.field(
        description="Days that the operator names as working days, in order.", metadata=length(2)
    )
    holidays: structs.HolidayScope = strawberry.field(description="Which public holidays are off-peak.")
    holiday_states: list[str] = strawberry.field(
        description="Federal states of the network area, for NETWORK_AREA; empty: not known.",
        metadata=length(2),
    )
    christmas: structs.ChristmasDays = strawberry.field(
        description="Whether windows hold from 24 to 31 December."
    )
    time_stamps: structs.TimeStamps = strawberry.field(description="What the printed times mean.")
    bridge_day_words: str | None = strawberry.field(description="What is stated of bridge days.")
    holiday_words: str | None = strawberry.field(description="What is stated of public holidays.")
    christmas_words: str | None = strawberry.field(description="What is stated of 24 December to 1 January.")
    time_stamp_words: str | None = strawberry.field(description="What is stated of the printed times.")
    verification_status: VerificationStatus = strawberry.field(description="How sure this rule is.")
    source = fields.source("Where the rule was read.")
    version: int = fields.version()
    updated_at: datetime = fields.updated_at()
    history = fields.history()
    previous_year = fields.previous_year(
        structs.FAMILY,
        "The same operator's rule of the year before; null where it stated none for that year.",
    )
