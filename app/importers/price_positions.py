"""Names and units of the positions of a price sheet in files with a row per position: the kind and variant of each."""

from typing import Final, NamedTuple

from app.domain.price import PriceKind, PriceUnit

EURO_PER_YEAR_GROSS: Final = "EUR/a gross"
UNITS: Final = {
    "EUR/a": PriceUnit.EUR_PER_YEAR,
    "EUR/month": PriceUnit.EUR_PER_MONTH,
    "EUR/kW/a": PriceUnit.EUR_PER_KW_YEAR,
    "EUR/kW/month": PriceUnit.EUR_PER_KW_MONTH,
    "ct/kWh": PriceUnit.CT_PER_KWH,
    "ct/kvarh": PriceUnit.CT_PER_KVARH,
    "EUR": PriceUnit.EUR_PER_ORDER,
}


class Position(NamedTuple):
    kind: PriceKind
    variant: str = ""


_WORKING_HOURS: Final = "in der regulären Arbeitszeit"
_INTERVAL_METER: Final = "Lastgangzähler"

POSITIONS: Final = {
    "slp_base": Position(PriceKind.SLP_GRUNDPREIS),
    "slp_energy": Position(PriceKind.SLP_ARBEITSPREIS),
    "slp_base_municipal": Position(PriceKind.SLP_GRUNDPREIS, "kommunal"),
    "slp_energy_municipal": Position(PriceKind.SLP_ARBEITSPREIS, "kommunal"),
    "monthly_capacity": Position(PriceKind.MONATSLEISTUNGSPREIS),
    "monthly_energy": Position(PriceKind.MONATS_ARBEITSPREIS),
    "14a_module1": Position(PriceKind.MODUL_1),
    "module1_gross": Position(PriceKind.MODUL_1),
    "14a_module2_energy": Position(PriceKind.MODUL_2_ARBEITSPREIS),
    "storage_heating_energy": Position(PriceKind.SPEICHERHEIZUNG_ARBEITSPREIS),
    "storage_heating_base": Position(PriceKind.SPEICHERHEIZUNG_GRUNDPREIS),
    "heat_pump_energy": Position(PriceKind.WAERMEPUMPE_ARBEITSPREIS),
    "ev_charging_energy": Position(PriceKind.EMOBILITAET_ARBEITSPREIS),
    "street_lighting_energy": Position(PriceKind.STRASSENBELEUCHTUNG_ARBEITSPREIS),
    "reserve_capacity 0-200 h": Position(PriceKind.RESERVE_200H),
    "reserve_capacity 200-400 h": Position(PriceKind.RESERVE_400H),
    "reserve_capacity 400-600 h": Position(PriceKind.RESERVE_600H),
    "reactive_energy": Position(PriceKind.BLINDARBEIT),
    "meter_single_register": Position(PriceKind.MESSSTELLENBETRIEB, "Eintarifzähler"),
    "meter_dual_register": Position(PriceKind.MESSSTELLENBETRIEB, "Zweitarifzähler"),
    "meter_interval_ms": Position(PriceKind.MESSSTELLENBETRIEB, _INTERVAL_METER),
    "meter_interval_ns": Position(PriceKind.MESSSTELLENBETRIEB, _INTERVAL_METER),
    "transformer_set_ms": Position(PriceKind.MESSSTELLENBETRIEB_ZUSATZ, "Wandlersatz"),
    "transformer_set_ns": Position(PriceKind.MESSSTELLENBETRIEB_ZUSATZ, "Wandlersatz"),
    "tariff_switching": Position(PriceKind.MESSSTELLENBETRIEB_ZUSATZ, "Tarifschaltung"),
    "metering_interval": Position(PriceKind.MESSUNG, _INTERVAL_METER),
    "disconnection": Position(PriceKind.SPERRUNG, _WORKING_HOURS),
    "reconnection": Position(PriceKind.ENTSPERRUNG, _WORKING_HOURS),
    "reconnection_after_hours": Position(PriceKind.ENTSPERRUNG, "außerhalb der regulären Arbeitszeit"),
    "avoided_charges_capacity": Position(PriceKind.VERMIEDENE_NETZENTGELTE_LEISTUNG),
    "avoided_charges_energy": Position(PriceKind.VERMIEDENE_NETZENTGELTE_ARBEIT),
}


def position(name: str, meaning: str) -> Position:
    """Of a row. The meaning of reactive energy is the share beyond which it is charged."""
    found = POSITIONS[name]
    if found.kind is PriceKind.BLINDARBEIT:
        return found._replace(variant=meaning.removeprefix("Blindarbeit "))
    return found
