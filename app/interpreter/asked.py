"""What a sentence asks for, and what else it names that helps to find that out."""

from typing import NamedTuple

from app.domain.levy import LevyKind
from app.domain.price import PriceKind
from app.domain.question import QuestionTopic


class Asked(NamedTuple):
    """`further`: topics that the sentence asks for beside it. `kinds`: of PRICES; `levies`: of LEVIES."""

    topic: QuestionTopic
    certainty: float
    further: int = 0
    kinds: tuple[PriceKind, ...] = ()
    levies: tuple[LevyKind, ...] = ()


class Frame(NamedTuple):
    """What else the sentence names; it distinguishes a grid price from any other price."""

    operator: bool  # by its name or code
    place: bool
    level: bool
    year: bool
    load: bool = False  # consumption and peak load
    energy: bool = False  # a consumption
    power: bool = False  # a peak load
    postal_code: bool = False

    @property
    def named(self) -> bool:
        return self.operator or self.place or self.level or self.year
