"""The form of the bill on the page of an operator: a usual consumption, or one's own."""

from collections.abc import Mapping
from typing import Final

from app.domain.bill_profile import BillProfile
from schema.http.pages.profile import input_of, read_consumption
from schema.http.rest_operations import Map

# By their GraphQL types. `level` is that of the prices over the years, `connection` that of the bill.
BILL_PARAMETERS: Final[Mapping[str, str]] = {
    "profile": "BillProfile",
    "kwh": "String",
    "kw": "String",
    "connection": "VoltageLevel",
    "inhabitants": "Int",
}


def read_bill_form(form: Map, year: int) -> Map:
    """The ConsumptionInput. A peak load without a profile is that of a business. Raises FormError."""
    usual = BillProfile.BUSINESS if "kw" in form else BillProfile.HOUSEHOLD
    given: Map = {"profile": form.get("profile", usual)}
    given |= {name: form[name] for name in ("kwh", "kw") if name in form}
    if "connection" in form:
        given["level"] = form["connection"]
    consumption = input_of(read_consumption(given, year))
    if "inhabitants" in form:
        consumption["municipalityInhabitants"] = form["inhabitants"]
    return consumption
