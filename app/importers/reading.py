"""Reads rows from bytes: CSV with a header, or one JSON object per line with the same names.

One row is held at a time, and a malformed row does not hide later ones.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import BinaryIO, Never

from app.importers.layout import Layout, Row
from app.importers.problems import Problem, RowLocation

# Longer than valid lines, short enough for memory.
_MAX_LINE_LENGTH = 2**20


class Format(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"


class UnreadableFile(Exception):
    """The rest of the file cannot be read."""


def read(
    stream: BinaryIO,
    file: str,
    layouts: Sequence[Layout],
    format: Format | None = None,
    on_characters: Callable[[int], None] = lambda characters: None,
) -> Iterator[Row | Problem]:
    """The layout is the one that fits the header best; the first character determines the format."""
    # Bytes that are not UTF-8 become lone surrogates, which no cell accepts: so each is reported.
    text = io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="")
    lines = _Lines(text, on_characters)
    try:
        first = lines.first()
        found = Format.NDJSON if first.lstrip().startswith("{") else Format.CSV
        parse = _ndjson if (format or found) is Format.NDJSON else _csv
        yield from parse(lines, file, layouts)
    except UnreadableFile as error:
        yield Problem(RowLocation(file, lines.count), str(error))
    finally:
        text.detach()  # the caller that opened the stream closes it


class _Lines:
    """The lines of a file, counted, each of bounded length."""

    def __init__(self, text: io.TextIOWrapper, on_characters: Callable[[int], None]) -> None:
        self._text = text
        self._on_characters = on_characters
        self._ahead = ""
        self.count = 0

    def first(self) -> str:
        self._ahead = self._text.readline(_MAX_LINE_LENGTH)
        if self._ahead.startswith(("\udcff\udcfe", "\udcfe\udcff")):
            raise UnreadableFile("the file is UTF-16; save it as UTF-8")
        if not self._ahead:
            raise UnreadableFile("the file is empty")
        return self._ahead

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._ahead or self._text.readline(_MAX_LINE_LENGTH)
        self._ahead = ""
        if not line:
            raise StopIteration
        self.count += 1
        self._on_characters(len(line))
        if len(line) == _MAX_LINE_LENGTH:
            raise UnreadableFile(
                f"the line is longer than {_MAX_LINE_LENGTH:,} characters; what follows was not read"
            )
        return line


def _csv(lines: _Lines, file: str, layouts: Sequence[Layout]) -> Iterator[Row | Problem]:
    records = _records(csv.reader(lines, strict=True), lines, file)
    header = next(records, None)
    if header is None:
        raise UnreadableFile("the header is missing")
    if isinstance(header, Problem):
        yield header
        return
    location, names = header
    layout = _closest(layouts, names)
    if problems := list(layout.header_problems(names, location)):
        yield from problems
        return
    layout = layout.fitted(names)
    order = [names.index(name) for name in layout.names]
    for record in records:
        if isinstance(record, Problem):
            yield record
            continue
        location, cells = record
        if len(cells) != len(names):
            yield Problem(location, f"the row has {len(cells)} cells, the header {len(names)}")
        else:
            yield Row(layout, location, [cells[index] for index in order])


def _records(
    reader: Iterator[list[str]], lines: _Lines, file: str
) -> Iterator[tuple[RowLocation, list[str]] | Problem]:
    """A record may span lines; its location is the first one."""
    while True:
        location = RowLocation(file, lines.count + 1)
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Problem(location, f"the row is no CSV: {error}")
            continue
        if cells:
            yield location, cells


def _ndjson(lines: _Lines, file: str, layouts: Sequence[Layout]) -> Iterator[Row | Problem]:
    layout = None
    for line in lines:
        if not line.strip():
            continue
        location = RowLocation(file, lines.count)
        try:
            pairs = _DECODER.decode(line)
        except (ValueError, RecursionError) as error:
            yield Problem(location, f"the line is no JSON: {error}", value=line.strip())
            continue
        if not isinstance(pairs, _Object):
            yield Problem(location, "the line is no JSON object", value=line.strip())
            continue
        names = [name for name, _ in pairs]
        layout = layout or _closest(layouts, names)
        if problems := list(layout.header_problems(names, location)):
            yield from problems
            continue
        cells = {name: value for name, value in pairs if isinstance(value, str)}
        fitted = layout.fitted(names)
        if nested := [name for name in fitted.names if name not in cells]:
            yield from (
                Problem(location, "must be text, a number, true, false or null", name) for name in nested
            )
            continue
        yield Row(fitted, location, [cells[name] for name in fitted.names])


class _Object(list[tuple[str, object]]):
    """A JSON object as its pairs, so that a duplicate name is found; its scalars as CSV would write them."""


def _pairs(pairs: Iterable[tuple[str, object]]) -> _Object:
    return _Object(
        (name, value if isinstance(value, str | list) else _SCALARS[value]) for name, value in pairs
    )


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is no number")


_SCALARS: dict[object, str] = {None: "", True: "true", False: "false"}
# Numbers stay text: 58.20 has two decimals.
_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=str, parse_int=str, parse_constant=_refuse)


def _closest(layouts: Sequence[Layout], names: Sequence[str]) -> Layout:
    return max(layouts, key=lambda layout: len(set(layout.names) & set(names)))
