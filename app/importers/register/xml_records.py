"""Reads the records of one XML file of the register as a stream, in bounded memory.

A record is an element with one child element per field. The export is UTF-16; other encodings that XML allows are
read as well.
"""

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Final, TypeAlias
from xml.parsers import expat

# The fields of a record, in the order in which they were asked for; "" for one that it lacks.
Record: TypeAlias = list[str]

_BYTES_PER_CHUNK: Final = 256 * 1024
# The parser holds an unfinished tag, comment or attribute in memory.
_MAX_TOKEN_BYTES: Final = 4 * 2**20
_MAX_FIELD_LENGTH: Final = 10_000
# Repairable: the register's export is known to hold characters that XML does not allow.
_FORBIDDEN_CHARACTER: Final = frozenset((expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN],
    expat.errors.codes[expat.errors.XML_ERROR_BAD_CHAR_REF]))  # fmt: skip


class UnreadableXml(Exception):
    """The message states the line and what is wrong."""


class ForbiddenCharacter(UnreadableXml):
    """The file may be readable without the characters that XML does not allow."""


def read_records(
    stream: BinaryIO,
    element: str,
    fields: Sequence[str],
    *,
    without_forbidden_characters: bool = False,
    on_bytes: Callable[[int], None] = lambda count: None,
) -> Iterator[Record]:
    """The children `fields` of each `element`. Raises UnreadableXml, also for any document type declaration: entities
    can only be declared there, and the export has none.
    """
    parser = expat.ParserCreate("utf-8") if without_forbidden_characters else expat.ParserCreate()
    found = _collect(parser, element, fields)
    chunks = _chunks(stream, on_bytes)
    fed = 0
    try:
        for chunk in _repaired(chunks) if without_forbidden_characters else chunks:
            parser.Parse(chunk, False)
            fed += len(chunk)
            if fed - parser.CurrentByteIndex > _MAX_TOKEN_BYTES:
                raise UnreadableXml(
                    f"line {parser.CurrentLineNumber}: a tag, comment or instruction has no end"
                )
            yield from map(_stripped, found[:-1])
            del found[:-1]  # the last one may be incomplete
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        kind = ForbiddenCharacter if error.code in _FORBIDDEN_CHARACTER else UnreadableXml
        raise kind(f"line {error.lineno}: {expat.ErrorString(error.code)}") from None
    yield from map(_stripped, found)


def _stripped(record: Record) -> Record:
    return [text.strip() for text in record]


def _collect(parser: expat.XMLParserType, element: str, fields: Sequence[str]) -> list[Record]:
    """The list to which the parser adds each record.

    No handler of end tags: a call for each of a record's sixty fields would take a third of the time. What follows a
    field up to the next start tag is the white space between elements, which `_stripped` removes.
    """
    found: list[Record] = []
    places = {spelling: place for place, field in enumerate(fields) for spelling in _spellings(field)}
    width = len(fields)
    record: Record = []
    place = -1

    def on_start(name: str, attributes: object) -> None:
        nonlocal record, place
        if name == element:
            record = [""] * width
            found.append(record)
            place = -1
        else:
            place = places.get(name, -1)
        parser.CharacterDataHandler = on_text if place >= 0 and record else None

    def on_text(text: str) -> None:
        record[place] += text
        if len(record[place]) > _MAX_FIELD_LENGTH:
            raise UnreadableXml(
                f"line {parser.CurrentLineNumber}: a field has more than {_MAX_FIELD_LENGTH:,} characters"
            )

    def on_doctype(*_: object) -> None:
        raise UnreadableXml(
            f"line {parser.CurrentLineNumber}: a document type declaration, which the register's export never has"
        )

    parser.buffer_text = True
    parser.ordered_attributes = True  # an empty list takes less time than an empty dict
    parser.StartElementHandler = on_start
    parser.StartDoctypeDeclHandler = on_doctype
    parser.EntityDeclHandler = on_doctype
    return found


def _spellings(field: str) -> set[str]:
    """The export writes MaStR in two ways, and has changed it between versions."""
    return {field, field.replace("Mastr", "MaStR"), field.replace("MaStR", "Mastr")}


def _chunks(stream: BinaryIO, on_bytes: Callable[[int], None]) -> Iterator[bytes]:
    while chunk := stream.read(_BYTES_PER_CHUNK):
        on_bytes(len(chunk))
        yield chunk


_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE: Final = re.compile("&#(?:x([0-9A-Fa-f]{1,8})|([0-9]{1,10}));")
_LONGEST_REFERENCE: Final = len("&#1234567890;")


def _repaired(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same text as UTF-8, without characters and references to characters that XML does not allow."""
    decoder: codecs.IncrementalDecoder | None = None
    pending = ""
    for chunk in chunks:
        decoder = decoder or codecs.getincrementaldecoder(_encoding(chunk))(errors="replace")
        text = pending + decoder.decode(chunk)
        # A reference may be divided between two chunks.
        start = text.rfind("&", max(0, len(text) - _LONGEST_REFERENCE))
        pending = text[start:] if start >= 0 else ""
        yield _allowed(text[:start] if start >= 0 else text)
    rest = decoder.decode(b"", True) if decoder else ""
    yield _allowed(pending + rest)


def _encoding(start: bytes) -> str:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if start[:2] == b"<\x00":
        return "utf-16-le"
    return "utf-16-be" if start[:2] == b"\x00<" else "utf-8-sig"


def _allowed(text: str) -> bytes:
    return _REFERENCE.sub(_allowed_reference, _FORBIDDEN.sub("", text)).encode()


def _allowed_reference(match: re.Match[str]) -> str:
    number = int(match[1], 16) if match[1] else int(match[2])
    allowed = (
        number in (9, 10, 13)
        or 32 <= number < 0xD800
        or 0xDFFF < number < 0xFFFE
        or 0xFFFF < number < 0x110000
    )
    return match[0] if allowed else ""
