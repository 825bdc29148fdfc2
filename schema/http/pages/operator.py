"""The page of an operator: its figures of one year, the newest with any unless the address names one."""

from typing import Final

from app.domain.entry import FIRST_YEAR, LAST_YEAR
from app.errors import AppError, Code, quoted
from app.web.language import Language
from schema.http.pages.address import PageAddress
from schema.http.rest_operations import Map

_LISTS: Final = ("tariffs", "hlzf", "timeOfUse", "prices")


class OperatorPage(PageAddress):
    def _variables(self, variables: Map, language: Language) -> Map:
        """Raises NOT_FOUND for a year without a calendar here."""
        year = variables.get("year")
        if year is not None and not FIRST_YEAR <= year <= LAST_YEAR:
            raise AppError(
                f"{quoted(str(year))} is not a year from {FIRST_YEAR} to {LAST_YEAR}.", Code.NOT_FOUND
            )
        return variables

    def _values(self, data: Map, variables: Map) -> Map:
        dno = data["dno"]
        year = variables.get("year") or next(iter(dno["years"]), None)
        figures = {name: [entry for entry in dno[name] if entry["year"] == year] for name in _LISTS}
        return {**super()._values(data, variables), **figures, "year": year}
