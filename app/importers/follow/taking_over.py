"""Takes over rows of prices or windows: translates them, decides about each entry, and writes a batch in one transaction."""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from app.db import followed_entries, followed_operators, followed_rows
from app.db.crawler_database import Snapshot, shortened
from app.db.family_tables import TABLES
from app.db.followed_entries import FollowedEntries, TakenOver
from app.db.followed_rows import UNFIT
from app.db.pool import Connection, Row
from app.domain.revision import CRAWLER, ChangeKind
from app.domain.set_aside import SetAside
from app.importers.follow.decision import (
    NOT_THEIRS,
    Action,
    Decision,
    Followed,
    Stored,
    changed_here,
    decide,
)
from app.importers.follow.figures import FAMILIES, Theirs, Translated, Unfit, translate
from app.importers.follow.operators import entry_id
from app.importers.transaction import in_transaction

# Part of each fingerprint: raised when rows that were handled already would be translated in another way.
_TRANSLATION: Final = b"2"
_WITHOUT_FIGURES: Final = f"{CRAWLER} has no figures for it any more"
# The database refuses a value, though it was checked.
RULE_BROKEN: Final = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)
_MANY: Final = 1_000
_ROWS_PER_TURN: Final = 100
_MAX_COMPARED: Final = 20_000  # entries of one pass that are remembered for plausibility


class Counts(msgspec.Struct, frozen=True):
    """Of entries; `read` and `handled` of rows."""

    read: int = 0
    handled: int = 0
    added: int = 0
    changed: int = 0
    disputed: int = 0
    kept: int = 0
    deleted: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            *[
                one + more
                for one, more in zip(
                    msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True
                )
            ]
        )


class _Item(NamedTuple):
    """One row of the crawler with what was made of it. `new`: nothing is recorded of it."""

    row: Row
    fingerprint: bytes
    translated: Translated
    new: bool


class _Decided(NamedTuple):
    theirs: Theirs
    entry_id: str
    version: int  # of the entry as it was taken over last
    decision: Decision
    disputed: bool


class TakingOver:
    """`present`: all rows of the table, in a full comparison."""

    def __init__(self, connection: Connection, snapshot: Snapshot, source: str) -> None:
        self._connection = connection
        self._snapshot = snapshot
        self.source = source
        self._family = FAMILIES[source]
        self._entries = FollowedEntries(self._family, source)
        self.present: frozenset[int] | None = None
        self.counts = Counts()
        self.has_left_some = False  # what another change has prevented: the next pass compares again
        self._written: set[str] = set()
        self._years: dict[int, set[UUID]] = defaultdict(set)

    async def take(self, rows: Sequence[Row]) -> None:
        operators = await followed_operators.fetch_ids(
            self._connection, {row["dno_id"] for row in rows if row["dno_id"] is not None}
        )
        known = await followed_rows.fetch_fingerprints(
            self._connection, self.source, [row["id"] for row in rows]
        )
        items = []
        for number, row in enumerate(rows):
            if not number % _ROWS_PER_TURN:
                await asyncio.sleep(0)  # requests of the server are handled meanwhile
            dno_id = operators.get(row["dno_id"])
            fingerprint = _fingerprint(row, dno_id)
            if known.get(row["id"]) != fingerprint:
                translated = translate(self.source, dict(row), dno_id)
                before = known.get(row["id"])
                items.append(_Item(row, fingerprint, translated, before is None))
                # Another row may have been set aside for its entries.
                self.has_left_some |= before not in (None, UNFIT) and bool(translated.broken_parts)
        self.counts += Counts(read=len(rows), handled=len(items))
        if items:
            await self._take_or_divide(items)

    async def _take_or_divide(self, items: Sequence[_Item]) -> None:
        """A row that breaks a rule of the database is found, set aside, and stops no other."""
        try:
            self.counts += await in_transaction(self._connection, lambda: self._take(items))
        except RULE_BROKEN as error:
            if len(items) > 1:
                half = len(items) // 2
                await self._take_or_divide(items[:half])
                await self._take_or_divide(items[half:])
                return
            [item] = items
            reason = Unfit("", broken_rule(error))
            refused = [item._replace(translated=Translated(unfit=[reason]))]
            self.counts += await in_transaction(self._connection, lambda: self._take(refused))

    async def _take(self, items: Sequence[_Item]) -> Counts:
        unfit: dict[int, list[Unfit]] = {item.row["id"]: list(item.translated.unfit) for item in items}
        wanted = self._without_duplicates(items, unfit)
        stored = await self._lock(wanted)
        present = await self._holders_present(wanted, stored)
        decided: list[_Decided] = []
        for number, theirs in enumerate(wanted):
            row = stored.get(number)
            if row is not None and _is_held(row, theirs, present):
                unfit[theirs.source_id].append(_duplicate(theirs, row["source_id"]))
                continue
            decided.append(_decided(theirs, row))
        skipped = await self._write(decided)
        await self._release(items, {each.entry_id for each in decided})
        await self._set_aside(items, unfit)
        await followed_rows.record_fingerprints(
            self._connection,
            self.source,
            {
                item.row["id"]: UNFIT
                if item.row["id"] in skipped or any(not each.withdrawn for each in unfit[item.row["id"]])
                else item.fingerprint
                for item in items
            },
        )
        self._note_written(decided)
        return _counted(decided)

    def _without_duplicates(self, items: Sequence[_Item], unfit: Mapping[int, list[Unfit]]) -> list[Theirs]:
        """The first of several rows for one entry."""
        first: dict[tuple[str, ...], Theirs] = {}
        for item in items:
            for theirs in item.translated.entries:
                holder = first.setdefault(theirs.key, theirs)
                if holder is not theirs:
                    unfit[theirs.source_id].append(_duplicate(theirs, holder.source_id))
        return [*first.values()]

    async def _lock(self, wanted: Sequence[Theirs]) -> dict[int, Row]:
        if not wanted:
            return {}
        keys = [
            {"n": number, **dict(zip(self._entries.key, theirs.key, strict=True))}
            for number, theirs in enumerate(wanted)
        ]
        return {row["n"]: row for row in await self._entries.lock(self._connection, keys)}

    async def _holders_present(self, wanted: Sequence[Theirs], stored: Mapping[int, Row]) -> Collection[int]:
        """Of the rows that have these entries by now, and are others: those that are still there."""
        if self.present is not None:
            return self.present
        others = {
            row["source_id"]
            for number, row in stored.items()
            if row["source_id"] not in (None, wanted[number].source_id)
        }
        return await self._snapshot.fetch_present(self.source, others) if others else ()

    async def _write(self, decided: Sequence[_Decided]) -> set[int]:
        """Rows of entries that another transaction has added meanwhile."""
        versions: dict[str, int] = {}
        for (kind, reason), group in _by_reason(decided):
            await self._connection.execute("SELECT record_author($1, $2, $3)", CRAWLER, reason, kind)
            added = [_record(each, self._entries.key) for each in group if each.decision.action is Action.ADD]
            changed = [
                _record(each, self._entries.key)
                for each in group
                if each.decision.action in (Action.WRITE, Action.DISPUTE)
            ]
            if added:
                versions |= await self._entries.insert(self._connection, added)
            if changed:
                versions |= await self._entries.update(self._connection, changed)
        written = [each for each in decided if each.entry_id in versions or not _writes(each)]
        await followed_entries.record(
            self._connection,
            self.source,
            [
                TakenOver(
                    each.entry_id,
                    each.theirs.source_id,
                    each.theirs.applied,
                    versions.get(each.entry_id, each.version),
                    each.disputed,
                )
                for each in written
            ],
        )
        skipped = {each.theirs.source_id for each in decided} - {each.theirs.source_id for each in written}
        self.has_left_some |= bool(skipped)
        return skipped

    async def _release(self, items: Sequence[_Item], taken: Collection[str]) -> None:
        """Entries that these rows had and have no more, unless a row cannot be read: then they stay as they are."""
        translated = {item.row["id"]: item.translated for item in items if not item.new}
        if not translated:
            return
        released = [
            row["entry_id"]
            for row in await self._entries.fetch_of_rows(self._connection, list(translated))
            if row["entry_id"] not in taken and not self._is_unread(translated[row["source_id"]], row)
        ]
        if released:
            await followed_entries.release(self._connection, released)
            self.has_left_some = True  # another row may have been set aside for one of these entries

    def _is_unread(self, translated: Translated, entry: Row) -> bool:
        broken = translated.broken_parts
        if "" in broken:
            return True
        key = tuple(entry[name] for name in self._entries.key)
        return key[: len(translated.key)] == translated.key and not broken.isdisjoint(key)

    async def _set_aside(self, items: Sequence[_Item], unfit: Mapping[int, Sequence[Unfit]]) -> None:
        reasons = [
            SetAside(self.source, item.row["id"], part, "; ".join(dict.fromkeys(found)), shortened(item.row))
            for item in items
            for part, found in _by_part(unfit[item.row["id"]]).items()
        ]
        handled = [item.row["id"] for item in items if not item.new]
        await followed_rows.set_aside(self._connection, self.source, handled, reasons)

    async def count_released(self) -> int:
        return await followed_entries.count_released(self._connection, self.source)

    async def count_followed(self) -> int:
        return await followed_entries.count_followed(self._connection, self.source)

    async def delete_released(self) -> int:
        """Some of them. An entry that was changed here since is flagged instead, and stays."""
        rows = await self._entries.lock_released(self._connection)
        own = {row["entry_id"] for row in rows if changed_here(_stored(row), row["followed_version"])}
        gone = [row["entry_id"] for row in rows if row["entry_id"] not in own]
        never_theirs = [row["entry_id"] for row in rows if row["followed_version"] == NOT_THEIRS]
        own.difference_update(never_theirs)
        await self._connection.execute("SELECT record_author($1, $2, NULL)", CRAWLER, _WITHOUT_FIGURES)
        if gone:
            await self._entries.delete(self._connection, gone)
            await followed_entries.forget(self._connection, gone)
        if never_theirs:
            await followed_entries.forget(self._connection, never_theirs)
        if own:
            await self._entries.flag(self._connection, [*own])
            await followed_entries.keep_as_own(self._connection, [*own])
        self.counts += Counts(deleted=len(gone), disputed=len(own))
        return len(rows)

    async def count_warnings(self) -> int:
        """Entries of this pass with unusual figures."""
        if not self._written:
            return 0
        dno_ids = list({dno_id for each in self._years.values() for dno_id in each})
        count = 0
        if len(self._written) > _MANY:
            # Else the planner takes the tables for as small as they were before.
            await self._connection.execute(f"ANALYZE {self._family.table}, revisions")
        async with self._connection.transaction(readonly=True):
            async for entry, _ in TABLES[self._family.name].plausibility.find(
                self._connection, dno_ids, list(self._years)
            ):
                count += str(entry.id) in self._written
        return count

    def _note_written(self, decided: Sequence[_Decided]) -> None:
        for each in decided:
            if _writes(each) and len(self._written) < _MAX_COMPARED:
                self._written.add(each.entry_id)
                self._years[int(each.theirs.key[1])].add(UUID(each.theirs.key[0]))


def _fingerprint(row: Row, dno_id: UUID | None) -> bytes:
    text = repr((tuple(row), dno_id)).encode(errors="surrogatepass")
    return hashlib.blake2b(text, digest_size=16, key=_TRANSLATION).digest()


def broken_rule(error: Exception) -> str:
    rule = getattr(error, "constraint_name", None) or str(error)
    return f"breaks a rule: {rule.replace('_', ' ')}"


def _duplicate(theirs: Theirs, holder: int) -> Unfit:
    return Unfit(theirs.part, f"is the same operator, year and level as row {holder}")


def _is_held(row: Row, theirs: Theirs, present: Collection[int]) -> bool:
    """By another row that is still there, and that could be read."""
    if row["source_id"] == theirs.source_id or row["source_id"] not in present or row["released"]:
        return False
    return {"", theirs.part}.isdisjoint(row["unfit_parts"])


def _decided(theirs: Theirs, row: "Row | None") -> _Decided:
    followed = None if row is None or row["applied"] is None else _followed(row)
    stored = None if row is None else _stored(row)
    decision = decide(theirs, stored, followed)
    if stored is None:
        made = entry_id(theirs.source, theirs.source_id, theirs.key)
        return _Decided(theirs, made, 1, decision, disputed=False)
    version = stored.version
    if decision.action is Action.KEEP:
        version = NOT_THEIRS if followed is None else followed.version
    disputed = decision.action is Action.DISPUTE or bool(followed and followed.disputed)
    return _Decided(theirs, stored.entry_id, version, decision, disputed)


def _stored(row: Row) -> Stored:
    return Stored(
        row["entry_id"],
        row["version"],
        row["deleted"],
        row["stored"],
        row["verification_status"],
        row["source_url"],
        row["changed_by"],
    )


def _followed(row: Row) -> Followed:
    applied = row["applied"]
    return Followed(
        applied["values"], applied["status"], applied["source_url"], row["followed_version"], row["disputed"]
    )


def _writes(each: _Decided) -> bool:
    return each.decision.action in (Action.ADD, Action.WRITE, Action.DISPUTE)


def _by_reason(
    decided: Sequence[_Decided],
) -> Iterator[tuple[tuple[str | None, str], list[_Decided]]]:
    """Author, kind and reason hold for a whole statement."""
    groups: dict[tuple[str | None, str], list[_Decided]] = defaultdict(list)
    for each in decided:
        if _writes(each):
            kind = ChangeKind.FLAGGED if each.decision.action is Action.DISPUTE else None
            groups[kind, each.decision.reason].append(each)
    yield from groups.items()


def _record(each: _Decided, key: Sequence[str]) -> dict[str, Any]:
    return {
        "id": each.entry_id,
        **dict(zip(key, each.theirs.key, strict=True)),
        **each.theirs.values,
        "verification_status": each.decision.status,
        "source_url": each.decision.source_url,
    }


def _by_part(unfit: Sequence[Unfit]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in unfit:
        found.setdefault(each.part, []).append(each.reason)
    return found


def _counted(decided: Sequence[_Decided]) -> Counts:
    actions = [each.decision.action for each in decided]
    return Counts(
        added=actions.count(Action.ADD),
        changed=actions.count(Action.WRITE),
        disputed=actions.count(Action.DISPUTE),
        kept=actions.count(Action.KEEP),
    )
