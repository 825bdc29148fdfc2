"""GraphQL input of a bill: the consumption of one metering point in one year."""

from decimal import Decimal

import strawberry

from app.domain import consumption as structs
from app.domain.entry import VoltageLevel
from schema.batch_field import describe
from schema.types import entry as _entry  # noqa: F401  # describes VoltageLevel, before the class below refers to it

describe(
    structs.Metering,
    "How a consumption is metered and charged.",
    RLM="Registrierende Leistungsmessung: Leistungspreis of the year and Arbeitspreis.",
    SLP="Standardlastprofil, without load metering: Grundpreis and Arbeitspreis; at NS only.",
    RLM_MONTHLY="Load metering with a Leistungspreis for each month (Monatsleistungspreissystem).",
)
describe(
    structs.SpecialUse,
    "Consumption without load metering that has prices of its own. Devices of contracts made before 2024; for later ones § 14a has "
    "modules.",
    SPEICHERHEIZUNG="Storage heating.",
    WAERMEPUMPE="Heat pump.",
    EMOBILITAET="Charging of electric vehicles.",
    STRASSENBELEUCHTUNG="Street lighting.",
)


@strawberry.input(description="kWh in the bands of § 14a EnWG, Modul 3; together they are the consumption.")
class BandConsumptionInput:
    ht: Decimal = strawberry.field(description="kWh in the Hochtarif.")
    st: Decimal = strawberry.field(description="kWh in the Standardtarif.")
    nt: Decimal = strawberry.field(description="kWh in the Niedertarif.")


@strawberry.input(
    description="The consumption of one metering point in one calendar year. Amounts of kWh and kW have at most 6 decimals."
)
class ConsumptionInput:
    year: int = strawberry.field(description="Calendar year, 2000 to 2100.")
    voltage_level: VoltageLevel = strawberry.field(description="Where the customer is connected.")
    metering: structs.Metering = strawberry.field(description="How it is metered and charged.")
    consumption_kwh: Decimal = strawberry.field(
        description="Energy taken in the year, kWh. With module 2: of the device's own metering point."
    )
    peak_load_kw: Decimal | None = strawberry.field(
        default=None,
        description="Highest load of the year, kW, above 0; needed with RLM. With RLM_MONTHLY and without "
        "`monthlyPeakLoadKw` it is charged in each month, with a warning.",
    )
    monthly_peak_load_kw: list[Decimal] | None = strawberry.field(
        default=None,
        description="Highest load of each month, kW: 12 values, January first, 0 in months without use; for RLM_MONTHLY. At NS "
        "and MS_NS it decides, also with RLM, which concession fee is charged above 30,000 kWh (§ 2 (7) KAV).",
    )
    module: int | None = strawberry.field(
        default=None,
        description="Module of § 14a EnWG: 1 (lump sum) since 2024, also with load metering; 2 (reduced Arbeitspreis) since "
        "2024; 3 (time-variable, which includes module 1) since April 2025.",
    )
    band_kwh: BandConsumptionInput | None = strawberry.field(
        default=None, description="kWh in each band; needed with module 3."
    )
    special_use: structs.SpecialUse | None = strawberry.field(
        default=None,
        description="With SLP: the prices for this use instead of the general ones; left out: the general ones.",
    )
    municipality_inhabitants: int | None = strawberry.field(
        default=None,
        description="Inhabitants of the municipality, for the concession fee (§ 2 KAV); left out: it is not charged, with a "
        "warning.",
    )
    first_half_kwh: Decimal | None = strawberry.field(
        default=None,
        description="kWh from January to June; needed for a year in which a levy changed on 1 July: the EEG-Umlage in 2022.",
    )
    meter: str | None = strawberry.field(
        default=None,
        description="`variant` of the published price MESSSTELLENBETRIEB that is charged; left out: metering is not included, "
        "with a warning.",
    )
    electricity_tax: bool = strawberry.field(
        default=True, description="Whether Stromsteuer is charged; false for those who are exempt."
    )

    def consumption(self) -> structs.Consumption:
        """Checked. Raises BadInput."""
        months, bands = self.monthly_peak_load_kw, self.band_kwh
        made = structs.Consumption(
            year=self.year,
            voltage_level=self.voltage_level,
            metering=self.metering,
            consumption_kwh=self.consumption_kwh,
            peak_load_kw=self.peak_load_kw,
            monthly_peak_load_kw=None if months is None else tuple(months),
            module=self.module,
            band_kwh=None if bands is None else structs.BandConsumption(bands.ht, bands.st, bands.nt),
            special_use=self.special_use,
            municipality_inhabitants=self.municipality_inhabitants,
            first_half_kwh=self.first_half_kwh,
            meter=self.meter,
            electricity_tax=self.electricity_tax,
        )
        made.check()
        return made
