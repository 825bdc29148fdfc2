"""The columns of one kind of file, and the parser of each."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from functools import lru_cache

import msgspec

from app.importers.cells import Parser
from app.importers.problems import Problem, RowLocation


class Row(msgspec.Struct, frozen=True):
    """One row of a file, its cells in the order of its layout."""

    layout: "Layout"
    location: RowLocation
    cells: Sequence[str]
    refused: bool = False  # its problems have been given before it; its cells may be unconverted
    window: str | None = None  # the file's column of start and end, if both are in one

    def problem(self, column: str, reason: str) -> Problem:
        return Problem(self.location, reason, self.named(column), self.cells[self.layout.names.index(column)])

    def named(self, column: str) -> str:
        """As the file has it, for a window that is one cell; the note on how the file was read has the other names."""
        return self.window if self.window is not None and column in ("start", "end") else column


class Layout:
    """`optional`: columns that a file may lack. `defaults`: cells of columns that it may lack as well. `any_of`: columns of
    which it must have one.
    """

    def __init__(
        self,
        columns: Mapping[str, Parser],
        optional: frozenset[str] = frozenset(),
        defaults: Mapping[str, str] | None = None,
        any_of: frozenset[str] = frozenset(),
    ) -> None:
        self.names = tuple(columns)
        self.required = frozenset(columns) - optional
        self.defaults = defaults or {}
        self.any_of = any_of
        self._columns = columns
        self._optional = optional
        self._parsers = tuple(columns.values())

    def fitted(self, found: Set[str]) -> "Layout":
        """Without the optional columns that a file lacks."""
        if self._optional.issubset(found):
            return self
        return _without(self, frozenset(self._optional.difference(found)))

    def without(self, missing: frozenset[str]) -> "Layout":
        columns = {name: parse for name, parse in self._columns.items() if name not in missing}
        return Layout(columns, defaults=self.defaults)

    def positions(self, has: Callable[[Parser], bool]) -> list[int]:
        """Of the columns whose parser is of a kind."""
        return [position for position, parse in enumerate(self._parsers) if has(parse)]

    def parser(self, position: int) -> Parser:
        return self._parsers[position]

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
                yield Problem(row.location, str(error), row.named(name), cell)


@lru_cache(maxsize=64)
def _without(layout: Layout, missing: frozenset[str]) -> Layout:
    return layout.without(missing)
