"""Records of a worksheet of an .xlsx file."""

import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import BinaryIO, Final

import python_calamine

from app.importers.cells import is_count, is_decimal, is_time
from app.importers.column_names import WINDOW, column_of, unclear
from app.importers.decimals import MergedFigure
from app.importers.file_columns import closest
from app.importers.headers import ROWS, below_titles, find_header, rows_above, years_of
from app.importers.layout import Layout
from app.importers.number_formats import NumberFormats, number_formats, parts_of_sheets, plain_name
from app.importers.problems import Problem, RowLocation, shown
from app.importers.raised_digits import RAISED, raised_digits
from app.importers.records import Record, Table, UnreadableFile
from app.importers.sheet_extent import SheetExtent
from app.importers.spellings import is_nothing
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


def workbook_table(
    stream: BinaryIO,
    file: str,
    layouts: Sequence[Layout],
    sheet: str | None,
    on_characters: Callable[[int], None],
) -> Table:
    progress = _Progress(stream, on_characters)
    try:
        parts, without_result, raising, hidden, hidden_columns = _measured(stream, progress)
        stream.seek(0)
        workbook = python_calamine.load_workbook(stream)
        for name in workbook.sheet_names:
            if plain_name(name) not in parts:
                raise UnreadableFile(
                    f"the sheet {shown(name)} is not where the workbook states; save it again with a spreadsheet program"
                )
        found = _chosen(workbook, sheet)
        part = parts[plain_name(found.name)]
        if cell := without_result.get(part):
            raise UnreadableFile(
                f"the cell {cell} has an error, or a formula without a result; calculate the sheet and save it again"
            )
        with zipfile.ZipFile(stream) as archive:
            formats = number_formats(archive, part)
            raised = raised_digits(archive, [each for each in raising if each == part or _is_of_texts(each)])
    except UnreadableFile:
        raise
    except _BROKEN as error:
        raise UnreadableFile(f"the file is no .xlsx: {error}") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise UnreadableFile("the file is no .xlsx") from None
    rows = _rows(found, formats, raised, progress)
    head = [(RowLocation(file, line), cells) for line, cells in islice(rows, ROWS)]
    if not head:
        raise UnreadableFile("the header is missing")
    header = find_header(head, layouts)
    above = [row for row in head if row[0].line < header.location.line]
    behind = ((location.line, cells) for location, cells in head if location.line > header.last)
    return Table(
        f"sheet {shown(found.name)} of a workbook{below_titles(header, len(above))}"
        + _hidden_rows(found, header.last, hidden.get(part, ()))
        + _hidden_columns(found, header.names, hidden_columns.get(part, ())),
        (header.location, header.names),
        chain(
            rows_above(above, header, layouts, found.name),
            _records(chain(behind, rows), file, header.names, _figures(header.names, layouts)),
        ),
        None,
        escaped=True,
        years=years_of(above, header, layouts),
    )


class _Progress:
    """Reading a workbook as a share of the file's bytes: a third for its parts, the rest for the rows of the sheet."""

    def __init__(self, stream: BinaryIO, on_characters: Callable[[int], None]) -> None:
        self._size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        self._on_characters = on_characters
        self._reported = 0

    def of_parts(self, share: float) -> None:
        self._report(share / 3)

    def of_rows(self, share: float) -> None:
        self._report((1 + 2 * share) / 3)

    def _report(self, share: float) -> None:
        done = int(share * self._size)
        if done > self._reported:
            self._on_characters(done - self._reported)
            self._reported = done


def _chosen(workbook: python_calamine.CalamineWorkbook, sheet: str | None) -> python_calamine.CalamineSheet:
    if sheet is not None:
        if sheet not in workbook.sheet_names:
            raise UnreadableFile(f"there is no sheet {sheet}; the sheets are {_listed(workbook.sheet_names)}")
        return workbook.get_sheet_by_name(sheet)
    sheets = [
        each for each in workbook.sheets_metadata if each.typ == python_calamine.SheetTypeEnum.WorkSheet
    ]
    visible = [each.name for each in sheets if each.visible == python_calamine.SheetVisibleEnum.Visible]
    filled = [each for each in map(workbook.get_sheet_by_name, visible) if each.height]
    if not filled:
        hidden = [each.name for each in sheets if workbook.get_sheet_by_name(each.name).height]
        if hidden:
            raise UnreadableFile(f"only hidden sheets have rows: {_listed(hidden)}; name one with --sheet")
        raise UnreadableFile("the file is empty")
    if len(filled) > 1:
        raise UnreadableFile(
            f"the workbook has the sheets {_listed([each.name for each in filled])}; name one with --sheet"
        )
    return filled[0]


def _listed(names: list[str]) -> str:
    return ", ".join(map(shown, names[:_MAX_LISTED]))


_MAX_LISTED: Final = 20


def _rows(
    sheet: python_calamine.CalamineSheet,
    formats: NumberFormats | None,
    raised: Mapping[str, str],
    progress: _Progress,
) -> Iterator[tuple[int, list[str | None]]]:
    """Numbered as in the sheet; empty rows are left out."""
    first = sheet.start[1] if sheet.start else 0
    merged = _MergedCells(sheet.merged_cell_ranges or [], first)
    height = max(1, sheet.total_height)
    for line, row in enumerate(sheet.iter_rows(), 1):
        if line % _PROGRESS_ROWS == 0:
            progress.of_rows(line / height)
        if raised:
            row = [raised.get(value, value) if isinstance(value, str) else value for value in row]
        cells = [text_of(value) for value in row]
        if formats:
            formats.shown(line - 1, first, row, cells)
        if merged:
            merged.fill(line - 1, cells)
        if any(cell is None or cell.strip() for cell in cells):
            yield line, cells
    progress.of_rows(1)


_PROGRESS_ROWS: Final = 500


class _MergedCells:
    """The value of cells that are merged over rows holds in each of them. Rows and columns are counted from 0."""

    def __init__(self, ranges: list[tuple[tuple[int, int], tuple[int, int]]], first_column: int) -> None:
        # First and last row, first and last column.
        self._ranges = sorted(
            (first, last, column - first_column, last_column - first_column)
            for (first, column), (last, last_column) in ranges
            if column >= first_column
        )
        self._next = 0  # the first that has not begun
        self._open: dict[int, tuple[int, str | None]] = {}  # by column the last row and the value
        self._across: list[tuple[int, int, int]] = []  # first and last column, and last row
        self._until = 0  # the last row for which all of these hold

    def __bool__(self) -> bool:
        return bool(self._ranges)

    def fill(self, row: int, cells: list[str | None]) -> None:
        for column, (last, value) in [*self._open.items()]:
            if row > last:
                del self._open[column]
            elif column < len(cells) and cells[column] == "":
                cells[column] = value
        begin = self._next
        while self._next < len(self._ranges) and self._ranges[self._next][0] <= row:
            self._next += 1
        across = []
        for first, last, column, last_column in self._ranges[begin : self._next]:
            if last > first and column < len(cells):
                self._open[column] = (last, cells[column])
            if last_column > column:
                across.append((column, last_column, last))
        if across or (self._across and row > self._until):
            self._across = sorted(span for span in [*self._across, *across] if row <= span[2])
            self._until = min((last for _, _, last in self._across), default=0)
        if self._across:
            self._mark(cells)

    def _mark(self, cells: list[str | None]) -> None:
        """A value that is merged over columns holds in the first one alone; in the others it is not known what holds."""
        done = 0
        for column, last_column, _ in self._across:
            if (
                column < len(cells)
                and (value := cells[column])
                and not value.isspace()
                and not is_nothing(value)
            ):
                for place in range(max(column + 1, done), min(last_column + 1, len(cells))):
                    if cells[place] == "":
                        cells[place] = _Covered(value, column)
            done = max(done, last_column + 1)


class _Covered(str):
    """An empty cell below one with a value that is merged over columns."""

    __slots__ = ("column", "value")
    value: str
    column: int  # where the value is

    def __new__(cls, value: str, column: int) -> "_Covered":
        covered = super().__new__(cls)
        covered.value = value
        covered.column = column
        return covered


def _records(
    rows: Iterator[tuple[int, list[str | None]]], file: str, names: tuple[str, ...], figures: Sequence[int]
) -> Iterator[Record | Problem]:
    """`figures`: the positions of columns of which an empty cell states that there is no figure.

    A text that is merged over them, such as a note or an operator, is no figure of theirs.
    """
    for line, cells in rows:
        extra = [cell for cell in cells[len(names) :] if cell]
        if extra:
            yield Problem(
                RowLocation(file, line), "the row has a cell in a column without a name", value=extra[0]
            )
        else:
            for place in figures:
                if isinstance(cell := cells[place], _Covered) and cell.column in figures:
                    cells[place] = MergedFigure(cell.value, "", "", "", _MERGED)
            yield Record(RowLocation(file, line), names, cells[: len(names)])


_MERGED: Final = (
    "is merged with the cell to its left, so that its own figure is not known; separate the cells"
)


def _figures(names: Sequence[str], layouts: Sequence[Layout]) -> list[int]:
    """With that of seasons, which are those of their windows: no window behind one states that it has none."""
    layout = closest(layouts, names)
    kinds = (is_decimal, is_count, is_time)
    figures = {layout.names[position] for kind in kinds for position in layout.positions(kind)} | {
        WINDOW,
        "season",
    }
    return [
        place
        for place, name in enumerate(names)
        if name and (column_of(name, layout.names) in figures or unclear(name, layout.names))
    ]


def _hidden_rows(sheet: python_calamine.CalamineSheet, last: int, hidden: Sequence[int]) -> str:
    """In words: what a filter hides is read as well, as when a spreadsheet program saves it as CSV."""
    end = sheet.end[0] + 1 if sheet.end else 0
    lines = sorted({line for line in hidden if last < line <= end})
    if not lines:
        return ""
    return (
        f", {len(lines):,} {'rows are' if len(lines) > 1 else 'row is'} hidden (the first is line {lines[0]})"
    )


def _hidden_columns(sheet: python_calamine.CalamineSheet, names: Sequence[str], hidden: Sequence[int]) -> str:
    """In words: those with a name, which are read as well."""
    before = sheet.start[1] if sheet.start else 0
    found = [
        name
        for column, name in enumerate(names, before + 1)
        if name
        and any(first <= column <= last for first, last in zip(hidden[::2], hidden[1::2], strict=True))
    ]
    if not found:
        return ""
    return f", {len(found):,} {'columns are' if len(found) > 1 else 'column is'} hidden ({_listed(found)})"


def _is_of_texts(part: str) -> bool:
    return part.lower() == "xl/sharedstrings.xml"


def _measured(
    stream: BinaryIO, progress: _Progress
) -> tuple[dict[str, str], dict[str, str], list[str], dict[str, Sequence[int]], dict[str, Sequence[int]]]:
    """The part of each sheet by its name. Of each sheet that has one, by its part, the address of a cell that has no value and
    is not empty. The parts with raised characters. Which rows and columns of a part are hidden, if any are.

    Refuses what is too large, by what each part really unpacks to: the reader unpacks it whole.
    """
    with zipfile.ZipFile(stream) as archive:
        parts = archive.infolist()
    total = sum(part.file_size for part in parts)
    if total > _MAX_BYTES:
        raise UnreadableFile(f"the workbook has more than {_MAX_BYTES // 2**20} MB; save it as CSV")
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names:
        other = next((program for name, program in _OTHERS.items() if name in names), None)
        raise UnreadableFile(
            f"the file is {other}; save it as .xlsx" if other else "the file is a ZIP file, but no .xlsx"
        )
    with zipfile.ZipFile(stream) as archive:
        parts_by_name = parts_of_sheets(archive)
    sheets = frozenset(parts_by_name.values())
    done = 0

    def counted(chunks: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal done
        for chunk in chunks:
            done += len(chunk)
            progress.of_parts(min(1, done / total))
            yield chunk

    without_result = {}
    hidden: dict[str, Sequence[int]] = {}
    hidden_columns: dict[str, Sequence[int]] = {}
    raising = []
    for part in parts:
        extent, has_cells, before, raises = SheetExtent(), part.filename in sheets, b"", False
        for chunk in counted(unpacked(stream, part)):
            # Also of what the reader alone takes for a sheet.
            has_cells = has_cells or _CELLS in before + chunk
            raises = raises or RAISED in before + chunk
            before = chunk[-len(RAISED) :]
            if has_cells:
                extent.read(chunk)
                _refuse_wide(extent)
        if extent.without_result:
            without_result[part.filename] = extent.without_result
        if extent.hidden:
            hidden[part.filename] = extent.hidden
        if extent.hidden_columns:
            hidden_columns[part.filename] = extent.hidden_columns
        if raises:
            raising.append(part.filename)
    return parts_by_name, without_result, raising, hidden, hidden_columns


_CELLS: Final = b"sheetData"
# A part of each other kind of workbook.
_OTHERS: Final = {
    "content.xml": "an OpenDocument file",
    "xl/workbook.bin": "an .xlsb",
    "Index/Document.iwa": "of Numbers",
}


def _refuse_wide(extent: SheetExtent) -> None:
    rows, columns = extent.size
    if rows * columns > _MAX_CELLS:
        raise UnreadableFile(
            f"the sheet has {rows:,} rows and {columns:,} columns; {_MAX_CELLS:,} cells are allowed. Save it as CSV"
        )
