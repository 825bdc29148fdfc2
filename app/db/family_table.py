"""One family's table: reads entries by operator and year; adds, locks, saves and restores them from a revision.

All SQL is built once from the family's columns.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from app.db.column_codecs import CODECS
from app.db.pool import Pool
from app.db.unit_of_work import UnitOfWork, expect
from app.domain.correction import Correction, NewEntry, check_text
from app.domain.entry import DnoYear, VerificationStatus
from app.domain.family import Family
from app.domain.plausibility import PlausibilityWarning
from app.domain.revision import ChangeKind
from app.errors import NotFound, quoted

E = TypeVar("E", bound=Any)

_STATUSES = {str(status): status for status in VerificationStatus}
_FIRST = ("id", "dno_id", "year")
_SOURCE = ("verification_status", "source_url", "source_title")


# Unusual values of an entry, given the prices of the year before.
FindWarnings = Callable[[E, tuple[Any, ...]], Iterable[PlausibilityWarning]]


def no_warnings(entry: Any, last_year: tuple[Any, ...]) -> Iterable[PlausibilityWarning]:
    return ()


class Locked(NamedTuple, Generic[E]):
    entry: E
    last_year: tuple[Any, ...]  # the prices of the entry of the year before, None each where there is none


class FamilyTable(Generic[E]):
    """`find_warnings` gives the warnings of a write."""

    def __init__(
        self, family: Family, entry_type: type[E], find_warnings: FindWarnings[E] = no_warnings
    ) -> None:
        fields = entry_type.__struct_fields__
        assert fields[:3] == _FIRST, "an entry begins with its id, operator and year"
        self.family = family
        self._type = entry_type
        self._find_warnings = find_warnings
        self._codecs = {column.name: CODECS[column.type] for column in family.columns}
        decoders = {column.name: CODECS[column.type].decode for column in family.columns}
        decoders |= {key.name: {str(value): value for value in key.values}.__getitem__ for key in family.key}
        decoders["verification_status"] = _STATUSES.__getitem__
        self._decoders = tuple(decoders.get(field) for field in fields)
        self._order = [(key.name, {value: n for n, value in enumerate(key.values)}) for key in family.key]
        self._fields = fields
        self._names = tuple(column.name for column in family.columns)
        self._build_statements()

    def selected(self, alias: str = "") -> str:
        """The columns of an entry, for SELECT and RETURNING; `entry` decodes them."""
        prefix = f"{alias}." if alias else ""
        casts = {name: codec.cast for name, codec in self._codecs.items()}
        return ", ".join(f"{prefix}{field}{casts.get(field, '')}" for field in self._fields)

    def entry(self, row: Iterable[Any]) -> E:
        values = zip(self._decoders, row, strict=False)
        made: E = self._type(*[value if decode is None else decode(value) for decode, value in values])
        return made

    async def fetch_by_dno_year(self, pool: Pool, keys: Sequence[DnoYear]) -> dict[DnoYear, tuple[E, ...]]:
        """In the order of the key's values."""
        rows = await pool.fetch(self._by_dno_year, *DnoYear.columns(keys), name=self.family.name)
        found: dict[DnoYear, list[E]] = {}
        for row in rows:
            key = keys[row[0] - 1]
            found.setdefault(key, []).append(self.entry((row[1], *key, *row[2:])))
        return {key: tuple(sorted(entries, key=self._position)) for key, entries in found.items()}

    async def add(self, work: UnitOfWork, new: NewEntry) -> E:
        """Restores a deleted entry of the same key with the new values. Raises Conflict if the entry exists."""
        new.check()
        given = new.columns()
        key = [given[key.name] for key in self.family.key]
        operator = await work.connection.fetchrow(
            self._operator, new.dno, work.principal.name, new.year, *key
        )
        if operator is None:
            raise NotFound(f"There is no operator {quoted(new.dno)}.", field=("input", "dno"))
        dno_id, _, *last_year = operator
        values = [codec.encode(given[name]) for name, codec in self._codecs.items()]
        row = await work.connection.fetchrow(self._insert, dno_id, new.year, *key, *values, new.source_url)
        if row is None:
            raise new.conflict()
        entry = self.entry(row)
        work.warnings += self._find_warnings(entry, tuple(last_year))
        return entry

    async def correct(self, work: UnitOfWork, correction: Correction[E]) -> E:
        """Writes no revision if nothing changes. Raises Conflict if the entry is at another version."""
        check_text(correction.reason, "reason")
        before, last_year = await self.lock(work, correction.id, reason=correction.reason)
        expect(before.version, correction.expected_version)
        after = correction.applied_to(before)
        if after == before:
            work.wrote_nothing = True
            return before
        work.warnings += self._find_warnings(after, last_year)
        return await self.save(work, after)

    async def save(self, work: UnitOfWork, entry: E, *, deleted: bool = False) -> E:
        """Writes a locked entry."""
        row = await work.connection.fetchrow(
            self._update,
            entry.id,
            deleted,
            *[codec.encode(getattr(entry, name)) for name, codec in self._codecs.items()],
            *[getattr(entry, name) for name in _SOURCE],
        )
        assert row is not None
        return self.entry(row)

    def restored(self, entry: E, state: Mapping[str, Any]) -> E:
        """As a revision recorded it. A column that is newer than the revision becomes None."""
        values = {
            name: None if state.get(name) is None else codec.restore(state[name])
            for name, codec in self._codecs.items()
        }
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
    ) -> Locked[E]:
        """Locks the row until the unit of work ends. `deleted`: finds deleted entries, too."""
        row = await work.connection.fetchrow(
            self._lock_one, entry_id, work.principal.name, reason, kind, deleted
        )
        if row is None:
            raise NotFound(f"There is no such {self.family.noun}.", field=("input", "id"))
        return Locked(self.entry(row), tuple(row)[len(self._fields) + 1 :])

    def _position(self, entry: E) -> tuple[int, ...]:
        return tuple([ranks[getattr(entry, name)] for name, ranks in self._order])

    def _build_statements(self) -> None:
        table, key = self.family.table, [key.name for key in self.family.key]
        found = self.selected().replace("dno_id, year, ", "", 1)
        self._by_dno_year = (
            f"SELECT place, {found} FROM {table}"
            " JOIN unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS wanted (dno_id, year, place)"
            " USING (dno_id, year) WHERE deleted_at IS NULL"
        )
        # `record_author` in the same statement saves a round trip.
        last_year = "".join(f", p.{column.name}" for column in self.family.prices)
        same_key = "".join(f" AND p.{name} = ${n}" for n, name in enumerate(key, 4))
        join = (
            f" LEFT JOIN {table} p ON p.dno_id = d.id AND p.year = $3::integer - 1 AND p.deleted_at IS NULL"
        )
        self._operator = (
            f"SELECT d.id, record_author($2, NULL, NULL){last_year} FROM dnos d{join}{same_key}"
            " WHERE d.slug = $1 AND d.deleted_at IS NULL FOR SHARE OF d"
        )
        join = f" LEFT JOIN {table} p ON p.dno_id = t.dno_id AND p.year = t.year - 1 AND p.deleted_at IS NULL"
        same_key = "".join(f" AND p.{name} = t.{name}" for name in key)
        self._lock_one = (
            f"SELECT {self.selected('t')}, record_author($2, $3, $4){last_year} FROM {table} t"
            f" JOIN dnos d ON d.id = t.dno_id AND d.deleted_at IS NULL{join + same_key if last_year else ''}"
            " WHERE t.id = $1 AND (t.deleted_at IS NULL OR $5) FOR UPDATE OF t"
        )
        unique = ["dno_id", "year", *key]
        inserted = [*unique, *self._names, "source_url"]
        self._insert = (
            f"INSERT INTO {table} AS t ({', '.join(inserted)})"
            f" VALUES ({', '.join(f'${n}' for n in range(1, len(inserted) + 1))})"
            f" ON CONFLICT ({', '.join(unique)}) DO UPDATE SET"
            f" {', '.join(f'{name} = excluded.{name}' for name in (*self._names, 'source_url'))},"
            " verification_status = 'unverified', source_title = NULL, deleted_at = NULL"
            f" WHERE t.deleted_at IS NOT NULL RETURNING {self.selected()}"
        )
        self._update = (
            f"UPDATE {table} SET {', '.join(f'{n} = ${i}' for i, n in enumerate((*self._names, *_SOURCE), 3))},"
            " deleted_at = CASE WHEN $2 THEN coalesce(deleted_at, clock_timestamp()) END WHERE id = $1"
            f" RETURNING {self.selected()}"
        )
