"""Finds the header of a sheet: below its titles, in one row or in several, with units beneath."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from app.importers.column_names import (
    USUAL_PRICES,
    column_of,
    is_column_of_levies,
    is_of_last_year,
    split_unit,
    unclear,
)
from app.importers.file_columns import YEAR, Columns, closest, columns_of, is_figure, matches
from app.importers.layout import Layout
from app.importers.problems import Problem, RowLocation
from app.importers.records import ReadOptions
from app.importers.remarks import NET, includes_levies, is_gross, is_of_other_price, is_preliminary
from app.importers.units import Unit, fits, in_words, is_other_size, unit_of, unit_of_column, units_in

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
    upper: tuple[SheetRow, ...] = ()  # its rows above that of the names


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
    return Header(location, rows[-1][0].line, tuple(names), count, tuple(rows[:-1]))


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


def rows_above(
    rows: Sequence[SheetRow], header: Header, layouts: Sequence[Layout], sheet: str = ""
) -> list[Problem]:
    """Problems of rows above the header that could be rows of the table, or that, as its upper rows may, state other prices than
    its columns have: leaving them out would lose figures, or change what they mean. `sheet`: its name in a workbook.
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
    if filled:
        return filled
    upper = [*titles, *header.upper]
    return [*_contradictions(upper, header, layouts), *_preliminary(upper, header, layouts, sheet)]


def _preliminary(
    rows: Sequence[SheetRow], header: Header, layouts: Sequence[Layout], sheet: str
) -> Iterator[Problem]:
    """Rows or names of columns that state that figures are preliminary, in a file without a column for it: they would be final."""
    written = [sheet, *header.names, *(cell or "" for _, cells in rows for cell in cells)]
    if len(header.names) > _MOST_COLUMNS or not any(map(is_preliminary, written)):
        return
    known, extra = _ignored(header, layouts)
    if _PUBLICATION not in known or _PUBLICATION in {column_of(name, known) for name in header.names if name}:
        return
    names = [name for name, is_ignored in zip(header.names, extra, strict=True) if name and not is_ignored]
    texts = [(location, text) for location, cells in rows for text in _of_columns(cells, extra)]
    for location, text in [*texts, *((header.location, name) for name in [sheet, *names])]:
        if is_preliminary(text):
            reason = (
                f"figures are stated to be preliminary; give the file a column {_PUBLICATION} with PRELIMINARY or FINAL,"
                " or remove the remark"
            )
            yield Problem(location, reason, value=text, whole_file=True)


_PUBLICATION: Final = "publication"


def _contradictions(rows: Sequence[SheetRow], header: Header, layouts: Sequence[Layout]) -> Iterator[Problem]:
    """Rows with a unit that is another one of what columns without a unit have, or that state gross prices or those of last year."""
    if not rows:
        return
    known, extra = _ignored(header, layouts)
    prices = [price for name in header.names if name and (price := _price(name, known)) is not None]
    if not prices and "amount" not in {column_of(name, known) for name in header.names if name}:
        return
    texts = [(location, [*_of_columns(cells, extra)]) for location, cells in rows]
    named = [unit for _, cells in texts for unit in units_in("; ".join(cells))]
    doubtful = [
        price for price in prices if not price.is_stated and not any(fits(unit, price.unit) for unit in named)
    ]
    titles = [cells[0] if len(cells) == 1 else "" for _, cells in texts]
    # Beside the prices, or instead of them: then a title may have them in mind.
    has_levies = _CONCESSION_FEE in known or any(map(is_column_of_levies, header.names))
    for n, (location, cells) in enumerate(texts):
        text = "; ".join(cells)
        others = [
            (unit, price) for unit in units_in(text) for price in doubtful if is_other_size(unit, price.unit)
        ]
        if others and not _OF_OTHERS.search(_ADDED.sub("", text)):
            [(unit, price), *_] = others
            reason = (
                f"the row names prices in {in_words(unit)}, but {price.column} is in {in_words(price.unit)};"
                " state the unit in the name of each price column, or remove the row"
            )
            yield Problem(location, reason, value=text, whole_file=True)
        elif any(map(is_gross, cells)) and not any(map(NET.search, titles[max(n - 1, 0) : n + 2])):
            yield Problem(location, "the row names gross prices; prices are net", value=text, whole_file=True)
        elif any(map(is_of_last_year, cells)):
            yield Problem(location, "the row names prices of last year", value=text, whole_file=True)
        elif not has_levies and any(map(includes_levies, cells)):
            yield Problem(
                location, "the row names prices with levies; prices are without", value=text, whole_file=True
            )
        elif other := _of_other_price(n, rows, header, known):
            reason = (
                f"the row names other prices than those of {other}; name the columns so,"
                " or remove the row if it does not change the prices"
            )
            yield Problem(location, reason, value=text, whole_file=True)


def _of_other_price(n: int, rows: Sequence[SheetRow], header: Header, known: tuple[str, ...]) -> str | None:
    """The column for a usual price that a row states others of: as a title above the whole sheet, or as a group of its columns."""
    location, cells = rows[n]
    columns = [column_of(name, known) if name else "" for name in header.names]
    if location.line >= header.location.line or not cells[:1] or not (cells[0] or "").strip():
        return _below_groups(cells, columns)
    # Titles one below the other, or side by side, are of a list of what there is.
    is_alone = not any(cell and cell.strip() for cell in cells[1:])
    if not is_alone or not is_of_other_price(cells[0] or "") or _are_list(rows):
        return None
    if any(column and column.startswith("module") for column in columns):
        return None
    return next((column for column in columns if column in USUAL_PRICES), None)


def _are_list(rows: Sequence[SheetRow]) -> bool:
    """Two rows with numbers of sheets, or with other prices: not a number above its own title."""
    texts = [[cell for cell in cells if cell] for _, cells in rows]
    return any(
        sum(any(map(is_one, cells)) for cells in texts) > 1 for is_one in (_OF_LIST.match, is_of_other_price)
    )


_OF_LIST: Final = re.compile(r"\s*(?:Preisblatt|Blatt)\s+[0-9]", re.IGNORECASE)


def _below_groups(cells: Sequence[str | None], columns: Sequence[str | None]) -> str | None:
    """Only the first price below a group is certainly one of it; an unknown column may be a price, one without a name is none."""
    for place, end in _groups(cells):
        if is_of_other_price(cells[place] or ""):
            below = (each for each in columns[place:end] if each is None or is_figure(each))
            if (first := next(below, None)) in USUAL_PRICES:
                return first
    return None


def years_of(rows: Sequence[SheetRow], header: Header, layouts: Sequence[Layout]) -> dict[str, RowLocation]:
    """Years that titles and groups of columns state for the whole table, and where."""
    if not rows and not header.upper:
        return {}  # as above a header of very many columns, which is the first row
    known, extra = _ignored(header, layouts)
    if "year" not in known:
        return {}
    found: dict[str, RowLocation] = {}
    for location, text, place, end in _stating(rows, header.upper):
        match = _YEAR_OF_TITLE.fullmatch(text)
        if match is None or (place > 0 and extra[place : place + 1] == [True]):
            continue
        below = (column_of(name, known) for name in header.names[place:end] if name)
        if match["kind"] or any(column is not None and is_figure(column) for column in below):
            found.setdefault(match["year"], location)
    return found


def _stating(
    titles: Sequence[SheetRow], upper: Sequence[SheetRow]
) -> Iterator[tuple[RowLocation, str, int, int | None]]:
    """Texts that may state a year, and the columns below. A title may be divided into cells side by side."""
    for location, cells in titles:
        filled = [place for place, cell in enumerate(cells) if cell and cell.strip()]
        if filled and filled[-1] - filled[0] < len(filled):
            yield location, _words(" ".join(cells[place] or "" for place in filled)), filled[0], None
        for place, end in _groups(cells):
            if not (text := _words(cells[place] or "")).isdecimal():
                yield location, text, place, end
    for location, cells in upper:
        for place, end in _groups(cells):
            yield location, _words(cells[place] or ""), place, end


def _words(text: str) -> str:
    return " ".join(text.split()).strip("[](): ")


# Nothing else: other titles name years of a document, of a comparison, or since when. 2000 is a number of hours.
_YEAR_OF_TITLE: Final = re.compile(
    r"(?:(?P<kind>Preisbl(?:att|ätter)|Preise|(?:Netz(?:nutzungs)?)?entgelte|Hochlastzeitfenster)(?: Strom)?:? )?"
    rf"[(\[]?(?:für )?(?:das )?(?:(?:Kalender)?Jahr:? )?(?P<year>{YEAR})(?:[)\]]? [(\[]?netto)?",
    re.IGNORECASE,
)


def _ignored(header: Header, layouts: Sequence[Layout]) -> tuple[tuple[str, ...], list[bool]]:
    """The columns of the closest layout, and for each of the file's whether it is none of them."""
    known = closest(layouts, header.names).names
    return known, [
        bool(name) and not column_of(name, known) and not unclear(name, known) for name in header.names
    ]


def _of_columns(cells: Sequence[str | None], extra: Sequence[bool]) -> Iterator[str]:
    """Those of a row, without names of groups all of whose columns are ignored. In the first column is a title."""
    for place, end in _groups(cells):
        if place == 0 or not _is_of_ignored(extra[place:end]):
            yield cells[place] or ""


def _groups(cells: Sequence[str | None]) -> Iterator[tuple[int, int | None]]:
    """The place of each cell that is filled, and that of the next one."""
    filled = [place for place, cell in enumerate(cells) if cell]
    return zip(filled, [*filled[1:], None], strict=True)


def _is_of_ignored(below: Sequence[bool]) -> bool:
    return bool(below) and all(below)


class _Price(NamedTuple):
    column: str
    unit: Unit
    is_stated: bool


def _price(name: str, known: tuple[str, ...]) -> _Price | None:
    column = column_of(name, known) or next(iter(unclear(name, known)), None)
    unit = None if column is None else unit_of_column(column)
    if column is None or unit is None or unit[0] not in ("eur", "ct"):
        return None
    return _Price(column, unit, split_unit(name.replace("_", " "))[1] is not None)


_CONCESSION_FEE: Final = "max_ct_per_kwh"
# Figures that are in none of the columns.
_OF_OTHERS: Final = re.compile(
    r"umlage|monatsleistung|reserve|siehe|mindermenge|vermieden|konzession|redispatch", re.IGNORECASE
)
# What is not, or also, part of the prices that the row names.
_ADDED: Final = re.compile(r"\b(?:zzgl|zuzügl|exkl|excl|ohne\b|inkl|incl|einschl)[^;]*", re.IGNORECASE)


_FEWEST_CELLS: Final = 3


def below_titles(header: Header, above: int) -> str:
    """In words, for a header that is not the first row alone."""
    return f", header in line {header.location.line}" if above or header.last > header.location.line else ""
