"""Imports an export of the Marktstammdatenregister: stages its parts, joins them, and writes operators and places.

Each part is staged in a transaction of its own, so that an import that was interrupted continues with the next part. The
result is written in one transaction.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec

from app.db import place_writes, register_staging, staging
from app.db.file_columns import OPERATOR_COLUMNS
from app.db.pool import Connection, Row
from app.domain.place import PlaceBasis
from app.errors import CannotStart
from app.importers.aliases import load_aliases
from app.importers.load import connect
from app.importers.register import operators, remarks
from app.importers.register.export import Export, Part, open_export
from app.importers.register.tables import (
    CONNECTION_POINTS,
    MAIN_GENERATION,
    TABLES,
    UNITS,
)
from app.importers.register.xml_records import ForbiddenCharacter, UnreadableXml, read_records
from app.importers.transaction import in_transaction

# There are about 1,700 network operators.
_MAX_OPERATORS: Final = 20_000
# Changes when parts that an earlier release has staged would be read in another way.
_STAGING_VERSION: Final = "1"

SOURCE_URL: Final = "https://www.marktstammdatenregister.de"
SOURCE_TITLE: Final = "Bundesnetzagentur, Marktstammdatenregister, dl-de/by-2-0, verändert"


class Step(StrEnum):
    READING = "Reading"
    JOINING = "Joining"
    WRITING = "Writing"


# The current step, the amount done, and the total amount (None: unknown).
OnProgress = Callable[[Step, int, int | None], None]


def no_progress(step: Step, done: int, total: int | None) -> None: ...


class RegisterReport(msgspec.Struct, frozen=True):
    """The result. `inserted`, `updated` and `unchanged` count operators.

    `places`: combinations of postal code, city, operator and voltage level; `locations` with units in operation counted in
    them. `units` in operation with a location. `staged_before`: parts that an interrupted import had read. `remarks`: what
    was not used or left as it is, and why.
    """

    inserted: int
    updated: int
    unchanged: int
    places: int
    locations: int
    units: int
    parts: int
    staged_before: int
    remarks: tuple[str, ...]


async def import_register(
    database_url: str,
    path: Path,
    *,
    overwrite: bool = False,
    dry_run: bool = False,
    on_progress: OnProgress = no_progress,
    deadline: float = 600,
) -> RegisterReport:
    """A dry run stages as well, and writes no operator and no place; the import after it need not read again."""
    with open_export(path, TABLES) as export:
        _check_tables(export)
        async with connect(database_url, deadline=deadline) as connection:
            try:
                return await _Import(connection, export, on_progress).run(
                    overwrite=overwrite, dry_run=dry_run
                )
            except register_staging.Superseded:
                raise CannotStart(
                    "Another import of the register was started, and this one ended; nothing was imported by it."
                ) from None


def _check_tables(export: Export) -> None:
    found = {part.table for part in export.parts}
    for wanted, name in (
        ({CONNECTION_POINTS}, f"{CONNECTION_POINTS}_1.xml"),
        (set(UNITS), "EinheitenSolar_1.xml or another table of units"),
    ):
        if not wanted & found:
            raise CannotStart(
                f"{export.name} holds no {name}, so it is no export of the Marktstammdatenregister."
            )


class _Import:
    def __init__(self, connection: Connection, export: Export, on_progress: OnProgress) -> None:
        self._connection = connection
        self._export = export
        self._on_progress = on_progress
        self._token = uuid4()
        self._size = sum(part.size for part in export.parts)
        self._read = 0

    async def run(self, *, overwrite: bool, dry_run: bool) -> RegisterReport:
        parts = self._export.parts
        before = await register_staging.begin(self._connection, _fingerprint(parts), self._token)
        for part in parts:
            if part.name in before:
                self._report_read(part.size)
            else:
                await self._stage(part)
        report = await in_transaction(
            self._connection, lambda: self._write(overwrite=overwrite), keep=not dry_run
        )
        return msgspec.structs.replace(report, parts=len(parts), staged_before=len(before))

    async def _stage(self, part: Part) -> None:
        read_before = self._read

        async def stage_once(*, repaired: bool) -> None:
            self._read = read_before
            rows = _Rows(self._export, part, repaired, self._report_read)
            await register_staging.require(self._connection, self._token)
            await register_staging.stage(self._connection, TABLES[part.table].staged, rows)
            await register_staging.staged(
                self._connection, part.name, rows.records, rows.unused, repaired=repaired
            )

        try:
            try:
                await in_transaction(self._connection, lambda: stage_once(repaired=False))
            except ForbiddenCharacter:
                await in_transaction(self._connection, lambda: stage_once(repaired=True))
        except UnreadableXml as error:
            raise CannotStart(f"{part.name} cannot be read: {error}. Nothing was imported.") from None

    def _report_read(self, count: int) -> None:
        self._read += count
        self._on_progress(Step.READING, self._read, self._size)

    async def _write(self, *, overwrite: bool) -> RegisterReport:
        """Within a transaction. All that takes long comes before the first lock that another writer could wait for."""
        await register_staging.require(self._connection, self._token)
        self._on_progress(Step.JOINING, 0, None)
        joined = await register_staging.join(self._connection)
        registered = await self._registered_operators()
        self._on_progress(Step.WRITING, 0, None)
        await staging.one_import_at_a_time(self._connection)
        outcome, found = await self._write_operators(registered, overwrite=overwrite)
        counted = await self._write_places(overwrite=overwrite)
        found += remarks.of_parts(await register_staging.fetch_parts(self._connection))
        found += [*remarks.of_tables(self._export), *remarks.of_units(joined)]
        await register_staging.finish(self._connection)
        figures = (
            outcome.inserted,
            outcome.updated,
            outcome.unchanged,
            counted["places"],
            counted["locations"],
        )
        return RegisterReport(*figures, joined["units"], parts=0, staged_before=0, remarks=tuple(found))

    async def _registered_operators(self) -> Sequence[Row]:
        registered = await register_staging.fetch_operators(self._connection, _MAX_OPERATORS + 1)
        if len(registered) > _MAX_OPERATORS:
            raise CannotStart(
                f"The export names more than {_MAX_OPERATORS:,} operators; nothing was imported."
            )
        return registered

    async def _write_operators(
        self, registered: Sequence[Row], *, overwrite: bool
    ) -> tuple[staging.Outcome, list[str]]:
        stored = await staging.fetch_operator_rows(self._connection)
        capacities = _capacities(self._export)
        merged = operators.merge(map(dict, registered), stored, capacities, overwrite=overwrite)
        await staging.record_author(self._connection, self._export.name)
        rows = [[row[column] for column in OPERATOR_COLUMNS] for row in merged.rows.values()]
        columns = tuple(OPERATOR_COLUMNS)
        outcome = await staging.load_operators(self._connection, columns, rows, lambda count: None)
        await load_aliases(self._connection, only_of_new_operators=True)
        slugs = {number: row["slug"] for number, row in merged.rows.items()}
        await register_staging.name_operators(self._connection, slugs)
        return outcome, list(merged.remarks)

    async def _write_places(self, *, overwrite: bool) -> Row:
        await place_writes.create_staged(self._connection)
        counted = await register_staging.stage_places(self._connection, SOURCE_URL, SOURCE_TITLE)
        if not overwrite and counted["locations"] < counted["stored_locations"] / 2:
            raise CannotStart(
                f"{self._export.name} counts {counted['locations']:,} locations, and {counted['stored_locations']:,} are"
                " stored, so it is probably incomplete; nothing was imported. --overwrite imports it."
            )
        await place_writes.replace(self._connection, PlaceBasis.REGISTERED_UNITS)
        return counted


class _Rows:
    """The rows of one part, read when they are asked for; `records` and `unused` are counted meanwhile."""

    def __init__(self, export: Export, part: Part, repaired: bool, on_bytes: Callable[[int], None]) -> None:
        self._export = export
        self._part = part
        self._repaired = repaired
        self._on_bytes = on_bytes
        self.records = 0
        self.unused = 0

    def __iter__(self) -> Iterator[Sequence[object]]:
        table = TABLES[self._part.table]
        with self._export.opened(self._part) as stream:
            records = read_records(
                stream,
                table.element,
                table.fields,
                without_forbidden_characters=self._repaired,
                on_bytes=self._on_bytes,
            )
            for record in records:
                self.records += 1
                if (row := table.row(record)) is None:
                    self.unused += 1
                else:
                    yield row


def _fingerprint(parts: Sequence[Part]) -> str:
    described = [_STAGING_VERSION, *(f"{part.name} {part.size} {part.identity}" for part in parts)]
    return hashlib.sha256("\n".join(described).encode()).hexdigest()


def _capacities(export: Export) -> frozenset[str]:
    """The columns of capacities for which the export has the tables."""
    found = {part.table for part in export.parts}
    columns = {
        "capacity_mw_solar": {"EinheitenSolar"},
        "capacity_mw_wind": {"EinheitenWind"},
        "capacity_mw_total": set(MAIN_GENERATION),
    }
    return frozenset(column for column, tables in columns.items() if found.issuperset(tables))
