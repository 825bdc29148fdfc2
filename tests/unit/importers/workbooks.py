"""Small .xlsx files for tests of imports: numbers, texts, numbers in a format, and merged cells."""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"


class Shown(NamedTuple):
    """A number in a format."""

    number: float
    format: str


class Struck(NamedTuple):
    """A number or a text that is struck through."""

    value: float | str


class Formula(NamedTuple):
    """With its result: a number, the name of an error, or none if it was never calculated."""

    text: str
    result: float | str | None


Cell = Formula | str | float | int | bool | time | date | Shown | Struck | None
# Formats of numbers, by index; time and day are built in.
_FORMATS = (
    "0.00",
    "#,##0.00",
    '#,##0.00\\ "€"',
    '0.00\\ "ct/kWh"',
    "0.00%",
    "0",
    "0.000000",
    '0.00\\ "T€"',
    "General",
    "0.00 €",
    "00000",
    "00",
    '0.00\\ "netto"\\ €',
    '"Preis "0.00 €',
    "#,##0.00\\ €/\\k\\W",
    "_-* #,##0.00\\ _€_-",
    '"Preis in T€: "0.00 €',
    "0.00,",
    "#,##0.0,,",
    "0%%",
    '0.00\\ "‰"',
    '0.00\\ "Tsd."',
    ";;;",
    "0.00;-0.00;",
    '0.00;-0.00;"entfällt"',
    '[>=1000]0.0,"k";0.00',
    '_-* #,##0.00_-;\\-* #,##0.00_-;_-* "-"??_-;_-@_-',
    "0.00;\\-0.00;\\-",
    '0.00" (netto; ohne USt.)"',
    "#,##0",
    '0\\ "kWp"',
    '0.0" MW"',
    "0.00‰",
    '0.00;-0.00;("entfällt")',
    '0.00;-0.00;-"entfällt"-',
    "0.00;-0.00;k\\.A\\.",
    '[=0]"";0.00',
    '[=0]"entfällt";0.00',
    '0.00" Millstätter"',
    '"D-"00000',
    '"Jahr "0',
    '0\\ "W"',
    '0\\ "Wp"',
    '0\\ "kVA"',
    '0\\ "kWel"',
)
_TIME, _DAY, _STRUCK, _FIRST = 1, 2, 3, 4


def workbook(
    *sheets: list[list[Cell]], hidden: int = 0, merged: Sequence[str] = (), after: str = ""
) -> bytes:
    """The last `hidden` sheets are hidden. `merged`: ranges such as A2:A4, in every sheet; `after`: rows as XML."""
    numbers = range(1, len(sheets) + 1)
    listed = "".join(
        f'<sheet name="Tabelle{n}" sheetId="{n}"{_state(n > len(sheets) - hidden)} r:id="rId{n}"/>'
        for n in numbers
    )
    related = "".join(
        f'<Relationship Id="rId{n}" Type="{_RELATED}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in numbers
    )
    styles = f'<Relationship Id="rId0" Type="{_RELATED}/styles" Target="styles.xml"/>'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml"'
        f' ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
        f' Type="{_RELATED}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {_MAIN} xmlns:r="{_RELATED}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{styles}{related}</Relationships>',
        "xl/styles.xml": _styles(),
        **{
            f"xl/worksheets/sheet{n}.xml": f"<worksheet {_MAIN}><sheetData>{_rows(rows)}{after}</sheetData>{_merged(merged)}</worksheet>"
            for n, rows in enumerate(sheets, 1)
        },
    }
    return zipped(parts)


def zipped(parts: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def understated(archive: bytes, name: str, size: int) -> bytes:
    """The ZIP file with another size of a part than it unpacks to, in both of its headers."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        part = opened.getinfo(name)
    central = archive.index(b"PK\x01\x02")
    changed = bytearray(archive)
    while changed[central + 46 : central + 46 + len(name)] != name.encode():
        central = archive.index(b"PK\x01\x02", central + 1)
    changed[central + 24 : central + 28] = size.to_bytes(4, "little")
    changed[part.header_offset + 22 : part.header_offset + 26] = size.to_bytes(4, "little")
    return bytes(changed)


def encrypted(archive: bytes) -> bytes:
    """The ZIP file with the mark of encryption at its first part."""
    changed = bytearray(archive)
    changed[archive.index(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


def rewritten(archive: bytes, changes: Mapping[str, Any]) -> bytes:
    """The ZIP file with its sheets as another program writes them: patterns are replaced one after the other."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        parts = {name: opened.read(name).decode() for name in opened.namelist()}
    for name in parts:
        if name.startswith("xl/worksheets/"):
            for pattern, replacement in changes.items():
                parts[name] = re.sub(pattern, replacement, parts[name])
    return zipped(parts)


def with_parts_changed(archive: bytes, changes: Mapping[str, tuple[str, str]]) -> bytes:
    """The ZIP file with a text in each of some parts replaced."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        parts = {name: opened.read(name).decode() for name in opened.namelist()}
    for name, (text, replacement) in changes.items():
        assert text in parts[name]
        parts[name] = parts[name].replace(text, replacement)
    return zipped(parts)


def with_part(archive: bytes, name: str, content: bytes) -> bytes:
    """The ZIP file with one part more."""
    buffer = io.BytesIO(archive)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(name, content)
    return buffer.getvalue()


def _styles() -> str:
    formats = "".join(
        f'<numFmt numFmtId="{200 + n}" formatCode={quoteattr(code)}/>' for n, code in enumerate(_FORMATS)
    )
    cells = "".join(f'<xf numFmtId="{200 + n}"/>' for n in range(len(_FORMATS)))
    return (
        f"<styleSheet {_MAIN}><numFmts>{formats}</numFmts>"
        '<fonts><font/><font><strike/></font><font><strike val="0"/></font></fonts><cellStyleXfs><xf fontId="1"/></cellStyleXfs>'
        f'<cellXfs><xf numFmtId="0"/><xf numFmtId="20" fontId="2"/><xf numFmtId="14"/><xf numFmtId="0" fontId="1"/>{cells}</cellXfs>'
        "<dxfs><dxf><font><strike/></font></dxf></dxfs></styleSheet>"
    )


def _merged(ranges: Sequence[str]) -> str:
    listed = "".join(f'<mergeCell ref="{each}"/>' for each in ranges)
    return f"<mergeCells>{listed}</mergeCells>" if ranges else ""


def _state(hidden: bool) -> str:
    return ' state="hidden"' if hidden else ""


def _rows(rows: list[list[Cell]]) -> str:
    return "".join(
        f'<row r="{n}">{"".join(_cell(f"{chr(65 + column)}{n}", cell) for column, cell in enumerate(row))}</row>'
        for n, row in enumerate(rows, 1)
    )


def _cell(address: str, cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return f'<c r="{address}" t="b"><v>{int(cell)}</v></c>'
        case time():
            return f'<c r="{address}" s="{_TIME}"><v>{(cell.hour * 60 + cell.minute) / 1440!r}</v></c>'
        case date():
            return f'<c r="{address}" s="{_DAY}"><v>{(cell - date(1899, 12, 30)).days}</v></c>'
        case Formula(text, None):
            return f'<c r="{address}"><f>{text}</f></c>'
        case Formula(text, result):
            kind = ' t="e"' if isinstance(result, str) else ""
            return f'<c r="{address}"{kind}><f>{text}</f><v>{result}</v></c>'
        case Struck(str(text)):
            return f'<c r="{address}" s="{_STRUCK}" t="inlineStr"><is><t>{escape(text)}</t></is></c>'
        case Struck(number):
            return f'<c r="{address}" s="{_STRUCK}"><v>{number!r}</v></c>'
        case Shown():
            style = _FIRST + _FORMATS.index(cell.format)
            return f'<c r="{address}" s="{style}"><v>{cell.number!r}</v></c>'
        case str():
            return f'<c r="{address}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
    return f'<c r="{address}"><v>{cell!r}</v></c>'
