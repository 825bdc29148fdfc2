"""Usual consumptions by which bills of operators are compared."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from app.domain.consumption import MODULES, Consumption, Metering, SpecialUse
from app.domain.entry import LAST_YEAR, VoltageLevel


class BillProfile(StrEnum):
    HOUSEHOLD = "HOUSEHOLD"
    HEAT_PUMP = "HEAT_PUMP"
    BUSINESS = "BUSINESS"
    INDUSTRY = "INDUSTRY"


def _slp(kwh: int) -> Consumption:
    return Consumption(
        year=LAST_YEAR, voltage_level=VoltageLevel.NS, metering=Metering.SLP, consumption_kwh=Decimal(kwh)
    )


def _rlm(level: VoltageLevel, kwh: int, kw: int) -> Consumption:
    return Consumption(
        year=LAST_YEAR,
        voltage_level=level,
        metering=Metering.RLM,
        consumption_kwh=Decimal(kwh),
        peak_load_kw=Decimal(kw),
    )


# Of any year.
_OF_PROFILE: Final[Mapping[BillProfile, Consumption]] = {
    BillProfile.HOUSEHOLD: _slp(3_500),
    BillProfile.HEAT_PUMP: _slp(6_000),
    BillProfile.BUSINESS: _rlm(VoltageLevel.NS, 100_000, 50),
    BillProfile.INDUSTRY: _rlm(VoltageLevel.MS, 5_000_000, 1_500),
}
_MODULE = 2  # of § 14a EnWG: for a device with a meter of its own


def consumption_of(profile: BillProfile, year: int) -> Consumption:
    """A heat pump is charged by Modul 2; in years before that existed, by the price that operators had for heat pumps."""
    consumption = msgspec.structs.replace(_OF_PROFILE[profile], year=year)
    if profile is not BillProfile.HEAT_PUMP:
        return consumption
    if year < MODULES[_MODULE]:
        return msgspec.structs.replace(consumption, special_use=SpecialUse.WAERMEPUMPE)
    return msgspec.structs.replace(consumption, module=_MODULE)
