"""The meaning of a natural-language question."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from app.domain.consumption import BandConsumption, Consumption, Metering, SpecialUse
from app.domain.entry import VoltageLevel
from app.domain.families import HLZF, LEVY, NETZENTGELTE, PRICE, TIME_OF_USE, DataType
from app.domain.levy import LevyKind
from app.domain.price import PriceKind


class Language(StrEnum):
    GERMAN = "de"
    ENGLISH = "en"


class QuestionTopic(StrEnum):
    """What a question asks for."""

    NETZENTGELTE = "NETZENTGELTE"
    HLZF = "HLZF"
    TIME_OF_USE = "TIME_OF_USE"  # § 14a EnWG, Modul 3: bands, windows, the cheapest hours
    PEAK_STATUS = "PEAK_STATUS"  # whether a moment, or when a day, is at peak load
    ANNUAL_COST = "ANNUAL_COST"  # of a consumption and a peak load
    COMPARISON = "COMPARISON"  # of operators, in figures of `data_type`
    RANKING = "RANKING"  # of all operators, or those of a federal state, by annual cost
    PRICES = "PRICES"  # the other positions of a price sheet: without load metering, heat pumps, monthly, Modul 1 and 2, …
    LEVIES = "LEVIES"  # levies and taxes of a year
    BILL = "BILL"  # what a consumption costs with levies and taxes
    GRID_OPERATOR = "GRID_OPERATOR"  # whose grid a place has


class NotHeld(StrEnum):
    """Figures that operators publish but that are not held here."""

    OTHER_POSITION = "OTHER_POSITION"  # avoided charges, individual charges, connection costs, …
    MODULE_CHOICE = (
        "MODULE_CHOICE"  # which module of § 14a EnWG is the cheapest: that depends on the customer's year
    )
    TIME_OF_USE_ABOVE_NS = "TIME_OF_USE_ABOVE_NS"  # § 14a EnWG holds in low voltage
    AVERAGE = "AVERAGE"  # over operators or years
    EXCEPTION = "EXCEPTION"  # all but the operator, year, level or federal state that is named
    AMOUNT = "AMOUNT"  # a cost of a range, of "more than 5 GWh", of two consumptions, of "-5 GWh"
    FORECAST = "FORECAST"
    OTHER_RANKING = "OTHER_RANKING"  # by a single price, of a town, of peak-load windows


class Unanswered(StrEnum):
    """Why an answer does not hold what was asked for."""

    OFF_TOPIC = "OFF_TOPIC"
    NOT_HELD = "NOT_HELD"
    UNKNOWN_OPERATOR = "UNKNOWN_OPERATOR"
    OPERATOR_MISSING = "OPERATOR_MISSING"
    SEVERAL_OPERATORS = "SEVERAL_OPERATORS"
    DETAILS_MISSING = "DETAILS_MISSING"
    NO_DATA = "NO_DATA"


class Load(msgspec.Struct, frozen=True, gc=False):
    """A customer's year. `assumed`: no consumption was named."""

    consumption_kwh: Decimal
    peak_load_kw: Decimal
    assumed: bool = False


class Usage(msgspec.Struct, frozen=True, gc=False):
    """A customer's year that a bill is made of; with a peak load it is load-metered."""

    consumption_kwh: Decimal
    peak_load_kw: Decimal | None = None
    monthly: bool = False  # prices by the month
    module: int | None = None  # § 14a EnWG
    use: SpecialUse | None = None  # a device that is metered by itself
    bands: BandConsumption | None = None  # Modul 3
    inhabitants: int | None = None  # of the municipality, for the concession fee
    gross: bool = False  # with levies and taxes: an answer without them is none
    assumed: bool = False

    def consumption(self, year: int, level: VoltageLevel | None) -> Consumption:
        """`level`: that of a load-metered customer; without load metering there is low voltage only."""
        metering = Metering.SLP
        if self.peak_load_kw is not None:
            metering = Metering.RLM_MONTHLY if self.monthly else Metering.RLM
        return Consumption(
            year=year,
            voltage_level=level or VoltageLevel.NS,
            metering=metering,
            consumption_kwh=self.consumption_kwh,
            peak_load_kw=self.peak_load_kw,
            module=self.module,
            band_kwh=self.bands,
            special_use=self.use if self.module is None else None,
            municipality_inhabitants=self.inhabitants,
        )


class NamedPlace(msgspec.Struct, frozen=True, gc=False):
    """`city`: as it is written behind the postal code."""

    postal_code: str
    city: str | None = None


class Details(msgspec.Struct, frozen=True, gc=False):
    """What some topics need beside operator, year and level.

    No moment is kept: `now` is the time of day at which the answer is given.
    """

    day: date | None = None
    minute: int | None = None  # of that day, in Germany
    now: bool = False
    dearest: bool = False  # the highest prices are asked for rather than the lowest
    region: str | None = None  # federal state, by its official name
    load: Load | None = None
    first: int = 5  # length of a ranking
    kinds: tuple[PriceKind, ...] = ()  # of the prices that are asked for
    levies: tuple[LevyKind, ...] = ()
    inhabitants: int | None = None  # of the municipality whose concession fee is asked for
    levy_groups: tuple[
        str, ...
    ] = ()  # of the customers whose rates are asked for, where a levy has such rates
    usage: Usage | None = None  # of a bill, or of a ranking or comparison by bills
    place: NamedPlace | None = None  # named instead of an operator
    levels: tuple[VoltageLevel, ...] = ()  # where several are named: "NS und MS"


class Interpretation(msgspec.Struct, frozen=True, gc=False):
    """`data_type` None: the question is about something else, and the other fields are empty."""

    data_type: DataType | None
    dno_id: UUID | None
    year: int | None
    voltage_level: VoltageLevel | None
    confidence: float  # 0..1
    candidates: tuple[UUID, ...]  # operators that the question could mean, best first
    language: Language
    topic: QuestionTopic | None = None  # None: that of the data type
    details: Details = Details()
    not_held: NotHeld | None = None
    unknown: str | None = None  # the operator's name or code as written, where the register has none like it
    lacking: bool = False  # the level or the load that the topic needs
    questions: int = 1  # that stand in the sentence; one of them is interpreted
    by_seat: bool = (
        False  # a place is named, and the operator has its seat there: whose network is there is not known
    )

    def asks_for_level(self, level: VoltageLevel) -> bool:
        """All of them where none is named."""
        return level in self.details.levels if self.details.levels else self.voltage_level in (None, level)

    @property
    def subject(self) -> QuestionTopic | None:
        if self.topic is not None or self.data_type is None:
            return self.topic
        return self.about

    @property
    def about(self) -> QuestionTopic | None:
        """The figures behind it: of a comparison, a ranking or a cost those that are compared, ordered or multiplied."""
        if self.details.usage is not None:
            return QuestionTopic.BILL
        return _FIGURES.get(self.data_type, self.topic) if self.data_type is not None else self.topic


_FIGURES: Final = {
    NETZENTGELTE: QuestionTopic.NETZENTGELTE,
    HLZF: QuestionTopic.HLZF,
    TIME_OF_USE: QuestionTopic.TIME_OF_USE,
    LEVY: QuestionTopic.LEVIES,
    PRICE: QuestionTopic.PRICES,
}
