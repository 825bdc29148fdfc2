"""Atypical use of the grid (§ 19 (2) sentence 1 StromNEV): what a load profile gives by published windows, prices and thresholds.

Two charges are compared. The published one is Leistungspreis times the yearly peak plus Arbeitspreis times the consumption; for the
individual one the peak inside of the windows stands in the place of the yearly peak. It is at least 20 % of the published one.
What is not known gives bounds, or null, and is named; nothing is assumed to the better or to the worse.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta

from app.domain.atypical_use_rules import FLOOR, Rule, ThresholdKind, rules_of_level
from app.domain.cost import (
    THRESHOLD_HOURS,
    PricePair,
    charges,
    price_pair,
    price_pairs,
    rounded,
    utilisation_hours,
)
from app.domain.dno import Dno
from app.domain.entry import Publication, VoltageLevel
from app.domain.hlzf import SEASON_ORDER, Hlzf, Season
from app.domain.holiday_rule import HolidayRule
from app.domain.kilowatts import SCALE
from app.domain.load_profile import LoadProfile, kilowatts
from app.domain.metering_year import QUARTER_HOUR
from app.domain.peak import peak_statuses
from app.domain.profile_stamps import StampPosition
from app.domain.tariff import Tariff
from app.domain.window_load import Highest, UnknownTime, WindowLoad, highest, window_load
from app.errors import BadInput


class Missing(StrEnum):
    """What a figure is not known for."""

    TARIFF = "TARIFF"
    PRICES = "PRICES"
    WINDOWS = "WINDOWS"
    NO_WINDOW = "NO_WINDOW"
    TIME = "TIME"
    PRICE_PAIR = "PRICE_PAIR"
    THRESHOLD = "THRESHOLD"


Status: TypeAlias = Annotated[str, Meta(description="UNVERIFIED, VERIFIED or FLAGGED, by editors.")]


class _Struct(msgspec.Struct, frozen=True, rename="camel"):
    pass


class Bounds(_Struct, frozen=True):
    """A figure. `value` is null if it is not known exactly; the bounds are null if nothing of it is known."""

    value: Decimal | None
    at_least: Decimal | None
    at_most: Decimal | None


class LoadAt(_Struct, frozen=True):
    """The load of one quarter-hour, in kW."""

    kw: Decimal
    start: Annotated[datetime, Meta(tz=True, description="Beginning of the quarter-hour, in German time.")]
    end: Annotated[datetime, Meta(tz=True)]


class OperatorName(_Struct, frozen=True):
    slug: str
    name: str


class ProfileFacts(_Struct, frozen=True):
    """How the load profile was read."""

    quarter_hours: int
    time_stamps: Annotated[StampPosition, Meta(description="What timestamps mark; NONE: rows have none.")]
    time_stamps_assumed: Annotated[
        bool,
        Meta(
            description="Whether that was found by the first timestamp (00:00 is a start, 00:15 an end), not stated by the request."
        ),
    ]


class WindowPeak(_Struct, frozen=True):
    """The peak inside of the Hochlastzeitfenster."""

    kw: Bounds
    known: Annotated[
        LoadAt | None, Meta(description="The highest load in quarter-hours that are known to be in a window.")
    ]
    quarter_hours: Annotated[int, Meta(description="Quarter-hours that are known to be in a window.")]
    unknown_quarter_hours: Annotated[int, Meta(description="Quarter-hours of which that is not known.")]


class UnknownQuarterHours(_Struct, frozen=True):
    """Quarter-hours of which it is not known, for one reason, whether they are in a window."""

    reason: str
    quarter_hours: int
    highest: LoadAt
    decides: Annotated[
        bool, Meta(description="Whether the load is higher there than in all known quarter-hours of windows.")
    ]


class PublishedPrices(_Struct, frozen=True):
    """The entry with the published prices, and the pair of prices that the published charge takes."""

    below2500h: Annotated[
        bool,
        Meta(
            description="Prices below 2,500 h: consumption divided by the yearly peak, not rounded, is less."
        ),
    ]
    leistung: Annotated[Decimal | None, Meta(description="EUR per kW and year.")]
    arbeit: Annotated[Decimal | None, Meta(description="ct per kWh.")]
    version: int
    publication: Publication
    verification_status: Status
    source_url: str | None


class PublishedWindows(_Struct, frozen=True):
    """An entry with published windows."""

    season: Season
    version: int
    publication: Publication
    verification_status: Status
    source_url: str | None


class PublishedCharge(_Struct, frozen=True):
    """EUR per year, net, each position rounded half up to the cent; null where its price is not published."""

    capacity_charge: Decimal | None
    energy_charge: Decimal | None
    total: Decimal | None


class Floor(_Struct, frozen=True):
    """The least that an individual charge may be."""

    percent: Decimal
    amount: Annotated[
        Decimal | None, Meta(description="EUR per year: that share of the published charge, half up.")
    ]
    applies: Annotated[
        bool | None, Meta(description="Whether the individual charge would be lower without it.")
    ]
    basis: str
    sureness: str
    source_url: str


class Threshold(_Struct, frozen=True):
    """A condition of an individual charge, by a ruling that was read in paraphrases."""

    kind: ThresholdKind
    required: Decimal
    disputed: Annotated[
        Decimal | None, Meta(description="Another figure that a source gives for the same threshold.")
    ]
    unit: str
    actual: Bounds
    met: Annotated[
        bool | None, Meta(description="null: not known, or met by one of the disputed figures only.")
    ]
    basis: str
    sureness: str
    source_url: str


class NotKnown(_Struct, frozen=True):
    """What is not known, and what that means for the figures."""

    code: Missing
    text: str


class AtypicalUse(_Struct, frozen=True):
    """A load profile under § 19 (2) sentence 1 StromNEV, by published figures. Amounts are EUR per year, net, without levies."""

    dno: OperatorName
    year: int
    voltage_level: VoltageLevel
    profile: ProfileFacts
    consumption_kwh: Annotated[Decimal, Meta(description="Exact.")]
    utilisation_hours: Annotated[
        Decimal, Meta(description="Consumption divided by the yearly peak, half up to two decimals.")
    ]
    yearly_peak: LoadAt
    windows: tuple[PublishedWindows, ...]
    window_peak: WindowPeak
    shift_kw: Annotated[Bounds, Meta(description="Yearly peak minus the peak inside of windows.")]
    shift_percent: Annotated[
        Bounds, Meta(description="The shift in percent of the yearly peak, half up to two decimals.")
    ]
    prices: PublishedPrices | None
    published_charge: PublishedCharge | None
    individual_charge: Annotated[Bounds, Meta(description="Not below the floor.")]
    floor: Floor
    saving: Annotated[Bounds, Meta(description="Published charge minus individual charge.")]
    thresholds: tuple[Threshold, ...]
    thresholds_met: Annotated[bool | None, Meta(description="All of them; null: not known.")]
    unknown_time: tuple[UnknownQuarterHours, ...]
    not_known: tuple[NotKnown, ...]
    notes: tuple[str, ...]


UNKNOWN: Final = Bounds(None, None, None)


def work_out(
    profile: LoadProfile,
    dno: Dno,
    level: VoltageLevel,
    tariffs: Sequence[Tariff],
    hlzf: Sequence[Hlzf],
    rules: Sequence[HolidayRule],
) -> AtypicalUse:
    """`tariffs` and `hlzf`: the operator's of that year; `rules`: its holiday rules of any years. Raises BadInput for a profile
    without any load.
    """
    peak = highest(profile)
    if not peak.load:
        raise BadInput("The load profile has no load: all its numbers are zero.")
    tariff = next((found for found in tariffs if found.voltage_level is level), None)
    windows = sorted(
        (entry for entry in hlzf if entry.voltage_level is level),
        key=lambda entry: SEASON_ORDER[entry.season],
    )
    return _Calculation(profile, peak, dno, level, tariff, windows, rules).report()


class _Range(NamedTuple):
    """Exact figures between which the true one lies."""

    low: Decimal
    high: Decimal

    def bounds(self) -> Bounds:
        low, high = rounded(self.low), rounded(self.high)
        return Bounds(low if self.low == self.high else None, low, high)


class _Calculation:
    def __init__(
        self,
        profile: LoadProfile,
        peak: Highest,
        dno: Dno,
        level: VoltageLevel,
        tariff: Tariff | None,
        windows: Sequence[Hlzf],
        rules: Sequence[HolidayRule],
    ) -> None:
        self._profile = profile
        self._peak = peak
        self._peak_kw = kilowatts(peak.load)
        self._consumption = profile.consumption_kwh
        self._dno = dno
        self._level = level
        self._tariff = tariff
        self._windows = windows
        self._not_known: list[NotKnown] = []
        self._load = self._window_load(rules)

    def report(self) -> AtypicalUse:
        profile, load = self._profile, self._load
        inside = self._inside()
        shift = inside and (self._peak.load - inside[1], self._peak.load - inside[0])
        prices, published = self._published()
        individual, floor, saving = self._individual(published, inside)
        thresholds = tuple(self._thresholds(shift, saving))
        return AtypicalUse(
            dno=OperatorName(self._dno.slug, self._dno.name),
            year=profile.year.year,
            voltage_level=self._level,
            profile=ProfileFacts(profile.year.count, profile.stamps, profile.assumed),
            consumption_kwh=self._consumption,
            utilisation_hours=utilisation_hours(self._consumption, self._peak_kw),
            yearly_peak=self._at(self._peak),
            windows=tuple(map(_published_windows, self._windows)),
            window_peak=WindowPeak(
                _exact(inside),
                load.inside and self._at(load.inside),
                load.quarter_hours,
                sum(unknown.quarter_hours for unknown in load.unknown),
            ),
            shift_kw=_exact(shift),
            shift_percent=self._percent(shift).bounds() if shift else UNKNOWN,
            prices=prices,
            published_charge=published,
            individual_charge=individual.bounds() if individual else UNKNOWN,
            floor=floor,
            saving=saving.bounds() if saving else UNKNOWN,
            thresholds=thresholds,
            thresholds_met=_all_met(threshold.met for threshold in thresholds),
            unknown_time=tuple(map(self._unknown_quarter_hours, load.unknown)),
            not_known=tuple(self._not_known),
            notes=load.notes,
        )

    def _at(self, found: Highest) -> LoadAt:
        start = self._profile.year.start_of(found.number)
        return LoadAt(
            kilowatts(found.load), start, (start.astimezone(UTC) + QUARTER_HOUR).astimezone(start.tzinfo)
        )

    def _add(self, code: Missing, text: str) -> None:
        self._not_known.append(NotKnown(code, text))

    # The peak inside of windows

    def _window_load(self, rules: Sequence[HolidayRule]) -> WindowLoad:
        year = self._profile.year
        if not self._windows:
            self._add(
                Missing.WINDOWS,
                f"No Hochlastzeitfenster of {year.year} are held for {self._level} of this operator.",
            )
            return WindowLoad(0, None, (), ())
        statuses = peak_statuses(
            self._windows, self._dno.region, rules, year.start_of(0), year.start_of(year.count)
        )
        return window_load(self._profile, statuses)

    def _inside(self) -> tuple[int, int] | None:
        """The lowest and the highest load that the peak inside of windows may be; None: not known."""
        load = self._load
        if not self._windows:
            return None
        if load.inside is None:
            text = "No quarter-hour of the year is in a window"
            if load.unknown:
                text = "No quarter-hour is known to be in a window"
            self._add(Missing.NO_WINDOW, f"{text}, so there is no peak inside of windows to compare.")
            return None
        low = high = load.inside.load
        for unknown in filter(self._decides, load.unknown):
            high = max(high, unknown.highest.load)
            at = self._at(unknown.highest)
            self._add(
                Missing.TIME,
                f"{unknown.quarter_hours:,} quarter-hours, with up to {at.kw} kW ({at.start.isoformat()}): {unknown.reason}.",
            )
        return low, high

    def _decides(self, unknown: UnknownTime) -> bool:
        inside = self._load.inside
        return inside is None or unknown.highest.load > inside.load

    def _unknown_quarter_hours(self, unknown: UnknownTime) -> UnknownQuarterHours:
        return UnknownQuarterHours(
            unknown.reason, unknown.quarter_hours, self._at(unknown.highest), self._decides(unknown)
        )

    def _percent(self, shift: tuple[int, int]) -> _Range:
        low, high = (Decimal(load) * 100 / self._peak.load for load in shift)
        return _Range(low, high)

    # The charges

    def _published(self) -> tuple[PublishedPrices | None, PublishedCharge | None]:
        tariff = self._tariff
        if tariff is None:
            self._add(
                Missing.TARIFF,
                f"No prices of {self._profile.year.year} are held for {self._level} of this operator.",
            )
            return None, None
        pair = price_pair(tariff, self._consumption, self._peak_kw)
        capacity, energy, total = charges(pair, self._consumption, self._peak_kw)
        if total is None:
            self._add(Missing.PRICES, f"Not all prices {_name(pair)} are published.")
        prices = PublishedPrices(
            pair.below_2500h,
            pair.leistung,
            pair.arbeit,
            tariff.version,
            tariff.publication,
            tariff.verification_status.name,
            tariff.source_url,
        )
        return prices, PublishedCharge(capacity, energy, total)

    def _individual(
        self, published: PublishedCharge | None, inside: tuple[int, int] | None
    ) -> tuple[_Range | None, Floor, _Range | None]:
        """The individual charge, its floor, and the saving."""
        total = published.total if published is not None else None
        least = None if total is None else rounded(total * FLOOR.required / 100)
        computed = None if total is None or inside is None else self._computed(*map(kilowatts, inside))
        charge = saving = None
        applies = None
        if computed is not None and least is not None and total is not None:
            charge = _Range(max(computed.low, least), max(computed.high, least))
            saving = _Range(total - charge.high, total - charge.low)
            applies = _decided(least - computed.high > 0, least - computed.low > 0)
        floor = Floor(FLOOR.required, least, applies, FLOOR.basis, FLOOR.sureness, FLOOR.source_url)
        return charge, floor, saving

    def _computed(self, low: Decimal, high: Decimal) -> _Range | None:
        """Before the floor. Sources leave open which prices it takes: those of the published charge, or those that the utilisation of
        the peak inside of windows gives. Where these differ, both count.
        """
        assert self._tariff is not None
        tariff, consumption = self._tariff, self._consumption
        usual = price_pair(tariff, consumption, self._peak_kw)
        taken = [(price_pair(tariff, consumption, peak), peak) for peak in (low, high)]
        switch = consumption / THRESHOLD_HOURS
        if low < switch < high:
            # Each pair is linear, so only the ends and the change of prices count.
            taken += [(pair, switch) for pair in price_pairs(tariff)]
        totals = [charges(pair, consumption, peak)[2] for other, peak in taken for pair in (usual, other)]
        known = [total for total in totals if total is not None]
        differing = [(pair, peak) for pair, peak in taken if pair != usual]
        if differing:
            self._add_price_pair(usual, *differing[0])
        if len(known) < len(totals):
            return None
        return _Range(min(known), max(known))

    def _add_price_pair(self, usual: PricePair, other: PricePair, peak: Decimal) -> None:
        with_usual, with_other = (charges(pair, self._consumption, peak)[2] for pair in (usual, other))
        self._add(
            Missing.PRICE_PAIR,
            f"Which prices the individual charge takes is left open by the sources: with {peak.normalize():f} kW inside of windows"
            f" it is {_amount(with_usual)} with those of the published charge ({_name(usual)}), and {_amount(with_other)} with those"
            f" for the utilisation of the peak inside of windows ({_name(other)}), before the floor.",
        )

    # The thresholds

    def _thresholds(self, shift: tuple[int, int] | None, saving: _Range | None) -> Iterator[Threshold]:
        exact: dict[ThresholdKind, tuple[Fraction, Fraction] | None] = dict.fromkeys(ThresholdKind)
        shown = dict.fromkeys(ThresholdKind, UNKNOWN)
        if shift is not None:
            low, high = shift
            exact[ThresholdKind.RELATIVE_SHIFT] = (
                Fraction(low * 100, self._peak.load),
                Fraction(high * 100, self._peak.load),
            )
            exact[ThresholdKind.ABSOLUTE_SHIFT] = Fraction(low, SCALE), Fraction(high, SCALE)
            shown[ThresholdKind.RELATIVE_SHIFT] = self._percent(shift).bounds()
            shown[ThresholdKind.ABSOLUTE_SHIFT] = _exact(shift)
        if saving is not None:
            exact[ThresholdKind.MINIMUM_SAVING] = Fraction(saving.low), Fraction(saving.high)
            shown[ThresholdKind.MINIMUM_SAVING] = saving.bounds()
        for kind, rule in rules_of_level(self._level).items():
            if rule.disputed is not None:
                self._add(
                    Missing.THRESHOLD,
                    f"The threshold of {self._level} is in dispute: {rule.required} or {rule.disputed} {rule.unit} ({rule.sureness}).",
                )
            yield Threshold(
                kind,
                rule.required,
                rule.disputed,
                rule.unit,
                shown[kind],
                _met(rule, exact[kind]),
                rule.basis,
                rule.sureness,
                rule.source_url,
            )


def _published_windows(entry: Hlzf) -> PublishedWindows:
    return PublishedWindows(
        entry.season, entry.version, entry.publication, entry.verification_status.name, entry.source_url
    )


def _met(rule: Rule, actual: tuple[Fraction, Fraction] | None) -> bool | None:
    if actual is None:
        return None
    figures = {rule.required, rule.required if rule.disputed is None else rule.disputed}
    low, high = actual
    return _decided(low >= max(figures), high >= min(figures))


def _all_met(met: Iterable[bool | None]) -> bool | None:
    found = set(met)
    if False in found:
        return False
    return None if None in found else True


def _decided(in_any_case: bool, possibly: bool) -> bool | None:
    if in_any_case:
        return True
    return None if possibly else False


def _exact(loads: tuple[int, int] | None) -> Bounds:
    if loads is None:
        return UNKNOWN
    low, high = map(kilowatts, loads)
    return Bounds(low if low == high else None, low, high)


def _name(pair: PricePair) -> str:
    return f"below {THRESHOLD_HOURS:,} h" if pair.below_2500h else f"from {THRESHOLD_HOURS:,} h"


def _amount(total: Decimal | None) -> str:
    return "not known, since a price is not published," if total is None else f"{total} EUR"
