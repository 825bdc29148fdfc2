"""Finds the header of a sheet: below its titles, in one row or in several, with units beneath."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from app.importers.column_names import column_of
from app.importers.file_columns import Columns, closest, columns_of, matches
from app.importers.layout import Layout
from app.importers.problems import Problem, RowLocation
from app.importers.records import ReadOptions
from app.importers.units import unit_of

# Rows among which the header is looked for.
ROWS: Final = 30
_MOST_ROWS: Final = 3  # of a header
_MOST_COLUMNS: Final = 300
_FIGURE: Final = re.compile(r"[\s0-9.,:-]+")
_EXTRA_ALLOWED: Final = ReadOptions(ignore_extra=True)

SheetRow = tuple[RowLocation, Sequence[str | None]]


class Header(NamedTuple):
    location: RowLocation  # of its first row
    last: int  # line of its last row
    names: tuple[str, ...]
    matches: int  # how many columns it names, see `file_columns.matches`


def find_header(rows: Sequence[SheetRow], layouts: Sequence[Layout]) -> Header:
    """The first row that names all required columns, else the rows that do so together, else those that name most of them.

    The first row, if none names two.
    """
    rows = rows[:ROWS]
    first = _header(rows[:1], layouts)
    best, complete = first, _is_complete(first, layouts)
    for count in range(1, _MOST_ROWS + 1):
        if complete:
            break
        for start in range(len(rows) - count + 1):
            several = rows[start : start + count]
            if any(_has_figure(cells) for _, cells in several[1:]):
                continue
            found = _header(several, layouts)
            if found.matches > max(best.matches, 1):
                best = found
            if found.matches > 1 and _is_complete(found, layouts):
                best, complete = found, True
                break
    return _with_units(best, rows)


def _header(rows: Sequence[SheetRow], layouts: Sequence[Layout]) -> Header:
    location = rows[0][0]
    cells = [[(cell or "").strip() for cell in row] for _, row in rows]
    if len(rows) > 1 and max(map(len, cells)) > _MOST_COLUMNS:
        return Header(location, rows[-1][0].line, (), 0)
    names = _without_empty_end(_joined(cells, layouts) if len(cells) > 1 else cells[0])
    if len(names) > _MOST_COLUMNS:
        return Header(location, rows[-1][0].line, tuple(names), 0)
    count = max((matches(layout, names) for layout in layouts), default=0)
    return Header(location, rows[-1][0].line, tuple(names), count)


def _joined(rows: Sequence[Sequence[str]], layouts: Sequence[Layout]) -> list[str]:
    """The names of each column from top to bottom; an upper one also holds for empty cells to its right, as a merged cell."""
    known = tuple(dict.fromkeys(name for layout in layouts for name in layout.names))
    width = max(map(len, rows))
    padded = [[*row, *[""] * (width - len(row))] for row in rows]
    names = []
    group = [""] * len(rows)
    for column in zip(*padded, strict=True):
        group = [
            cell or (above if any(column[n + 1 :]) else "")
            for n, (cell, above) in enumerate(zip(column, group, strict=True))
        ]
        own = " ".join(dict.fromkeys(filter(None, column)))
        whole = " ".join(dict.fromkeys(filter(None, group)))
        named = [name for name in (whole, own, column[-1]) if name and column_of(name, known)]
        names.append(named[0] if named else own)
    return names


def _has_figure(cells: Sequence[str | None]) -> bool:
    return any(cell and _FIGURE.fullmatch(cell) and any(map(str.isdigit, cell)) for cell in cells)


def _is_complete(header: Header, layouts: Sequence[Layout]) -> bool:
    layout = closest(layouts, header.names)
    return isinstance(columns_of(layout, header.names, header.location, _EXTRA_ALLOWED), Columns)


def _with_units(header: Header, rows: Sequence[SheetRow]) -> Header:
    """A row of units below the names is part of the header."""
    below = next((row for row in rows if row[0].line > header.last), None)
    if below is None:
        return header
    cells = [(cell or "").strip() for cell in below[1]]
    units = [cell.strip("[]() ") for cell in cells]
    if not any(units) or not all(map(_is_unit_of_price, filter(None, units))):
        return header
    names = [f"{name} ({unit})" if unit else name for name, unit in zip(header.names, units, strict=False)]
    names += header.names[len(names) :]
    return header._replace(last=below[0].line, names=tuple(names))


def _is_unit_of_price(text: str) -> bool:
    unit = unit_of(text)
    return unit is not None and unit[0] in ("eur", "ct", "percent")


def _without_empty_end(names: Sequence[str]) -> list[str]:
    end = len(names)
    while end and not names[end - 1]:
        end -= 1
    return [*names[:end]]


def rows_above(rows: Sequence[SheetRow], header: Header) -> list[Problem]:
    """Problems of rows above the header that could be rows of the table: leaving them out would lose figures."""
    least = max(_FEWEST_CELLS, sum(map(bool, header.names)) / 2)
    reason = (
        f"the row is above the header in line {header.location.line}, and is filled as a row of the table is"
    )
    return [
        Problem(location, reason, whole_file=True)
        for location, cells in rows
        if location.line < header.location.line and sum(map(bool, cells)) >= least and _has_figure(cells)
    ]


_FEWEST_CELLS: Final = 3


def below_titles(header: Header, above: int) -> str:
    """In words, for a header that is not the first row alone."""
    return f", header in line {header.location.line}" if above or header.last > header.location.line else ""
