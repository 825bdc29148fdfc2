"""Which rows stay out with a refused one: those that may be of the same entry, which would be incomplete or contradictory."""

from functools import lru_cache
from typing import Final

from rapidfuzz import fuzz

from app.domain.folding import fold
from app.importers.layout import Row
from app.importers.problems import Problem, RowLocation
from app.importers.source import Source

_OPERATOR: Final = "dno_slug"
_SIMILAR: Final = 60  # of 100
_MAX_NAME_LENGTH: Final = 300

_Names = tuple[str, ...]
# By the values of some columns: the first refused row with each name of an operator that was not understood.
_Index = dict[tuple[str, ...], dict[str, RowLocation]]


class RefusedRows:
    """By the columns in which the rows of an entry agree, as far as they can be read.

    Where a row is a whole entry, one with an unreadable key belongs to no other row. Where an entry has several rows, it may belong to each
    that agrees with it in the rest, but not to another operator whose name is not similar.
    """

    def __init__(self, source: Source) -> None:
        self._columns = tuple(source.together)
        self._several = source.several_rows
        self._locations: set[RowLocation] = set()
        self._noted: set[RowLocation] = set()
        self._rows: dict[_Names, _Index] = {}
        self._parts: dict[tuple[_Names, _Names], _Index] = {}

    def __len__(self) -> int:
        """Grows with everything that is found out about refused rows."""
        return len(self._locations) + len(self._noted)

    def __contains__(self, location: RowLocation) -> bool:
        return location in self._locations

    @property
    def locations(self) -> frozenset[RowLocation]:
        return frozenset(self._locations)

    def add(self, problem: Problem) -> None:
        self._locations.add(problem.location)

    def note(self, row: Row) -> None:
        """The cells of a refused row."""
        if row.location in self._noted:
            return
        self._noted.add(row.location)
        readable, name = self._read(row)
        expected = [column for column in self._columns if column in row.layout.names]
        if self._several or len(readable) == len(expected):
            self._put(readable, name, row.location)

    def note_unread(self) -> None:
        """Of the others the cells are not known: each may belong to any entry that has several rows."""
        if self._several:
            for location in self._locations - self._noted:
                self._put({}, "", location)
        self._noted |= self._locations

    def companion(self, row: Row) -> RowLocation | None:
        """The refused row with which a valid one stays out."""
        readable, _ = self._read(row)
        name = _cell(row, _OPERATOR)
        for names in self._rows:
            common = tuple(column for column in names if column in readable)
            index = self._index(names, common)
            for unknown, location in index.get(tuple(readable[column] for column in common), {}).items():
                if not unknown or _may_be_same(unknown, name):
                    return location
        return None

    def _read(self, row: Row) -> tuple[dict[str, str], str]:
        """The columns that can be read, and the name of an operator that cannot."""
        found = {}
        name = ""
        for column in self._columns:
            if column not in row.layout.names:
                continue
            position = row.layout.names.index(column)
            try:
                found[column] = row.layout.parser(position)(row.cells[position])
            except ValueError:
                name = row.cells[position].strip() if column == _OPERATOR else name
        return found, name

    def _put(self, readable: dict[str, str], name: str, location: RowLocation) -> None:
        index = self._rows.setdefault(tuple(readable), {})
        index.setdefault(tuple(readable.values()), {}).setdefault(name, location)
        self._parts.clear()

    def _index(self, names: _Names, common: _Names) -> _Index:
        """By the columns that a row of another layout has as well."""
        if names == common:
            return self._rows[names]
        if (names, common) not in self._parts:
            part: _Index = {}
            for values, found in self._rows[names].items():
                given = dict(zip(names, values, strict=True))
                part.setdefault(tuple(given[column] for column in common), {}).update(found)
            self._parts[names, common] = part
        return self._parts[names, common]


def _cell(row: Row, column: str) -> str:
    return row.cells[row.layout.names.index(column)] if column in row.layout.names else ""


@lru_cache(maxsize=100_000)
def _may_be_same(unknown: str, name: str) -> bool:
    """Whether a name that is none of an operator may be a misspelt one."""
    shortened = (fold(each[:_MAX_NAME_LENGTH]) for each in (unknown, name))
    return fuzz.ratio(*shortened) >= _SIMILAR
