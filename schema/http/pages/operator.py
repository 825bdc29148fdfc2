"""The page of an operator: its figures of one year, the newest with any unless the address names one."""

from datetime import UTC, datetime
from typing import Final

from app.cache.clock import monotonic
from app.domain import clock
from app.domain.entry import FIRST_YEAR, LAST_YEAR
from app.errors import AppError, Code, quoted
from app.web.language import Language
from schema.http.pages.address import PageAddress
from schema.http.pages.operator_time_of_use import prices_now
from schema.http.pages.operator_windows import change_of, windows_of
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
        return {
            **super()._values(data, variables),
            **figures,
            **_at_this_time(dno, year, variables),
            "year": year,
        }


def _at_this_time(dno: Map, year: int | None, variables: Map) -> Map:
    """The parts of the page that depend on the time, and until when they are valid."""
    now, began = datetime.now(UTC), monotonic()
    windows = windows_of(dno, year, variables.get("level"), now) if year else None
    # The newest year may be the next one already: the price of today stays on the page without a year.
    current = year == now.astimezone(clock.GERMANY).year or "year" not in variables
    prices = prices_now(dno, now) if current else None
    changes = [change for change in (windows and change_of(windows, now), prices and prices.change) if change]
    until = {"valid_until": began + (min(changes) - now).total_seconds()} if changes else {}
    return {"windows": windows, "prices_now": prices, "change": min(changes, default=None), **until}
