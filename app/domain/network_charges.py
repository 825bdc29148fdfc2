"""The charges of the operator in a bill: load-metered by year or month, without load metering, § 14a EnWG, metering.

Modules of § 14a EnWG by BK8-22/010-A of the Bundesnetzagentur: Modul 1 is one lump sum per metering point and never exceeds the
charges that it reduces; Modul 2 has an Arbeitspreis of its own and no Grundpreis; Modul 3 replaces the Arbeitspreis by three,
and includes Modul 1.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from app.domain.bill_position import BillPart, BillPosition, PartBuilder
from app.domain.consumption import LOWEST_LEVELS, Consumption, Metering, SpecialUse
from app.domain.cost import price_pair, total_of
from app.domain.derived_prices import FIRST_YEAR_OF_MODULE_3, prices_with_derived
from app.domain.entry import DnoYear, VoltageLevel
from app.domain.missing_figures import (
    MissingBand,
    MissingMeter,
    MissingPrice,
    MissingTariff,
    MissingTariffPrice,
    condition_of,
)
from app.domain.price import Price, PriceKind
from app.domain.tariff import Tariff
from app.domain.time_of_use import TimeOfUseBand, TimeOfUseTariff

_ONE = Decimal(1)
_USES = {
    SpecialUse.SPEICHERHEIZUNG: "Speicherheizung",
    SpecialUse.WAERMEPUMPE: "Wärmepumpe",
    SpecialUse.EMOBILITAET: "Elektromobilität",
    SpecialUse.STRASSENBELEUCHTUNG: "Straßenbeleuchtung",
}
_MONTH_NAMES = (
    "Januar", "Februar", "März", "April", "Mai", "Juni",
    "Juli", "August", "September", "Oktober", "November", "Dezember",
)  # fmt: skip


class PriceSheet(msgspec.Struct, frozen=True, gc=False):
    """What is known of the prices of one operator and year; prices also as derived."""

    tariffs: Sequence[Tariff] = ()
    prices: Sequence[Price] = ()
    time_of_use: TimeOfUseTariff | None = None

    def with_derived(self, key: DnoYear) -> "PriceSheet":
        """With the prices that follow from the published ones; this sheet if there are none."""
        prices = prices_with_derived(key, self.prices, self.time_of_use)
        if len(prices) == len(self.prices):
            return self
        return PriceSheet(self.tariffs, prices, self.time_of_use)

    def tariff(self, level: VoltageLevel) -> Tariff | None:
        return next((tariff for tariff in self.tariffs if tariff.voltage_level is level), None)

    def price(self, kind: PriceKind, level: VoltageLevel, variant: str | None = None) -> Price | None:
        return next(
            (
                price
                for price in self.prices
                if price.kind is kind and price.voltage_level is level and price.variant == variant
            ),
            None,
        )

    def variants(self, kind: PriceKind, level: VoltageLevel) -> tuple[str, ...]:
        """Those with a price, in the order of the sheet."""
        return tuple(
            [
                price.variant
                for price in self.prices
                if price.variant and price.kind is kind and price.voltage_level is level
            ]
        )

    def meters(self, level: VoltageLevel) -> Iterator[Price]:
        """The prices for Messstellenbetrieb at a level, then those without a level, which hold where the level has none."""
        for of_level in (level, None):
            for price in self.prices:
                if price.kind is PriceKind.MESSSTELLENBETRIEB and price.voltage_level is of_level:
                    yield price


def network_charges(consumption: Consumption, sheet: PriceSheet) -> BillPart:
    charges = _NetworkCharges(consumption, sheet)
    if consumption.metering is Metering.RLM:
        charges.add_yearly_load()
    elif consumption.metering is Metering.RLM_MONTHLY:
        charges.add_monthly_loads()
    elif consumption.special_use is not None:
        charges.add_special_use(consumption.special_use)
    else:
        charges.add_without_load_metering()
    if consumption.has_lump_sum:
        charges.add_lump_sum()
    charges.add_meter()
    return charges.built()


class _NetworkCharges(PartBuilder):
    def __init__(self, consumption: Consumption, sheet: PriceSheet) -> None:
        super().__init__()
        self.consumption, self.sheet = consumption, sheet
        self.year, self.level = consumption.year, consumption.voltage_level
        self.kwh = consumption.consumption_kwh

    def add_yearly_load(self) -> None:
        peak = self.consumption.peak_load_kw
        assert peak is not None
        if (tariff := self.sheet.tariff(self.level)) is None:
            self.missing.append(MissingTariff(self.year, self.level))
            return
        pair = price_pair(tariff, self.kwh, peak)
        below, condition = pair.below_2500h, condition_of(below_2500h=pair.below_2500h)
        if pair.leistung is None:
            self.missing.append(MissingTariffPrice(self.year, self.level, True, below))
        else:
            self.add(f"Leistungspreis {condition}", peak, "kW", pair.leistung, "kW/a", tariff)
        if pair.arbeit is None:
            self.missing.append(MissingTariffPrice(self.year, self.level, False, below))
        else:
            self.add_energy(f"Arbeitspreis {condition}", self.kwh, pair.arbeit, tariff)

    def add_monthly_loads(self) -> None:
        if price := self._price(PriceKind.MONATSLEISTUNGSPREIS):
            for month, load in zip(_MONTH_NAMES, self.consumption.monthly_loads, strict=True):
                if load:
                    self.add(f"Monatsleistungspreis {month}", load, "kW", price.amount, "kW/month", price)
        self._add_energy_of("Arbeitspreis des Monatsleistungspreissystems", PriceKind.MONATS_ARBEITSPREIS)

    def add_without_load_metering(self) -> None:
        if self.consumption.module == 2:  # Modul 2
            # Without a Grundpreis, unless the operator publishes one.
            if price := self._price_if_any(PriceKind.MODUL_2_GRUNDPREIS):
                self.add("Grundpreis Modul 2", _ONE, "a", price.amount, "a", price)
            self._add_energy_of("Arbeitspreis Modul 2", PriceKind.MODUL_2_ARBEITSPREIS)
            return
        if price := self._price(PriceKind.SLP_GRUNDPREIS):
            self.add("Grundpreis", _ONE, "a", price.amount, "a", price)
        if self.consumption.module == 3:  # Modul 3
            self._add_bands()
        else:
            self._add_energy_of("Arbeitspreis", PriceKind.SLP_ARBEITSPREIS)

    def add_special_use(self, use: SpecialUse) -> None:
        name = _USES[use]
        base_kind = PriceKind.__members__.get(f"{use}_GRUNDPREIS")
        if base_kind and (price := self._price_if_any(base_kind)):
            self.add(f"Grundpreis {name}", _ONE, "a", price.amount, "a", price)
        elif not self.missing:
            self.warn(
                "NO_GRUNDPREIS",
                f"No Grundpreis is known for {use}; none is charged.",
                "input",
                "specialUse",
            )
        self._add_energy_of(f"Arbeitspreis {name}", PriceKind[f"{use}_ARBEITSPREIS"])

    def _add_bands(self) -> None:
        bands, tariff = self.consumption.band_kwh, self.sheet.time_of_use
        assert bands is not None
        if self.year == FIRST_YEAR_OF_MODULE_3:
            self.warn(
                "PART_OF_YEAR",
                "Modul 3 began on 1 April 2025; its prices are charged for the whole year.",
                "input",
                "year",
            )
        for band in TimeOfUseBand:
            cents = None if tariff is None else tariff.price(band)
            entry: TimeOfUseTariff | Price | None = tariff
            if cents is None and band is TimeOfUseBand.ST:
                # The Arbeitspreis of the standard band is that without load metering: Artikel-ID 1-02-0-002.
                entry = self.sheet.price(PriceKind.SLP_ARBEITSPREIS, self.level)
                cents = None if entry is None else entry.amount
            if cents is not None:
                self.add_energy(f"Arbeitspreis {band} (Modul 3)", bands.of(band), cents, entry)
            elif bands.of(band):
                kind = PriceKind.SLP_ARBEITSPREIS
                if band is TimeOfUseBand.ST and (variants := self.sheet.variants(kind, self.level)):
                    self._miss_price(kind, self.level, variants)
                else:
                    self.missing.append(MissingBand(self.year, band))

    def add_lump_sum(self) -> None:
        if (price := self._lump_sum()) is None:
            return
        charged = total_of(position.amount for position in self.positions)
        if price.amount > charged and self.missing:
            return  # how much of it is deducted depends on what is missing
        amount = -min(price.amount, charged)
        self.positions.append(
            BillPosition("Pauschale Reduzierung Modul 1", _ONE, "a", -price.amount, "EUR/a", amount, price)
        )
        if price.amount > charged:
            self.warn(
                "REDUCTION_LIMITED",
                f"The reduction of Modul 1, {price.amount:f} EUR, is deducted up to the charges of {charged:f} EUR only.",
                "input",
                "module",
            )

    def _lump_sum(self) -> Price | None:
        """Where the level has none, that of the other level; a published one rather than a derived one."""
        price = self.sheet.price(PriceKind.MODUL_1, self.level)
        if price is not None and price.derived_from is None:
            return price
        level, variants = self.level, self.sheet.variants(PriceKind.MODUL_1, self.level)
        if not variants:
            other = next(level for level in LOWEST_LEVELS if level is not self.level)
            found = self.sheet.price(PriceKind.MODUL_1, other)
            if price is None or (found is not None and found.derived_from is None):
                price = found
            if price is None and (variants := self.sheet.variants(PriceKind.MODUL_1, other)):
                level = other
        if price is None:
            self._miss_price(PriceKind.MODUL_1, level, variants)
        return price

    def add_meter(self) -> None:
        meter = self.consumption.meter
        if meter is None:
            self.warn(
                "METERING_NOT_INCLUDED",
                "Messstellenbetrieb is not included; `meter` names its price.",
                "input",
                "meter",
            )
            return
        meters = list(self.sheet.meters(self.level))
        price = next((price for price in meters if price.variant == meter), None)
        if price is not None:
            self.add(f"Messstellenbetrieb, {meter}", _ONE, "a", price.amount, "a", price)
            return
        published = dict.fromkeys(price.variant for price in meters if price.variant)
        self.missing.append(MissingMeter(self.year, tuple(published)))

    def _price(self, kind: PriceKind) -> Price | None:
        if (price := self.sheet.price(kind, self.level)) is None:
            self._miss_price(kind, self.level, self.sheet.variants(kind, self.level))
        return price

    def _price_if_any(self, kind: PriceKind) -> Price | None:
        """Of a kind that not every operator has. One that has it for some variants only may charge it: then it is missing."""
        price = self.sheet.price(kind, self.level)
        if price is None and (variants := self.sheet.variants(kind, self.level)):
            self._miss_price(kind, self.level, variants)
        return price

    def _miss_price(self, kind: PriceKind, level: VoltageLevel, variants: tuple[str, ...]) -> None:
        self.missing.append(MissingPrice(self.year, kind, level, variants))

    def _add_energy_of(self, name: str, kind: PriceKind) -> None:
        if price := self._price(kind):
            self.add_energy(name, self.kwh, price.amount, price)
