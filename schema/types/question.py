"""GraphQL types of a question in natural language and its answer."""

from collections.abc import Sequence

import msgspec
import strawberry

from app.domain import question as structs
from app.domain.entry import VoltageLevel
from app.domain.families import DataType
from app.domain.hlzf import Hlzf as HlzfStruct
from app.domain.tariff import Tariff as TariffStruct
from schema.batch_field import batch_field, type_for
from schema.context import Context
from schema.types.dno import Dno
from schema.types.hlzf import Hlzf
from schema.types.tariff import Tariff


class AnsweredQuestion(msgspec.Struct, frozen=True):
    """The interpretation of a question, its entries and its answer."""

    interpretation: structs.Interpretation
    tariffs: Sequence[TariffStruct]
    hlzf: Sequence[HlzfStruct]
    answer: str
    cached: bool


@type_for(structs.Interpretation, description="What a sentence was taken to ask.")
class Interpretation:
    data_type: DataType | None = strawberry.field(
        description="What is asked for; null: something that this API does not answer."
    )

    @batch_field(
        Dno | None,
        description="The operator; null: none is named, or several fit.",
        through=lambda loaders: loaders.dno_by_id,
    )
    async def dno(interpretations: Sequence[structs.Interpretation], context: Context) -> Sequence[object]:
        return [interpretation.dno_id for interpretation in interpretations]

    year: int | None = strawberry.field(description="The calendar year; the current one where none is named.")
    voltage_level: VoltageLevel | None = strawberry.field(description="The voltage level, if one is named.")
    confidence: float = strawberry.field(description="How sure that is, 0 to 1.")

    @batch_field(
        list[Dno],
        description="Operators that the sentence could mean, best first.",
        through=lambda loaders: loaders.dno_by_id,
    )
    async def candidates(
        interpretations: Sequence[structs.Interpretation], context: Context
    ) -> Sequence[object]:
        return [list(interpretation.candidates) for interpretation in interpretations]


@type_for(AnsweredQuestion, description="The answer to a question in plain German or English.")
class NaturalQueryResult:
    interpretation: Interpretation = strawberry.field(description="What was understood.")
    tariffs: list[Tariff] = strawberry.field(description="The tariffs asked for, the highest level first.")
    hlzf: list[Hlzf] = strawberry.field(description="The HLZF asked for, by level and season.")
    answer: str = strawberry.field(
        description="One readable sentence in the language of the question: values with units, or what is missing."
    )
    cached: bool = strawberry.field(
        description="Whether everything came from a cache: the sentence had been understood before, and nothing that "
        "the answer tells has changed since."
    )
