"""Marks of footnotes in a workbook: 58,20 and a raised 1 behind it are one text, which readers give as 58,201."""

import re
import zipfile
from collections.abc import Iterator
from typing import Final
from xml.parsers import expat

from app.importers.records import UnreadableFile

RAISED: Final = b"superscript"
_RAISED_DIGITS: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_PREFIX: Final = rb"(?:[A-Za-z_][A-Za-z0-9_.-]{0,30}:)?"
_BEGIN: Final = re.compile(rb"<" + _PREFIX + rb"(?:si|is)[\s>]")  # of a text of the workbook, or of a cell
_END: Final = re.compile(rb"</" + _PREFIX + rb"(?:si|is)\s{0,9}>")
_MAX_TEXT: Final = 2**20  # bytes of XML; a cell has 32,767 characters
_MAX_PREFIX: Final = 32
_MOST: Final = 50_000  # texts of a part
_ESCAPED: Final = re.compile("_x([0-9A-Fa-f]{4})_")  # as _x000D_ for a carriage return
_LONGEST: Final = 200  # of figures, which later parts of the import read


def raised_digits(archive: zipfile.ZipFile, parts: list[str]) -> dict[str, str]:
    """Texts of which raised digits touch others, and the same with digits that are raised, as ¹. Raises UnreadableFile."""
    found: dict[str, str] = {}
    for text in (text for part in parts for text in _texts(archive, part)):
        plain, shown = _read(text)
        if plain != shown and len(plain) <= _LONGEST:
            found[plain] = shown
    return found


def _texts(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """Those with raised characters, with their tags."""
    data = bytearray()  # by pieces: reading at once holds them twice
    with archive.open(part) as stream:
        while chunk := stream.read(2**20):
            data += chunk
    done = count = 0
    for mark in re.finditer(RAISED, data):
        if mark.start() < done:
            continue
        count += 1
        if count > _MOST:
            raise UnreadableFile(f"more than {_MOST:,} texts have raised characters; save the sheet as CSV")
        begin = _last_begin(data, done, mark.start())
        end = _END.search(data, begin) if begin >= 0 else None
        if begin >= 0 and (end is None or end.end() - begin > _MAX_TEXT):
            raise UnreadableFile(f"a text of {part} is too long; save the sheet as CSV")
        done = mark.end()
        if end is not None and end.end() > done:
            done = end.end()
            yield bytes(data[begin:done])


def _last_begin(data: bytearray, first: int, last: int) -> int:
    """Where the last text before a place begins; -1: there is none. Faster than the pattern alone by far."""
    found = -1
    for letters in (b"<si", b"<is", b":si", b":is"):
        place = last
        while (place := data.rfind(letters, max(first, found), place)) >= 0:
            tag = data.rfind(b"<", max(first, place - _MAX_PREFIX), place + 1)
            if tag >= 0 and _BEGIN.match(data, tag):
                found = max(found, tag)
                break
    return found


def _read(text: bytes) -> tuple[str, str]:
    """As the reader gives it, and as it is shown."""
    runs: list[tuple[str, bool]] = []
    tag = ""  # the last that was opened, until one is closed
    raised = phonetic = False

    def on_start(name: str, attributes: dict[str, str]) -> None:
        nonlocal tag, raised, phonetic
        tag = name = name.rpartition(":")[2]
        if name == "r":
            raised = False
        elif name == "rPh":
            phonetic = True
        elif name == "vertAlign":
            raised = attributes.get("val") == RAISED.decode()

    def on_end(name: str) -> None:
        nonlocal tag, phonetic
        tag = ""
        if name.rpartition(":")[2] == "rPh":
            phonetic = False

    def on_text(characters: str) -> None:
        if tag == "t" and not phonetic:
            runs.append((_ESCAPED.sub(lambda match: chr(int(match[1], 16)), characters), raised))

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = on_start
    parser.EndElementHandler = on_end
    parser.CharacterDataHandler = on_text
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise UnreadableFile(f"a text of the workbook cannot be read: {error}") from None
    plain = "".join(characters for characters, _ in runs)
    shown = "".join(
        characters.translate(_RAISED_DIGITS) if raised and _touches(runs, n) else characters
        for n, (characters, raised) in enumerate(runs)
    )
    return plain, shown


def _touches(runs: list[tuple[str, bool]], n: int) -> bool:
    """Whether a run begins or ends with a digit beside one that is not raised. Cents behind a comma are no footnote."""
    text = runs[n][0]
    before = runs[n - 1][0] if n and not runs[n - 1][1] else ""
    behind = runs[n + 1][0] if n + 1 < len(runs) and not runs[n + 1][1] else ""
    return (text[:1].isdigit() and before[-1:].isdigit()) or (text[-1:].isdigit() and behind[:1].isdigit())
