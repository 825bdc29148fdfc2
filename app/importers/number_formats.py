"""How a workbook shows its numbers: 58.2 as 58.20, 0.19 as 19 %, 4.71 with the unit ct/kWh, 1067 as 01067, or struck through
(ECMA-376, 18.4.10, 18.8.30 and 18.8.31)."""

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple
from xml.parsers import expat

from app.importers.decimals import FormattedFigure, StruckFigure
from app.importers.problems import shown
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
_LITERAL: Final = re.compile(
    r'"([^"]*)"|\[\$([^\]-]*)[^\]]*\]|\\(.)|[_*].|\[(?![hmsHMS]+\])[^\]]*\]|([€$£/‰‱])'
)
_BEFORE_NUMBER: Final = re.compile(rf"\A(?:{_LITERAL.pattern}|[^0#?])*")
PRICED: Final = re.compile(r"[€$£]|eur|\bct|cent", re.IGNORECASE)
_POWER: Final = re.compile(r"[kmg]?(?:w|va)[ (]?(?:p|peak|e|el|th)?\.?\)?", re.IGNORECASE)
_DECIMALS: Final = re.compile(r"\.(0+)")
_ZEROS: Final = re.compile("0{4,15}")  # of codes
_SECTION: Final = re.compile(r"""(?:"[^"]*"?|\[[^\]]*\]?|[\\_*].|[^;])*""", re.DOTALL)
_CONDITION: Final = re.compile(r"\[\s*[<>=]")
# A comma behind the last place of a digit divides what is shown by a thousand; one between two groups them.
_THOUSANDTHS: Final = re.compile(r"[0#?](,+)(?![,0#?])")
_NOT_ONES: Final = re.compile(r"[‰‱]|\b(?:pro|per)\s?mille?\b|\b(?:tsd|tds|tausend|mio|mrd)\b", re.IGNORECASE)
# Of numbers, days and times.
_DIGIT_PLACE: Final = re.compile("[0#?@dmyhs]|general", re.IGNORECASE)
# Of a cell its address and its style, in any order.
_CELL: Final = re.compile(
    rb"""<c(?=\s[^<>]{0,300}?\br\s{0,9}=\s{0,9}["']([A-Za-z]{1,3})([0-9]{1,7})["'])(?=\s[^<>]{0,300}?\bs\s{0,9}=\s{0,9}["']([0-9]{1,5})["'])"""
)
# The style of a cell whose address is to be counted, and that is not empty.
_WITHOUT_ADDRESS: Final = re.compile(
    rb"""<c\s(?![^<>]{0,300}?\br\s{0,9}=)(?![^<>]{0,300}/>)[^<>]{0,300}?\bs\s{0,9}=\s{0,9}["']([0-9]{1,5})["']"""
)
_CHUNK: Final = 2**20
# Of the parts that list formats or sheets; workbooks that were copied for years have thousands of them.
_MAX_BYTES: Final = 2**26
_MAX_ELEMENTS: Final = 500_000  # two seconds
_MAX_FORMATS: Final = 255  # of a sheet; Excel has no more in a workbook
_MAX_CODE: Final = 255  # characters; Excel has no longer ones
_MAX_DECIMALS: Final = 15


class NumberFormat(NamedTuple):
    decimals: int
    percent: bool
    unit: str
    digits: int  # of a code, with zeros before it, as of postal codes
    # Why what is shown of positive numbers, negative ones and zero is another number than that of the cell; empty: it is not.
    shown_otherwise: tuple[str, str, str] = ("", "", "")
    struck: bool = False  # through, whatever stands in the cell

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
    if any(map(_CONDITION.search, sections)):
        # Which section holds depends on the number: one scale must hold for small and large ones, and words stand for a few.
        reason = next(filter(None, map(_scale, sections)), "")
        return (reason, reason, reason)
    reasons = [_why_otherwise(section) for section in sections[:3]]
    negative, zero = (reasons[place] if place < len(reasons) else reasons[0] for place in (1, 2))
    return (reasons[0], negative, zero)


def _scale(section: str) -> str:
    """How the number that is shown differs from that of the cell; empty: it does not."""
    plain, shown = _LITERAL.sub("", section), _literals(section)
    if match := _THOUSANDTHS.search(plain):
        return f"is shown divided by {1000 ** len(match[1]):,}"
    if plain.count("%") > 1:
        return f"is shown multiplied by {100 ** plain.count('%'):,}"
    return f"is shown in {shown}" if _NOT_ONES.search(shown) else ""


def _why_otherwise(section: str) -> str:
    if (reason := _scale(section)) or _DIGIT_PLACE.search(_LITERAL.sub("", section)):
        return reason
    shown = _LITERAL.sub(lambda literal: "".join(filter(None, literal.groups())), section).strip()
    if not shown:
        return "is not shown"
    # A dash in the place of a zero is how accounts write it.
    return f"is shown as {shown}" if any(map(str.isalpha, shown)) else ""


def _unit(section: str) -> str:
    """As it is shown, also if it is none that is known. Other words before the number are no part of it."""
    shown, behind = _literals(section), _literals(_BEFORE_NUMBER.sub("", section, count=1))
    if not _is_unit(shown) and _is_unit(behind):
        before = shown.removesuffix(behind)
        shown = shown if PRICED.search(before) else behind
    return shown if _is_unit(shown) or PRICED.search(shown) else ""


def _is_unit(text: str) -> bool:
    return unit_of(text) is not None or _POWER.fullmatch(text) is not None


def _literals(section: str) -> str:
    return "".join(next(filter(None, each), "") for each in _LITERAL.findall(section)).strip()


class Style(NamedTuple):
    """Of cells: the code of their format, empty for General; and whether their font is struck through."""

    code: str = ""
    struck: bool = False


class NumberFormats:
    """The formats of the cells of one sheet; of cells with General, dates or text there is none, unless they are struck through.

    `styles`: those that may show a cell otherwise. Only those that the sheet uses are read.
    """

    def __init__(self, styles: Mapping[int, Style]) -> None:
        self._styles = styles
        self._formats: list[NumberFormat | None] = [None]
        self._places = {Style(): 0}  # in `_formats`
        self._by_style: dict[bytes, int] = {}
        self._columns: dict[int, bytearray] = {}

    def __bool__(self) -> bool:
        return bool(self._columns)

    def read(self, cells: list[tuple[bytes, bytes, bytes]]) -> None:
        """Column, row and style of each. Raises UnreadableFile."""
        known = self._by_style
        for letters, digits, style in cells:
            if (place := known.get(style)) is None:
                place = self._place(style)
            if place:
                self._set(column_number(letters.upper()) - 1, int(digits) - 1, place)

    def _place(self, style: bytes) -> int:
        """Of the style's format; 0: it shows numbers as they are."""
        shown = self._styles.get(int(style), Style())
        if shown not in self._places:
            if len(self._places) > _MAX_FORMATS:
                raise UnreadableFile(
                    f"a sheet has more than {_MAX_FORMATS} formats of numbers; save it as CSV"
                )
            found = number_format(shown.code)
            if shown.struck:
                found = (found or _AS_THEY_ARE)._replace(struck=True)
            self._places[shown] = len(self._formats) if found else 0
            if found:
                self._formats.append(found)
        return self._by_style.setdefault(style, self._places[shown])

    def refuse(self, styles: set[bytes]) -> None:
        """Of cells without addresses. Raises UnreadableFile if one of them changes what a number means."""
        shown = filter(None, (self._formats[self._place(style)] for style in styles))
        if any(
            each.percent or each.unit or each.digits or each.shown_otherwise[0] or each.struck
            for each in shown
        ):
            raise UnreadableFile(
                f"cells whose format changes what a number means have no addresses; {_SAVE_AGAIN}"
            )

    def _set(self, column: int, row: int, place: int) -> None:
        found = self._columns.setdefault(column, bytearray())
        if row >= len(found):
            found.extend(bytes(max(row + 1 - len(found), len(found), _LEAST)))
        found[row] = place

    def shown(self, row: int, first_column: int, values: Sequence[object], texts: list[str | None]) -> None:
        """Replaces texts of numbers by those with a format, and any that is struck through. Row and columns are counted from 0."""
        for column, codes in self._columns.items():
            place = column - first_column
            if row < len(codes) and codes[row] and 0 <= place < len(values):
                value, text, found = values[place], texts[place], self._formats[codes[row]]
                assert found is not None
                if found.struck and text:
                    texts[place] = StruckFigure(text)
                elif isinstance(value, int | float) and not isinstance(value, bool) and text is not None:
                    texts[place] = found.shown(value, text)


_LEAST: Final = 1_000


def number_formats(archive: zipfile.ZipFile, part: str) -> NumberFormats | None:
    """Of the sheet in a part; None if no cell can have one. Raises UnreadableFile, also for formats that cannot be read: a
    percentage would be another number.
    """
    try:
        styles = _styles(archive)
    except KeyError:
        return None
    except _NOT_READ as error:
        raise UnreadableFile(f"the formats of the cells cannot be read: {error}; {_SAVE_AGAIN}") from None
    return _read(archive, part, styles) if styles else None


_NOT_READ: Final = (expat.ExpatError, ValueError, TypeError)
_SAVE_AGAIN: Final = "save the workbook again with a spreadsheet program"


def _read(archive: zipfile.ZipFile, part: str, styles: Mapping[int, Style]) -> NumberFormats:
    found, tags, rest = NumberFormats(styles), PlainTags(), b""
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            data = rest + chunk
            end = data.rfind(b">") + 1
            data, rest = tags.of(data[:end]), data[end:][-_MAX_TAG:]
            found.read(_CELL.findall(data))
            found.refuse(set(_WITHOUT_ADDRESS.findall(data)))
    return found


_MAX_TAG: Final = 2**17


def _styles(archive: zipfile.ZipFile) -> dict[int, Style]:
    """By index of the cell format, of those that may show a cell otherwise."""
    codes = dict(_BUILT_IN)
    used = []  # of each cell format its number format and its font
    fonts: list[bool] = []  # whether it is struck through
    for name, each in _elements(archive, "xl/styles.xml"):
        if name == "xf":
            used.append((int(each.get("numFmtId", "0")), int(each.get("fontId", "0"))))
        elif name == "numFmt" and (code := each.get("formatCode", "")):
            codes[int(each.get("numFmtId", "0"))] = code
        elif name == "font":
            fonts.append(False)
        elif name == "strike" and fonts:
            fonts[-1] = each.get("val", "1") in {"1", "true"}
    shown = (Style(codes.get(number, ""), font < len(fonts) and fonts[font]) for number, font in used)
    return {index: style for index, style in enumerate(shown) if style != Style()}


def parts_of_sheets(archive: zipfile.ZipFile) -> dict[str, str]:
    """The part of each sheet by its `plain_name`. Raises UnreadableFile."""
    try:
        found: dict[str, str] = {}
        for name, part in _parts(archive):
            if found.setdefault(plain_name(name), part) != part:
                raise ValueError(f"there are two sheets {shown(name)}")
        return found
    except KeyError:
        return {}
    except _NOT_READ as error:
        raise UnreadableFile(f"the sheets of the workbook cannot be read: {error}; {_SAVE_AGAIN}") from None


def plain_name(name: str) -> str:
    """Raw white space in an attribute is blanks, but not for every reader."""
    return _WHITE_SPACE.sub(" ", name)


_WHITE_SPACE: Final = re.compile(r"\r\n|[\t\r\n]")


def _parts(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    related = _elements(archive, "xl/_rels/workbook.xml.rels")
    targets = {each.get("Id"): each.get("Target", "") for name, each in related if name == "Relationship"}
    # For programs, and for the reader, small letters and capitals are the same.
    parts = {part.lower(): part for part in archive.namelist()}
    for name, each in _elements(archive, "xl/workbook.xml"):
        if name == "sheet" and (target := targets.get(each.get("id"))):
            path = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
            if part := parts.get(path.lower()):
                yield each.get("name", ""), part


_Element = tuple[str, dict[str, str]]  # name and attributes, without prefixes
_READ: Final = frozenset({"numFmt", "sheet", "Relationship"})
_ATTRIBUTES: Final = frozenset({"numFmtId", "fontId", "formatCode", "name", "id", "Id", "Target", "val"})
# Others by what they stand in: there are also those of styles that are named, and of conditions.
_READ_IN: Final = {
    "xf": ("styleSheet", "cellXfs"),
    "font": ("styleSheet", "fonts"),
    "strike": ("fonts", "font"),
}


def _elements(archive: zipfile.ZipFile, part: str) -> list[_Element]:
    """Of `_READ` and `_READ_IN`. Raises UnreadableFile, ValueError, ExpatError, and KeyError if there is no such part."""
    info = next((each for each in archive.infolist() if each.filename.lower() == part.lower()), None)
    if info is None:
        raise KeyError(part)
    too_large = UnreadableFile(f"{part} is too large; copy the sheet into a new workbook")
    if info.file_size > _MAX_BYTES:
        raise too_large
    found: list[_Element] = []
    parents = [""]
    count = size = 0

    def on_start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > _MAX_ELEMENTS or len(parents) > _MAX_DEPTH:
            raise too_large
        name = name.rpartition(":")[2]
        if name in _READ or _READ_IN.get(name) == tuple(parents[-2:]):
            plain = {key.rpartition(":")[2]: text for key, text in attributes.items()}
            found.append((name, {key: plain[key] for key in plain.keys() & _ATTRIBUTES}))
        parents.append(name)

    def on_doctype(*_: object) -> None:
        raise ValueError("a document type declaration")

    parser = expat.ParserCreate()
    parser.StartElementHandler = on_start
    parser.EndElementHandler = lambda name: parents.pop()
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = on_doctype
    with archive.open(info) as stream:
        while chunk := stream.read(_MAX_TAG):
            parser.Parse(chunk, False)
            size += len(chunk)
            if size - parser.CurrentByteIndex > 2 * _MAX_TAG:
                raise too_large  # one tag: it would be read again with every chunk
        parser.Parse(b"", True)
    return found


_MAX_DEPTH: Final = 100


def column_number(letters: bytes) -> int:
    """A is 1."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
