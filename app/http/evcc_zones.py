"""A sheet of § 14a prices as `charges` and `chargesZones` of an evcc configuration (YAML), in EUR per kWh.

`charges` is the price of the standard band; evcc uses it wherever no zone holds. Zones are months and hours of the wall clock. A
comment names what the sheet does not state, since evcc would use the standard band there.
"""

import itertools
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final, NamedTuple

from app.domain import clock, price_series, vat
from app.domain.price_series import Part, Sheet
from app.domain.time_of_use import TimeOfUseBand
from app.errors import AppError, BadInput, Code
from app.http.price_formats import euros

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class _Season(NamedTuple):
    """Quarters in succession with the same prices."""

    first: int
    last: int
    parts: tuple[Part, ...]

    @property
    def months(self) -> str:
        return f"{_MONTHS[3 * self.first - 3]}-{_MONTHS[3 * self.last - 1]}"


def write_zones(sheet: Sheet, operator: str, remarks: Iterable[str], *, gross: bool) -> str:
    """`remarks`: source and sureness of the sheet. Raises NOT_FOUND without a price of the standard band, and BadInput for gross prices of a year with two rates of VAT."""
    standard = next((each.price for each in sheet.bands if each.band is TimeOfUseBand.ST), None)
    if standard is None or not sheet.windows:
        raise AppError(
            f"This form needs the standard band's price and windows; of {sheet.year} they are not both known.",
            Code.NOT_FOUND,
        )
    first, last = date(sheet.year, 1, 1), date(sheet.year, 12, 31)
    if gross and vat.changes_between(first, last):
        raise BadInput(f"The VAT changes within {sheet.year}: zones can only be net.", argument="gross")
    kind = f"gross EUR/kWh ({vat.period_on(first).percent} % VAT)" if gross else "net EUR/kWh"
    about = "; ".join([f"{operator} {sheet.year}, {kind}", *remarks])
    factor = vat.period_on(first).factor if gross else 1
    seasons = list(_seasons(sheet))
    zones = [zone for season in seasons for zone in _zones(season, gross=gross)]
    lines = [
        f"# {_one_line(about)}",
        *(line for season in seasons for line in _unknown(season)),
        f"charges: {euros(standard * factor)}",
        "chargesZones:" if zones else "chargesZones: []",
        *zones,
    ]
    return "\n".join(lines) + "\n"


def _seasons(sheet: Sheet) -> Iterator[_Season]:
    parts = [price_series.parts_on(sheet, date(sheet.year, 3 * quarter - 2, 1)) for quarter in (1, 2, 3, 4)]
    prices = [_without_vat(each) for each in parts]
    for _, group in itertools.groupby((1, 2, 3, 4), key=lambda quarter: prices[quarter - 1]):
        quarters = list(group)
        yield _Season(quarters[0], quarters[-1], parts[quarters[0] - 1])


def _without_vat(parts: tuple[Part, ...]) -> list[tuple[object, ...]]:
    return [(part.start, part.end, part.rate.band) for part in parts]


def _zones(season: _Season, *, gross: bool) -> Iterator[str]:
    for part in season.parts:
        if part.rate.band is TimeOfUseBand.ST:
            continue
        yield f"  - months: {season.months}"
        if (part.start, part.end) != (0, clock.DAY_END):  # without hours a zone holds all day
            yield f"    hours: {clock.hh_mm(part.start)}-{_end(part.end)}"
        yield f"    charges: {euros(part.rate.gross_price if gross else part.rate.price)} # {part.rate.band}"


def _unknown(season: _Season) -> Iterator[str]:
    for start, end in price_series.gaps(season.parts):
        yield f"# {season.months} {clock.hh_mm(start)}-{_end(end)}: no price is known; evcc uses that of the standard band"


def _end(minute: int) -> str:
    """evcc writes the end of the day as 0:00."""
    return "0:00" if minute == clock.DAY_END else clock.hh_mm(minute)


def _one_line(text: str) -> str:
    """A comment ends with its line, and nothing that is not printable may be in it."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
