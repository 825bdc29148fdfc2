"""One transaction with its history: all changes of users are written in one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final, TypeVar

import asyncpg
import structlog
from asyncpg.transaction import Transaction

from app.db.failures import is_definite
from app.db.known_distribution import KnownDistribution
from app.db.outbox import event
from app.db.pool import AWAY, Connection, ConnectionLost, Pool, RolledBack, Row
from app.db.revisions import revision
from app.db.transaction_mark import TransactionMark
from app.domain.account import Principal
from app.domain.event import Event
from app.domain.plausibility import PlausibilityWarning
from app.domain.revision import ChangeKind, Revision
from app.errors import AppError, BadInput, Code, Unavailable

T = TypeVar("T")

log = structlog.get_logger(__name__)

_POLL_INTERVAL: Final = 0.05


class OutcomeUnknown(Unavailable):
    """The connection broke during the commit, and it is not known whether it succeeded. `events`: of what may be committed."""

    def __init__(self, events: Sequence[Event]) -> None:
        super().__init__(
            "The database stopped answering while this was being written: whether it was is not known. Please look"
            " before you try again."
        )
        self.events = events


class UnitOfWork:
    """`events`, `revisions` and `revision` (the last one) are set when the block has ended without error."""

    def __init__(self, connection: Connection, principal: Principal, distribution: KnownDistribution) -> None:
        self.connection = connection
        self.distribution = distribution
        self.principal = principal
        self.warnings: list[PlausibilityWarning] = []
        self.events: list[Event] = []
        self.revisions: list[Revision] = []  # one for each event of an entry: of statements that changed one
        self.revision: Revision | None = None
        self.wrote_nothing = False  # set by changes that know it; else the outbox is read
        self.committing = False  # True: it may be committed, also if no response arrives
        self.transaction: TransactionMark | None = None  # set, like `events`, if something was written

    async def record_author(self, kind: ChangeKind | None = None, reason: str | None = None) -> None:
        """Sets author, reason and kind for the triggers. Statements that lock a row do this themselves."""
        await self.connection.execute("SELECT sign($1, $2, $3)", self.principal.name, reason, kind)

    async def fetch_saved(self, statement: str, *arguments: object) -> "Row | None":
        """Runs a statement that writes one entry; its row."""
        return await self.connection.fetchrow(statement, *arguments)

    async def lock_bulk_writes(self) -> None:
        """One list of writes at a time, until the end of the transaction: two may have entries in common, in another order."""
        await self.connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('bulk writes', 0))")

    async def read_back(self) -> None:
        """Reads the events and the revision that the triggers wrote in this transaction."""
        rows = await self.connection.fetch(
            "SELECT o.id AS event_id, topic, o.dno_id, o.year, o.changed_at AS event_at, entries,"
            " r.id, r.entry_id, r.data_type, r.kind, r.version, r.changed_at, r.changed_by, r.reason, r.before, r.after,"
            " transaction::text, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS timeline"
            " FROM outbox o LEFT JOIN revisions r"
            " ON r.entry_id = (entries -> 0 ->> 'id')::uuid AND r.version = (entries -> 0 ->> 'version')::integer"
            " WHERE transaction = pg_current_xact_id() ORDER BY o.id"
        )
        self.events = [event(row, id="event_id", changed_at="event_at") for row in rows]
        if rows:
            self.transaction = TransactionMark(rows[0]["transaction"], rows[0]["timeline"])
        self.revisions = [revision(row) for row in rows if row["id"] is not None]
        self.revision = self.revisions[-1] if self.revisions else None


async def write(
    pool: Pool, principal: Principal, change: Callable[[UnitOfWork], Awaitable[T]]
) -> tuple[T, UnitOfWork]:
    """Runs `change` as one transaction, and once more if the first attempt was rolled back by the database (a
    deadlock, for instance) or its connection broke before the commit.

    So `change` must have no effect but through the unit of work.
    """
    try:
        return await _write(pool, principal, change)
    except (RolledBack, ConnectionLost) as refusal:
        log.info("a unit of work runs once more", why=repr(refusal.__cause__))
        if isinstance(refusal, ConnectionLost):
            await pool.expire()
        return await _write(pool, principal, change)


async def _write(
    pool: Pool, principal: Principal, change: Callable[[UnitOfWork], Awaitable[T]]
) -> tuple[T, UnitOfWork]:
    async with unit_of_work(pool, principal) as work:
        result = await change(work)
    return result, work


@asynccontextmanager
async def unit_of_work(pool: Pool, principal: Principal) -> AsyncIterator[UnitOfWork]:
    """Commits if the block ends without error.

    Raises RolledBack or ConnectionLost if nothing was written, OutcomeUnknown if that is not known.
    """
    try:
        async with _noted(pool), pool.connection() as connection:
            with translated_write_errors():
                transaction = connection.transaction()
                await transaction.start()
                work = UnitOfWork(connection, principal, pool.distribution)
                try:
                    yield work
                    if not work.wrote_nothing:
                        await work.read_back()
                except BaseException:
                    await _roll_back(connection, transaction)
                    raise
                work.committing = True
                await _commit(transaction, work)
    except _CommitUnanswered as lost:
        await _resolve_commit(pool, lost)


@asynccontextmanager
async def _noted(pool: Pool) -> AsyncIterator[None]:
    try:
        yield
    except (ConnectionLost, OutcomeUnknown):
        pool.note_write(refused=True)
        raise
    pool.note_write(refused=False)


async def _roll_back(connection: Connection, transaction: Transaction) -> None:
    """Errors here are dropped in favour of the original one; a connection that may still be within the
    transaction is closed.
    """
    try:
        await transaction.rollback()
    except Exception:
        connection.terminate()


async def _commit(transaction: Transaction, work: UnitOfWork) -> None:
    try:
        await transaction.commit()
    except Exception as error:
        if is_definite(error):
            raise
        raise _CommitUnanswered(work) from error


async def _resolve_commit(pool: Pool, lost: "_CommitUnanswered") -> None:
    """Looks up the outcome of the transaction on another connection. Returns if it was committed."""
    if lost.transaction is None:
        raise ConnectionLost(AWAY) from lost  # it had written nothing
    await pool.expire()
    outcome = await _outcome(pool, lost.transaction)
    log.warning("a commit was not answered", outcome=outcome, why=repr(lost.__cause__))
    if outcome == "aborted":
        raise ConnectionLost(AWAY) from lost
    if outcome != "committed":
        raise OutcomeUnknown(lost.events) from lost


async def _outcome(pool: Pool, transaction: TransactionMark) -> str | None:
    """None if it cannot be determined within the statement time-out."""
    try:
        async with asyncio.timeout(pool.statement_timeout):
            while True:
                outcome = await transaction.outcome(pool)
                if outcome != "in progress":
                    return outcome
                await asyncio.sleep(_POLL_INTERVAL)
    except (TimeoutError, AppError, asyncpg.PostgresError):
        return None


class _CommitUnanswered(Unavailable):
    def __init__(self, work: UnitOfWork) -> None:
        super().__init__(AWAY)
        self.transaction = work.transaction
        self.events = work.events


@contextmanager
def translated_write_errors() -> Iterator[None]:
    """Translates violated constraints; each is named after its rule."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise AppError("Another request has just added the same.", Code.CONFLICT) from error
    except asyncpg.IntegrityConstraintViolationError as error:
        rule = (error.constraint_name or "a value is missing").replace("_", " ")
        raise BadInput(f"This breaks a rule: {rule}.") from error
    except (asyncpg.DataError, asyncpg.ProgramLimitExceededError) as error:
        if isinstance(error, asyncpg.UntranslatableCharacterError):
            raise
        raise BadInput("A value cannot be stored.") from error


def expect(current: int, expected: int | None) -> None:
    if expected not in (None, current):
        raise AppError(
            f"The entry is at version {current} by now, not at {expected}.",
            Code.CONFLICT,
            field=("input", "expectedVersion"),
            current_version=current,
        )
