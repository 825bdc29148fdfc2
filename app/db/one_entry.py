"""A change of one entry without a transaction around it: one statement reads the entry, another one writes and commits.

Nothing is locked in between. The second statement writes only if the entry is still at the version that was read, and if
no other writer has locked it. Else, and where a constraint is violated, the change runs once more as a unit of work
with locks, which reports what is wrong.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

import asyncpg
import structlog

from app.db.connect import Connection, read_only
from app.db.failures import Failure, failure_of, is_definite
from app.db.known_distribution import KnownDistribution
from app.db.pool import AWAY, ConnectionLost, Pool, RolledBack, Row, is_broken
from app.db.revisions import REVISION_BY_ID, revision
from app.db.unit_of_work import OutcomeUnknown, UnitOfWork, write
from app.domain.account import Principal
from app.domain.event import EntryChange, Event, Topic
from app.domain.revision import ChangeKind
from app.errors import Unavailable

T = TypeVar("T")

log = structlog.get_logger(__name__)

_REVISION: Final = (
    *("id", "entry_id", "data_type", "kind", "version", "changed_at", "changed_by", "reason"),
    *("before", "after"),
)
# Of `write_entry` with the alias `w`.
WRITTEN: Final = "(w.event).id AS event_id, (w.event).changed_at AS event_at, " + ", ".join(
    f"(w.revision).{name} AS revision_{name}" for name in _REVISION
)


class Contended(Exception):
    """The entry is at another version by now, or locked: nothing was written."""


class Attempt(NamedTuple):
    """A statement that writes an entry which was read at `version`. `revision`: the id of its revision, if it is committed.

    `lock`: locks the entry `$1`, also a deleted one; `decode` makes the entry of its row.
    """

    topic: Topic
    entry_id: UUID
    dno_id: UUID
    year: int
    version: int
    revision: UUID
    lock: str
    decode: Callable[[Row], Any]

    def event(self, number: int, at: datetime, kind: ChangeKind) -> Event:
        change = EntryChange(self.entry_id, self.version + 1, kind)
        return Event(number, self.topic, self.dno_id, self.year, at, (change,))

    @property
    def possible_event(self) -> Event:
        """Its number is known only when it has been committed."""
        return self.event(0, datetime.now(UTC), ChangeKind.CORRECTED)


class OneEntryWork(UnitOfWork):
    """Without a transaction. `check` raises if the author may no longer write; it is called directly before the statement
    that writes is sent, which is committed when it returns: `events` and `revision` are set.
    """

    def __init__(
        self,
        connection: Connection,
        principal: Principal,
        distribution: KnownDistribution,
        check: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(connection, principal, distribution)
        self.author: tuple[str | None, str | None, ChangeKind | None] = (principal.name, None, None)
        self.attempt: Attempt | None = None
        self._check = check

    async def read(self, statement: str, *arguments: object) -> "Row | None":
        row = await self.connection.fetchrow(statement, *arguments)
        if read_only(self.connection):
            raise Contended  # rows of a former primary may be old; a lock is refused there
        return row

    async def fetch_saved(self, statement: str, *arguments: object) -> "Row | None":
        """Of a statement with the columns WRITTEN."""
        attempt = self.attempt
        assert attempt is not None
        await self._check()
        self.committing = True
        try:
            rows = await self.connection.fetch(statement, *arguments)
        except Exception as error:
            if _is_refusal(error, self.connection):
                self.committing = False
                raise
            # Not terminated: after a time-out the driver still cancels the statement.
            raise _Unanswered(attempt) from error
        if not rows:
            self.committing = False
            raise Contended
        for row in rows:
            if row["event_id"] is not None:
                kind = ChangeKind(row["revision_kind"])
                self.events.append(attempt.event(row["event_id"], row["event_at"], kind))
                self.revision = revision({name: row[f"revision_{name}"] for name in _REVISION})
                self.revisions = [self.revision]
        first: Row = rows[0]
        return first


def _is_refusal(error: Exception, connection: Connection) -> bool:
    """Whether it is certain that the statement was not committed."""
    if isinstance(error, asyncpg.PostgresError):
        return is_definite(error)
    return failure_of(error, broken=is_broken(connection)) is Failure.MISTAKE


class _Unanswered(Unavailable):
    def __init__(self, attempt: Attempt) -> None:
        super().__init__(AWAY)
        self.attempt = attempt


async def write_one_entry(
    pool: Pool,
    principal: Principal,
    change: Callable[[UnitOfWork], Awaitable[T]],
    check: Callable[[], Awaitable[None]],
) -> tuple[T, UnitOfWork]:
    """`change` locks and saves one entry of a FamilyTable, and has no effect but through the unit of work; it may run again.

    Raises OutcomeUnknown if it is not known whether it was written.
    """
    try:
        async with pool.connection() as connection:
            work = OneEntryWork(connection, principal, pool.distribution, check)
            result = await change(work)
            if work.committing:
                pool.note_write(refused=False)
            return result, work
    except _Unanswered as lost:
        pool.note_write(refused=True)
        await pool.expire()
        log.warning("a write was not answered", why=repr(lost.__cause__))
        return await _settle(pool, principal, change, lost.attempt)
    except ConnectionLost:
        await pool.expire()
    except (Contended, RolledBack, asyncpg.IntegrityConstraintViolationError, asyncpg.DataError):
        pass  # a data error of the driver, too: reported by the unit of work
    return await write(pool, principal, change)


class _Written(Exception):
    """The statement without a response was committed. `work`: with its event and revision."""

    def __init__(self, work: UnitOfWork, entry: Any) -> None:
        self.work = work
        self.entry = entry


async def _settle(
    pool: Pool, principal: Principal, change: Callable[[UnitOfWork], Awaitable[T]], attempt: Attempt
) -> tuple[T, UnitOfWork]:
    """The result of a statement without a response, if it was committed; else the change runs once more.

    With the entry locked, either the revision is there, or the statement can be committed no more as soon as the entry
    is at another version: the second run raises it.
    """
    moved = False

    async def look_and_change(work: UnitOfWork) -> T:
        nonlocal moved
        work.committing = True  # a deadline must not keep the caches from being invalidated
        row = await work.connection.fetchrow(attempt.lock, attempt.entry_id)
        written = await work.connection.fetchrow(REVISION_BY_ID, attempt.revision)
        if written is not None and row is not None:
            work.revision = revision(written)
            work.revisions = [work.revision]
            work.events = [attempt.event(0, work.revision.changed_at, work.revision.kind)]
            raise _Written(work, attempt.decode(row))  # rolled back: nothing waits for another commit
        moved = row is None or row["version"] != attempt.version
        return await change(work)

    try:
        return await write(pool, principal, look_and_change)
    except _Written as found:
        return found.entry, found.work
    except OutcomeUnknown:
        raise
    except Exception as error:
        if moved:
            raise
        raise OutcomeUnknown([attempt.possible_event]) from error
