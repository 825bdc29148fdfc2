"""Error messages for a failed first connection to PostgreSQL: the cause and the remedy."""

import ssl
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import asyncpg

from app.connection_errors import (
    SYSTEM_AUTHORITIES,
    FileParameters,
    UnusableFile,
    certificate_problem,
    network_problem,
    tls_problem,
)
from app.db.address import UNREADABLE, address
from app.db.connect import NotWritable
from app.db.failures import REFUSED_PARAMETER
from app.errors import CannotStart

FILES: Final = FileParameters("sslrootcert", "sslcert", "sslkey")
_SETTING: Final = "DATABASE_URL"
_TLS_REQUIRED: Final = ("require", "verify-ca", "verify-full")

_REFUSED_BY_PGBOUNCER: Final = "08P01"
_TLS_ONLY: Final = "accepts only connections with TLS: set sslmode=verify-full (or remove sslmode=disable)"
_PARAMETERS_OF_PGBOUNCER: Final = (
    ". PgBouncer has to be configured to let it pass: ignore_startup_parameters = statement_timeout,"
    " idle_in_transaction_session_timeout, lock_timeout, jit, work_mem (and pool_mode = session)"
)


def cannot_start(url: str, error: BaseException) -> CannotStart:
    return CannotStart(connection_problem(url, error))


def connection_problem(url: str, error: BaseException, setting: str = _SETTING) -> str:
    """A sentence with cause and remedy; never the password of the address."""
    where = address(url)
    if isinstance(error, (ValueError, OSError)) and (reason := _of_address(url, error)) is not None:
        shown = "" if where == UNREADABLE else f" ({where})"
        return f"The address of PostgreSQL in {setting}{shown} cannot be used: {reason}"
    problem = (
        _of_tls(url, error)
        or (_of_server(error, setting) if isinstance(error, asyncpg.PostgresError) else None)
        or (_not_writable(setting) if isinstance(error, NotWritable) else None)
    )
    if problem is not None:
        return f"PostgreSQL at {where} {problem}."
    return (
        f"PostgreSQL does not answer at {where} ({network_problem(error)}): start it, or correct {setting}."
    )


def is_final(url: str, error: BaseException) -> bool:
    """Whether the next attempt would fail in the same way: the address, the rights or a certificate is wrong."""
    if isinstance(error, asyncpg.PostgresError):
        final = (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError)
        return (
            isinstance(error, final)
            or refuses_parameter(error)
            or _refuses_certificate(error)
            or _of_pgbouncer(error, _SETTING) is not None
        )
    return (
        isinstance(error, (ValueError, asyncpg.ClientConfigurationError))
        or certificate_problem(error) is not None
        or _unusable_file(url) is not None
        or _has_no_tls(url, error)
    )


def refuses_parameter(error: BaseException) -> bool:
    if not isinstance(error, asyncpg.PostgresError) or error.sqlstate not in REFUSED_PARAMETER:
        return False
    return error.sqlstate != _REFUSED_BY_PGBOUNCER or "parameter" in str(error)


def _refuses_certificate(error: BaseException) -> bool:
    """PostgreSQL closes the connection, and the reason is in TLS."""
    return isinstance(error, asyncpg.ConnectionDoesNotExistError) and isinstance(
        error.__cause__, ssl.SSLError
    )


def _of_address(url: str, error: ValueError | OSError) -> str | None:
    """Of the driver's texts, only those about TLS quote no other part of the address."""
    if (unusable := _unusable_file(url)) is not None:
        return f"{unusable}."
    if not isinstance(error, ValueError) or isinstance(error, ssl.SSLError):
        return None
    query, text = _query(url), str(error)
    if query.get("sslmode", "").startswith("verify-") and not query.get(FILES.authorities):
        return (
            f"sslmode={query['sslmode']} needs {FILES.authorities}=…, a file with the certificates of the authorities"
            f" that are trusted (those of the system: {SYSTEM_AUTHORITIES})."
        )
    if text.startswith(("`sslmode`", "`sslnegotiation`", "No such TLS version")):
        return f"{text}."
    return "is it complete, and are the special characters of its password escaped?"


def _of_tls(url: str, error: BaseException) -> str | None:
    if isinstance(error, asyncpg.PostgresError) and not _refuses_certificate(error):
        return None
    if _has_no_tls(url, error):
        return f"accepts no TLS, and the address has sslmode={_query(url).get('sslmode')}: switch TLS on there (ssl = on)"
    return tls_problem(error, FILES, "sslmode=verify-ca")


def _has_no_tls(url: str, error: BaseException) -> bool:
    required = _query(url).get("sslmode") in _TLS_REQUIRED
    return required and isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error)


def _unusable_file(url: str) -> str | None:
    query = _query(url)
    if query.get("sslmode") == "disable":
        return None
    if query.get("sslmode") not in _TLS_REQUIRED:
        query.pop(FILES.authorities, None)  # not used
    try:
        FILES.load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), query, password=query.get("sslpassword", ""))
    except UnusableFile as error:
        return str(error)
    return None


def _of_server(error: asyncpg.PostgresError, setting: str) -> str:
    """What the server has answered. Its texts are English unless `lc_messages` is set; without a match the sentence is general."""
    text = str(error)
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return _no_such_database(setting)
    if isinstance(error, asyncpg.InvalidPasswordError):
        return _wrong_user(setting)
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return _of_authorization(text, setting)
    if (problem := _of_pgbouncer(error, setting)) is not None:
        return problem
    if refuses_parameter(error):
        return f"refuses a start-up parameter: {text}{_PARAMETERS_OF_PGBOUNCER if error.sqlstate == _REFUSED_BY_PGBOUNCER else ''}"
    return f"refuses the connection: {text}"


def _of_authorization(text: str, setting: str) -> str:
    if "pg_hba.conf" in text and "no encryption" in text:
        return _TLS_ONLY
    if "pg_hba.conf" in text:
        return (
            "has no line in its pg_hba.conf that lets this user in to this database from here: add one, or correct"
            f" {setting}"
        )
    if "client certificate" in text:
        return f"requires a certificate of the client: name it with {FILES.certificate} and {FILES.key}"
    return _wrong_user(setting)


def _of_pgbouncer(error: asyncpg.PostgresError, setting: str) -> str | None:
    """PgBouncer has one code for all that it refuses; its texts are English."""
    if error.sqlstate != _REFUSED_BY_PGBOUNCER:
        return None
    text = str(error)
    if text.endswith("authentication failed") or text.startswith("no such user"):
        return _wrong_user(setting)
    if text.startswith("no such database"):
        return _no_such_database(setting)
    return _TLS_ONLY if text in ("SSL required", "TLS required") else None


def _wrong_user(setting: str) -> str:
    return f"refuses this user: correct the user or the password in {setting}"


def _no_such_database(setting: str) -> str:
    return f"has no such database: create it, or correct {setting}"


def _not_writable(setting: str) -> str:
    return (
        "answers, but takes no writes (a standby, or default_transaction_read_only):"
        f" name the primary in {setting}, or all servers: postgresql://user:password@one:5432,two:5432/dno"
    )


def _query(url: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(urlsplit(url).query))
    except ValueError:
        return {}
