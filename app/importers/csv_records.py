"""Records of a text file whose cells are separated by a character: CSV, TSV."""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import Final

from app.importers.decimals import Decimal
from app.importers.encodings import NAMES, Encoding
from app.importers.headers import ROWS, SheetRow, below_titles, find_header, rows_above, years_of
from app.importers.layout import Layout
from app.importers.problems import Problem, RowLocation
from app.importers.records import Record, Table, UnreadableFile
from app.importers.text_lines import Lines

_SEPARATORS: Final = (",", ";", "\t", "|")
_HEAD_CHARACTERS: Final = 2**16
_STATED: Final = re.compile(r"sep=(.)\s*", re.IGNORECASE)  # a first line for spreadsheet programs


def csv_table(lines: Lines, file: str, layouts: Sequence[Layout], separator: str | None) -> Table | Problem:
    """A problem: the header cannot be read."""
    if match := _STATED.fullmatch(lines.first()):
        lines.skip_first()
        separator = separator or match[1]
        lines.first()
    head = lines.ahead(ROWS, _HEAD_CHARACTERS)
    first = RowLocation(file, lines.count + 1)
    found = {
        each: find_header(_head(head, first, each, '"'), layouts)
        for each in ([separator] if separator else _SEPARATORS)
    }
    separator = max(found, key=lambda each: (found[each].matches, sum(line.count(each) for line in head)))
    header, quote = found[separator], '"'
    line = head[header.location.line - first.line]
    if line.startswith("'") and line.rstrip().endswith("'"):
        quote = "'"
        header = find_header(_head(head, first, separator, quote), layouts)
    records = _records(csv.reader(lines, delimiter=separator, quotechar=quote, strict=True), lines, file)
    above: list[SheetRow] = []
    for record in records:
        location = record.location if isinstance(record, Problem) else record[0]
        if isinstance(record, Problem) and location.line >= header.location.line:
            return record
        if location.line >= header.last:
            break
        if not isinstance(record, Problem) and location.line < header.location.line:
            above.append(record)
    else:
        raise UnreadableFile("the header is missing")
    shown = "tab" if separator == "\t" else separator
    return Table(
        f"{shown}-separated, {lines.encoding}{below_titles(header, len(above))}",
        (header.location, header.names),
        chain(rows_above(above, header, layouts), _of_names(records, header.names)),
        _decimal(separator, lines),
        separator == ";",
        not above and (separator, quote, lines.encoding) == (",", '"', NAMES[Encoding.UTF_8]),
        years_of(above, header, layouts),
    )


def _decimal(separator: str, lines: Lines) -> Decimal | None:
    """Excel separates by semicolons where the decimal sign is a comma."""
    if separator == ";" and lines.marked:
        return Decimal.COMMA
    return Decimal.POINT if separator == "," else None


def _head(head: Sequence[str], first: RowLocation, separator: str, quote: str) -> list[SheetRow]:
    """The first rows as a separator gives them; of none at all, an empty one."""
    rows: list[SheetRow] = []
    reader = csv.reader(head, delimiter=separator, quotechar=quote)
    before = 0
    with suppress(csv.Error):
        for cells in reader:
            if any(cells):
                rows.append((RowLocation(first.file, first.line + before), cells))
            before = reader.line_num
    return rows or [(first, [])]


def _of_names(
    records: Iterator[tuple[RowLocation, list[str]] | Problem], names: tuple[str, ...]
) -> Iterator[Record | Problem]:
    for record in records:
        if isinstance(record, Problem):
            yield record
            continue
        location, cells = record
        cells = _without_empty_end(cells, len(names))
        if len(cells) != len(names):
            yield Problem(location, f"the row has {len(cells)} cells, the header {len(names)}")
        elif any(cells):
            yield Record(location, names, cells)


def _without_empty_end(cells: list[str], least: int) -> list[str]:
    """Spreadsheets write separators behind the last column."""
    end = len(cells)
    while end > least and not cells[end - 1]:
        end -= 1
    return cells if end == len(cells) else cells[:end]


def _records(
    reader: Iterator[list[str]], lines: Lines, file: str
) -> Iterator[tuple[RowLocation, list[str]] | Problem]:
    """A record may span lines; its location is the first one. Rows of separators are left out."""
    while True:
        location = RowLocation(file, lines.count + 1)
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # With a quotation mark in the wrong place other rows are taken for a part of this one.
            yield Problem(location, f"the row is no CSV: {error}", whole_file=True)
            continue
        if any(cells) and (cells[0].strip() or "".join(cells).strip()):
            yield location, cells
