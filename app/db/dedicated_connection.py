"""A connection outside the pool, for work that lasts longer than a request."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from app.db.connect import Connection, connect, read_only
from app.db.failures import Failure, failure_of
from app.db.missing_objects import report_missing
from app.errors import AppError, Unavailable
from app.settings import Settings


@asynccontextmanager
async def dedicated_connection(purpose: str, settings: Settings) -> AsyncIterator[Connection]:
    """Raises Unavailable while PostgreSQL is unreachable, also if it becomes so within the block."""
    with _translated_errors():
        connection = await connect(
            settings.database_url,
            within=settings.database_connect_timeout,
            command_timeout=settings.database_statement_timeout,
            server_settings={"application_name": f"dno-api {purpose}"},
        )
    try:
        with _translated_errors(connection):
            yield connection
    finally:
        # Not close(), which waits for a response: locks and LISTEN end with the connection.
        connection.terminate()


@contextmanager
def _translated_errors(connection: "Connection | None" = None) -> Iterator[None]:
    try:
        yield
    except AppError:
        raise
    except Exception as error:
        failure = failure_of(error, broken=connection is None or connection.is_closed())
        if failure is Failure.MISTAKE:
            raise
        if failure is Failure.INCOMPLETE:
            report_missing(error)
        raise Unavailable("The database does not answer at the moment.") from error


def still_writable(connection: Connection) -> None:
    """According to its last response. Raises Unavailable for a session that no longer accepts writes: its
    notifications and locks are those of a former primary.
    """
    if read_only(connection):
        raise Unavailable("The database takes no writes at the moment.")
