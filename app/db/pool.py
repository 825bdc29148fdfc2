"""The connection pool: how connections are prepared, statements sent, and failures handled."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from decimal import Decimal
from math import inf
from time import monotonic, perf_counter
from typing import Any, Final, TypeAlias, cast

import asyncpg
import msgspec
import structlog
from asyncpg.pool import PoolConnectionProxy

from app.db.connect import Connecting, NotWritable, in_recovery, read_only
from app.db.connect import Connection as Connection
from app.db.failures import Failure, failure_of
from app.db.start_errors import cannot_start
from app.errors import AppError, BadInput, DeadlineExceeded, Unavailable
from app.observability import operation_stats as costs
from app.observability import traces
from app.observability.metrics import STATEMENT_SECONDS, STATEMENTS
from app.settings import Settings

log = structlog.get_logger(__name__)

Row: TypeAlias = "asyncpg.Record"

# For those who only ask whether the server is away; `failures` knows more.
UNREACHABLE = (
    OSError,  # a TimeoutError is one, too
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
_AGAIN = "The database could not do this at the moment; please try again."

# How long reads go on from a server that was set read-only, before a writable one is looked for again.
_RECHECK_AFTER: Final = 0.5
# How long a failed write counts as a sign that the server takes none, if no other write follows.
_REMEMBER_REFUSAL: Final = 30.0


class ConnectionLost(Unavailable):
    """The connection broke in the middle; whether its last statement happened is not known."""


class ReadOnly(ConnectionLost):
    """The server takes no writes, or no longer: its rows may be old."""


class RolledBack(Unavailable):
    """Nothing happened, and the same may succeed when it is tried again."""


# Statements that jobs send again and again, whatever is asked of the server: metrics count them, tests do not.
BACKGROUND: Final = frozenset({"outbox"})


class Pool:
    """Every read statement goes through `fetch`, so that it is counted, timed and bounded."""

    def __init__(self, pool: "asyncpg.Pool[Any]", connecting: Connecting, settings: Settings) -> None:
        self._pool = pool
        self._connecting = connecting
        self._settings = settings
        self._meters = _Meters()
        self._releasing: set[asyncio.Task[None]] = set()
        self._write_refused = -inf
        self.statements = 0
        # Called before rows are handed out that may be older than what another server has by now.
        self.on_old_rows: Callable[[], None] = lambda: None

    async def fetch(self, statement: str, *arguments: object, name: str = "other") -> list[Row]:
        """For reads only: a connection that breaks is replaced once, and the statement sent again.

        Refuses with Unavailable while PostgreSQL is away, with DeadlineExceeded when it works for
        too long, with BadInput for text that it cannot hold. `name` is the statement's in metrics.
        """
        if name not in BACKGROUND:
            self.statements += 1
        if (spent := costs.current()) is not None:
            spent.statements += 1
        count, observe = self._meters[name]
        count()
        start = perf_counter()
        try:
            with traces.span("sql", statement=name):
                return await self._fetch_at_last(statement, arguments)
        finally:
            observe(perf_counter() - start)

    async def _fetch_at_last(self, statement: str, arguments: tuple[object, ...]) -> list[Row]:
        try:
            return await self._fetch(statement, arguments)
        except ConnectionLost:
            # Where one has died, the others probably have, too.
            await self._pool.expire_connections()
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
        """A session that takes no writes may be that of a former primary, and its rows old."""
        if in_recovery(connection) or not self._connecting.found_read_only_within(_RECHECK_AFTER):
            connection.terminate()
            raise ReadOnly(_READ_ONLY)
        # They answer a reader, but are not to be kept: no change that another server has taken meanwhile
        # would ever remove them from a cache.
        self.on_old_rows()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Nothing may be set on it that outlives its transaction: it is handed on as it is."""
        connection = await self._acquire()
        try:
            with refusals(connection):
                yield cast("Connection", connection)
        except ReadOnly:
            # The others lead to the same server; the next ones find the one that takes writes.
            await self._pool.expire_connections()
            raise
        except asyncpg.InterfaceError:
            # Of a statement whose arguments do not fit, PostgreSQL has received half: its time-out for the
            # statement runs on, and would stop whatever comes next.
            _terminate(connection)
            raise
        finally:
            self._release(connection)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """For what reads by several statements: a server that may be a former primary is left before the first."""
        async with AsyncExitStack() as opened:
            try:
                connection = await opened.enter_async_context(self._checked())
            except ReadOnly:
                connection = await opened.enter_async_context(self._checked())
            yield connection

    @asynccontextmanager
    async def _checked(self) -> AsyncIterator[Connection]:
        async with self.connection() as connection:
            await connection.execute("SELECT")
            if read_only(connection):
                self._check_reading(connection)
            yield connection

    def _release(self, connection: "PoolConnectionProxy[Any]") -> None:
        """Not awaited: a caller that has its rows need not wait until the connection is back in the pool."""
        task = asyncio.create_task(self._pool.release(connection))
        self._releasing.add(task)
        task.add_done_callback(self._released)

    def _released(self, task: "asyncio.Task[None]") -> None:
        self._releasing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.info("a connection was given up", why=repr(error))  # the pool makes another one

    async def _acquire(self) -> "PoolConnectionProxy[Any]":
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
            # An error while a session is opened is no answer to the request.
            raise Unavailable(AWAY) from error

    def expect_writable(self) -> None:
        """A change was committed somewhere: sessions that take no writes do not answer before another look."""
        self._connecting.expect_writable()

    async def takes_writes(self) -> bool:
        """As far as is known without writing: what the server reports for the session, and how the last write ended."""
        async with self.connection() as connection:
            await connection.execute("SELECT")
            refused_lately = monotonic() - self._write_refused < _REMEMBER_REFUSAL
            return not read_only(connection) and not refused_lately

    def note_write(self, *, refused: bool) -> None:
        """Whether the server could do the latest write: a disk may be full, and reads go on."""
        self._write_refused = monotonic() if refused else -inf

    async def expire(self) -> None:
        """Every connection is replaced before it is used again."""
        await self._pool.expire_connections()

    @property
    def statement_timeout(self) -> float:
        return self._settings.database_statement_timeout

    @property
    def size(self) -> int:
        return self._pool.get_size()

    @property
    def idle(self) -> int:
        return self._pool.get_idle_size()


class _Meters(dict[str, tuple[Any, Any]]):
    """Looking up a metric's label costs more than counting, so it is done once for each name."""

    def __missing__(self, name: str) -> tuple[Any, Any]:
        meters = self[name] = STATEMENTS.labels(name).inc, STATEMENT_SECONDS.labels(name).observe
        return meters


@contextmanager
def refusals(connection: "PoolConnectionProxy[Any]") -> Iterator[None]:
    """What PostgreSQL could not do, as a refusal; a mistake of ours stays what it is."""
    try:
        yield
    except AppError:
        raise
    except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError) as error:
        raise BadInput("A text holds a character that cannot be stored.") from error
    except TimeoutError as error:
        # The server did not even say that it took too long; asking again would take as long again.
        _terminate(connection)
        raise Unavailable(AWAY) from error
    except Exception as error:
        failure = failure_of(error, broken=_broken(connection))
        if failure in (Failure.OUTAGE, Failure.READ_ONLY, Failure.STALE):
            _terminate(connection)
        if failure is not Failure.MISTAKE:
            log.info("a statement failed", failure=failure.name.lower(), why=repr(error))
            raise _REFUSALS[failure]() from error
        raise


_REFUSALS: Mapping[Failure, Callable[[], AppError]] = {
    Failure.OUTAGE: lambda: ConnectionLost(AWAY),
    Failure.READ_ONLY: lambda: ReadOnly(_READ_ONLY),
    Failure.STALE: lambda: RolledBack(_AGAIN),
    Failure.RETRY: lambda: RolledBack(_AGAIN),
    Failure.TIMEOUT: lambda: DeadlineExceeded(
        "This took the database too long; please try again, or ask for less."
    ),
}


def _terminate(connection: "PoolConnectionProxy[Any]") -> None:
    if not _broken(connection):
        connection.terminate()


def _broken(connection: "PoolConnectionProxy[Any]") -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # it has left the pool already
        return True


@asynccontextmanager
async def open_pool(settings: Settings) -> AsyncIterator[Pool]:
    connecting = Connecting(within=settings.database_connect_timeout)
    pool = await _create_pool(settings, connecting)
    try:
        yield Pool(pool, connecting, settings)
    finally:
        try:
            await asyncio.wait_for(pool.close(), settings.database_statement_timeout)
        except TimeoutError:
            pool.terminate()


async def _create_pool(settings: Settings, connecting: Connecting) -> "asyncpg.Pool[Any]":
    milliseconds = f"{settings.database_statement_timeout * 1000:.0f}"
    session = {
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
        # JIT pays for long analytical statements; ours are short.
        "jit": "off",
    }

    async def prepare(connection: Connection) -> None:
        await prepare_connection(connection)
        # Once more: a pooler may be configured to ignore them at the start-up.
        await connection.execute("; ".join(f"SET {name} = {value}" for name, value in session.items()))

    try:
        pool: asyncpg.Pool[Any] = await asyncpg.create_pool(
            settings.database_url,
            connect=cast("Any", connecting),
            min_size=settings.min_database_connections,
            max_size=settings.max_database_connections,
            # Later than the server's own, whose error is more precise.
            command_timeout=settings.database_statement_timeout + 1,
            init=prepare,
            # Nothing is ever set that outlives a transaction, so there is nothing to reset: this
            # halves the round trips of every read.
            reset=_keep_as_it_is,
            server_settings={"application_name": "dno-api", **session},
        )
        return pool
    # `from None`: what the driver quotes of a damaged address may be its password.
    except (ValueError, asyncpg.PostgresError, *UNREACHABLE) as error:
        raise cannot_start(settings.database_url, error) from None


async def prepare_connection(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=_encode_jsonb, decoder=_decode_jsonb
    )


async def _keep_as_it_is(connection: Connection) -> None:
    pass


def _encode_jsonb(value: object) -> bytes:
    return b"\x01" + msgspec.json.encode(value)


def _decode_jsonb(data: bytes) -> Any:
    # bytes(data): asyncpg hands a buffer of its own; Decimal keeps 58.20 from becoming 58.2.
    return _JSON.decode(bytes(data)[1:])


_JSON = msgspec.json.Decoder(float_hook=Decimal)
