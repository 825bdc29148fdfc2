"""The documents that the figures of a page were read from, each once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from schema.http.rest_operations import Map

# The lists of the page by the kind of their entries.
_DATA_TYPES = {"tariffs": "NETZENTGELTE", "hlzf": "HLZF", "timeOfUse": "TIME_OF_USE", "prices": "PRICE"}


class PageSource(NamedTuple):
    """`data_types`: of the entries that were read from it."""

    url: str | None
    title: str | None
    data_types: Sequence[str]


def sources_of(figures: Mapping[str, Sequence[Map]]) -> list[PageSource]:
    """In the order in which the page has their figures."""
    found: dict[tuple[str | None, str | None], list[str]] = {}
    for name, data_type in _DATA_TYPES.items():
        for entry in figures[name]:
            if source := entry["source"]:
                of = found.setdefault((source["url"], source["title"]), [])
                if data_type not in of:
                    of.append(data_type)
    return [PageSource(url, title, data_types) for (url, title), data_types in found.items()]
