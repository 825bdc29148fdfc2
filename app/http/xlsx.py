"""Rows as a workbook of Excel (Office Open XML, ECMA-376), written as a stream: no more than a batch is in memory."""

import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from io import RawIOBase
from typing import IO, Final, cast
from xml.sax.saxutils import escape

from app.db.export import Rows
from app.db.file_columns import Column
from app.domain.spreadsheet_text import escape_formula

# Limits of Excel.
MAX_ROWS: Final = 1_048_576
MAX_CELL_LENGTH: Final = 32_767
# A larger part of a ZIP file needs an extension that some programs do not read.
_MAX_SHEET_BYTES: Final = 2**30

# Excel rounds numbers of more digits.
_EXACT_DIGITS: Final = 15
# Indices of cell formats.
_GENERAL, _BOLD, _TEXT, _FIRST_NUMBER = 0, 1, 2, 3
# The first id of a number format that is not built in.
_FIRST_FORMAT: Final = 164

# Stands for the number of the row in cells that have none yet; XML cannot contain it.
_ROW: Final = "\x00"
# What XML cannot contain, and text that would be read as the escape of it.
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ENTITIES: Final = {"\r": "&#13;"}  # readers of XML make line feeds of bare ones
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.([0-9]+))?")

_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN: Final = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"


class Workbook:
    """`convert` and `write` take rows in order; `close` completes the file, and comes last in any case."""

    def __init__(
        self, target: RawIOBase, title: str, columns: Mapping[str, Column], max_rows: int = MAX_ROWS
    ) -> None:
        self._archive = zipfile.ZipFile(cast("IO[bytes]", target), "w", zipfile.ZIP_DEFLATED)
        self._title = title
        self._names = tuple(columns)
        self._max_rows = max_rows
        self._writers = [_WRITERS[kind] for kind in columns.values()]
        self._starts = [f'<c r="{_letters(index)}{_ROW}" ' for index in range(len(columns))]
        self._sheets = 0
        self._open_sheet()

    def convert(self, rows: Rows) -> list[str]:
        """The cells of each row as XML. Raises ValueError for what a cell cannot hold."""
        return [
            "".join(
                [
                    start + write(text)
                    for start, write, text in zip(self._starts, self._writers, row, strict=True)
                    if text  # an empty cell is left out
                ]
            )
            for row in rows
        ]

    def write(self, rows: Sequence[str]) -> None:
        """Further sheets begin where one is full."""
        while rows:
            if self._rows == self._max_rows or self._bytes > _MAX_SHEET_BYTES:
                self._close_sheet()
                self._open_sheet()
            fitting, rows = self._split(rows)
            self._send_rows(fitting)

    def close(self) -> None:
        self._close_sheet()
        for name, content in _parts(self._title, self._sheets):
            self._archive.writestr(_entry(name), _HEAD + content)
        self._archive.close()

    def _split(self, rows: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        free = self._max_rows - self._rows
        return rows[:free], rows[free:]

    def _open_sheet(self) -> None:
        self._sheets += 1
        self._rows = self._bytes = 0
        self._sheet = self._archive.open(_entry(f"xl/worksheets/sheet{self._sheets}.xml"), "w")
        self._send(
            f'{_HEAD}<worksheet {_MAIN}><sheetViews><sheetView workbookViewId="0">'
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
            f'<cols><col min="1" max="{len(self._names)}" width="18" customWidth="1"/></cols><sheetData>'
        )
        header = zip(self._starts, self._names, strict=True)
        self._send_rows(["".join(start + _inline(name, _BOLD) for start, name in header)])

    def _close_sheet(self) -> None:
        self._send("</sheetData></worksheet>")
        self._sheet.close()

    def _send_rows(self, rows: Sequence[str]) -> None:
        first = self._rows + 1
        self._rows += len(rows)
        self._send(
            "".join(
                [
                    f'<row r="{number}">{cells.replace(_ROW, str(number))}</row>'
                    for number, cells in enumerate(rows, first)
                ]
            )
        )

    def _send(self, xml: str) -> None:
        content = xml.encode()
        self._bytes += len(content)
        self._sheet.write(content)


def _letters(index: int) -> str:
    """The name of a column: A to Z, AA to ZZ."""
    before, last = divmod(index, 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + last)


def _text(text: str) -> str:
    return _inline(escape_formula(text), _TEXT)


def _inline(text: str, style: int) -> str:
    if len(text) > MAX_CELL_LENGTH:
        raise ValueError(f"{len(text):,} characters; a cell holds {MAX_CELL_LENGTH:,}")
    written = escape(_UNWRITABLE.sub(_escaped, text), _ENTITIES)
    return f's="{style}" t="inlineStr"><is><t xml:space="preserve">{written}</t></is></c>'


def _escaped(found: re.Match[str]) -> str:
    return f"_x{ord(found[0]):04X}_"


def _number(text: str) -> str:
    """Shown with the decimals that were published: 58.20 stays 58.20. Text where Excel would round it."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(f"{text} is not a number")
    decimals = len(found[1] or "")
    if decimals > _EXACT_DIGITS or (
        len(text) > _EXACT_DIGITS and Decimal(repr(float(text))) != Decimal(text)
    ):
        return _inline(text, _TEXT)
    return f's="{_FIRST_NUMBER + decimals}"><v>{text}</v></c>'


def _whole(text: str) -> str:
    return f"><v>{int(text)}</v></c>"


def _flag(text: str) -> str:
    return f't="b"><v>{int(text == "true")}</v></c>'


_WRITERS: Final[Mapping[Column, Callable[[str], str]]] = {
    Column.TEXT: _text,
    Column.JSON: _text,
    Column.WHOLE: _whole,
    Column.FLAG: _flag,
    Column.PRICE: _number,
    Column.MEGAWATTS: _number,
}


def _entry(name: str) -> zipfile.ZipInfo:
    """With a constant time, so that equal rows are equal bytes."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _parts(title: str, sheets: int) -> Iterator[tuple[str, str]]:
    """The parts of the workbook beside its sheets."""
    numbers = range(1, sheets + 1)
    listed = "".join(
        f'<sheet name="{escape(title)}{f" {n}" if n > 1 else ""}" sheetId="{n}" r:id="rId{n}"/>'
        for n in numbers
    )
    yield (
        "xl/workbook.xml",
        f'<workbook {_MAIN} xmlns:r="{_OFFICE}"><bookViews><workbookView/></bookViews>'
        f"<sheets>{listed}</sheets></workbook>",
    )
    related = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in numbers
    )
    styles = f'<Relationship Id="styles" Type="{_OFFICE}/styles" Target="styles.xml"/>'
    yield "xl/_rels/workbook.xml.rels", _relationships(related + styles)
    yield "xl/styles.xml", _styles()
    yield (
        "_rels/.rels",
        _relationships(
            f'<Relationship Id="workbook" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        ),
    )
    types = {"xl/workbook": "sheet.main", "xl/styles": "styles"}
    types |= {f"xl/worksheets/sheet{n}": "worksheet" for n in numbers}
    overrides = "".join(
        f'<Override PartName="/{part}.xml" ContentType="{_TYPE}.{kind}+xml"/>' for part, kind in types.items()
    )
    yield (
        "[Content_Types].xml",
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
    )


def _relationships(content: str) -> str:
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{content}</Relationships>'


def _styles() -> str:
    """Formats: general, bold, text, then numbers with 0, 1, 2, … decimals."""
    decimals = range(_EXACT_DIGITS + 1)
    formats = "".join(
        f'<numFmt numFmtId="{_FIRST_FORMAT + n}" formatCode="0{"." * (n > 0)}{"0" * n}"/>' for n in decimals
    )
    numbers = "".join(
        f'<xf numFmtId="{_FIRST_FORMAT + n}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        for n in decimals
    )
    count = len(decimals)
    return (
        f'<styleSheet {_MAIN}><numFmts count="{count}">{formats}</numFmts>'
        '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
        '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
        f'<cellXfs count="{_FIRST_NUMBER + count}"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
        '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
        '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        f"{numbers}</cellXfs>"
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    )
