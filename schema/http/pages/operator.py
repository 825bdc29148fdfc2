"""The page of an operator: its figures of one year, the newest with any unless the address names one."""

from datetime import UTC, date, datetime
from typing import Final

from starlette.requests import Request

from app.cache.clock import monotonic
from app.domain import clock
from app.domain.entry import FIRST_YEAR, LAST_YEAR
from app.errors import AppError, Code, quoted
from app.web.language import Language
from schema.http.pages.address import Loaded
from schema.http.pages.document import page_operation
from schema.http.pages.form_page import FormError, FormPage
from schema.http.pages.operator_bill import BILL_PARAMETERS, read_bill_form
from schema.http.pages.operator_prices import prices_of_years, tariffs_before
from schema.http.pages.operator_sources import sources_of
from schema.http.pages.operator_time_of_use import prices_now
from schema.http.pages.operator_windows import change_of, windows_of
from schema.http.rest_operations import Map

_LISTS: Final = ("tariffs", "hlzf", "timeOfUse", "prices")


class OperatorPage(FormPage):
    """The bill is computed only where a parameter of its form is given."""

    computed = frozenset(("billed", "consumption"))
    further = BILL_PARAMETERS

    async def _load(self, variables: Map, request: Request) -> Loaded:
        figures = {name: value for name, value in variables.items() if name not in BILL_PARAMETERS}
        consumption = None
        if form := {name: variables[name] for name in BILL_PARAMETERS if name in variables}:
            year = figures.get("year") or await self._newest_year(figures, request)
            consumption = read_bill_form(form, year)
            figures |= {"billed": True, "consumption": consumption}
        loaded = await super()._load(figures, request)
        return loaded._replace(values={**loaded.values, "consumption": consumption, "refusal": None})

    async def _form(self, request: Request) -> Map:
        """The page without a bill."""
        variables = self._parameters.variables(request.path_params, ())
        loaded = await super()._load(variables, request)
        return {**loaded.values, "consumption": None}

    async def _newest_year(self, variables: Map, request: Request) -> int:
        """Raises FormError for an operator without figures. It is read again with the page, whose read set has it."""
        slug = {"slug": variables["slug"]}
        result = await self._operations.run_fields(page_operation("operatorYears"), slug, request)
        await self._require_operator(result.data, slug, request)
        years: list[int] = result.data["dno"]["years"]
        if not years:
            raise FormError("Es sind keine Werte erfasst.", "No figures are held.", "profile")
        return years[0]

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
        level = variables.get("level")
        return {
            **super()._values(data, variables),
            **figures,
            **_at_this_time(dno, year, variables),
            "year": year,
            "before_year": tariffs_before(dno["tariffs"], year),
            "prices_of_years": prices_of_years(dno["tariffs"], level, year),
            "sources": sources_of(figures),
        }


def _at_this_time(dno: Map, year: int | None, variables: Map) -> Map:
    """The parts of the page that depend on the time, and until when they are valid."""
    now, began = datetime.now(UTC), monotonic()
    windows = windows_of(dno, year, variables.get("level"), now) if year else None
    # The newest year may be the next one already: the price of today stays on the page without a year.
    this_year = now.astimezone(clock.GERMANY).year
    current = year == this_year or "year" not in variables
    prices = prices_now(dno, now) if current else None
    sheets = {each["year"] for each in dno["allTimeOfUse"] if each["year"] == year or "year" not in variables}
    if windows:
        sheets.add(year)
    # Prices and windows of a later year hold from its beginning.
    begins = [clock.midnight(date(later, 1, 1)) for later in sheets if later > this_year]
    ends = (windows and change_of(windows, now), prices and prices.change)
    changes = [*begins, *(change for change in ends if change)]
    until = {"valid_until": began + (min(changes) - now).total_seconds()} if changes else {}
    return {"windows": windows, "prices_now": prices, "change": min(changes, default=None), **until}
