"""How a connection is made ready, how a statement is sent, and what becomes of one that fails."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from time import perf_counter
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

import asyncpg
import msgspec
import structlog
from asyncpg.pool import PoolConnectionProxy

from app.errors import BadInput, CannotStart, DeadlineExceeded, Unavailable
from app.observability import costs, traces
from app.observability.metrics import STATEMENT_SECONDS, STATEMENTS
from app.settings import Settings

log = structlog.get_logger(__name__)

Connection: TypeAlias = "asyncpg.Connection[Any]"
Row: TypeAlias = "asyncpg.Record"

# What asyncpg raises when the server is away, shutting down, starting up or out of connections.
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

_AWAY = "The database does not answer at the moment; please try again soon."


class ConnectionLost(Unavailable):
    """The connection broke in the middle; whether its last statement happened is not known."""


class Pool:
    """Every read statement goes through `fetch`, so that it is counted, timed and bounded."""

    def __init__(self, pool: "asyncpg.Pool[Any]", settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._meters = _Meters()
        self._releasing: set[asyncio.Task[None]] = set()
        self.statements = 0

    async def fetch(self, statement: str, *arguments: object, name: str = "other") -> list[Row]:
        """For reads only: a connection that breaks is replaced once, and the statement sent again.

        Refuses with Unavailable while PostgreSQL is away, with DeadlineExceeded when it works for
        too long, with BadInput for text that it cannot hold. `name` is the statement's in metrics.
        """
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
            return await self._fetch(statement, arguments)

    async def _fetch(self, statement: str, arguments: tuple[object, ...]) -> list[Row]:
        async with self.connection() as connection:
            return await connection.fetch(statement, *arguments)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Nothing may be set on it that outlives its transaction: it is handed on as it is."""
        connection = await self._acquire()
        try:
            with refusals(connection):
                yield cast("Connection", connection)
        except asyncpg.InterfaceError:
            # Of a statement whose arguments do not fit, PostgreSQL has been told the half: its clock for the
            # statement runs on, and would stop whatever comes next.
            if not _broken(connection):
                connection.terminate()
            raise
        finally:
            self._release(connection)

    def _release(self, connection: "PoolConnectionProxy[Any]") -> None:
        """Not awaited: whoever has his rows need not wait until the connection is back in its place."""
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
        except UNREACHABLE as error:
            raise Unavailable(_AWAY) from error

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
    except asyncpg.QueryCanceledError as error:
        raise DeadlineExceeded(
            "This took the database too long; please try again, or ask for less."
        ) from error
    except asyncpg.CharacterNotInRepertoireError as error:
        raise BadInput("A text holds a character that cannot be stored.") from error
    except TimeoutError as error:
        # The server did not even say that it took too long; asking again would take as long again.
        raise Unavailable(_AWAY) from error
    except asyncpg.InternalClientError as error:
        # The server has said good-bye to an idle connection, and the driver has just read it.
        if not _broken(connection):
            connection.terminate()
        raise ConnectionLost(_AWAY) from error
    except UNREACHABLE as error:
        # A wrong number of arguments is an InterfaceError too, and no reason to blame the server.
        if isinstance(error, asyncpg.InterfaceError) and not _broken(connection):
            raise
        raise ConnectionLost(_AWAY) from error


def _broken(connection: "PoolConnectionProxy[Any]") -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # it has left the pool already
        return True


@asynccontextmanager
async def open_pool(settings: Settings) -> AsyncIterator[Pool]:
    pool = await _create_pool(settings)
    try:
        yield Pool(pool, settings)
    finally:
        try:
            await asyncio.wait_for(pool.close(), settings.database_statement_timeout)
        except TimeoutError:
            pool.terminate()


async def _create_pool(settings: Settings) -> "asyncpg.Pool[Any]":
    where = address(settings.database_url)
    milliseconds = f"{settings.database_statement_timeout * 1000:.0f}"
    try:
        return await asyncpg.create_pool(
            settings.database_url,
            min_size=settings.database_pool_min,
            max_size=settings.database_pool_max,
            timeout=settings.database_connect_timeout,
            # Later than the server's own, which says more precisely what happened.
            command_timeout=settings.database_statement_timeout + 1,
            init=prepare_connection,
            # Nothing is ever set that outlives a transaction, so there is nothing to reset: this
            # halves the round trips of every read.
            reset=_keep_as_it_is,
            server_settings={
                "application_name": "dno-api",
                "statement_timeout": milliseconds,
                "idle_in_transaction_session_timeout": milliseconds,
                # JIT pays for long analytical statements; ours are short.
                "jit": "off",
            },
        )
    # `from None`: what the driver quotes of a damaged address may be its password.
    except (ValueError, asyncpg.InvalidAuthorizationSpecificationError):
        raise CannotStart(
            f"PostgreSQL at {where} refuses this user, password or database; correct DATABASE_URL."
        ) from None
    except UNREACHABLE as error:
        raise CannotStart(
            f"PostgreSQL does not answer at {where}: start it, or correct DATABASE_URL."
        ) from error


async def prepare_connection(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=_encode_jsonb, decoder=_decode_jsonb
    )


async def _keep_as_it_is(connection: Connection) -> None:
    pass


def address(url: str) -> str:
    """Host, port and database, without user and password."""
    parts = urlsplit(url)
    try:
        return f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"
    except ValueError:
        # A password with an unescaped "/" or "#" ends up where the port should be.
        return "the address in DATABASE_URL (are the special characters of its password escaped?)"


def _encode_jsonb(value: object) -> bytes:
    return b"\x01" + msgspec.json.encode(value)


def _decode_jsonb(data: bytes) -> Any:
    # bytes(data): asyncpg hands a buffer of its own; Decimal keeps 58.20 from becoming 58.2.
    return _JSON.decode(bytes(data)[1:])


_JSON = msgspec.json.Decoder(float_hook=Decimal)
