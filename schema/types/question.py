"""GraphQL types of a question in natural language and its answer."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import msgspec
import strawberry

from app.domain import question as structs
from app.domain import question_figures
from app.domain.entry import VoltageLevel
from app.domain.families import DataType
from app.domain.levy import LevyKind
from app.domain.price import PriceKind
from app.domain.question_figures import Figures
from schema.batch_field import batch_field, describe, field, length, type_for
from schema.context import Context
from schema.types.bill import Bill
from schema.types.bill_ranking import BillRanking
from schema.types.dno import Dno
from schema.types.hlzf import Hlzf
from schema.types.levy import Levy
from schema.types.peak import PeakStatus
from schema.types.place import DnoAtPlace
from schema.types.price import Price
from schema.types.price_interval import PriceInterval
from schema.types.ranking import RankedTariff, TariffCost
from schema.types.tariff import Tariff
from schema.types.time_of_use import TimeOfUseTariff

describe(
    structs.QuestionTopic,
    "What a question asks for.",
    NETZENTGELTE="Grid charges of one operator.",
    HLZF="Peak-load windows of one operator.",
    TIME_OF_USE="Time-variable grid charges (§ 14a EnWG, Modul 3): bands, windows, the cheapest hours.",
    PEAK_STATUS="Whether it is peak load at a moment, or when on a day.",
    ANNUAL_COST="What a consumption and a peak load cost in a year.",
    COMPARISON="The figures of several operators beside each other; `dataType` says which.",
    RANKING="Operators by annual cost, in Germany or in a federal state.",
    PRICES="Other positions of a price sheet: without load metering, heat pumps, monthly prices, Modul 1 and 2, reserve capacity, …",
    LEVIES="Levies and taxes of a year.",
    BILL="What a consumption costs with levies and taxes.",
    GRID_OPERATOR="Whose grid a place has.",
)
describe(
    structs.Unanswered,
    "Why an answer does not hold what was asked for.",
    OFF_TOPIC="The question is about something else.",
    NOT_HELD="These figures are not held here: averages, rankings by a single price, individual charges, connection costs.",
    UNKNOWN_OPERATOR="No operator has that name or code.",
    OPERATOR_MISSING="No operator is named.",
    SEVERAL_OPERATORS="Several operators fit; they are the candidates.",
    DETAILS_MISSING="The consumption, the peak load or the voltage level is missing.",
    NO_DATA="Nothing is known for this operator, year, level or moment.",
)


class AnsweredQuestion(msgspec.Struct, frozen=True):
    """The interpretation of a question, its figures and its answer."""

    interpretation: structs.Interpretation
    figures: Figures
    unanswered: structs.Unanswered | None
    answer: str
    cached: bool

    @property
    def tariffs(self) -> Sequence[object]:
        return self.figures.tariffs

    @property
    def hlzf(self) -> Sequence[object]:
        return self.figures.hlzf

    @property
    def time_of_use(self) -> Sequence[object]:
        return self.figures.time_of_use

    @property
    def price_intervals(self) -> Sequence[object]:
        return self.figures.intervals

    @property
    def prices(self) -> Sequence[object]:
        return self.figures.prices

    @property
    def operators(self) -> Sequence[object]:
        return self.figures.operators

    @property
    def bill_ranking(self) -> object:
        return self.figures.bill_ranking

    @property
    def bills(self) -> Sequence[object]:
        return self.figures.bills

    @property
    def levies(self) -> Sequence[object]:
        return self.figures.levies

    @property
    def peak(self) -> Sequence[object]:
        return self.figures.peak

    @property
    def costs(self) -> Sequence[object]:
        return self.figures.costs

    @property
    def ranking(self) -> Sequence[object]:
        return self.figures.ranking


@type_for(structs.Interpretation, description="What a sentence was taken to ask.")
class Interpretation:
    data_type: DataType | None = strawberry.field(
        description="The kind of figures that is asked for; null: a bill, the operator of a place, or something that this API does not "
        "answer, which has no `topic`."
    )

    @field(description="What is asked for; null: something that this API does not answer.")
    def topic(root: strawberry.Parent[structs.Interpretation]) -> structs.QuestionTopic | None:
        return root.subject

    @batch_field(
        Dno | None,
        description="The operator; null: none is named, or several fit.",
        through=lambda loaders: loaders.dno_by_id,
    )
    async def dno(interpretations: Sequence[structs.Interpretation], context: Context) -> Sequence[object]:
        return [interpretation.dno_id for interpretation in interpretations]

    year: int | None = strawberry.field(description="The calendar year; the current one where none is named.")
    voltage_level: VoltageLevel | None = strawberry.field(description="The voltage level, if one is named.")

    @field(
        description="The day that prices or peak load are asked of, in Germany; null: none is named, or now."
    )
    def day(root: strawberry.Parent[structs.Interpretation]) -> date | None:
        return root.details.day

    @field(description="The federal state of a ranking; null: Germany.")
    def region(root: strawberry.Parent[structs.Interpretation]) -> str | None:
        return root.details.region

    @field(description="kWh per year that costs are worked out for; null: none are asked for.")
    def consumption_kwh(root: strawberry.Parent[structs.Interpretation]) -> Decimal | None:
        customer = root.details.load or root.details.usage
        return customer.consumption_kwh if customer is not None else None

    @field(
        description="kW, the highest load of the year that costs are worked out for; null: none are asked for."
    )
    def peak_load_kw(root: strawberry.Parent[structs.Interpretation]) -> Decimal | None:
        customer = root.details.load or root.details.usage
        return customer.peak_load_kw if customer is not None else None

    @field(
        description="Whether the question names no consumption, so that a ranking or a comparison is of an example: 50,000 kWh "
        "and 50 kW in NS, 500,000 kWh and 200 kW in MS_NS, else 5,000,000 kWh and 1,500 kW."
    )
    def consumption_assumed(root: strawberry.Parent[structs.Interpretation]) -> bool:
        customer = root.details.load or root.details.usage
        return customer is not None and customer.assumed

    @field(
        description="The kinds of prices that are asked for, of the topic PRICES or of a comparison of prices."
    )
    def price_kinds(root: strawberry.Parent[structs.Interpretation]) -> list[PriceKind]:
        return list(root.details.kinds)

    @field(description="The levies that are asked for, of the topic LEVIES.")
    def levy_kinds(root: strawberry.Parent[structs.Interpretation]) -> list[LevyKind]:
        return list(root.details.levies)

    @field(description="Module of § 14a EnWG, 1 to 3, of the bill that is asked for; null: none is named.")
    def module(root: strawberry.Parent[structs.Interpretation]) -> int | None:
        return root.details.usage.module if root.details.usage is not None else None

    @field(description="The postal code that stands for an operator; null: none is named.")
    def postal_code(root: strawberry.Parent[structs.Interpretation]) -> str | None:
        return root.details.place.postal_code if root.details.place is not None else None

    questions: int = strawberry.field(
        description="How many questions stand in the sentence; from 2 on at most one is answered."
    )
    confidence: float = strawberry.field(
        description="How sure that is, 0 to 1; at most 0.5 where the answer does not hold what was asked for."
    )

    @batch_field(
        list[Dno],
        description="Operators that the sentence could mean, best first; of a comparison, those that are compared.",
        through=lambda loaders: loaders.dno_by_id,
    )
    async def candidates(
        interpretations: Sequence[structs.Interpretation], context: Context
    ) -> Sequence[object]:
        return [list(interpretation.candidates) for interpretation in interpretations]


@type_for(question_figures.PeakAtLevel, description="Peak load at one voltage level.")
class PeakAtLevel:
    voltage_level: VoltageLevel = strawberry.field(description="Where the customer is connected.")
    statuses: list[PeakStatus] = strawberry.field(
        description="Of a moment one, of a day all in order.", metadata=length(3)
    )


@type_for(
    question_figures.BillOfDno,
    description="The bill of the consumption that is asked about, with the prices of one operator.",
)
class QuestionBill:
    @batch_field(Dno, description="The operator.", through=lambda loaders: loaders.dno_by_id)
    async def dno(bills: Sequence[question_figures.BillOfDno], context: Context) -> Sequence[object]:
        return [one.dno_id for one in bills]

    bill: Bill = strawberry.field(description="Its positions and totals, and what is missing for them.")


@type_for(AnsweredQuestion, description="The answer to a question in plain German or English.")
class NaturalQueryResult:
    interpretation: Interpretation = strawberry.field(description="What was understood.")
    unanswered: structs.Unanswered | None = strawberry.field(
        description="Why the answer does not hold what was asked for; null: it does."
    )
    tariffs: list[Tariff] = strawberry.field(description="The tariffs asked for, the highest level first.")
    hlzf: list[Hlzf] = strawberry.field(description="The HLZF asked for, by level and season.")
    time_of_use: list[TimeOfUseTariff] = strawberry.field(
        description="The time-of-use tariffs asked for (§ 14a EnWG, Modul 3).", metadata=length(1)
    )
    prices: list[Price] = strawberry.field(
        description="The other positions of a price sheet that are asked for: without load metering, heat pumps, monthly prices, "
        "Modul 1 and 2, …",
        metadata=length(3),
    )
    operators: list[DnoAtPlace] = strawberry.field(
        description="The operators at the postal code that is asked about, the largest share first; also where their seat is all that "
        "is known.",
        metadata=length(2),
    )
    bills: list[QuestionBill] = strawberry.field(
        description="What the consumption costs with levies and taxes; of a comparison in the order of the question.",
        metadata=length(2),
    )
    bill_ranking: BillRanking | None = strawberry.field(
        description="The operators by what the consumption costs, the cheapest or the most expensive first; null: no such ranking is "
        "asked for. Prices that are derived by a rule do not count."
    )
    levies: list[Levy] = strawberry.field(
        description="The levies and taxes that are asked for, as far as they hold in the year.",
        metadata=length(10),
    )
    price_intervals: list[PriceInterval] = strawberry.field(
        description="The prices of § 14a of the day that is asked about, in order, or that of the moment.",
        metadata=length(8),
    )
    peak: list[PeakAtLevel] = strawberry.field(
        description="Peak load at the moment or on the day that is asked about, the highest level first.",
        metadata=length(3),
    )
    costs: list[TariffCost] = strawberry.field(
        description="Annual costs: of one operator by level, the highest first; of a comparison the cheapest first within a level.",
        metadata=length(2),
    )
    ranking: list[RankedTariff] = strawberry.field(
        description="The ranking asked for; the cheapest first, or the most expensive where these are asked for.",
        metadata=length(5),
    )
    answer: str = strawberry.field(
        description="A readable text in the language of the question: values with units, or what is missing."
    )
    cached: bool = strawberry.field(
        description="Whether everything came from a cache: the sentence had been understood before, and nothing that "
        "the answer tells has changed since."
    )
