"""Records of a worksheet of an .xlsx file."""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

import python_calamine

from app.importers.problems import Problem, RowLocation, shown
from app.importers.records import Record, Table, UnreadableFile
from app.importers.typed_values import text_of
from app.importers.zip_parts import unpacked

_MAX_BYTES: Final = 2**28  # of all parts, without compression
# The reader holds the rectangle from the first to the last cell, also what is empty.
_MAX_CELLS: Final = 4_000_000
# What the reader and `zipfile` raise of broken, encrypted or unknown archives.
_BROKEN: Final = (
    python_calamine.CalamineError,
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    ValueError,
    EOFError,
    RuntimeError,
)
_CHUNK: Final = 2**20
_ADDRESS: Final = re.compile(rb'<(?:c|row) [^>]{0,200}?\br="([A-Z]{0,3})([0-9]{1,7})"')


def workbook_table(
    stream: BinaryIO, file: str, sheet: str | None, on_characters: Callable[[int], None]
) -> Table:
    stream.seek(0)
    try:
        _refuse_huge(stream)
        stream.seek(0)
        workbook = python_calamine.load_workbook(stream)
        found = _chosen(workbook, sheet)
    except UnreadableFile:
        raise
    except _BROKEN as error:
        raise UnreadableFile(f"the file is no .xlsx: {error}") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise UnreadableFile("the file is no .xlsx") from None
    rows = _rows(found)
    header = next(rows, None)
    if header is None:
        raise UnreadableFile("the header is missing")
    line, cells = header
    names = tuple((each or "").strip() for each in cells)
    while names and not names[-1]:
        names = names[:-1]
    return Table(
        f"sheet {shown(found.name)} of a workbook",
        (RowLocation(file, line), names),
        _records(rows, file, names, found.total_height, on_characters),
        None,
        escaped=True,
    )


def _chosen(workbook: python_calamine.CalamineWorkbook, sheet: str | None) -> python_calamine.CalamineSheet:
    if sheet is not None:
        if sheet not in workbook.sheet_names:
            raise UnreadableFile(f"there is no sheet {sheet}; the sheets are {_listed(workbook.sheet_names)}")
        return workbook.get_sheet_by_name(sheet)
    visible = [
        each.name
        for each in workbook.sheets_metadata
        if each.visible == python_calamine.SheetVisibleEnum.Visible
        and each.typ == python_calamine.SheetTypeEnum.WorkSheet
    ]
    filled = [each for each in map(workbook.get_sheet_by_name, visible) if each.height]
    if not filled:
        raise UnreadableFile("the file is empty")
    if len(filled) > 1:
        raise UnreadableFile(
            f"the workbook has the sheets {_listed([each.name for each in filled])}; name one with --sheet"
        )
    return filled[0]


def _listed(names: list[str]) -> str:
    return ", ".join(map(shown, names[:_MAX_LISTED]))


_MAX_LISTED: Final = 20


def _rows(sheet: python_calamine.CalamineSheet) -> Iterator[tuple[int, list[str | None]]]:
    """Numbered as in the sheet; empty rows are left out."""
    for line, row in enumerate(sheet.iter_rows(), 1):
        cells = [text_of(value) for value in row]
        if any(cell != "" for cell in cells):
            yield line, cells


def _records(
    rows: Iterator[tuple[int, list[str | None]]],
    file: str,
    names: tuple[str, ...],
    height: int,
    on_characters: Callable[[int], None],
) -> Iterator[Record | Problem]:
    for line, cells in rows:
        on_characters(_CHUNK // max(1, height))
        extra = [cell for cell in cells[len(names) :] if cell]
        if extra:
            yield Problem(
                RowLocation(file, line), "the row has a cell in a column without a name", value=extra[0]
            )
        else:
            yield Record(RowLocation(file, line), names, cells[: len(names)])


def _refuse_huge(stream: BinaryIO) -> None:
    """By what each part really unpacks to: the reader unpacks it whole."""
    with zipfile.ZipFile(stream) as archive:
        parts = archive.infolist()
    if sum(part.file_size for part in parts) > _MAX_BYTES:
        raise UnreadableFile(f"the workbook has more than {_MAX_BYTES // 2**20} MB; save it as CSV")
    if all(part.filename != "xl/workbook.xml" for part in parts):
        raise UnreadableFile("the file is a ZIP file, but no .xlsx")
    for part in parts:
        chunks = unpacked(stream, part)
        if part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml"):
            _refuse_wide(chunks)
        else:
            for _ in chunks:
                pass


def _refuse_wide(sheet: Iterator[bytes]) -> None:
    columns = rows = 0
    rest = b""
    for chunk in sheet:
        for letters, digits in set(_ADDRESS.findall(rest + chunk)):
            rows = max(rows, int(digits))
            columns = max(columns, _column(letters))
        rest = chunk[-300:]
        if rows * columns > _MAX_CELLS:
            raise UnreadableFile(
                f"the sheet has {rows:,} rows and {columns:,} columns; {_MAX_CELLS:,} cells are allowed. Save it as CSV"
            )


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
