"""Reads rows from bytes, whatever people's files are written as: text separated by characters, JSON, workbooks, Parquet.

One row is held at a time, but for a sample, and a malformed row does not hide later ones.
"""

import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain, islice
from typing import BinaryIO, Final

import msgspec

from app.domain.spreadsheet_text import unescape_formula
from app.importers.csv_records import csv_table
from app.importers.decimals import Decimal, Decimals, Mixed, detected
from app.importers.file_columns import Columns, closest, columns_of
from app.importers.json_records import json_table, ndjson_table
from app.importers.layout import Layout, Row
from app.importers.parquet_records import parquet_table
from app.importers.problems import Problem, RowLocation, shown
from app.importers.records import Format, ReadOptions, Record, Table, UnreadableFile
from app.importers.text_lines import text_lines
from app.importers.workbook_records import workbook_table

# Rows from which the use of points and commas is detected.
_SAMPLE: Final = 1_000
_SAMPLE_CHARACTERS: Final = 2**20
_MAX_PIPE: Final = 2**31  # bytes
_IN_MEMORY: Final = 2**23
_SIGNATURES: Final = {b"PK\x03\x04": Format.XLSX, b"PAR1": Format.PARQUET}
_OLD_WORKBOOK: Final = b"\xd0\xcf\x11\xe0"
# Files that would be read as a text without the columns of a table.
_NO_TABLES: Final = {
    b"%PDF": "a PDF; its figures must be in a table",
    b"\x1f\x8b": "compressed with gzip; unpack it",
    b"BZh": "compressed with bzip2; unpack it",
    b"\xfd7zX": "compressed with xz; unpack it",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"PK\x05\x06": "an empty ZIP file",
    b"\x89PNG": "a picture; its figures must be in a table",
    b"\xff\xd8\xff": "a picture; its figures must be in a table",
    b"{\\rt": "an RTF document; save its table as .xlsx or CSV",
    b"II*\x00": "a picture; its figures must be in a table",
    b"MM\x00*": "a picture; its figures must be in a table",
    b"GIF8": "a picture; its figures must be in a table",
}
_DEFAULTS: Final = ReadOptions()

OnCharacters = Callable[[int], None]
OnNote = Callable[[str], None]


def read(
    stream: BinaryIO,
    file: str,
    layouts: Sequence[Layout],
    options: ReadOptions = _DEFAULTS,
    on_characters: OnCharacters = lambda characters: None,
    on_note: OnNote = lambda note: None,
) -> Generator[Row | Problem, None, None]:
    """As `read_all`, without refused rows."""
    with closing(read_all(stream, file, layouts, options, on_characters, on_note)) as items:
        for item in items:
            if isinstance(item, Problem) or not item.refused:
                yield item


def read_all(
    stream: BinaryIO,
    file: str,
    layouts: Sequence[Layout],
    options: ReadOptions = _DEFAULTS,
    on_characters: OnCharacters = lambda characters: None,
    on_note: OnNote = lambda note: None,
) -> Generator[Row | Problem, None, None]:
    """The layout is the one that fits the header best; the first bytes determine the format. `on_note`: how the file was
    read, in words, if it is not written as those of the export. Rows with problems follow these, as refused ones, if their cells are known.
    """
    location = RowLocation(file, 0)
    try:
        with seekable(stream) as opened:
            for item in _items(opened, file, layouts, options, on_characters, on_note):
                location = item.location
                yield item
    except UnreadableFile as error:
        yield Problem(error.location or location, str(error), whole_file=True)


def _items(
    stream: BinaryIO,
    file: str,
    layouts: Sequence[Layout],
    options: ReadOptions,
    on_characters: OnCharacters,
    on_note: OnNote,
) -> Iterator[Row | Problem]:
    head = stream.read(4)
    if head == _OLD_WORKBOOK:
        raise UnreadableFile(
            "the file is an .xls or an encrypted workbook; save it as .xlsx without a password"
        )
    if other := next((words for begin, words in _NO_TABLES.items() if head.startswith(begin)), None):
        raise UnreadableFile(f"the file is {other}")
    known = options.format or _SIGNATURES.get(head)
    if options.sheet is not None and known is not Format.XLSX:
        on_note(f"{file}: has no sheets; {shown(options.sheet)} had no effect")
    if known is Format.XLSX:
        table = workbook_table(stream, file, layouts, options.sheet, on_characters)
        yield from _rows(table, file, layouts, options, on_note)
    elif known is Format.PARQUET:
        yield from _rows(parquet_table(stream, file, on_characters), file, layouts, options, on_note)
    else:
        with text_lines(stream, options.encoding, on_characters) as lines:
            try:
                first = lines.first().lstrip()
                if first.startswith("<"):
                    raise UnreadableFile("the file is XML or HTML; save it as .xlsx or CSV")
                match known or (_JSON.get(first[:1])):
                    case Format.NDJSON:
                        found: Table | Problem = ndjson_table(lines, file)
                    case Format.JSON:
                        found = json_table(lines, file)
                    case Format.TSV:
                        found = csv_table(lines, file, layouts, "\t")
                    case _:
                        found = csv_table(lines, file, layouts, options.separator)
                if isinstance(found, Problem):
                    yield msgspec.structs.replace(found, whole_file=True)
                else:
                    yield from _rows(found, file, layouts, options, on_note)
            except UnreadableFile as error:
                error.location = RowLocation(file, lines.count)
                raise


_JSON: Final = {"{": Format.NDJSON, "[": Format.JSON}


def _rows(
    table: Table, file: str, layouts: Sequence[Layout], options: ReadOptions, on_note: OnNote
) -> Iterator[Row | Problem]:
    reader = _Reader(layouts, options)
    if table.header is not None:
        location, names = table.header
        columns = reader.columns(names, location)
        if isinstance(columns, list):
            yield from [msgspec.structs.replace(each, whole_file=True) for each in columns]
            return
    sample, broken = _sample(table.records)
    used = detected(reader.decimals_of(sample))
    if isinstance(used, Mixed):
        if options.decimal is None:
            yield used.problem()
        used = None
    decimal = options.decimal or used or table.decimal
    decimals = Decimals(
        decimal, stated=options.decimal is not None, exact=decimal is table.decimal is Decimal.POINT
    )
    if note := _note(file, table, decimal, reader.columns_found()):
        on_note(note)
    for record in chain(sample, table.records):
        if isinstance(record, Problem):
            yield record
            continue
        if _repeats_names(record):
            continue  # files that were joined have their headers in between
        columns = reader.columns(record.names, record.location)
        if isinstance(columns, list):
            # Of another location, if an earlier row has the same names.
            yield from (Problem(record.location, each.reason, each.column) for each in columns)
        else:
            yield from columns.rows(_unescaped(record) if table.escaped else record, decimals, table.years)
    if broken is not None:
        raise broken


def _repeats_names(record: Record) -> bool:
    return bool(record.cells) and record.cells[0] == record.names[0] and tuple(record.cells) == record.names


def _unescaped(record: Record) -> Record:
    if not any(cell and cell[0] == "'" for cell in record.cells):
        return record
    return record._replace(cells=[cell and unescape_formula(cell) for cell in record.cells])


def _sample(
    records: Iterator[Record | Problem],
) -> tuple[list[Record | Problem], UnreadableFile | None]:
    found: list[Record | Problem] = []
    size = 0
    try:
        for record in islice(records, _SAMPLE):
            found.append(record)
            size += sum(len(cell or "") for cell in record.cells) if isinstance(record, Record) else 0
            if size > _SAMPLE_CHARACTERS:
                break
    except UnreadableFile as error:
        return found, error
    return found, None


class _Reader:
    """The columns of each list of names; rows of JSON may have several, but one layout."""

    def __init__(self, layouts: Sequence[Layout], options: ReadOptions) -> None:
        self._layouts = layouts
        self._options = options
        self._layout: Layout | None = None
        self._columns: dict[tuple[str, ...], Columns | list[Problem]] = {}

    def columns(self, names: tuple[str, ...], location: RowLocation) -> Columns | list[Problem]:
        found = self._columns.get(names)
        if found is None:
            self._layout = self._layout or closest(self._layouts, names)
            found = columns_of(self._layout, names, location, self._options)
            if len(self._columns) < _MAX_NAMES:
                self._columns[names] = found
        return found

    def columns_found(self) -> Columns | None:
        return next((each for each in self._columns.values() if isinstance(each, Columns)), None)

    def decimals_of(self, records: Sequence[Record | Problem]) -> Iterator[tuple[RowLocation, str]]:
        for record in records:
            if isinstance(record, Problem):
                continue
            columns = self.columns(record.names, record.location)
            if isinstance(columns, Columns):
                for cell in columns.decimals_of(record):
                    yield record.location, cell


_MAX_NAMES: Final = 1_000


def _note(file: str, table: Table, decimal: Decimal | None, columns: Columns | None) -> str:
    """Empty for a file that is written as those of the export are."""
    as_exported = columns is None or not (columns.renamed or columns.extra)
    if table.plain and as_exported and decimal is Decimal.POINT:
        return ""
    parts = [table.description, *([f"decimal {decimal}"] if decimal else [])]
    note = f"{file}: read as {', '.join(parts)}"
    if columns is not None and columns.renamed:
        note += "; columns " + _listed([f"{shown(name)} as {column}" for name, column in columns.renamed])
    if columns is not None and columns.extra:
        note += "; ignored columns " + _listed([shown(name) for name in columns.extra])
    return note


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MAX_LISTED
    return ", ".join(names[:_MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


_MAX_LISTED: Final = 30


@contextmanager
def seekable(stream: BinaryIO) -> Iterator[BinaryIO]:
    """A pipe is copied into a temporary file: encodings and workbooks cannot be read from the beginning to the end alone."""
    if stream.seekable():
        stream.seek(0)
        yield stream
        return
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as copy:
        size = 0
        while chunk := stream.read(2**16):
            size += len(chunk)
            if size > _MAX_PIPE:
                raise UnreadableFile("standard input is longer than 2 GB; give the name of a file")
            copy.write(chunk)
        copy.seek(0)
        yield copy  # type: ignore[misc]  # it has all methods of a file
