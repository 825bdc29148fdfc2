"""The levies, taxes and the concession fee in a bill: which customer group is charged for which kWh.

KWKG, Offshore and § 19 StromNEV: group A' is charged for the first 1,000,000 kWh of a point of consumption and year, B' for what
lies above (§ 26 (2) KWKG 2016, § 19 (2) StromNEV); of the KWKG 2002, A up to 100,000 kWh. Other groups are for companies that
have applied for them. Concession fee: the highest rates of § 2 KAV.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from app.domain.bill_position import BillPart, PartBuilder
from app.domain.consumption import LOWEST_LEVELS, Consumption, Metering, unused
from app.domain.levy import Levy, LevyKind, of_year
from app.domain.missing_figures import MissingQuantities, MissingRate
from app.domain.missing_levies import MissingLevy, missing_in

_DAY: Final = timedelta(days=1)

# § 2 (7) KAV: supplied at up to 1 kV, a customer is a Tarifkunde unless the load exceeds 30 kW in two months or more and the
# consumption 30,000 kWh a year.
_TARIFF_KW, _TARIFF_KWH, _TARIFF_MONTHS = 30, 30_000, 2
_SPECIAL_CONTRACT, _TARIFF_CUSTOMER = "S_SONDERKUNDE", "S_TARIF"

# Kinds in the order of a price sheet; the concession fee comes first.
_BY_GROUP: Final = (
    LevyKind.KWKG,
    LevyKind.OFFSHORE,
    LevyKind.PARAGRAF_19_STROM_NEV,
    LevyKind.ABLAV,
    LevyKind.EEG,
    LevyKind.STROMSTEUER,
)
# Customer groups whose rate holds for every kWh.
_FOR_ALL: Final = ("non_privileged", "all", "standard")
# Of others: the group of the first kWh, how many these are, and the group of the rest.
_SPLIT: Final = (("A'", Decimal(1_000_000), "B'"), ("A", Decimal(100_000), "B"))


class LevyRates(msgspec.Struct, frozen=True, gc=False):
    """The rates that hold on any day of a year, and what is not held of them."""

    levies: tuple[Levy, ...]
    missing: tuple[MissingLevy, ...]

    @staticmethod
    def of(levies: Iterable[Levy], year: int) -> "LevyRates":
        """Of all levies, or those of the year."""
        held = of_year(levies, year)
        return LevyRates(held, missing_in(held, year))

    def groups(self, kind: LevyKind) -> set[str | None]:
        """All customer groups of a kind that is charged in the year; empty: it is not. None among them: a rate of all customers, or
        groups not known.
        """
        of_kind = {levy.customer_group for levy in self.levies if levy.kind is kind}
        return of_kind.union(gap.customer_group for gap in self.missing if gap.kind is kind)


class _Span(NamedTuple):
    """Days of a year with one rate; None: not held."""

    first: date
    last: date
    levy: Levy | None


def levy_charges(consumption: Consumption, rates: LevyRates) -> BillPart:
    """Depends on nothing of the operator: one for the bills of many operators."""
    charges = _LevyCharges(consumption, rates)
    charges.add_concession_fee()
    for kind in _BY_GROUP:
        if kind is not LevyKind.STROMSTEUER or consumption.electricity_tax:
            charges.add_kind(kind)
    charges.check_half_year()
    charges.check_months()
    return charges.built()


class _LevyCharges(PartBuilder):
    def __init__(self, consumption: Consumption, rates: LevyRates) -> None:
        super().__init__()
        self.consumption, self.rates = consumption, rates
        self.kwh, self.year = consumption.consumption_kwh, consumption.year
        self.by_half_year = False  # whether any levy is charged by half-year
        self.by_months = False  # whether the loads of the months decide the group of the concession fee

    def add_kind(self, kind: LevyKind) -> None:
        groups = self.rates.groups(kind)
        if not groups:
            return
        if group := next((group for group in _FOR_ALL if group in groups), None):
            self._add_group(kind, group, self.kwh)
            return
        for first, most, rest in _SPLIT:
            if first in groups or rest in groups:
                self._add_group(kind, first, min(self.kwh, most))
                if self.kwh > most:
                    self._add_group(kind, rest, self.kwh - most)
                    self.warn(
                        "LEVY_GROUP_ASSUMED",
                        f"{_name(kind, self.year)}: group {rest} above {most:,} kWh, as for own consumption that was reported to the operator.",
                        "input",
                        "consumptionKwh",
                    )
                return
        self._add_group(kind, None, self.kwh)

    def add_concession_fee(self) -> None:
        inhabitants = self.consumption.municipality_inhabitants
        if inhabitants is None:
            self.warn(
                "CONCESSION_FEE_NOT_CHARGED",
                "The concession fee is not charged: `municipalityInhabitants` is not given.",
                "input",
                "municipalityInhabitants",
            )
            return
        if self._is_tariff_customer():
            found = [
                levy
                for levy in self.rates.levies
                if levy.kind is LevyKind.KONZESSIONSABGABE
                and (levy.customer_group or "").startswith(_TARIFF_CUSTOMER)
                and (levy.inhabitants_from or 0) <= inhabitants
                and (levy.inhabitants_to is None or inhabitants <= levy.inhabitants_to)
            ]
            group = found[0].customer_group if found else None
        else:
            group = _SPECIAL_CONTRACT
        if group is None:
            self._miss_rate(LevyKind.KONZESSIONSABGABE)
            return
        self._add_group(LevyKind.KONZESSIONSABGABE, group, self.kwh)
        self.warn(
            "CONCESSION_FEE_HIGHEST",
            "The highest concession fee of § 2 KAV is charged; the contract of the municipality may have less.",
            "input",
            "municipalityInhabitants",
        )

    def check_half_year(self) -> None:
        if self.consumption.first_half_kwh is not None and not self.by_half_year:
            self.warnings.append(unused("firstHalfKwh"))

    def check_months(self) -> None:
        """With RLM they are not charged; § 2 (7) KAV may ask for them."""
        consumption = self.consumption
        given = consumption.monthly_peak_load_kw is not None
        if given and consumption.metering is Metering.RLM and not self.by_months:
            self.warnings.append(unused("monthlyPeakLoadKw"))

    def _is_tariff_customer(self) -> bool:
        consumption = self.consumption
        if consumption.voltage_level not in LOWEST_LEVELS:
            return False
        if consumption.metering is Metering.SLP or self.kwh <= _TARIFF_KWH:
            return True
        if (months := consumption.monthly_peak_load_kw) is not None:
            self.by_months = True
            return sum(load > _TARIFF_KW for load in months) < _TARIFF_MONTHS
        assert consumption.peak_load_kw is not None
        if consumption.peak_load_kw <= _TARIFF_KW:
            return True
        self.warn(
            "CONCESSION_GROUP_ASSUMED",
            f"A load above {_TARIFF_KW} kW in at least {_TARIFF_MONTHS} months is assumed (§ 2 (7) KAV).",
            "input",
            "peakLoadKw",
        )
        return False

    def _add_group(self, kind: LevyKind, group: str | None, kwh: Decimal) -> None:
        """`group` None: no customer group has a rate that is charged here; only one of all customers counts."""
        spans = list(_spans(self.rates.levies, kind, group, self.year))
        self.missing += [
            MissingRate(self.year, kind, group, span.first, span.last) for span in spans if span.levy is None
        ]
        if any(span.levy is None for span in spans):
            return
        for span, amount in zip(spans, self._quantities(kind, spans, kwh), strict=False):
            assert span.levy is not None
            self.add_energy(_named(kind, group, span, self.year), amount, span.levy.value, levy=span.levy)

    def _quantities(self, kind: LevyKind, spans: Sequence[_Span], kwh: Decimal) -> Sequence[Decimal]:
        """kWh of each span; empty if they are not known."""
        if len(spans) == 1:
            return (kwh,)
        half = self.consumption.first_half_kwh
        by_half_year = len(spans) == 2 and spans[1].first == date(self.year, 7, 1)
        if by_half_year and half is not None and kwh == self.kwh:
            self.by_half_year = True
            return (half, kwh - half)
        field = "firstHalfKwh" if by_half_year and half is None else None
        self.missing.append(
            MissingQuantities(self.year, kind, tuple(span.first for span in spans[1:]), field)
        )
        return ()

    def _miss_rate(self, kind: LevyKind) -> None:
        """Of the whole year; the customer group is not known either."""
        self.missing.append(
            MissingRate(self.year, kind, None, date(self.year, 1, 1), date(self.year, 12, 31))
        )


def _spans(levies: Iterable[Levy], kind: LevyKind, group: str | None, year: int) -> Iterator[_Span]:
    """All days of the year, in order. `levies` are in the order of their groups and first days; where several hold on a day, the
    last: a rate of the group rather than one of all customers.
    """
    held = [levy for levy in levies if levy.kind is kind and levy.holds_for(group)]
    day, last = date(year, 1, 1), date(year, 12, 31)
    while day <= last:
        number = next((n for n in reversed(range(len(held))) if held[n].holds_on(day)), -1)
        levy = None if number < 0 else held[number]
        ends = [last] if levy is None or levy.valid_to is None else [last, levy.valid_to]
        ends += [
            other.valid_from - _DAY
            for other in held[number + 1 :]  # one before it begins without effect
            if other.valid_from is not None and other.valid_from > day
        ]
        end = min(ends)
        yield _Span(day, end, levy)
        day = end + _DAY


def _named(kind: LevyKind, group: str | None, span: _Span, year: int) -> str:
    name = _name(kind, year)
    if group is not None and group not in _FOR_ALL and kind is not LevyKind.KONZESSIONSABGABE:
        name += f", Gruppe {group}"
    if (span.first, span.last) != (date(year, 1, 1), date(year, 12, 31)):
        name += f", {span.first:%d.%m.}-{span.last:%d.%m.}"
    return name


def _name(kind: LevyKind, year: int) -> str:
    """As bills of that year name it."""
    match kind:
        case LevyKind.KWKG:
            return "KWKG-Umlage"
        case LevyKind.OFFSHORE:
            return "Offshore-Netzumlage" if year >= 2019 else "Offshore-Haftungsumlage"
        case LevyKind.PARAGRAF_19_STROM_NEV:
            return "Aufschlag für besondere Netznutzung" if year >= 2025 else "§ 19 StromNEV-Umlage"
        case LevyKind.ABLAV:
            return "Umlage für abschaltbare Lasten"
        case LevyKind.EEG:
            return "EEG-Umlage"
        case LevyKind.KONZESSIONSABGABE:
            return "Konzessionsabgabe (Höchstsatz)"
        case _:
            return "Stromsteuer"
