"""The table of operators: its page among the others, and the counts beside its filters."""

from typing import Final

from schema.http.pages.address import PageAddress
from schema.http.rest_operations import Map

PAGE_SIZE: Final = 50  # as the operation has it
_NEIGHBOURS: Final = 2  # linked on both sides of a page, beside the first and the last one


class OperatorsPage(PageAddress):
    def _values(self, data: Map, variables: Map) -> Map:
        page, facets = data["dnos"], data["dnos"]["facets"]
        counts = {
            "with": {row["dataType"]: row["dnos"] for row in facets["byDataType"]},
            "prices": {row["priceKind"]: row["dnos"] for row in facets["byPriceKind"]},
        }
        return {
            **super()._values(data, variables),
            "facets": facets,
            "counts": counts,
            "pages": offsets_around(page["offset"], page["totalCount"]),
            "page_size": PAGE_SIZE,
        }


def offsets_around(offset: int, total: int) -> list[int | None]:
    """The offsets of the pages to link: the first, the last, and those around this one; None stands for a gap."""
    last = max(total - 1, 0) // PAGE_SIZE
    here = min(offset // PAGE_SIZE, last)
    near = range(max(here - _NEIGHBOURS, 0), min(here + _NEIGHBOURS, last) + 1)
    found: list[int | None] = []
    previous = -1
    for page in sorted({0, *near, last}):
        if page > previous + 1:
            found.append(None)
        found.append(page * PAGE_SIZE)
        previous = page
    return found
