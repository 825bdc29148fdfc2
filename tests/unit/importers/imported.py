"""Imports small files without a database: entries, problems and notes."""

import io
from typing import NamedTuple
from uuid import UUID

from app.importers.load import SOURCES, Kind
from app.importers.problems import Problem
from app.importers.reading import read
from app.importers.records import ReadOptions
from app.importers.source import References

A, B = UUID(int=1), UUID(int=2)
REFERENCES = References(
    {"netze-a": A, "stadtwerke-muenchen": B},
    frozenset(),
    [
        ("netze-a", "Netze A"),
        ("netze-a", "Netze A GmbH"),
        ("netze-a", "SNB900000000001"),
        ("netze-a", "9900000000001"),
        ("netze-a", "9900000000002"),
        ("stadtwerke-muenchen", "Stadtwerke München"),
        ("stadtwerke-muenchen", "SWM"),
        ("stadtwerke-muenchen", "9900000000001"),
    ],
)


class Imported(NamedTuple):
    entries: list[list[str]]
    problems: list[tuple[int, str | None, str]]
    notes: list[str]


def imported(kind: str, data: bytes | str, **options) -> Imported:
    source = SOURCES[Kind(kind)](REFERENCES)
    problems: list[Problem] = []
    notes: list[str] = []
    stream = io.BytesIO(data.encode() if isinstance(data, str) else data)
    for item in read(stream, "f", source.layouts, ReadOptions(**options), on_note=notes.append):
        if isinstance(item, Problem):
            problems.append(item)
        elif (values := item.layout.values(item)) is None:
            problems += item.layout.problems(item)
        else:
            problems += source.take(item, values)
    return Imported(
        [values for _, values in source.entries()],
        [(each.location.line, each.column, each.reason) for each in problems],
        notes,
    )


def lines(*rows: str, end: str = "\r\n") -> str:
    return end.join(rows) + end
