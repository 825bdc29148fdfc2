"""Error messages for a failed first connection to PostgreSQL: the cause and the remedy."""

import asyncpg

from app.db.address import address
from app.db.connect import NotWritable
from app.db.failures import REFUSED_PARAMETER, Failure, failure_of
from app.errors import CannotStart


def cannot_start(url: str, error: BaseException) -> CannotStart:
    """The cause and the remedy; never user or password of the address."""
    where = address(url)
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return CannotStart(f"There is no database {where}: create it, or correct DATABASE_URL.")
    if isinstance(error, (ValueError, asyncpg.InvalidAuthorizationSpecificationError)):
        return CannotStart(
            f"PostgreSQL at {where} refuses this user: correct the user or the password in DATABASE_URL."
        )
    if isinstance(error, NotWritable):
        return CannotStart(
            f"PostgreSQL at {where} answers, but takes no writes (a standby, or default_transaction_read_only):"
            " name the primary in DATABASE_URL, or all servers: postgresql://user:password@one:5432,two:5432/dno."
        )
    if refuses_parameter(error):
        return CannotStart(
            f"PostgreSQL at {where} refuses a start-up parameter: {error}. PgBouncer has to be configured to let it pass:"
            " ignore_startup_parameters = statement_timeout, idle_in_transaction_session_timeout, lock_timeout,"
            " jit, work_mem (and pool_mode = session)."
        )
    if failure_of(error, broken=True) is not Failure.OUTAGE:
        return CannotStart(f"PostgreSQL at {where} refuses the connection: {error}.")
    return CannotStart(f"PostgreSQL does not answer at {where}: start it, or correct DATABASE_URL.")


def refuses_parameter(error: BaseException) -> bool:
    return isinstance(error, asyncpg.PostgresError) and error.sqlstate in REFUSED_PARAMETER
