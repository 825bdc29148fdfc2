"""What a bill would need and what is not held: one struct for each kind of figure, with a sentence."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from app.domain.cost import THRESHOLD_HOURS
from app.domain.entry import VoltageLevel
from app.domain.levy import LevyKind
from app.domain.price import PriceKind
from app.domain.time_of_use import TimeOfUseBand

_NAMED: Final = 20


class MissingFigure(msgspec.Struct, frozen=True, gc=False):
    year: int

    @property
    def what(self) -> str:
        raise NotImplementedError

    @property
    def sentence(self) -> str:
        return f"Not known of {self.year}: {self.what}."


class MissingTariff(MissingFigure, frozen=True, gc=False):
    """The prices for load metering by year."""

    voltage_level: VoltageLevel

    @property
    def what(self) -> str:
        return f"the tariff for {self.voltage_level}"


class MissingTariffPrice(MissingFigure, frozen=True, gc=False):
    """One of the prices of a tariff: its Leistungspreis or its Arbeitspreis."""

    voltage_level: VoltageLevel
    leistung: bool
    below_2500h: bool

    @property
    def what(self) -> str:
        return f"the {'Leistungspreis' if self.leistung else 'Arbeitspreis'} {self.condition} for {self.voltage_level}"

    @property
    def condition(self) -> str:
        return condition_of(below_2500h=self.below_2500h)


class MissingPrice(MissingFigure, frozen=True, gc=False):
    """`variants`: those that have a price; which of them is charged depends on what an input does not state."""

    kind: PriceKind
    voltage_level: VoltageLevel
    variants: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        only = f" without a variant; published: {_listed(self.variants)}" if self.variants else ""
        return f"the price {self.kind} for {self.voltage_level}{only}"


class MissingMeter(MissingFigure, frozen=True, gc=False):
    """The price of the meter that was asked for; `published`: the meters that have one."""

    published: tuple[str, ...]

    @property
    def what(self) -> str:
        others = _listed(self.published) or "none"
        return f"the price MESSSTELLENBETRIEB for the meter that `meter` names; meters with a price: {others}"


class MissingBand(MissingFigure, frozen=True, gc=False):
    band: TimeOfUseBand

    @property
    def what(self) -> str:
        return f"the price of the band {self.band} of Modul 3"


class MissingRate(MissingFigure, frozen=True, gc=False):
    """The rate of a levy, from one day to another, both included. `customer_group` None: not known either."""

    kind: LevyKind
    customer_group: str | None
    first: date
    last: date

    @property
    def what(self) -> str:
        group = "" if self.customer_group is None else f" of the customer group {self.customer_group}"
        return f"the rate {self.kind}{group} from {self.first} to {self.last}"


class MissingQuantities(MissingFigure, frozen=True, gc=False):
    """The kWh before and after the days on which a rate changed. `field`: of the input that has them; None: there is none."""

    kind: LevyKind
    days: tuple[date, ...]
    field: str | None

    @property
    def what(self) -> str:
        needed = "" if self.field is None else f" (`{self.field}`)"
        return f"the kWh before and after {', '.join(map(str, self.days))}, when the rate {self.kind} changed{needed}"


def condition_of(*, below_2500h: bool) -> str:
    """As price sheets print it."""
    return f"{'unter' if below_2500h else 'ab'} {THRESHOLD_HOURS} h/a"


def _listed(names: Sequence[str]) -> str:
    """The first of them, and a mark where there are more."""
    return ", ".join(names if len(names) <= _NAMED else (*names[:_NAMED], "…"))
