"""Records of a text file whose cells are separated by a character: CSV, TSV."""

import csv
import re
from collections.abc import Iterator, Sequence
from typing import Final

from app.importers.decimals import Decimal
from app.importers.encodings import NAMES, Encoding
from app.importers.file_columns import matches
from app.importers.layout import Layout
from app.importers.problems import Problem, RowLocation
from app.importers.records import Record, Table, UnreadableFile
from app.importers.text_lines import Lines

_SEPARATORS: Final = (",", ";", "\t", "|")
_STATED: Final = re.compile(r"sep=(.)\s*", re.IGNORECASE)  # a first line for spreadsheet programs


def csv_table(lines: Lines, file: str, layouts: Sequence[Layout], separator: str | None) -> Table | Problem:
    """A problem: the header cannot be read."""
    first = lines.first()
    if match := _STATED.fullmatch(first):
        lines.skip_first()
        separator, first = separator or match[1], lines.first()
    separator = separator or _separator(first, layouts)
    quote = "'" if first.startswith("'") and first.rstrip().endswith("'") else '"'
    records = _records(csv.reader(lines, delimiter=separator, quotechar=quote, strict=True), lines, file)
    header = next(records, None)
    if header is None:
        raise UnreadableFile("the header is missing")
    if isinstance(header, Problem):
        return header
    names = _without_empty_end([name.strip() for name in header[1]], 0)
    shown = "tab" if separator == "\t" else separator
    return Table(
        f"{shown}-separated, {lines.encoding}",
        (header[0], tuple(names)),
        _of_names(records, tuple(names)),
        _decimal(separator, lines),
        separator == ";",
        (separator, quote, lines.encoding) == (",", '"', NAMES[Encoding.UTF_8]),
    )


def _decimal(separator: str, lines: Lines) -> Decimal | None:
    """Excel separates by semicolons where the decimal sign is a comma."""
    if separator == ";" and lines.marked:
        return Decimal.COMMA
    return Decimal.POINT if separator == "," else None


def _separator(line: str, layouts: Sequence[Layout]) -> str:
    """The one that gives most known columns; of equal ones the most frequent, then the first."""

    def score(separator: str) -> tuple[int, int]:
        names = next(csv.reader([line], delimiter=separator), [])
        return max((matches(layout, names) for layout in layouts), default=0), line.count(separator)

    try:
        return max(_SEPARATORS, key=score)
    except csv.Error:
        return ","


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
            yield Problem(location, f"the row is no CSV: {error}")
            continue
        if any(cells):
            yield location, cells
