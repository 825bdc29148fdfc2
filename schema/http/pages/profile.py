"""The consumption that a form describes: a usual one, and what differs from it."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from app.domain.bill_profile import BillProfile, consumption_of
from app.domain.consumption import Consumption, Metering
from app.domain.entry import FIRST_YEAR, LAST_YEAR, VoltageLevel
from app.errors import BadInput
from schema.http.pages.form_page import FormError
from schema.http.rest_operations import Map

# The parameters of a form with a profile, by their GraphQL types.
PROFILE_PARAMETERS: Final[Mapping[str, str]] = {
    "profile": "BillProfile",
    "level": "VoltageLevel",
    "kwh": "String",
    "kw": "String",
}
# As forms send numbers. A thousands separator of one language is the decimal sign of the other, so there are none.
_NUMBER: Final = re.compile(r"\d{1,9}(?:[.,]\d{1,2})?", re.ASCII)
_WITHOUT_LOAD: Final = (
    "Ohne Leistungsmessung gibt es Preise nur in der Niederspannung: Für eine andere Netzebene wählen Sie Gewerbe oder Industrie.",
    "There are prices without load metering at low voltage only: for another level choose business or industry.",
)


def read_profile(variables: Map) -> BillProfile:
    return BillProfile(variables.get("profile", BillProfile.HOUSEHOLD))


def read_consumption(variables: Map, year: int) -> Consumption:
    """Raises FormError."""
    usual = consumption_of(read_profile(variables), year)
    level = VoltageLevel(variables.get("level", usual.voltage_level))
    with_load = usual.metering is not Metering.SLP
    if not with_load and level is not usual.voltage_level:
        raise FormError(*_WITHOUT_LOAD, "level")
    changed: dict[str, Any] = {"voltage_level": level}
    if "kwh" in variables:
        changed["consumption_kwh"] = _number(variables["kwh"], "kwh", "kWh")
    if "kw" in variables and with_load:
        changed["peak_load_kw"] = _number(variables["kw"], "kw", "kW")
    consumption = msgspec.structs.replace(usual, **changed)
    try:
        consumption.check()
    except BadInput as error:
        raise FormError("Mit dieser Angabe ist keine Rechnung möglich.", error.message, "profile") from None
    return consumption


def input_of(consumption: Consumption) -> Map:
    """The consumption as ConsumptionInput, without what is not given."""
    fields = {
        "year": consumption.year,
        "voltageLevel": consumption.voltage_level,
        "metering": consumption.metering,
        "consumptionKwh": f"{consumption.consumption_kwh:f}",
        "peakLoadKw": None if consumption.peak_load_kw is None else f"{consumption.peak_load_kw:f}",
        "module": consumption.module,
        "specialUse": consumption.special_use,
    }
    return {name: value for name, value in fields.items() if value is not None}


def check_form_year(year: int) -> int:
    """Raises FormError."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise FormError(
            f"Das Jahr liegt zwischen {FIRST_YEAR} und {LAST_YEAR}.",
            f"The year lies between {FIRST_YEAR} and {LAST_YEAR}.",
            "year",
        )
    return year


def _number(text: str, argument: str, unit: str) -> Decimal:
    typed = text.strip()
    number = Decimal(typed.replace(",", ".")) if _NUMBER.fullmatch(typed) else Decimal()
    if not number:
        raise FormError(
            f"{unit} ist eine Zahl größer als 0 ohne Tausenderpunkt, etwa 3500.",
            f"{unit} is a number above 0 without thousands separators, such as 3500.",
            argument,
        )
    return number
