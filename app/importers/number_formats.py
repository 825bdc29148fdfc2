"""How a workbook shows its numbers: 58.2 as 58.20, 0.19 as 19 %, 4.71 with the unit ct/kWh, 1067 as 01067 (ECMA-376, 18.8.30 and 18.8.31)."""

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple
from xml.parsers import expat

from app.importers.decimals import FormattedFigure
from app.importers.records import UnreadableFile
from app.importers.sheet_tags import PlainTags
from app.importers.units import unit_of

# Formats that every program has; a currency among them is that of the computer.
_BUILT_IN: Final = {
    2: "0.00",
    4: "0.00",
    7: "0.00",
    8: "0.00",
    9: "0%",
    10: "0.00%",
    39: "0.00",
    40: "0.00",
    43: "0.00",
    44: "0.00",
}
_LITERAL: Final = re.compile(r'"([^"]*)"|\[\$([^\]-]*)[^\]]*\]|\\(.)|[_*].|\[[^\]]*\]|([€$£/])')
_BEFORE_NUMBER: Final = re.compile(rf"\A(?:{_LITERAL.pattern}|[^0#?])*")
_PRICED: Final = re.compile(r"[€$£]|eur|\bct|cent", re.IGNORECASE)
_DECIMALS: Final = re.compile(r"\.(0+)")
_ZEROS: Final = re.compile("0{4,15}")  # of codes
_SECTION: Final = re.compile(r"""(?:"[^"]*"?|\[[^\]]*\]?|[\\_*].|[^;])*""", re.DOTALL)
_CONDITION: Final = re.compile(r"\[\s*[<>=]")
# A comma behind the last place of a digit divides what is shown by a thousand; one between two groups them.
_THOUSANDTHS: Final = re.compile(r"[0#?](,+)(?![,0#?])")
_NOT_ONES: Final = re.compile(
    r"[‰‱]|\b(?:pro|per)\s?mille?\b|\b(?:tsd|tds|tausend|hundert|mio|mill|million|mrd|milliard|thousand|hundred|billion)",
    re.IGNORECASE,
)
_DIGIT_PLACE: Final = re.compile("[0#?@]|general", re.IGNORECASE)
# Of a cell its address and its style, in any order.
_CELL: Final = re.compile(
    rb"""<c(?=\s[^<>]{0,300}?\br\s{0,9}=\s{0,9}["']([A-Za-z]{1,3})([0-9]{1,7})["'])(?=\s[^<>]{0,300}?\bs\s{0,9}=\s{0,9}["']([0-9]{1,5})["'])"""
)
# The style of a cell whose address is to be counted, and that is not empty.
_WITHOUT_ADDRESS: Final = re.compile(
    rb"""<c\s(?![^<>]{0,300}?\br\s{0,9}=)(?![^<>]{0,300}/>)[^<>]{0,300}?\bs\s{0,9}=\s{0,9}["']([0-9]{1,5})["']"""
)
_CHUNK: Final = 2**20
_MAX_BYTES: Final = (
    2**24
)  # of the parts that list formats or sheets; workbooks that were copied for years have thousands of them
_MAX_FORMATS: Final = 255
_MAX_CODE: Final = 255  # characters; Excel has no longer ones
_MAX_DECIMALS: Final = 15


class NumberFormat(NamedTuple):
    decimals: int
    percent: bool
    unit: str
    digits: int  # of a code, with zeros before it, as of postal codes
    # Why what is shown of positive numbers, negative ones and zero is another number than that of the cell; empty: it is not.
    shown_otherwise: tuple[str, str, str] = ("", "", "")

    def shown(self, value: float, text: str) -> FormattedFigure:
        """With at least the decimals of the format: fewer would be another number."""
        number = f"{value * 100:.15g}" if self.percent else text
        if self.decimals and "e" not in number:
            whole, _, part = number.partition(".")
            number = f"{whole}.{part:0<{self.decimals}}"
        code = text.zfill(self.digits) if text.isdecimal() else text
        why = self.shown_otherwise[0 if value > 0 else 1 if value < 0 else 2]
        return FormattedFigure(text, number, "%" if self.percent else self.unit, code, why)


def number_format(code: str) -> NumberFormat | None:
    """None: it shows numbers as they are."""
    sections = _sections(code[:_MAX_CODE])
    section = sections[0]
    plain = _LITERAL.sub("", section)
    match = _DECIMALS.search(plain)
    decimals = min(len(match[1]), _MAX_DECIMALS) if match else 0
    found = NumberFormat(
        decimals,
        "%" in plain,
        _unit(section),
        len(plain) if _ZEROS.fullmatch(plain) else 0,
    )
    if "E" in plain:
        found = _AS_THEY_ARE
    found = found._replace(shown_otherwise=_shown_otherwise(sections))
    return None if found == _AS_THEY_ARE else found


_AS_THEY_ARE: Final = NumberFormat(0, False, "", 0)


def _sections(code: str) -> list[str]:
    """What semicolons separate that are no part of a text."""
    sections, start = [], 0
    while start <= len(code) and (match := _SECTION.match(code, start)):
        sections.append(match[0])
        start = match.end() + 1
    return sections


def _shown_otherwise(sections: list[str]) -> tuple[str, str, str]:
    """Of positive numbers, negative ones and zero."""
    if len(sections) == 1 and not sections[0]:
        return ("", "", "")
    reasons = [_why_otherwise(section) for section in sections[:3]]
    if any(map(_CONDITION.search, sections)):
        # Which section holds depends on the number; a table has small and large ones.
        reason = next(filter(None, reasons), "")
        return (reason, reason, reason)
    negative, zero = (reasons[place] if place < len(reasons) else reasons[0] for place in (1, 2))
    return (reasons[0], negative, zero)


def _why_otherwise(section: str) -> str:
    plain, shown = _LITERAL.sub("", section), _literals(section)
    if match := _THOUSANDTHS.search(plain):
        return f"is shown divided by {1000 ** len(match[1]):,}"
    if plain.count("%") > 1:
        return f"is shown multiplied by {100 ** plain.count('%'):,}"
    if match := _NOT_ONES.search(shown):
        return f"is shown in {shown}"
    if plain.strip() or _DIGIT_PLACE.search(plain):
        return ""
    if not shown:
        return "is not shown"
    # A dash in the place of a zero is how accounts write it.
    return f"is shown as {shown}" if any(map(str.isalpha, shown)) else ""


def _unit(section: str) -> str:
    """As it is shown, also if it is none that is known. Other words before the number are no part of it."""
    shown, behind = _literals(section), _literals(_BEFORE_NUMBER.sub("", section, count=1))
    if unit_of(shown) is None and unit_of(behind) is not None:
        before = shown.removesuffix(behind)
        shown = shown if _PRICED.search(before) else behind
    return shown if unit_of(shown) or _PRICED.search(shown) else ""


def _literals(section: str) -> str:
    return "".join(next(filter(None, each), "") for each in _LITERAL.findall(section)).strip()


class NumberFormats:
    """The formats of the cells of one sheet; of cells with General, dates or text there is none."""

    def __init__(self, formats: Mapping[int, NumberFormat]) -> None:
        self._formats = list(dict.fromkeys(formats.values()))[:_MAX_FORMATS]
        self._codes = {
            b"%d" % style: self._formats.index(each) + 1
            for style, each in formats.items()
            if each in self._formats
        }
        self._columns: dict[int, bytearray] = {}

    def __bool__(self) -> bool:
        return bool(self._columns)

    def read(self, cells: list[tuple[bytes, bytes, bytes]]) -> None:
        """Column, row and style of each."""
        codes = self._codes
        for letters, digits, style in cells:
            if code := codes.get(style):
                self._set(column_number(letters.upper()) - 1, int(digits) - 1, code)

    def refuse(self, styles: set[bytes]) -> None:
        """Of cells without addresses. Raises UnreadableFile if one of them changes what a number means."""
        shown = (self._formats[code - 1] for style in styles if (code := self._codes.get(style)))
        if any(each.percent or each.unit or each.digits or any(each.shown_otherwise) for each in shown):
            raise UnreadableFile(
                "cells with a unit, a percentage or leading zeros have no addresses; save the workbook again with a spreadsheet program"
            )

    def _set(self, column: int, row: int, code: int) -> None:
        found = self._columns.setdefault(column, bytearray())
        if row >= len(found):
            found.extend(bytes(max(row + 1 - len(found), len(found), _LEAST)))
        found[row] = code

    def shown(self, row: int, first_column: int, values: Sequence[object], texts: list[str | None]) -> None:
        """Replaces texts of numbers by those with a format. Row and columns are counted from 0."""
        for column, codes in self._columns.items():
            place = column - first_column
            if row < len(codes) and codes[row] and 0 <= place < len(values):
                value, text = values[place], texts[place]
                if isinstance(value, int | float) and not isinstance(value, bool) and text is not None:
                    texts[place] = self._formats[codes[row] - 1].shown(value, text)


_LEAST: Final = 1_000


def number_formats(archive: zipfile.ZipFile, part: str) -> NumberFormats | None:
    """Of the sheet in a part; None if no cell can have one. Raises UnreadableFile, also for formats that cannot be read: a
    percentage would be another number.
    """
    try:
        formats = dict(_formats(archive))
    except KeyError:
        return None
    except _NOT_READ as error:
        raise UnreadableFile(f"the formats of the cells cannot be read: {error}; {_SAVE_AGAIN}") from None
    return _read(archive, part, formats) if formats else None


_NOT_READ: Final = (expat.ExpatError, ValueError, TypeError)
_SAVE_AGAIN: Final = "save the workbook again with a spreadsheet program"


def _read(archive: zipfile.ZipFile, part: str, formats: Mapping[int, NumberFormat]) -> NumberFormats:
    found, tags, rest = NumberFormats(formats), PlainTags(), b""
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            data = rest + chunk
            end = data.rfind(b">") + 1
            data, rest = tags.of(data[:end]), data[end:][-_MAX_TAG:]
            found.read(_CELL.findall(data))
            found.refuse(set(_WITHOUT_ADDRESS.findall(data)))
    return found


_MAX_TAG: Final = 2**17


def _formats(archive: zipfile.ZipFile) -> Iterator[tuple[int, NumberFormat]]:
    """By index of the cell format."""
    elements = _elements(archive, "xl/styles.xml")
    codes = {
        int(each.get("numFmtId", "0")): each.get("formatCode", "")
        for _, name, each in elements
        if name == "numFmt"
    }
    cell_formats = [each for parent, name, each in elements if (parent, name) == ("cellXfs", "xf")]
    for style, each in enumerate(cell_formats):
        number = int(each.get("numFmtId", "0"))
        found = number_format(codes.get(number) or _BUILT_IN.get(number, ""))
        if found is not None:
            yield style, found


def parts_of_sheets(archive: zipfile.ZipFile) -> dict[str, str]:
    """The part of each sheet by its name. Raises UnreadableFile."""
    try:
        return dict(_parts(archive))
    except KeyError:
        return {}
    except _NOT_READ as error:
        raise UnreadableFile(f"the sheets of the workbook cannot be read: {error}; {_SAVE_AGAIN}") from None


def _parts(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    related = _elements(archive, "xl/_rels/workbook.xml.rels")
    targets = {each.get("Id"): each.get("Target", "") for _, name, each in related if name == "Relationship"}
    # For programs, and for the reader, small letters and capitals are the same.
    parts = {part.lower(): part for part in archive.namelist()}
    for _, name, each in _elements(archive, "xl/workbook.xml"):
        if name == "sheet" and (target := targets.get(each.get("id"))):
            path = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
            if part := parts.get(path.lower()):
                yield each.get("name", ""), part


_Element = tuple[str, str, dict[str, str]]  # name of its parent, name, attributes; without prefixes
_READ: Final = frozenset({"numFmt", "xf", "sheet", "Relationship"})
_ATTRIBUTES: Final = frozenset({"numFmtId", "formatCode", "name", "id", "Id", "Target"})


def _elements(archive: zipfile.ZipFile, part: str) -> list[_Element]:
    """Raises ValueError, ExpatError, and KeyError if there is no such part."""
    info = next((each for each in archive.infolist() if each.filename.lower() == part.lower()), None)
    if info is None:
        raise KeyError(part)
    if info.file_size > _MAX_BYTES:
        raise ValueError(f"{part} is too large")
    found: list[_Element] = []
    parents = [""]

    def on_start(name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if len(found) > _MAX_ELEMENTS or len(parents) > _MAX_DEPTH:
            raise ValueError(f"{part} is too large")
        if name in _READ:
            plain = {key.rpartition(":")[2]: text for key, text in attributes.items()}
            found.append((parents[-1], name, {key: plain[key] for key in plain.keys() & _ATTRIBUTES}))
        parents.append(name)

    def on_doctype(*_: object) -> None:
        raise ValueError("a document type declaration")

    parser = expat.ParserCreate()
    parser.StartElementHandler = on_start
    parser.EndElementHandler = lambda name: parents.pop()
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = on_doctype
    with archive.open(info) as stream:
        parser.Parse(stream.read(_MAX_BYTES), True)
    return found


_MAX_ELEMENTS: Final = 200_000  # a workbook has at most 65,490 formats of cells, and as many of styles
_MAX_DEPTH: Final = 100


def column_number(letters: bytes) -> int:
    """A is 1."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
