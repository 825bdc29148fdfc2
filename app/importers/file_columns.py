"""From the columns of a file to those of a layout: usual names, any order, missing and extra columns."""

from collections.abc import Iterator, Sequence, Set
from typing import Final

import msgspec

from app.domain import clock
from app.importers import cells, times
from app.importers.column_names import WINDOW, column_of, unclear
from app.importers.decimals import Decimal, Figure, with_point
from app.importers.layout import Layout, Row
from app.importers.problems import Problem, RowLocation
from app.importers.records import ReadOptions, Record
from app.importers.spellings import is_nothing

# What a file states where it lacks the column. Figures are then unverified, without a source.
_DEFAULTS: Final = {"verification_status": "unverified", "source_url": "", "source_title": ""}
_WINDOW_COLUMNS: Final = frozenset({"start", "end"})


class Columns(msgspec.Struct, frozen=True):
    """`order`: for each column of the layout its position in the file, or its value."""

    layout: Layout
    order: Sequence[int | str]
    extra: Sequence[str]
    renamed: Sequence[tuple[str, str]]
    window: int | None  # position of the column that holds start and end
    decimals: Sequence[int]  # positions in the layout
    times: Sequence[int]

    def rows(self, record: Record, decimal: Decimal | None, *, stated: bool) -> Iterator[Row | Problem]:
        nested = [
            name
            for name, place in zip(self.layout.names, self.order, strict=True)
            if isinstance(place, int) and record.cells[place] is None
        ]
        if nested:
            for name in nested:
                yield Problem(record.location, "must be text, a number, true, false or null", name)
            return
        given = [place if isinstance(place, str) else record.cells[place] or "" for place in self.order]
        problems = list(self._converted(record.location, given, decimal, stated))
        if problems or self.window is None:
            yield from problems
            if not problems:
                yield Row(self.layout, record.location, given)
        else:
            yield from self._windows(record, given, self.window)

    def decimals_of(self, record: Record) -> Iterator[str]:
        """The texts in columns of decimals."""
        for position in self.decimals:
            place = self.order[position]
            cell = None if isinstance(place, str) else record.cells[place]
            if cell and not isinstance(cell, Figure):
                yield cell

    def _converted(
        self, location: RowLocation, given: list[str], decimal: Decimal | None, stated: bool
    ) -> Iterator[Problem]:
        """Changes decimals and fractions of a day in place."""
        for position in () if stated and decimal is Decimal.POINT else self.decimals:
            try:
                given[position] = with_point(given[position], decimal, stated=stated)
            except ValueError as error:
                yield Problem(location, str(error), self.layout.names[position], given[position])
        for position in self.times:
            try:
                given[position] = _time(given[position])
            except ValueError as error:
                yield Problem(location, str(error), self.layout.names[position], given[position])

    def _windows(self, record: Record, given: list[str], window: int) -> Iterator[Row | Problem]:
        cell = record.cells[window] or ""
        start, end = map(self.layout.names.index, ("start", "end"))
        try:
            found = [("", "")] if not cell or is_nothing(cell) else times.windows(cell)
        except ValueError as error:
            yield Problem(record.location, str(error), record.names[window], cell)
            return
        for begins, ends in found:
            row = list(given)
            row[start], row[end] = begins, ends
            yield Row(self.layout, record.location, row)


def _time(cell: str) -> str:
    """Of a number of a spreadsheet, which is a fraction of a day."""
    if isinstance(cell, Figure) and cell.startswith("0."):
        return clock.hh_mm(times.of_fraction(float(cell)))
    return cell


def closest(layouts: Sequence[Layout], names: Sequence[str]) -> Layout:
    return max(layouts, key=lambda layout: matches(layout, names))


def matches(layout: Layout, names: Sequence[str]) -> int:
    """How many columns of the layout a file has; a name of the layout counts more than one that stands for it."""
    own = set(names).intersection(layout.names)
    others = {column_of(name, layout.names) for name in names} - own - {None}
    return 2 * len(own) + len(others) + len(unresolved(layout, names))


def unresolved(layout: Layout, names: Sequence[str]) -> list[str]:
    return [name for name in names if column_of(name, layout.names) is None and unclear(name, layout.names)]


def columns_of(
    layout: Layout, names: Sequence[str], location: RowLocation, options: ReadOptions
) -> Columns | list[Problem]:
    found, problems = _resolved(layout, names, location)
    known = {column: position for position, column in enumerate(found) if column is not None}
    present = known.keys() | (_WINDOW_COLUMNS if WINDOW in known else ())
    unknown = [name for name, column in zip(names, found, strict=True) if column is None]
    extra = [name for name in dict.fromkeys(unknown) if not unclear(name, layout.names)]
    problems = [*_missing(layout, present, location), *problems, *_doubled(names, found, location)]
    if not options.ignore_extra:
        reason = f"there is no such column; known are {', '.join(layout.names)}"
        problems += [Problem(location, reason, name) for name in extra]
    if problems:
        return problems
    fitted = layout.fitted(present | (_DEFAULTS.keys() & layout.required))
    return Columns(
        fitted,
        [known.get(name, _DEFAULTS.get(name, "")) for name in fitted.names],
        extra,
        [(name, column) for name, column in zip(names, found, strict=True) if column not in (None, name)],
        known.get(WINDOW),
        fitted.positions(cells.is_decimal),
        fitted.positions(cells.is_time),
    )


def _resolved(
    layout: Layout, names: Sequence[str], location: RowLocation
) -> tuple[list[str | None], list[Problem]]:
    """A price without hours of use is that from 2,500 h if the file has the other one, too."""
    found = [column_of(name, layout.names) for name in names]
    problems = []
    for position, name in enumerate(names):
        if found[position] is not None or not (choice := unclear(name, layout.names)):
            continue
        if choice[-1] in found and choice[0] not in found:
            found[position] = choice[0]
        else:
            reason = f"could be {' or '.join(choice)}; name the column so"
            problems.append(Problem(location, reason, name))
    return found, problems


def _missing(layout: Layout, present: Set[str], location: RowLocation) -> list[Problem]:
    return [
        Problem(location, "this column is missing", name)
        for name in layout.names
        if name in layout.required and name not in present and name not in _DEFAULTS
    ]


def _doubled(names: Sequence[str], found: Sequence[str | None], location: RowLocation) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, column in zip(names, found, strict=True):
        if column is None:
            continue
        if column in seen:
            other = seen[column]
            reason = "this column is there twice" + ("" if other == name else f": as {other} and as {name}")
            yield Problem(location, reason, column)
        seen.setdefault(column, name)
