"""One family's table: reads entries by operator and year; adds, locks, saves and restores them from a revision.

All SQL is built once from the family's columns.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import product
from operator import attrgetter, itemgetter
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

import msgspec

from app.db.column_codecs import codec_of
from app.db.one_entry import WRITTEN, Attempt, OneEntryWork
from app.db.plausibility import PlausibilityCheck
from app.db.pool import Pool, Row
from app.db.unit_of_work import UnitOfWork, expect
from app.domain.correction import Correction, NewEntry, check_text
from app.domain.entry import WHOLE_COUNTRY, DnoYear, Publication, VerificationStatus
from app.domain.event import Topic
from app.domain.family import Family, KeyColumn
from app.domain.revision import ChangeKind
from app.errors import AppError, Code, quoted

E = TypeVar("E", bound=Any)


class EntryConflict(AppError):
    """A conflict with an entry. `entry`: as it is now; None: it is deleted."""

    def __init__(self, conflict: AppError, entry: Any) -> None:
        super().__init__(conflict.message, Code.CONFLICT, field=conflict.field)
        self.details = conflict.details if entry is None else {"current_version": entry.version}
        self.entry = entry


_STATUSES = {str(status): status for status in VerificationStatus}
_PUBLICATIONS = {str(publication): publication for publication in Publication}
_FIRST = ("id", "dno_id", "year")
_SOURCE = ("verification_status", "source_url", "source_title")


def select_by_dno_year(table: str, columns: str) -> str:
    """Entries of keys `$1` (operators) and `$2` (years); `place` is the number of the key, from 1."""
    return (
        f"SELECT place, {columns} FROM {table}"
        " JOIN unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS wanted (dno_id, year, place)"
        " USING (dno_id, year) WHERE deleted_at IS NULL"
    )


def column_reader(decoders: Mapping[str, Callable[[Any], Any] | None]) -> Callable[[Any], list[Any]]:
    """Reads columns of a row by name and decodes what is not null; None: the driver's value is the domain's."""
    get = itemgetter(*decoders)
    decoded = [(index, decode) for index, decode in enumerate(decoders.values()) if decode is not None]

    def read(row: Any) -> list[Any]:
        values = [*get(row)]
        for index, decode in decoded:
            if (value := values[index]) is not None:
                values[index] = decode(value)
        return values

    return read


def _key_decoder(key: KeyColumn) -> Callable[[Any], Any]:
    if key.values is None:
        return key.decode
    return {stored: key.decode(stored) for stored in key.sorted_values}.__getitem__


def _position(keys: Sequence[KeyColumn]) -> Callable[[Any], Any]:
    """Of an entry in the order of its key."""
    names = [key.name for key in keys]
    if keys and all(key.values is not None for key in keys):  # by one look-up
        get: Callable[[Any], Any] = attrgetter(*names)
        values = [[key.decode(stored) for stored in key.sorted_values] for key in keys]
        in_order = values[0] if len(values) == 1 else product(*values)
        ranks = {value: rank for rank, value in enumerate(in_order)}
        return lambda entry: ranks[get(entry)]
    order = [(key.name, _rank(key)) for key in keys]
    return lambda entry: tuple([rank(getattr(entry, name)) for name, rank in order])


def _rank(key: KeyColumn) -> Callable[[Any], Any]:
    """The place of a value in the order of its column."""
    if key.values is None:
        return lambda value: key.missing if value is None else value
    return {key.decode(stored): rank for rank, stored in enumerate(key.sorted_values)}.__getitem__


class FamilyTable(Generic[E]):
    """`plausibility` finds unusual values of its entries; of a write they are its warnings."""

    def __init__(self, family: Family, entry_type: type[E]) -> None:
        fields = tuple(name for name in entry_type.__struct_fields__ if name not in family.computed)
        assert fields[:3] == _FIRST, "an entry begins with its id, operator and year"
        self.family = family
        self._type = entry_type
        self._topic = Topic(family.name)
        self._codecs = {column.name: codec_of(column) for column in family.columns}
        decoders = {name: codec.decode for name, codec in self._codecs.items()}
        decoders |= {key.name: _key_decoder(key) for key in family.key}
        decoders["verification_status"] = _STATUSES.__getitem__
        decoders["publication"] = _PUBLICATIONS.__getitem__
        self._values = column_reader({field: decoders.get(field) for field in fields})
        self._decoded_behind_key = [
            (index, decode)
            for index, field in enumerate(fields[len(_FIRST) :])
            if (decode := decoders.get(field)) is not None
        ]
        self._position = _position(family.key)
        self._fields = fields
        self._names = tuple(column.name for column in family.columns)
        self._written = (*_SOURCE, "publication") if family.has_publication else _SOURCE
        self.plausibility = PlausibilityCheck(family, self.selected("t"), self.entry)
        self._build_statements()

    def selected(self, alias: str = "") -> str:
        """The columns of an entry, for SELECT and RETURNING; `entry` decodes them."""
        prefix = f"{alias}." if alias else ""
        casts = {name: codec.cast for name, codec in self._codecs.items()}
        return ", ".join(f"{prefix}{field}{casts.get(field, '')}" for field in self._fields)

    def entry(self, row: "Row | Mapping[str, Any]") -> E:
        """Of a row with these columns, in any order and among others."""
        made: E = self._type(*self._values(row))
        return made

    async def fetch_by_dno_year(self, pool: Pool, keys: Sequence[DnoYear]) -> dict[DnoYear, tuple[E, ...]]:
        """In the order of the key's values."""
        rows = await pool.fetch(self._by_dno_year, *DnoYear.columns(keys), name=self.family.name)
        if not rows:
            return {}
        # By column: a loop over rows would cost a third more.
        places, ids, *columns = zip(*rows, strict=True)
        decoded: list[Iterable[Any]] = [*columns]
        for index, decode in self._decoded_behind_key:
            column = columns[index]
            decoded[index] = (
                [None if value is None else decode(value) for value in column]
                if None in column
                else map(decode, column)
            )
        of_rows = [keys[place - 1] for place in places]
        entries = map(self._type, ids, *zip(*of_rows, strict=True), *decoded)
        found: dict[int, list[E]] = {}
        for place, entry in zip(places, entries, strict=True):
            if place in found:
                found[place].append(entry)
            else:
                found[place] = [entry]
        order = self._position
        return {
            keys[place - 1]: tuple(sorted(entries, key=order) if len(entries) > 1 else entries)
            for place, entries in found.items()
        }

    async def add(self, work: UnitOfWork, new: NewEntry) -> E:
        """Restores a deleted entry of the same key with the new values. Raises CONFLICT if the entry exists."""
        new.check()
        given = new.columns()
        key = [key.missing if (value := given[key.name]) is None else value for key in self.family.key]
        operator = await work.connection.fetchrow(self._operator, new.dno, work.principal.name)
        if operator is None:
            raise AppError(f"There is no operator {quoted(new.dno)}.", Code.NOT_FOUND, field=("input", "dno"))
        values = [codec.encode(given[name]) for name, codec in self._codecs.items()]
        if self.family.has_publication:
            values.append(new.publication)
        kind = tuple([str(value) for value in key])
        entry: E | None = await self.plausibility.write(
            work, self._insert, kind, operator["id"], new.year, *key, *values, new.source_url
        )
        if entry is None:
            existing = await work.connection.fetchrow(self._existing, operator["id"], new.year, *key)
            raise EntryConflict(new.conflict(), None if existing is None else self.entry(existing))
        return entry

    async def correct(self, work: UnitOfWork, correction: Correction[E]) -> E:
        """Writes no revision if nothing changes. Raises CONFLICT if the entry is at another version."""
        check_text(correction.reason, "reason")
        before = await self.lock(work, correction.id, reason=correction.reason)
        async with self.reported_conflicts(work, correction.id):
            expect(before.version, correction.expected_version)
            after = correction.applied_to(before)
            if after == before:
                work.wrote_nothing = True
                return before
            return await self.save(work, after, warn=True)

    async def save(self, work: UnitOfWork, entry: E, *, deleted: bool = False, warn: bool = False) -> E:
        """Writes a locked entry. `warn`: with the warnings of its values."""
        if isinstance(work, OneEntryWork):
            return await self._save_at_once(work, entry, deleted, warn)
        arguments = (
            entry.id,
            deleted,
            *[codec.encode(getattr(entry, name)) for name, codec in self._codecs.items()],
            *[getattr(entry, name) for name in self._written],
        )
        if warn:
            saved: E = await self.plausibility.write(
                work, self._update_and_compare, self._kind(entry), *arguments
            )
            return saved
        row = await work.connection.fetchrow(self._update, *arguments)
        assert row is not None
        return self.entry(row)

    async def _save_at_once(self, work: OneEntryWork, entry: E, deleted: bool, warn: bool) -> E:
        revision = uuid4()
        values = {name: codec.encode(getattr(entry, name)) for name, codec in self._codecs.items()}
        values |= {name: getattr(entry, name) for name in self._written}
        work.attempt = Attempt(
            self._topic,
            *(entry.id, entry.dno_id, entry.year, entry.version),
            *(revision, self._lock_again, self.entry),
        )
        arguments = (entry.id, entry.version, values, deleted, *work.author, revision)
        if warn:
            saved: E = await self.plausibility.write(work, self._write_at_once, self._kind(entry), *arguments)
            return saved
        row = await work.fetch_saved(self._mark_at_once, *arguments)
        assert row is not None
        return self.entry(row)

    def _kind(self, entry: E) -> tuple[str, ...]:
        """The values of its key, as they are stored."""
        values = [(getattr(entry, key.name), key.missing) for key in self.family.key]
        return tuple([str(missing if value is None else value) for value, missing in values])

    def restored(self, entry: E, state: Mapping[str, Any]) -> E:
        """As a revision recorded it. A column that is newer than the revision becomes None, the publication FINAL."""
        values = {
            name: None if state.get(name) is None else codec.restore(state[name])
            for name, codec in self._codecs.items()
        }
        if self.family.has_publication:
            values["publication"] = _PUBLICATIONS[state.get("publication", Publication.FINAL)]
        return msgspec.structs.replace(
            entry,
            **values,
            verification_status=_STATUSES[state["verification_status"]],
            source_url=state["source_url"],
            source_title=state["source_title"],
        )

    async def lock(
        self,
        work: UnitOfWork,
        entry_id: UUID,
        *,
        reason: str | None,
        kind: ChangeKind | None = None,
        deleted: bool = False,
        field: str = "id",
    ) -> E:
        """Locks the row until the unit of work ends. `deleted`: finds deleted entries, too. `field`: the one that an error names.

        Without a transaction it is only read: what is saved then is written only if it has not changed since.
        """
        if isinstance(work, OneEntryWork):
            work.author = (work.principal.name, reason, kind)
            row = await work.read(self._read_one, entry_id, deleted)
        else:
            row = await work.connection.fetchrow(
                self._lock_one, entry_id, work.principal.name, reason, kind, deleted
            )
        if row is None:
            raise AppError(f"There is no such {self.family.noun}.", Code.NOT_FOUND, field=("input", field))
        return self.entry(row)

    @asynccontextmanager
    async def reported_conflicts(self, work: UnitOfWork, entry_id: UUID) -> AsyncIterator[None]:
        """Conflicts of the block, which has locked the entry, are raised with the entry."""
        try:
            yield
        except AppError as conflict:
            if conflict.code is not Code.CONFLICT:
                raise
            row = await work.connection.fetchrow(self._current, entry_id)
            raise EntryConflict(conflict, None if row is None else self.entry(row)) from conflict

    def _build_statements(self) -> None:
        table, key = self.family.table, [key.name for key in self.family.key]
        self._by_dno_year = select_by_dno_year(table, self.selected().replace("dno_id, year, ", "", 1))
        # `record_author` in the same statement saves a round trip.
        # Of a family without operators only the author.
        self._operator = (
            f"SELECT '{WHOLE_COUNTRY}'::uuid AS id, record_author($2, NULL, NULL) WHERE $1::text IS NOT NULL"
            if not self.family.of_operators
            else "SELECT d.id, record_author($2, NULL, NULL) FROM dnos d"
            " WHERE d.slug = $1 AND d.deleted_at IS NULL FOR SHARE OF d"
        )
        operators = (
            " JOIN dnos d ON d.id = t.dno_id AND d.deleted_at IS NULL" if self.family.of_operators else ""
        )
        self._lock_one = (
            f"SELECT {self.selected('t')}, record_author($2, $3, $4) FROM {table} t{operators}"
            " WHERE t.id = $1 AND (t.deleted_at IS NULL OR $5) FOR UPDATE OF t"
        )
        self._read_one = f"SELECT {self.selected('t')} FROM {table} t{operators} WHERE t.id = $1 AND (t.deleted_at IS NULL OR $2)"
        self._lock_again = f"SELECT {self.selected()} FROM {table} WHERE id = $1 FOR UPDATE"
        self._current = f"SELECT {self.selected()} FROM {table} WHERE id = $1 AND deleted_at IS NULL"
        unique = ["dno_id", "year", *key]
        self._existing = (
            f"SELECT {self.selected()} FROM {table} WHERE deleted_at IS NULL"
            f" AND {' AND '.join(f'{name} = ${n}' for n, name in enumerate(unique, 1))}"
        )
        given = (*self._names, *self._written[len(_SOURCE) :], "source_url")
        inserted = [*unique, *given]
        self._insert = self.plausibility.saving(
            f"INSERT INTO {table} AS t ({', '.join(inserted)})"
            f" VALUES ({', '.join(f'${n}' for n in range(1, len(inserted) + 1))})"
            f" ON CONFLICT ({', '.join(unique)}) DO UPDATE SET"
            f" {', '.join(f'{name} = excluded.{name}' for name in given)},"
            " verification_status = 'unverified', source_title = NULL, deleted_at = NULL"
            f" WHERE t.deleted_at IS NOT NULL"
        )
        update = (
            f"UPDATE {table} t SET {', '.join(f'{n} = ${i}' for i, n in enumerate((*self._names, *self._written), 3))},"
            " deleted_at = CASE WHEN $2 THEN coalesce(deleted_at, clock_timestamp()) END WHERE id = $1"
        )
        self._update = f"{update} RETURNING {self.selected('t')}"
        self._update_and_compare = self.plausibility.saving(update)
        at_once = f"write_entry('{table}', $1, $2, $3, $4, $5, $6, $7, $8)"
        self._write_at_once = self.plausibility.saving_at_once(at_once, WRITTEN)
        self._mark_at_once = (
            f"SELECT {WRITTEN}, {self.selected('t')} FROM {at_once} AS w,"
            f" jsonb_populate_record(NULL::{table}, w.after) AS t"
        )
