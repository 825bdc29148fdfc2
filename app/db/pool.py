"""The connection pool: prepares connections, sends statements, handles failures."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic, perf_counter
from typing import Any, Final, NamedTuple, TypeAlias, cast

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from app.db.connect import OWN_SETTINGS, Connecting, NotWritable, in_recovery, read_only, set_again
from app.db.connect import Connection as Connection
from app.db.failures import Failure, failure_of
from app.db.known_directory import KnownDirectory
from app.db.known_distribution import KnownDistribution
from app.db.missing_objects import TABLES, report_missing
from app.db.start_errors import cannot_start
from app.db.type_codecs import set_type_codecs
from app.errors import AppError, BadInput, DeadlineExceeded, Unavailable
from app.observability import operation_stats, traces
from app.observability.metrics import STATEMENT_SECONDS, STATEMENTS
from app.settings import Settings

log = structlog.get_logger(__name__)

Row: TypeAlias = "asyncpg.Record"

# Errors of an unreachable server; `failures` classifies all errors.
UNREACHABLE = (
    OSError,  # includes TimeoutError
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)

AWAY = "The database does not answer at the moment; please try again soon."
_READ_ONLY = "The database takes no writes at the moment; please try again soon."
INCOMPLETE = "The database lacks something that this needs at the moment; please try again later."
SPACE = "This takes more temporary space than the database is set to allow; please ask for less."
AGAIN = "The database could not do this at the moment; please try again."

# Seconds for which reads use a server that was set read-only, before a writable one is looked for again.
_RECHECK_AFTER: Final = 0.5
# Seconds for which connections are kept for the next statement. The driver's own way back and forth takes two tasks and a timer.
_KEPT_FOR: Final = 0.05
# Seconds for which a failed write means that the server accepts none, if no other write follows.
_WRITE_FAILURE_LIFETIME: Final = 30.0
# Seconds for which a statement that lacked a table, a column or a right means that something is missing.
_INCOMPLETE_LIFETIME: Final = 5.0
_MISSING_TABLES: Final = (
    "SELECT name FROM unnest($1::text[]) AS name"
    " WHERE has_table_privilege(to_regclass(quote_ident(name)), 'SELECT') IS NOT TRUE"
)


class ConnectionLost(Unavailable):
    """The connection broke; whether its last statement was executed is not known."""


class ReadOnly(ConnectionLost):
    """The server accepts no writes: its rows may be outdated."""


class Incomplete(Unavailable):
    """A table, a column, a function, a type or a right is missing: nothing was done, and a retry would fail."""


class RolledBack(Unavailable):
    """Nothing was written, and a retry may succeed."""


# Whether the current task is one of a background job: metrics count its statements, `Pool.statements` does not. Reads through the cache
# run in tasks of their own, and count in both.
in_job: ContextVar[bool] = ContextVar("in_job", default=False)


class Probe(NamedTuple):
    """`takes_writes`: as far as known without writing, by the state that the server reports and the result of the latest
    write. `missing_tables`: those that do not exist or may not be read.
    """

    takes_writes: bool
    missing_tables: list[str]


class Pool:
    """Every read statement goes through `fetch`, so that it is counted, timed and bounded."""

    def __init__(self, pool: "asyncpg.Pool[Any]", connecting: Connecting, settings: Settings) -> None:
        self._pool = pool
        self._connecting = connecting
        self._settings = settings
        self._meters = _Meters()
        self._releasing: set[asyncio.Task[None]] = set()
        self._kept: list[PoolConnectionProxy[Any]] = []
        self._give_back_timer: asyncio.TimerHandle | None = None
        self._acquiring = 0  # statements that wait for a connection
        self._generation = 0  # of connections, raised when all of them expire
        self._write_failed_at = -inf
        self._incomplete_at = -inf
        self.distribution = KnownDistribution()
        self.directory = KnownDirectory()
        self.statements = 0
        # Called before rows are returned that may be older than those of another server.
        self.on_old_rows: Callable[[], None] = lambda: None

    async def fetch(self, statement: str, *arguments: object, name: str = "other") -> list[Row]:
        """For reads only: if the connection breaks, the statement is sent once more on another.

        Raises Unavailable while PostgreSQL is unreachable, DeadlineExceeded if the statement times out,
        BadInput for text that cannot be stored. `name` is the statement's name in metrics.
        """
        if not in_job.get():
            self.statements += 1
        if (stats := operation_stats.current()) is not None:
            stats.statements += 1
        count, observe = self._meters[name]
        count()
        start = perf_counter()
        try:
            with traces.span("sql", statement=name):
                return await self._fetch_with_retry(statement, arguments)
        finally:
            observe(perf_counter() - start)

    async def _fetch_with_retry(self, statement: str, arguments: tuple[object, ...]) -> list[Row]:
        try:
            return await self._fetch(statement, arguments)
        except ConnectionLost:
            # If one connection broke, the others probably have, too.
            await self.expire()
        except RolledBack:
            pass
        return await self._fetch(statement, arguments)

    async def _fetch(self, statement: str, arguments: tuple[object, ...]) -> list[Row]:
        async with self.connection() as connection:
            rows = await connection.fetch(statement, *arguments)
            if read_only(connection):
                self._check_reading(connection)
            return rows

    def _check_reading(self, connection: Connection) -> None:
        """A read-only session may be that of a former primary, and its rows outdated."""
        if in_recovery(connection) or not self._connecting.found_read_only_within(_RECHECK_AFTER):
            connection.terminate()
            raise ReadOnly(_READ_ONLY)
        # The rows are returned, but must not be cached: a change that was committed on another server meanwhile
        # would never evict them.
        self.on_old_rows()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """No setting may outlive its transaction: a released connection is not reset."""
        connection = self._take_kept() or await self._acquire()
        generation = self._generation
        reusable = False
        try:
            with translated_errors(connection):
                yield cast("Connection", connection)
            reusable = generation == self._generation
        except ReadOnly:
            # The other connections are to the same server; new ones look for one that accepts writes.
            await self.expire()
            raise
        except Incomplete:
            self.note_incomplete()
            raise
        except asyncpg.InterfaceError:
            # If arguments do not match the statement, PostgreSQL has received half of it: the statement's time-out
            # keeps running, and would cancel the next statement.
            _terminate(connection)
            raise
        finally:
            if reusable and not (self._acquiring or is_broken(connection) or connection.is_in_transaction()):
                self._keep(connection)
            else:
                self._release(connection)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """For reads by several statements: a connection that is broken, or leads to a possible former primary, is replaced before the first."""
        async with AsyncExitStack() as opened:
            try:
                connection = await opened.enter_async_context(self._checked())
            except ConnectionLost:
                # If one connection broke, the others probably have, too.
                await self.expire()
                connection = await opened.enter_async_context(self._checked())
            yield connection

    @asynccontextmanager
    async def _checked(self) -> AsyncIterator[Connection]:
        async with self.connection() as connection:
            await connection.execute("SELECT")
            if read_only(connection):
                self._check_reading(connection)
            yield connection

    def _keep(self, connection: "PoolConnectionProxy[Any]") -> None:
        self._kept.append(connection)
        if self._give_back_timer is None:
            self._give_back_timer = asyncio.get_running_loop().call_later(_KEPT_FOR, self.give_back)

    def _take_kept(self) -> "PoolConnectionProxy[Any] | None":
        while self._kept:
            connection = self._kept.pop()
            if not is_broken(connection):
                return connection
            self._release(connection)
        return None

    def give_back(self) -> None:
        """Returns the connections that were kept for the next statement."""
        if self._give_back_timer is not None:
            self._give_back_timer.cancel()
            self._give_back_timer = None
        kept, self._kept = self._kept, []
        for connection in kept:
            self._release(connection)

    def _release(self, connection: "PoolConnectionProxy[Any]") -> None:
        """Not awaited: the caller need not wait until the connection is back in the pool."""
        task = asyncio.create_task(self._pool.release(connection))
        self._releasing.add(task)
        task.add_done_callback(self._released)

    def _released(self, task: "asyncio.Task[None]") -> None:
        self._releasing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.info("a connection was given up", why=repr(error))  # the pool opens another one

    async def _acquire(self) -> "PoolConnectionProxy[Any]":
        self._acquiring += 1
        try:
            # Not acquire(timeout=…), which would start a task for every statement.
            async with asyncio.timeout(self._settings.database_acquire_timeout):
                return await self._pool.acquire()
        except NotWritable as error:
            raise Unavailable(_READ_ONLY) from error
        except Exception as error:
            if failure_of(error, broken=True) is Failure.MISTAKE and not isinstance(
                error, asyncpg.PostgresError
            ):
                raise
            # An error while a session is opened is not an error of the statement.
            raise Unavailable(AWAY) from error
        finally:
            self._acquiring -= 1

    def expect_writable(self) -> None:
        """A change was committed by some instance: read-only sessions are used only after a writable server was looked for."""
        self._connecting.expect_writable()

    async def probe(self) -> "Probe":
        """By one statement, which is not counted. It reads the catalog, which no lock of a migration blocks."""
        async with self.connection() as connection:
            missing = await connection.fetch(_MISSING_TABLES, TABLES)
            failed_recently = monotonic() - self._write_failed_at < _WRITE_FAILURE_LIFETIME
            takes_writes = not read_only(connection) and not failed_recently
            return Probe(takes_writes, [row["name"] for row in missing])

    def note_write(self, *, refused: bool) -> None:
        """Records whether the latest write failed: with a full disk, reads succeed and writes fail."""
        self._write_failed_at = monotonic() if refused else -inf

    def note_incomplete(self) -> None:
        """A statement needed something that was missing; that of an import, too, which no connection of the pool sent."""
        self._incomplete_at = monotonic()

    def lacked_something(self) -> bool:
        """Whether a recent statement needed a table, a column, a function, a type or a right that was missing."""
        return monotonic() - self._incomplete_at < _INCOMPLETE_LIFETIME

    async def expire(self) -> None:
        """Every connection is replaced before it is used again."""
        self._generation += 1
        self.give_back()
        await self._pool.expire_connections()

    @property
    def statement_timeout(self) -> float:
        return self._settings.database_statement_timeout

    @property
    def size(self) -> int:
        return self._pool.get_size()

    @property
    def idle(self) -> int:
        return self._pool.get_idle_size() + len(self._kept)


class _Meters(dict[str, tuple[Any, Any]]):
    """Looking up a metric's label costs more than counting, so it is done once for each name."""

    def __missing__(self, name: str) -> tuple[Any, Any]:
        meters = self[name] = STATEMENTS.labels(name).inc, STATEMENT_SECONDS.labels(name).observe
        return meters


@contextmanager
def translated_errors(connection: "PoolConnectionProxy[Any]") -> Iterator[None]:
    """Translates errors of PostgreSQL into AppErrors; programming errors pass unchanged."""
    try:
        yield
    except AppError:
        raise
    except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError) as error:
        raise BadInput("A text holds a character that cannot be stored.") from error
    except TimeoutError as error:
        # The server did not report its own time-out; a retry would take as long.
        _terminate(connection)
        raise Unavailable(AWAY) from error
    except Exception as error:
        failure = failure_of(error, broken=is_broken(connection))
        if failure in (Failure.OUTAGE, Failure.READ_ONLY, Failure.STALE):
            _terminate(connection)
        if failure is Failure.INCOMPLETE:
            report_missing(error)
            raise Incomplete(INCOMPLETE) from error
        if failure is not Failure.MISTAKE:
            log.info("a statement failed", failure=failure.name.lower(), why=repr(error))
            raise _ERRORS[failure]() from error
        raise


_ERRORS: Mapping[Failure, Callable[[], AppError]] = {
    Failure.OUTAGE: lambda: ConnectionLost(AWAY),
    Failure.READ_ONLY: lambda: ReadOnly(_READ_ONLY),
    Failure.STALE: lambda: RolledBack(AGAIN),
    Failure.RETRY: lambda: RolledBack(AGAIN),
    Failure.SPACE: lambda: Unavailable(SPACE),
    Failure.TIMEOUT: lambda: DeadlineExceeded(
        "This took the database too long; please try again, or ask for less."
    ),
}


def _terminate(connection: "PoolConnectionProxy[Any]") -> None:
    if not is_broken(connection):
        connection.terminate()


def is_broken(connection: "PoolConnectionProxy[Any] | Connection") -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # it is no longer in the pool
        return True


@asynccontextmanager
async def open_pool(settings: Settings) -> AsyncIterator[Pool]:
    connecting = Connecting(within=settings.database_connect_timeout)
    pool = await _create_pool(settings, connecting)
    opened = Pool(pool, connecting, settings)
    try:
        yield opened
    finally:
        opened.give_back()
        try:
            await asyncio.wait_for(pool.close(), settings.database_statement_timeout)
        except TimeoutError:
            pool.terminate()


async def _create_pool(settings: Settings, connecting: Connecting) -> "asyncpg.Pool[Any]":
    milliseconds = f"{settings.database_statement_timeout * 1000:.0f}"
    session = {
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
        # JIT compilation costs more than it saves for short statements.
        "jit": "off",
    }

    async def prepare(connection: Connection) -> None:
        await set_type_codecs(connection)
        await set_again(connection, {**session, **OWN_SETTINGS})

    try:
        pool: asyncpg.Pool[Any] = await asyncpg.create_pool(
            settings.database_url,
            connect=cast("Any", connecting),
            min_size=min(settings.min_database_connections, settings.max_database_connections),
            max_size=settings.max_database_connections,
            # Later than the server's own, whose error is more precise.
            command_timeout=settings.database_statement_timeout + 1,
            init=prepare,
            # No setting outlives a transaction, so there is nothing to reset: this halves the round trips of
            # every read.
            reset=_no_reset,
            server_settings={"application_name": "dno-api", **session},
        )
        return pool
    # `from None`: what the driver quotes of a damaged address may be its password.
    except (ValueError, asyncpg.PostgresError, *UNREACHABLE) as error:
        raise cannot_start(settings.database_url, error) from None


async def _no_reset(connection: Connection) -> None:
    pass
