"""Records of JSON: one object per line, or an array of objects."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Never

from app.importers.decimals import Decimal, Figure
from app.importers.problems import Problem, RowLocation
from app.importers.records import Record, Table, UnreadableFile
from app.importers.text_lines import Lines

# An array is held in memory.
_MAX_ARRAY: Final = 32 * 2**20  # characters


def ndjson_table(lines: Lines, file: str) -> Table:
    return Table(f"one JSON object per line, {lines.encoding}", None, _by_line(lines, file), Decimal.POINT)


def json_table(lines: Lines, file: str, on_characters: Callable[[int], None]) -> Table:
    text = lines.read(_MAX_ARRAY)
    if len(text) > _MAX_ARRAY:
        raise UnreadableFile(
            f"a JSON array may have {_MAX_ARRAY:,} characters; write one object per line instead"
        )
    return Table(f"JSON array, {lines.encoding}", None, _elements(text, file, on_characters), Decimal.POINT)


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


def _elements(text: str, file: str, on_characters: Callable[[int], None]) -> Iterator[Record | Problem]:
    """Each with the line on which it begins."""
    position = text.find("[") + 1
    line = 1 + text.count("\n", 0, position)
    before = position
    expected = _FIRST
    while True:
        match = expected.match(text, position)
        if match is None:
            yield Problem(RowLocation(file, line), "the file is no JSON array from here on")
            return
        position = match.end()
        line += text.count("\n", before, position)
        on_characters(position - before)
        before = position
        if match[1] == "]":
            if text[position:].strip():
                yield Problem(RowLocation(file, line), "there is more behind the JSON array")
            return
        try:
            pairs, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            yield Problem(RowLocation(file, line), f"the file is no JSON from here on: {error}")
            return
        location = RowLocation(file, line)
        yield (
            _record(pairs, location)
            if isinstance(pairs, _Object)
            else Problem(location, "the element is no JSON object", value=str(pairs)[:_MAX_SHOWN])
        )
        expected = _NEXT


_MAX_SHOWN: Final = 200
_FIRST: Final = re.compile(r"\s*(\]|(?=[^\s\]]))")
_NEXT: Final = re.compile(r"\s*(\]|,\s*(?=[^\s\]]))")


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
