"""Finds the header of a sheet: below its titles, in one row or in several, with units beneath."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from app.importers.column_names import column_of, is_of_another_year, split_unit, unclear
from app.importers.file_columns import Columns, closest, columns_of, matches
from app.importers.layout import Layout
from app.importers.problems import Problem, RowLocation
from app.importers.records import ReadOptions
from app.importers.units import Unit, fits, in_words, unit_of, unit_of_column, units_in

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
        name = named[0] if named else own
        names.append(" ".join([name, *_contradictions(name, column)]))
    return names


def _contradictions(name: str, cells: Sequence[str]) -> Iterator[str]:
    """What other cells of the header state of the figures below them, so that the name is that of another column."""
    for cell in cells:
        if cell and cell not in name:
            unit = split_unit(cell)[1] or unit_of(cell.strip("[]() "))
            if unit is not None and _is_whole_price(unit):
                yield f"({in_words(unit)})"
            elif is_of_another_year(cell):
                yield f"({cell.strip('[]() ')})"


def _is_whole_price(unit: Unit) -> bool:
    """Not a currency alone, which titles also name for prices in cents, nor the units of several columns."""
    return "gross" in unit or (len(unit) > 1 and unit[0] in _CURRENCIES and _CURRENCIES.isdisjoint(unit[1:]))


_CURRENCIES: Final = frozenset({"eur", "ct"})


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


def rows_above(rows: Sequence[SheetRow], header: Header, layouts: Sequence[Layout]) -> list[Problem]:
    """Problems of rows above the header that could be rows of the table, or that state another unit than its columns have:
    leaving them out would lose figures, or change what they mean.
    """
    least = max(_FEWEST_CELLS, sum(map(bool, header.names)) / 2)
    reason = (
        f"the row is above the header in line {header.location.line}, and is filled as a row of the table is"
    )
    titles = [row for row in rows if row[0].line < header.location.line]
    filled = [
        Problem(location, reason, whole_file=True)
        for location, cells in titles
        if sum(map(bool, cells)) >= least and _has_figure(cells)
    ]
    return filled or ([*_of_another_unit(titles, header, layouts)] if titles else [])


def _of_another_unit(
    titles: Sequence[SheetRow], header: Header, layouts: Sequence[Layout]
) -> Iterator[Problem]:
    """Titles with a unit that is none of those of prices whose names state none, or that state gross prices."""
    known = closest(layouts, header.names).names
    units = {
        name: unit for name in header.names if name and (unit := _unit_of_price(name, known)) is not None
    }
    unstated = [unit for name, unit in units.items() if split_unit(name.replace("_", " "))[1] is None]
    for location, cells in titles:
        text = "; ".join(filter(None, cells))
        others = [unit for unit in units_in(text) if not any(fits(unit, each) for each in unstated)]
        if others and unstated:
            reason = (
                f"the row above the header names prices in {in_words(others[0])}, and the columns without a unit are not;"
                " write the unit of each price into the name of its column"
            )
            yield Problem(location, reason, value=text, whole_file=True)
        elif units and _GROSS.search(text) and not _NOT_GROSS.search(text):
            reason = "the row above the header names gross prices; prices are net"
            yield Problem(location, reason, value=text, whole_file=True)


def _unit_of_price(name: str, known: tuple[str, ...]) -> Unit | None:
    column = column_of(name, known) or next(iter(unclear(name, known)), None)
    unit = None if column is None else unit_of_column(column)
    return unit if unit is not None and unit[0] in _CURRENCIES else None


_GROSS: Final = re.compile(
    r"\bbrutto(?:preis\w*|entgelt\w*|beträge?)?\b|\bgross prices\b"
    r"|\b(?:inkl|incl|einschl)\w*\.?,? (?:der )?(?:gesetzliche\w* )?(?:[0-9]{1,2} ?% )?(?:USt|MwSt|Umsatzsteuer|Mehrwertsteuer|VAT)\b",
    re.IGNORECASE,
)
# Both prices, or a word about others.
_NOT_GROSS: Final = re.compile(
    r"netto|\bnet\b|zzgl|zuzüglich|\bohne\b|exkl|excl|\bnicht\b|\bkein|\bplus\b|siehe|\bseite\b|\bblatt\b",
    re.IGNORECASE,
)


_FEWEST_CELLS: Final = 3


def below_titles(header: Header, above: int) -> str:
    """In words, for a header that is not the first row alone."""
    return f", header in line {header.location.line}" if above or header.last > header.location.line else ""
