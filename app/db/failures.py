"""Classifies errors of PostgreSQL and of its driver: outage, retry, time-out, something missing, or programming error."""

from collections.abc import Mapping
from enum import Enum, auto

import asyncpg


class Failure(Enum):
    OUTAGE = (
        auto()
    )  # the server cannot work at the moment, or the session has ended: the connection is closed
    READ_ONLY = auto()  # the server accepts no writes: no connection to it can be used for writing
    STALE = auto()  # the session differs from the driver's state of it: retried on a new connection
    RETRY = auto()  # the transaction was rolled back, and a retry may succeed
    TIMEOUT = auto()  # the statement took longer than its time-out
    SPACE = auto()  # the statement needs more temporary files than `temp_file_limit` allows
    INCOMPLETE = auto()  # a table, column, function, type or right is missing: a restore, another release's migration, or a wrong statement
    MISTAKE = auto()  # a programming error: a wrong statement, or a value that violates a constraint


_BY_CODE: Mapping[str, Failure] = {
    "25006": Failure.READ_ONLY,  # read_only_sql_transaction
    "25P03": Failure.OUTAGE,  # idle_in_transaction_session_timeout: ends the session
    "25P04": Failure.OUTAGE,  # transaction_timeout: ends the session
    "25P02": Failure.MISTAKE,  # in_failed_sql_transaction: an earlier error was ignored
    "26000": Failure.STALE,  # invalid_sql_statement_name: DISCARD ALL, a pooler
    "34000": Failure.STALE,  # invalid_cursor_name
    "42P05": Failure.STALE,  # duplicate_prepared_statement
    "40003": Failure.OUTAGE,  # statement_completion_unknown
    "42501": Failure.INCOMPLETE,  # insufficient_privilege
    "42703": Failure.INCOMPLETE,  # undefined_column
    "42704": Failure.INCOMPLETE,  # undefined_object: a type
    "42883": Failure.INCOMPLETE,  # undefined_function
    "42P01": Failure.INCOMPLETE,  # undefined_table
    "53400": Failure.SPACE,  # configuration_limit_exceeded
    "55006": Failure.OUTAGE,  # object_in_use: a database that is being dropped or moved
    "55P03": Failure.RETRY,  # lock_not_available
    "57014": Failure.TIMEOUT,  # query_canceled
    "XX001": Failure.OUTAGE,  # data_corrupted
    "XX002": Failure.OUTAGE,  # index_corrupted
}

_BY_CLASS: Mapping[str, Failure] = {
    "08": Failure.OUTAGE,  # connection exception
    "25": Failure.STALE,  # invalid transaction state: a pooler's session within another client's transaction
    "28": Failure.OUTAGE,  # invalid authorization: a password that is being changed
    "3D": Failure.OUTAGE,  # invalid catalog name: a database that is being restored
    "3F": Failure.INCOMPLETE,  # invalid schema name
    "40": Failure.RETRY,  # transaction rollback: serialization failure, deadlock
    "53": Failure.OUTAGE,  # insufficient resources: disk full, out of memory, too many connections
    "57": Failure.OUTAGE,  # operator intervention: shutdown, crash, recovery, "cannot connect now"
    "58": Failure.OUTAGE,  # system error, I/O
    "72": Failure.RETRY,  # snapshot too old
    "F0": Failure.OUTAGE,  # configuration file
    "XX": Failure.RETRY,  # internal error, such as a read of what a migration is replacing
}

# Sent by a server or pooler that does not accept a start-up parameter or its value.
REFUSED_PARAMETER = ("08P01", "22023", "42501", "42704")


def failure_of(error: BaseException, *, broken: bool = False) -> Failure:
    """`broken`: the connection on which it happened is closed."""
    if isinstance(error, asyncpg.PostgresError):
        return _of_server(error)
    if isinstance(error, (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)):
        return Failure.STALE
    if isinstance(error, (OSError, asyncpg.InternalClientError)):  # TimeoutError is an OSError
        return Failure.OUTAGE
    # A wrong number of arguments is an InterfaceError as well; uvloop raises RuntimeError for a closed transport.
    if broken and isinstance(error, (asyncpg.InterfaceError, RuntimeError)):
        return Failure.OUTAGE
    return Failure.MISTAKE


def is_lasting(error: BaseException, *, broken: bool = False) -> bool:
    """Whether a repetition would fail as well, unless something is corrected. `broken`: as of `failure_of`."""
    return failure_of(error, broken=broken) in (Failure.MISTAKE, Failure.INCOMPLETE)


def is_definite(error: BaseException) -> bool:
    """Whether the response to COMMIT is definite: an ERROR of the server means that it has rolled back."""
    return isinstance(error, asyncpg.PostgresError) and not _ends_session(error)


def _of_server(error: asyncpg.PostgresError) -> Failure:
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        return Failure.STALE
    code: str = error.sqlstate or ""
    found = _BY_CODE.get(code) or _BY_CLASS.get(code[:2], Failure.MISTAKE)
    return Failure.OUTAGE if _ends_session(error) and found is not Failure.READ_ONLY else found


def _ends_session(error: asyncpg.PostgresError) -> bool:
    return getattr(error, "severity_en", None) in ("FATAL", "PANIC") or (error.sqlstate or "")[:2] == "08"
