"""Reads the records of one XML file of the register as a stream, in bounded memory.

A record is an element with one child element per field. The export is UTF-16; other encodings that XML allows are
read as well.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Final, NoReturn, TypeAlias
from xml.parsers import expat

from app.importers.register.forbidden_characters import repaired

# The fields of a record, in the order in which they were asked for; "" for one that it lacks.
Record: TypeAlias = list[str]

_BYTES_PER_CHUNK: Final = 256 * 1024
# The parser holds an unfinished tag, comment or attribute in memory.
_MAX_TOKEN_BYTES: Final = 4 * 2**20
_MAX_FIELD_LENGTH: Final = 10_000
# A table has about sixty fields, and three levels of elements.
_MAX_NAMES: Final = 1_000
_MAX_DEPTH: Final = 20
_UNSEEN: Final = -2
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
    can only be declared there, and the export has none; and for a file with other elements, but none of these.
    """
    parser = expat.ParserCreate("utf-8") if without_forbidden_characters else expat.ParserCreate()
    found, others, check_depth = _collect(parser, element, fields)
    chunks = _chunks(stream, on_bytes)
    fed = 0
    try:
        for chunk in repaired(chunks) if without_forbidden_characters else chunks:
            parser.Parse(chunk, False)
            fed += len(chunk)
            if fed - parser.CurrentByteIndex > _MAX_TOKEN_BYTES:
                raise UnreadableXml(
                    f"line {parser.CurrentLineNumber}: a tag, comment or instruction has no end"
                )
            check_depth()
            yield from map(_stripped, found[:-1])
            del found[:-1]  # the last one may be incomplete
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        kind = ForbiddenCharacter if error.code in _FORBIDDEN_CHARACTER else UnreadableXml
        raise kind(f"line {error.lineno}: {expat.ErrorString(error.code)}") from None
    if (
        not found and len(others) > 1
    ):  # the last record stays in the list; the first other name is that of the root
        raise UnreadableXml(
            f"no element is named {element}, so it is another table or no file of the register"
        )
    yield from map(_stripped, found)


def _stripped(record: Record) -> Record:
    return [text.strip() for text in record]


def _collect(
    parser: expat.XMLParserType, element: str, fields: Sequence[str]
) -> tuple[list[Record], set[str], Callable[[], None]]:
    """The list to which the parser adds each record, the names of elements that are neither records nor fields, and a check of
    the depth of elements for the end of each chunk.

    Closing tags are only counted, by `closed.append`: a handler in Python would be called as often again as that of opening
    tags. So the text of a field goes up to the next opening tag, and `_stripped` removes the white space between elements.
    """
    found: list[Record] = []
    # Also of the other names: the parser keeps every name that it has seen, so their number is bounded.
    places = {spelling: place for place, field in enumerate(fields) for spelling in _spellings(field)}
    others: set[str] = set()
    attribute_names: set[str] = set()
    width = len(fields)
    record: Record = []
    place = -1
    opened = depth = 0
    closed: list[str] = []

    def on_start(name: str, attributes: list[str]) -> None:
        nonlocal record, place, opened
        opened += 1
        if name == element:
            record = [""] * width
            found.append(record)
            place = -1
        else:
            place = places.get(name, _UNSEEN)
        parser.CharacterDataHandler = on_text if place >= 0 and record else None
        if place == _UNSEEN or attributes:
            check_names(name, attributes)

    def check_names(name: str, attributes: list[str]) -> None:
        if name != element and name not in places:
            places[name] = -1
            others.add(name)
        attribute_names.update(attributes[::2])
        if len(places) + len(attribute_names) > _MAX_NAMES:
            refuse(f"more than {_MAX_NAMES:,} names of elements and attributes")

    def check_depth() -> None:
        nonlocal opened, depth
        depth += opened - len(closed)
        opened = 0
        closed.clear()
        if depth > _MAX_DEPTH:
            refuse(f"more than {_MAX_DEPTH} elements within each other")

    def on_text(text: str) -> None:
        record[place] += text
        if len(record[place]) > _MAX_FIELD_LENGTH:
            refuse(f"a field has more than {_MAX_FIELD_LENGTH:,} characters")

    def on_doctype(*_: object) -> None:
        refuse("a document type declaration, which the register's export never has")

    def refuse(reason: str) -> NoReturn:
        raise UnreadableXml(f"line {parser.CurrentLineNumber}: {reason}")

    parser.buffer_text = True
    parser.ordered_attributes = True  # an empty list takes less time than an empty dict
    parser.StartElementHandler = on_start
    parser.EndElementHandler = closed.append
    parser.StartDoctypeDeclHandler = on_doctype
    parser.EntityDeclHandler = on_doctype
    return found, others, check_depth


def _spellings(field: str) -> set[str]:
    """The export writes MaStR in two ways, and has changed it between versions."""
    return {field, field.replace("Mastr", "MaStR"), field.replace("MaStR", "Mastr")}


def _chunks(stream: BinaryIO, on_bytes: Callable[[int], None]) -> Iterator[bytes]:
    while chunk := stream.read(_BYTES_PER_CHUNK):
        on_bytes(len(chunk))
        yield chunk
