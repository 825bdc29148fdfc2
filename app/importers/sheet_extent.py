"""The rectangle of a sheet's cells, and a cell without its value, from the bytes of the sheet before it is opened."""

import re
from array import array
from typing import Final

from app.importers.number_formats import column_number
from app.importers.records import UnreadableFile
from app.importers.sheet_tags import PlainTags

_CELL: Final = re.compile(rb'<c (?:[^>]{0,200}? )?r="([A-Z]{1,3})([0-9]{1,7})"([^>]{0,200}/>)?')
_ADDRESS: Final = re.compile(rb'\br\s{0,9}=\s{0,9}["\']([A-Z]{1,3})([0-9]{1,7})["\']', re.IGNORECASE)
_ROW: Final = re.compile(rb'<row\b[^>]{0,200}?\br="([0-9]{1,7})"')
_CELLS: Final = re.compile(rb"<(?:[A-Za-z0-9]{1,20}:)?c[\s>/]")
_ROWS: Final = re.compile(rb"<(?:[A-Za-z0-9]{1,20}:)?row[\s>/]")
_ROW_TAG: Final = re.compile(rb"<row\b[^<>]{0,500}>")
_NUMBER: Final = re.compile(rb"""\br\s{0,9}=\s{0,9}["']([0-9]{1,7})["']""")
_HIDDEN: Final = re.compile(rb"""\bhidden\s{0,9}=\s{0,9}["'](?:1|true)["']""")
_COLUMN_TAG: Final = re.compile(rb"<col\b[^<>]{0,500}>")
_ENDS: Final = re.compile(rb"""\b(min|max)\s{0,9}=\s{0,9}["']([0-9]{1,5})["']""")
_MAX_ROWS: Final = 2**20
_MAX_GROUPS: Final = 100  # of columns
# An error, or a formula without a result or with an empty one: the reader gives all of them as empty cells.
_WITHOUT_RESULT: Final = re.compile(
    rb"""<c\s[^<>]{0,200}?\bt\s{0,9}=\s{0,9}["']e["']"""
    rb"""|(?:</f\s{0,9}>|<f\b[^<>]{0,500}/>)(?:\s{0,99}(<v\s{0,9}/>|<v\s{0,9}>\s{0,9}</v\s{0,9}>))?\s{0,99}</c\s{0,9}>"""
)
_IS_TEXT: Final = re.compile(rb"""\bt\s{0,9}=\s{0,9}["']str["']""")
# Formulas may be longer: then the end of one is not seen where two chunks meet.
_MAX_TAG: Final = 1_000


class SheetExtent:
    """The reader holds the rectangle from the first cell with a value to the last. Cells that are only formatted do not count,
    as long as all cells are written in the usual way; otherwise everything that could be one counts.
    """

    def __init__(self) -> None:
        self.without_result = ""  # address of a cell
        self.hidden = array("I")  # numbers of the rows that a filter or a person hides
        self.hidden_columns = array("I")  # the first and the last of each group, counted from 1
        self._filled = (0, 0)  # rows and columns
        self._stated = (0, 0)
        self._is_usual = True
        self._rows = 0
        self._cells_of_row = self._most_cells_of_row = 0
        self._rest = self._before = b""
        self._tags = PlainTags()

    @property
    def size(self) -> tuple[int, int]:
        if self._is_usual:
            return self._filled
        rows, columns = self._stated
        return max(rows, self._rows), columns + self._most_cells_of_row

    def read(self, chunk: bytes) -> None:
        """Raises UnreadableFile for another encoding than UTF-8."""
        if b"\0" in chunk:
            raise UnreadableFile("a sheet of the workbook is not UTF-8; save it again")
        data = self._rest + chunk
        end = data.rfind(b">") + 1
        self._rest = data[end:]
        if len(self._rest) > _MAX_TAG:
            self._is_usual = False
            self._rest = self._rest[-_MAX_TAG:]
        data = self._tags.of(data[:end])
        self._find_without_result(data)
        self._find_hidden(data)
        cells = _CELL.findall(data)
        self._filled = _extended(self._filled, {each[:2] for each in cells if not each[2]})
        addresses = _ADDRESS.findall(data)
        self._stated = _extended(self._stated, set(addresses))
        self._stated = max(self._stated[0], *map(int, _ROW.findall(data)), 0), self._stated[1]
        if not len(addresses) == len(cells) == len(_CELLS.findall(data)):
            self._is_usual = False
        self._count(data)

    def _count(self, data: bytes) -> None:
        """Cells per row, which may have no addresses."""
        first, *others = _ROWS.split(data)
        self._rows += len(others)
        self._cells_of_row += len(_CELLS.findall(first))
        self._most_cells_of_row = max(self._most_cells_of_row, self._cells_of_row)
        for row in others:
            self._cells_of_row = len(_CELLS.findall(row))
            self._most_cells_of_row = max(self._most_cells_of_row, self._cells_of_row)

    def _find_hidden(self, data: bytes) -> None:
        if b"hidden" not in data:
            return
        for counted, tag in enumerate(_ROW_TAG.findall(data), self._rows + 1):
            if _HIDDEN.search(tag):
                row = int(number[1]) if (number := _NUMBER.search(tag)) else counted
                if row <= _MAX_ROWS:
                    self.hidden.append(row)
        for tag in _COLUMN_TAG.findall(data):
            ends = dict(_ENDS.findall(tag))
            if _HIDDEN.search(tag) and len(ends) == 2 and len(self.hidden_columns) < 2 * _MAX_GROUPS:
                self.hidden_columns.extend((int(ends[b"min"]), int(ends[b"max"])))

    def _find_without_result(self, data: bytes) -> None:
        if self.without_result:
            return
        data = self._before + data
        self._before = data[-_MAX_TAG:]
        behind = 0  # the cell before
        for match in _WITHOUT_RESULT.finditer(data):
            start = data.rfind(b"<c", behind, match.start() + 2)
            behind = match.end()
            cell = data[start : data.find(b">", start) + 1] if start >= 0 else b""
            if match[1] and (not cell or _IS_TEXT.search(cell)):
                continue  # the result is the empty text
            found = _ADDRESS.search(cell)
            self.without_result = (found[1] + found[2]).decode() if found else "of a formula"
            return


def _extended(extent: tuple[int, int], addresses: set[tuple[bytes, ...]]) -> tuple[int, int]:
    rows, columns = extent
    if addresses:
        rows = max(rows, max(int(digits) for _, digits in addresses))
        columns = max(columns, max(map(column_number, {letters.upper() for letters, _ in addresses})))
    return rows, columns
