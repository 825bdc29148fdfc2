"""Coverage as a heat map: operators with data by federal state and year, each cell with the view of `/operators` it counts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from app.domain.families import FIGURES
from app.domain.federal_state import FEDERAL_STATES, canonical_region, region_key
from app.web.states import share_level
from schema.http.pages.address import PageAddress
from schema.http.rest_operations import Map

_WHOLE: Final = None  # the region of the row of all operators


class Cell(NamedTuple):
    """`filters`: the parameters of `/operators` that let through these operators. `share`: in per cent."""

    year: int
    dnos: int
    share: int | None
    level: int
    filters: Map


class Row(NamedTuple):
    """`region`: None for all operators, also those without a region."""

    region: str | None
    dnos: int
    cells: Sequence[Cell]


class CoveragePage(PageAddress):
    def _values(self, data: Map, variables: Map) -> Map:
        coverage, family = data["coverage"], variables.get("family")
        years = [row["year"] for row in coverage["byYear"]]
        names = _names(row["region"] for row in coverage["byRegion"])
        operators: Counter[str | None] = Counter({_WHOLE: coverage["totalDnos"]})
        for row in coverage["byRegion"]:
            operators[names[region_key(row["region"])]] += row["dnos"]
        counts: Counter[tuple[str | None, int]] = Counter()
        for row in coverage["byRegionAndYear"]:
            counts[_WHOLE, row["year"]] += row["dnos"]
            if row["region"] is not None:
                counts[names[region_key(row["region"])], row["year"]] += row["dnos"]

        def row_of(region: str | None) -> Row:
            total = operators[region]
            return Row(region, total, [_cell(region, y, counts[region, y], total, family) for y in years])

        return {
            **super()._values(data, variables),
            "rows": [row_of(region) for region in (_WHOLE, *names.values())],
            "years": years,
            "families": [each.data_type for each in FIGURES],
            "without_region": coverage["totalDnos"] - sum(row["dnos"] for row in coverage["byRegion"]),
        }


def _names(stored: Iterable[str]) -> dict[str, str]:
    """All federal states, and other regions of operators, each once by its key: spellings differ."""
    found = {region_key(name): name for name in FEDERAL_STATES}
    for name in stored:
        found.setdefault(region_key(name), canonical_region(name))
    return found


def _cell(region: str | None, year: int, dnos: int, total: int, family: str | None) -> Cell:
    filters = {"region": region, "year": year, "with": family}
    share = round(100 * dnos / total) if total else None
    given = {name: value for name, value in filters.items() if value is not None}
    return Cell(year, dnos, share, share_level(dnos, total), given)
