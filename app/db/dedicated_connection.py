"""A connection beside the pool, for what lasts longer than a request."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from app.db.connect import Connection, connect, read_only
from app.db.failures import Failure, failure_of
from app.errors import AppError, Unavailable
from app.settings import Settings


@asynccontextmanager
async def dedicated_connection(purpose: str, settings: Settings) -> AsyncIterator[Connection]:
    """Refuses with Unavailable while PostgreSQL is away, and when it goes away."""
    with _refusals():
        connection = await connect(
            settings.database_url,
            within=settings.database_connect_timeout,
            command_timeout=settings.database_statement_timeout,
            server_settings={"application_name": f"dno-api {purpose}"},
        )
    try:
        with _refusals(connection):
            yield connection
    finally:
        # Not close(), which waits for an answer: locks and listeners go with the connection.
        connection.terminate()


@contextmanager
def _refusals(connection: "Connection | None" = None) -> Iterator[None]:
    try:
        yield
    except AppError:
        raise
    except Exception as error:
        if failure_of(error, broken=connection is None or connection.is_closed()) is Failure.MISTAKE:
            raise
        raise Unavailable("The database does not answer at the moment.") from error


def still_writable(connection: Connection) -> None:
    """As of its last answer. Refuses with Unavailable a session that no longer takes writes: its notifications and
    locks is that of a former primary.
    """
    if read_only(connection):
        raise Unavailable("The database takes no writes at the moment.")
