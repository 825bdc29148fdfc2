"""The prices of an operator over its years: of one level as a chart and a table, of all levels as a table."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from app.domain.entry import LEVEL_ORDER, VoltageLevel
from app.web.charts.years import YearChart, year_chart
from schema.http.rest_operations import Map

# The price from 2500 h/a and that below, in one chart: they have one unit.
_CHARTS: Final[Mapping[str, tuple[str, str]]] = {
    "leistung": ("leistung", "leistungUnter2500h"),
    "arbeit": ("arbeit", "arbeitUnter2500h"),
}
Tariffs = Mapping[tuple[str, int], Map]


class PricesOfYears(NamedTuple):
    """`rows`: the tariffs of the level, the newest first, each with that of the year before. `all_levels`: by level, with the
    tariffs of `years`, None where none is held.
    """

    level: str
    levels: Sequence[str]
    years: Sequence[int]
    rows: Sequence[tuple[Map, Map]]
    all_levels: Sequence[tuple[str, Sequence[Map | None]]]
    charts: Mapping[str, YearChart | None]


def prices_of_years(tariffs: Sequence[Map], wanted: str | None, year: int | None) -> PricesOfYears | None:
    """`tariffs` are ordered, the highest level first. `wanted`: the level, or else the lowest one of the year. None without any."""
    if not tariffs:
        return None
    by_key = {(each["voltageLevel"], each["year"]): each for each in tariffs}
    levels = _levels(tariffs)
    of_year = [each["voltageLevel"] for each in tariffs if each["year"] == year]
    level = wanted or (of_year or levels)[-1]
    years = sorted({each["year"] for each in tariffs}, reverse=True)
    rows = [
        (by_key[level, each], by_key.get((level, each - 1), {})) for each in years if (level, each) in by_key
    ]
    span = range(years[-1], years[0] + 1)
    charts = {
        name: year_chart({key: _amounts(by_key, level, key) for key in keys}, span)
        for name, keys in _CHARTS.items()
    }
    table = [(each, [by_key.get((each, one)) for one in years]) for each in levels]
    return PricesOfYears(level, levels, years, rows, table, charts)


def tariffs_before(tariffs: Sequence[Map], year: int | None) -> Mapping[str, Map]:
    """The tariffs of the year before, by level."""
    return {each["voltageLevel"]: each for each in tariffs if year and each["year"] == year - 1}


def _levels(tariffs: Sequence[Map]) -> list[str]:
    """The highest first: the order of the API, which is that of the enum."""
    found = {each["voltageLevel"] for each in tariffs}
    return sorted(found, key=lambda level: LEVEL_ORDER[VoltageLevel(level)])


def _amounts(tariffs: Tariffs, level: str, name: str) -> dict[int, Decimal | None]:
    found: dict[int, Decimal | None] = {}
    for (of_level, year), tariff in tariffs.items():
        if of_level == level:
            value: Any = tariff[name]
            found[year] = None if value is None else Decimal(value)
    return found
