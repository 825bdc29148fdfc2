"""The columns of one kind of file, and the parser of each."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache

import msgspec

from app.importers.cells import Parser
from app.importers.problems import Problem, RowLocation


class Row(msgspec.Struct, frozen=True):
    """One row of a file, its cells in the order of its layout."""

    layout: "Layout"
    location: RowLocation
    cells: Sequence[str]

    def problem(self, column: str, reason: str) -> Problem:
        return Problem(self.location, reason, column, self.cells[self.layout.names.index(column)])


class Layout:
    """`optional`: columns that a file may lack."""

    def __init__(self, columns: Mapping[str, Parser], optional: frozenset[str] = frozenset()) -> None:
        self.names = tuple(columns)
        self._columns = columns
        self._optional = optional
        self._parsers = tuple(columns.values())

    def fitted(self, found: Collection[str]) -> "Layout":
        """Without the optional columns that a file lacks."""
        if self._optional.issubset(found):
            return self
        return _without(self, frozenset(self._optional.difference(found)))

    def without(self, missing: frozenset[str]) -> "Layout":
        return Layout({name: parse for name, parse in self._columns.items() if name not in missing})

    def values(self, row: Row) -> list[str] | None:
        """The cells in the database's form; None if one is invalid, see `problems`."""
        try:
            return [parse(cell) for parse, cell in zip(self._parsers, row.cells, strict=True)]
        except ValueError:
            return None

    def problems(self, row: Row) -> Iterator[Problem]:
        for name, parse, cell in zip(self.names, self._parsers, row.cells, strict=True):
            try:
                parse(cell)
            except ValueError as error:
                yield Problem(row.location, str(error), name, cell)

    def header_problems(self, found: Sequence[str], location: RowLocation) -> Iterator[Problem]:
        """Differences between the columns of a file and this layout's."""
        if len(found) == 1 and set(";\t") & set(found[0]):
            yield Problem(location, "columns must be separated by commas", value=found[0])
            return
        for name in self.names:
            if name not in found and name not in self._optional:
                yield Problem(location, "this column is missing", name)
        for name in dict.fromkeys(found):
            if name not in self.names:
                yield Problem(location, f"there is no such column; known are {', '.join(self.names)}", name)
            elif found.count(name) > 1:
                yield Problem(location, "this column is there twice", name)


@lru_cache(maxsize=64)
def _without(layout: Layout, missing: frozenset[str]) -> Layout:
    return layout.without(missing)
