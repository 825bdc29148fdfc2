"""Records of JSON: one object per line, or an array of objects."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final, Never

from app.importers.decimals import Decimal, Figure
from app.importers.problems import Problem, RowLocation
from app.importers.records import Record, Table
from app.importers.text_lines import Lines

# Of one element in an array; elements are read one by one.
_MAX_ELEMENT: Final = 2**20  # characters
_PART: Final = 2**16


def ndjson_table(lines: Lines, file: str) -> Table:
    """Objects that span lines are read, too: then the first line is no whole object."""
    if lines.first().rstrip().endswith("}"):
        return Table(
            f"one JSON object per line, {lines.encoding}", None, _by_line(lines, file), Decimal.POINT
        )
    return Table(f"JSON objects, {lines.encoding}", None, _objects(_Text(lines), file), Decimal.POINT)


def json_table(lines: Lines, file: str) -> Table:
    return Table(f"JSON array, {lines.encoding}", None, _elements(_Text(lines), file), Decimal.POINT)


def _by_line(lines: Lines, file: str) -> Iterator[Record | Problem]:
    for line in lines:
        if not line.strip():
            continue
        location = RowLocation(file, lines.count)
        try:
            pairs = _DECODER.decode(line)
        except (ValueError, RecursionError) as error:
            yield Problem(location, f"the line is no JSON: {error}", value=line.strip())
            continue
        yield (
            _record(pairs, location)
            if isinstance(pairs, _Object)
            else Problem(location, "the line is no JSON object", value=line.strip())
        )


class _Text:
    """The text of a file from value to value; no more of it is held than one value needs."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._text = ""
        self._position = 0
        self.line = 1

    def next(self) -> str:
        """The next character that is no blank, without taking it; empty at the end."""
        while True:
            match = _BLANKS.match(self._text, self._position)
            self._take(match.end() if match else self._position)
            if self._position < len(self._text):
                return self._text[self._position]
            if not self._more():
                return ""

    def skip(self) -> None:
        self._take(self._position + 1)

    def value(self) -> object:
        """Raises ValueError and RecursionError."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._position)
            except ValueError as error:
                if len(self._text) - self._position > _MAX_ELEMENT:
                    raise ValueError(f"{_reason(error)}, within {_MAX_ELEMENT:,} characters") from None
                if not self._more():
                    raise ValueError(_reason(error)) from None
                continue
            if end == len(self._text) and self._more():
                continue  # a number may go on
            self._take(end)
            return value

    def _take(self, end: int) -> None:
        self.line += self._text.count("\n", self._position, end)
        self._position = end

    def _more(self) -> bool:
        part = self._lines.read(_PART)
        self._text = self._text[self._position :] + part
        self._position = 0
        return bool(part)


def _reason(error: ValueError) -> str:
    """Without the position, which is not that in the file."""
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


_BLANKS: Final = re.compile(r"[ \t\r\n]*")


def _elements(text: _Text, file: str) -> Iterator[Record | Problem]:
    """Each with the line on which it begins."""
    text.next()
    text.skip()
    more = text.next() != "]"
    while more:
        location = RowLocation(file, text.line)
        try:
            value = text.value()
        except (ValueError, RecursionError) as error:
            yield Problem(location, f"the file is no JSON from here on: {error}", whole_file=True)
            return
        yield _row(value, location)
        sign = text.next()
        if sign not in ("]", ","):
            yield Problem(
                RowLocation(file, text.line), "the file is no JSON array from here on", whole_file=True
            )
            return
        more = sign == ","
        if more:
            text.skip()
            text.next()
    text.skip()
    if text.next():
        yield Problem(RowLocation(file, text.line), "there is more behind the JSON array", whole_file=True)


def _objects(text: _Text, file: str) -> Iterator[Record | Problem]:
    while text.next():
        location = RowLocation(file, text.line)
        try:
            value = text.value()
        except (ValueError, RecursionError) as error:
            yield Problem(location, f"the file is no JSON from here on: {error}", whole_file=True)
            return
        yield _row(value, location)


def _row(value: object, location: RowLocation) -> Record | Problem:
    if isinstance(value, _Object):
        return _record(value, location)
    return Problem(location, "the element is no JSON object", value=str(value)[:_MAX_SHOWN])


_MAX_SHOWN: Final = 200


def _record(pairs: "_Object", location: RowLocation) -> Record:
    cells = [value if isinstance(value, str) else None for _, value in pairs]
    return Record(location, tuple([name for name, _ in pairs]), cells)


class _Object(list[tuple[str, object]]):
    """A JSON object as its pairs, so that a duplicate name is found; its scalars as CSV would write them."""


def _pairs(pairs: Iterable[tuple[str, object]]) -> _Object:
    return _Object(
        (name, value if isinstance(value, str | list) else _SCALARS[value]) for name, value in pairs
    )


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is no number")


_SCALARS: Final[dict[object, str]] = {None: "", True: "true", False: "false"}
# Numbers stay text: 58.20 has two decimals.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_float=Figure, parse_int=Figure, parse_constant=_refuse
)
