"""How a connection is made ready: codecs, time-outs, statement cache."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

import asyncpg
import msgspec

from app.errors import CannotStart, Unavailable
from app.settings import Settings

Connection: TypeAlias = "asyncpg.Connection[Any]"
Row: TypeAlias = "asyncpg.Record"

# What asyncpg raises when the server is away, shutting down, starting up or out of connections.
UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncio.TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidCatalogNameError,
)


class Pool:
    """Every read statement goes through `fetch`, so that it is counted, timed and bounded."""

    def __init__(self, pool: "asyncpg.Pool[Any]", settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self.statements = 0

    async def fetch(self, statement: str, *arguments: object) -> list[Row]:
        """Refuses with Unavailable while PostgreSQL is away."""
        self.statements += 1
        async with self.connection() as connection:
            return await connection.fetch(statement, *arguments)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        try:
            async with self._pool.acquire(timeout=self._settings.database_acquire_timeout) as connection:
                yield cast("Connection", connection)
        except UNREACHABLE as error:
            raise Unavailable("The database does not answer at the moment; please try again soon.") from error

    @property
    def size(self) -> int:
        return self._pool.get_size()

    @property
    def idle(self) -> int:
        return self._pool.get_idle_size()


@asynccontextmanager
async def open_pool(settings: Settings) -> AsyncIterator[Pool]:
    try:
        pool = await asyncpg.create_pool(
            settings.database_url,
            min_size=settings.database_pool_min,
            max_size=settings.database_pool_max,
            timeout=settings.database_connect_timeout,
            command_timeout=settings.database_statement_timeout + 1,
            init=prepare_connection,
            server_settings={
                "application_name": "dno-api",
                "statement_timeout": f"{settings.database_statement_timeout * 1000:.0f}",
                "idle_in_transaction_session_timeout": f"{settings.database_statement_timeout * 1000:.0f}",
                # JIT pays for long analytical statements; ours are short.
                "jit": "off",
            },
        )
    except UNREACHABLE as error:
        raise CannotStart(
            f"PostgreSQL does not answer at {address(settings.database_url)}: start it, or correct DATABASE_URL."
        ) from error
    try:
        yield Pool(pool, settings)
    finally:
        try:
            await asyncio.wait_for(pool.close(), settings.database_statement_timeout)
        except TimeoutError:
            pool.terminate()


async def prepare_connection(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=_encode_jsonb, decoder=_decode_jsonb
    )


def address(url: str) -> str:
    """Host, port and database, without user and password."""
    parts = urlsplit(url)
    return f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"


def _encode_jsonb(value: object) -> bytes:
    return b"\x01" + msgspec.json.encode(value)


def _decode_jsonb(data: bytes) -> Any:
    # bytes(data): asyncpg hands a buffer of its own; Decimal keeps 58.20 from becoming 58.2.
    return _JSON.decode(bytes(data)[1:])


_JSON = msgspec.json.Decoder(float_hook=Decimal)
