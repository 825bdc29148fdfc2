"""The consumption of one metering point in one year, for which a bill is computed: its values and their checks."""

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum

import msgspec

from app.domain.cost import broken_amount, utilisation_warnings
from app.domain.entry import FIRST_YEAR, LAST_YEAR, VoltageLevel
from app.domain.plausibility import PlausibilityWarning
from app.domain.time_of_use import TimeOfUseBand
from app.errors import BadInput

MONTHS = 12
MOST_INHABITANTS = 100_000_000
MOST_LETTERS = 200

# The first year of each module of § 14a EnWG (BK8-22/010-A of the Bundesnetzagentur, 23 November 2023).
MODULES = {1: 2024, 2: 2024, 3: 2025}
LOWEST_LEVELS = (VoltageLevel.MS_NS, VoltageLevel.NS)  # Netzebene 6 and 7, for which § 14a has modules

# § 12 (1) StromNZV: up to here operators apply standard load profiles.
MOST_SLP_KWH = 100_000


class Metering(StrEnum):
    """How the consumption is metered and charged."""

    RLM = "RLM"
    SLP = "SLP"
    RLM_MONTHLY = "RLM_MONTHLY"


class SpecialUse(StrEnum):
    """Consumption without load metering that has prices of its own; devices of contracts made before 2024."""

    SPEICHERHEIZUNG = "SPEICHERHEIZUNG"
    WAERMEPUMPE = "WAERMEPUMPE"
    EMOBILITAET = "EMOBILITAET"
    STRASSENBELEUCHTUNG = "STRASSENBELEUCHTUNG"


class BandConsumption(msgspec.Struct, frozen=True, gc=False):
    """kWh in the bands of Modul 3."""

    ht: Decimal
    st: Decimal
    nt: Decimal

    def of(self, band: TimeOfUseBand) -> Decimal:
        if band is TimeOfUseBand.HT:
            return self.ht
        return self.st if band is TimeOfUseBand.ST else self.nt


class Consumption(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is not given is None. `check` has to be called before a bill is computed."""

    year: int
    voltage_level: VoltageLevel
    metering: Metering
    consumption_kwh: Decimal
    peak_load_kw: Decimal | None = None  # the highest of the year
    monthly_peak_load_kw: tuple[Decimal, ...] | None = None  # the highest of each month, January first
    module: int | None = None  # of § 14a EnWG
    band_kwh: BandConsumption | None = None
    special_use: SpecialUse | None = None
    municipality_inhabitants: int | None = None
    first_half_kwh: Decimal | None = None  # from January to June
    meter: str | None = None  # variant of the price for Messstellenbetrieb
    electricity_tax: bool = True

    @property
    def has_lump_sum(self) -> bool:
        """Modul 3 is chosen in addition to Modul 1."""
        return self.module in (1, 3)

    @property
    def monthly_loads(self) -> tuple[Decimal, ...]:
        """Of twelve months; the same in each if only that of the year is given."""
        if self.monthly_peak_load_kw is not None:
            return self.monthly_peak_load_kw
        assert self.peak_load_kw is not None
        return (self.peak_load_kw,) * MONTHS

    def check(self) -> None:
        """Raises BadInput, with the path of the field, for the first value that cannot be."""
        for name, reason in _broken(self):
            raise BadInput(reason, field=("input", *name.split(".")))

    def warnings(self) -> Iterator[PlausibilityWarning]:
        """Values that are possible in this form, and yet wrong, assumed or without effect."""
        if (load := self.peak_load_kw or self._highest_month) and self.metering is not Metering.SLP:
            name = "monthlyPeakLoadKw" if self.peak_load_kw is None else "peakLoadKw"
            yield from utilisation_warnings(self.consumption_kwh, load, ("input", name))
        if self.metering is Metering.RLM_MONTHLY and self.monthly_peak_load_kw is None:
            yield _warning(
                "MONTHS_ASSUMED",
                f"`monthlyPeakLoadKw` is not given: `peakLoadKw` is charged in each of the {MONTHS} months.",
                "monthlyPeakLoadKw",
            )
        if self.metering is Metering.SLP and self.consumption_kwh > MOST_SLP_KWH:
            yield _warning(
                "LOAD_METERING_USUAL",
                f"Above {MOST_SLP_KWH:,} kWh a year load metering is usual (§ 12 (1) StromNZV).",
                "metering",
            )
        for name in self._unused:
            yield unused(name)

    @property
    def _highest_month(self) -> Decimal | None:
        return max(self.monthly_peak_load_kw) if self.monthly_peak_load_kw else None

    @property
    def _unused(self) -> Iterator[str]:
        if self.peak_load_kw is not None and self.metering is Metering.SLP:
            yield "peakLoadKw"
        if self.monthly_peak_load_kw is not None and self.metering is Metering.SLP:
            yield "monthlyPeakLoadKw"
        if self.band_kwh is not None and self.module != 3:  # Modul 3
            yield "bandKwh"


def unused(name: str) -> PlausibilityWarning:
    """A value that changes nothing of the bill."""
    return _warning("UNUSED_INPUT", f"`{name}` has no effect on this bill.", name)


def _warning(code: str, message: str, name: str) -> PlausibilityWarning:
    return PlausibilityWarning(code, message, ("input", name))


# Pairs of a field and the reason why its value cannot be.
Broken = Iterator[tuple[str, str]]


def _broken(consumption: Consumption) -> Broken:
    if not FIRST_YEAR <= consumption.year <= LAST_YEAR:
        yield "year", f"A year lies between {FIRST_YEAR} and {LAST_YEAR}."
    yield from _broken_amount("consumptionKwh", consumption.consumption_kwh)
    yield from _broken_loads(consumption)
    yield from _broken_module(consumption)
    yield from _broken_use(consumption)
    yield from _broken_bands(consumption)
    yield from _broken_rest(consumption)


def _broken_amount(name: str, amount: Decimal | None) -> Broken:
    if amount is not None and (reason := broken_amount(amount, name)):
        yield name, reason


def _broken_loads(consumption: Consumption) -> Broken:
    metering, peak, months = (
        consumption.metering,
        consumption.peak_load_kw,
        consumption.monthly_peak_load_kw,
    )
    if metering is Metering.SLP and consumption.voltage_level is not VoltageLevel.NS:
        yield (
            "voltageLevel",
            f"There are prices without load metering (SLP) for NS only, not for {consumption.voltage_level}.",
        )
    if metering is Metering.RLM and peak is None:
        yield "peakLoadKw", "`peakLoadKw` is needed with RLM: the highest load of the year."
    if metering is Metering.RLM_MONTHLY and peak is None and months is None:
        yield (
            "monthlyPeakLoadKw",
            "`monthlyPeakLoadKw` is needed with RLM_MONTHLY: the highest load of each month.",
        )
    yield from _broken_amount("peakLoadKw", peak)
    if peak is not None and not peak:
        yield "peakLoadKw", "`peakLoadKw` is greater than zero."
    if months is not None:
        yield from _broken_months(months, peak)


def _broken_months(months: tuple[Decimal, ...], peak: Decimal | None) -> Broken:
    name = "monthlyPeakLoadKw"
    if len(months) != MONTHS:
        yield (
            name,
            f"`{name}` has {len(months)} values; it needs {MONTHS}, January first, 0 in months without use.",
        )
    for load in months:
        yield from _broken_amount(name, load)
    if not max(months):
        yield name, f"`{name}` is greater than zero in at least one month."
    if peak is not None and peak != max(months):
        yield "peakLoadKw", f"`peakLoadKw` is {peak:f}, but the highest of `{name}` is {max(months):f}."


def _broken_module(consumption: Consumption) -> Broken:
    module = consumption.module
    if module is None:
        return
    if module not in MODULES:
        yield "module", f"`module` is {module}; § 14a EnWG has the modules 1, 2 and 3."
    elif consumption.year < MODULES[module]:
        yield "module", f"Module {module} exists since {MODULES[module]}; `year` is {consumption.year}."
    elif module != 1 and consumption.metering is not Metering.SLP:
        yield "module", f"Module {module} is for consumption without load metering (SLP) only."
    elif consumption.voltage_level not in LOWEST_LEVELS:
        yield (
            "module",
            f"The modules of § 14a are for NS and MS_NS only, not for {consumption.voltage_level}.",
        )
    elif module == 3 and consumption.band_kwh is None:  # Modul 3
        yield "bandKwh", "`bandKwh` is needed with module 3: the kWh in HT, ST and NT."


def _broken_use(consumption: Consumption) -> Broken:
    use = consumption.special_use
    if use is not None and consumption.metering is not Metering.SLP:
        yield "specialUse", f"Prices for {use} are for consumption without load metering (SLP) only."
    elif use is not None and consumption.module is not None:
        yield "specialUse", f"Prices for {use} are not combined with a module of § 14a; give one of them."


def _broken_bands(consumption: Consumption) -> Broken:
    if (bands := consumption.band_kwh) is None:
        return
    for band in TimeOfUseBand:
        yield from _broken_amount(f"bandKwh.{band.lower()}", bands.of(band))
    total = bands.ht + bands.st + bands.nt
    if total != consumption.consumption_kwh:
        yield (
            "bandKwh",
            f"`bandKwh` adds up to {total:f} kWh, not to the {consumption.consumption_kwh:f} of `consumptionKwh`.",
        )


def _broken_rest(consumption: Consumption) -> Broken:
    inhabitants, half = consumption.municipality_inhabitants, consumption.first_half_kwh
    if inhabitants is not None and not 1 <= inhabitants <= MOST_INHABITANTS:
        yield "municipalityInhabitants", f"`municipalityInhabitants` lies between 1 and {MOST_INHABITANTS:,}."
    yield from _broken_amount("firstHalfKwh", half)
    if half is not None and half > consumption.consumption_kwh:
        yield (
            "firstHalfKwh",
            f"`firstHalfKwh` is {half:f}, more than the {consumption.consumption_kwh:f} of `consumptionKwh`.",
        )
    if consumption.meter is not None and len(consumption.meter) > MOST_LETTERS:
        yield "meter", f"`meter` has {len(consumption.meter)} letters; at most {MOST_LETTERS} are allowed."
