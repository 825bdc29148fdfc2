"""A family whose files have one row per entry: operator, year, key, values, verification status and source."""

from collections.abc import Iterator, Sequence
from typing import Final

from app.db import staging
from app.db.file_columns import PUBLICATION
from app.db.pool import Connection
from app.db.staging import OnRows, Outcome, Rows
from app.domain.entry import Publication, VerificationStatus
from app.domain.family import Column, ColumnType, Family, KeyColumn
from app.importers import cells
from app.importers.cells import optional
from app.importers.layout import Layout, Row
from app.importers.operators import operator
from app.importers.problems import Problem, RowLocation
from app.importers.source import References, Source

_PARSERS: Final[dict[ColumnType, cells.Parser]] = {
    ColumnType.PRICE: optional(cells.price),
    ColumnType.RATE: optional(cells.rate),
    ColumnType.WHOLE: optional(cells.count),
    ColumnType.DATE: optional(cells.day),
    ColumnType.DATES: cells.days,
    ColumnType.WORDS: cells.federal_states,
    ColumnType.TEXT: cells.text,
}


def key_parser(key: KeyColumn) -> cells.Parser:
    parser = cells.label if key.values is None else cells.one_of(key.values)
    return optional(parser) if key.optional else parser


def parser_of(column: Column) -> cells.Parser:
    if column.required and column.type is ColumnType.PRICE:
        return cells.price
    return _PARSERS[column.type] if column.values is None else cells.one_of(column.values)


def year_parser(family: Family) -> cells.Parser:
    if family.without_year is None:
        return cells.year
    return lambda cell: cells.year(cell) if cell else str(family.without_year)


class FamilySource(Source):
    """Files may differ in which optional columns they have; values of a column that a file lacks are kept. So is the
    publication; that of a new entry is then FINAL.
    """

    family: Family
    several_rows = False

    def __init__(self, family: Family, references: References) -> None:
        self.family = family
        self._key = ["dno_slug", "year", *(key.name for key in family.key)]
        self.together = self._key
        key_parsers = {key.name: key_parser(key) for key in family.key}
        columns: dict[str, cells.Parser] = {
            "dno_slug": operator(references),
            "year": year_parser(family),
            **key_parsers,
            **{column.name: parser_of(column) for column in family.columns},
            "verification_status": cells.one_of(VerificationStatus),
            "source_url": cells.source_url,
            "source_title": cells.text,
        }
        prices = frozenset(column.name for column in family.prices if not column.required)
        missing_allowed = prices.union(column.name for column in family.columns if column.optional)
        if family.has_publication:
            columns[PUBLICATION] = optional(cells.one_of(Publication))
            missing_allowed |= {PUBLICATION}
        self.layouts = (
            Layout(columns, missing_allowed, {key.name: "" for key in family.key if key.optional}, prices),
        )
        self._locations: dict[tuple[str, ...], RowLocation] = {}
        # By the columns of the file.
        self._rows: dict[tuple[str, ...], list[tuple[RowLocation, list[str]]]] = {}

    def take(self, row: Row, values: list[str]) -> Iterator[Problem]:
        key = tuple(values[: len(self._key)])
        if key in self._locations:
            same = ["operator", *(name.removeprefix("voltage_").replace("_", " ") for name in self._key[1:])]
            yield row.problem(
                self._key[-1], f"the same {', '.join(same[:-1])} and {same[-1]} as in {self._locations[key]}"
            )
        else:
            self._locations[key] = row.location
            if self.family.has_publication and PUBLICATION not in row.layout.names:
                values.append("")
            self._rows.setdefault(row.layout.names, []).append((row.location, values))

    def entries(self) -> Iterator[tuple[RowLocation, list[str]]]:
        for rows in self._rows.values():
            yield from rows

    async def load(self, connection: Connection, rows: Rows, overwrite: bool, on_rows: OnRows) -> Outcome:
        outcome = Outcome(0, 0, 0, ())
        first = 0
        for names, same in self._rows.items():
            columns = [column.name for column in self.family.columns if column.name in names]
            chunk: Sequence[Sequence[str]] = rows[first : first + len(same)]
            loaded = await staging.load_entries(
                connection, self.family, columns, chunk, overwrite, on_rows, may_verify=self.may_verify
            )
            outcome = outcome.followed_by(loaded, first)
            first += len(same)
        return outcome
