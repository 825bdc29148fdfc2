"""Reads the cells of a workbook from its XML, with their types and number formats."""

import io
import re
import zipfile
from typing import NamedTuple
from xml.etree import ElementTree

_MAIN = {"": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


class Cell(NamedTuple):
    """`number_format`: "" for the general one and for text."""

    type: str
    text: str
    number_format: str


def read_sheets(content: bytes) -> dict[str, list[dict[str, Cell]]]:
    """By name of the sheet: its rows, the cells of each by column."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        formats = _formats(_tree(archive, "xl/styles.xml"))
        sheets = _tree(archive, "xl/workbook.xml").findall("sheets/sheet", _MAIN)
        return {
            sheet.attrib["name"]: _rows(_tree(archive, f"xl/worksheets/sheet{number}.xml"), formats)
            for number, sheet in enumerate(sheets, 1)
        }


def read_rows(content: bytes) -> list[dict[str, Cell]]:
    """The rows of the only sheet under its header."""
    [[header, *rows]] = read_sheets(content).values()
    return [{header[column].text: cell for column, cell in row.items()} for row in rows]


def _tree(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    return ElementTree.fromstring(archive.read(name))


def _formats(styles: ElementTree.Element) -> list[str]:
    own = {each.attrib["numFmtId"]: each.attrib["formatCode"] for each in styles.iterfind(".//numFmt", _MAIN)}
    return [own.get(each.attrib["numFmtId"], "") for each in styles.iterfind("cellXfs/xf", _MAIN)]


def _rows(sheet: ElementTree.Element, formats: list[str]) -> list[dict[str, Cell]]:
    rows = sheet.findall("sheetData/row", _MAIN)
    assert [int(row.attrib["r"]) for row in rows] == list(range(1, len(rows) + 1))
    return [
        {
            re.sub(r"[0-9]+", "", cell.attrib["r"]): Cell(
                cell.attrib.get("t", "n"),
                "".join(part.text or "" for part in cell.iter() if part.tag.endswith(("}v", "}t"))),
                formats[int(cell.attrib.get("s", "0"))],
            )
            for cell in row
        }
        for row in rows
    ]
