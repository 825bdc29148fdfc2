"""A dno-crawler database, opened for reading: its tables are checked, and read in one snapshot.

Values are read as text, whatever their type: what fits is decided where they are translated.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from typing import Any, Final, NamedTuple

import asyncpg

from app.db.address import address
from app.db.connect import Connection
from app.db.failures import is_lasting
from app.db.pool import Row
from app.db.start_errors import connection_problem, is_final
from app.errors import AppError, Code, Unavailable

OPERATORS: Final = "dnos"
TARIFFS: Final = "netzentgelte"
WINDOWS: Final = "hlzf"
SEASONS: Final = ("winter", "fruehling", "sommer", "herbst")
PRICES: Final = ("leistung", "arbeit", "leistung_unter_2500h", "arbeit_unter_2500h")
_REGISTER: Final = "dno_mastr_data"
_PROFILES: Final = "dno_source_profiles"
_DOWNLOADS: Final = "download_registry"

_WHOLE: Final = ("smallint", "integer", "bigint")
_MOMENT: Final = ("timestamp with time zone", "timestamp without time zone")

# Tables without which nothing is followed, and the columns whose type matters.
_ENTRY_COLUMNS: Final = ("id", "dno_id", "year", "voltage_level", "verification_status", "updated_at")
_REQUIRED: Final[Mapping[str, Sequence[str]]] = {
    OPERATORS: ("id", "slug", "name", "updated_at"),
    TARIFFS: (*_ENTRY_COLUMNS, *PRICES),
    WINDOWS: (*_ENTRY_COLUMNS, *SEASONS),
}
_TYPES: Final[Mapping[str, Sequence[str]]] = {"id": _WHOLE, "dno_id": _WHOLE, "updated_at": _MOMENT}

# Of an operator: where it is read, and under which name.
_OF_OPERATOR: Final = (
    *("created_at", "slug", "name", "official_name", "website", "region", "mastr_nr", "vnb_id"),
    "primary_bdew_code",
)
_OF_REGISTER: Final = (
    *("mastr_nr", "acer_code", "registered_name", "address_components", "region", "marktrollen"),
    *("closed_network", "connection_points_ns", "connection_points_ms", "connection_points_hs"),
    *("connection_points_hoe", "total_capacity_mw", "solar_capacity_mw", "wind_capacity_mw"),
)
_OF_ENTRY: Final = ("year", "voltage_level", "verification_status", "flag_reason", "verification_notes")

# Words in the names of the kinds of documents.
_DOCUMENTS: Final = {TARIFFS: "netzentgelt|tarif|preis", WINDOWS: "hlzf|hochlast"}
_ROWS_PER_BATCH: Final = 1_000
_TIMEOUT: Final = 60.0  # seconds for one statement, or idle between two
_LOCK_TIMEOUT: Final = 5.0
_CLOSE_TIMEOUT: Final = 2.0
_BEGIN: Final = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
    f" SET LOCAL statement_timeout = {_TIMEOUT * 1000:.0f};"
    f" SET LOCAL idle_in_transaction_session_timeout = {_TIMEOUT * 1000:.0f};"
    f" SET LOCAL lock_timeout = {_LOCK_TIMEOUT * 1000:.0f};"
    " SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL jit = off"
)


class CannotFollow(AppError):
    """The database is not one of the crawler, or not in a state that can be taken over."""

    code = Code.UNAVAILABLE


class State(NamedTuple):
    """The database, and its oldest transaction that is not finished: what it and later ones write is not in the snapshot."""

    database: int
    oldest_transaction: int

    def continues(self, earlier: "State") -> bool:
        """False for another database under the same address, or one that was restored from a backup."""
        return self.database == earlier.database and self.oldest_transaction >= earlier.oldest_transaction


class Position(NamedTuple):
    """Up to where a table was read: the latest `updated_at`, and the state of the database."""

    updated_at: datetime
    state: State


class Columns(NamedTuple):
    """Which tables and columns there are."""

    found: Mapping[str, Mapping[str, str]]  # table -> column -> type

    def has(self, table: str, *columns: str) -> bool:
        return table in self.found and all(column in self.found[table] for column in columns)

    def as_text(self, table: str, alias: str, columns: Sequence[str], prefix: str = "") -> list[str]:
        """Each as text under its name; null where there is no such column."""
        return [
            f"{alias}.{name}::text AS {prefix}{name}"
            if self.has(table, name)
            else f"NULL::text AS {prefix}{name}"
            for name in columns
        ]


class Snapshot:
    """Everything is read as it was at one moment. Batches are small, so that reading does not hold up the event loop."""

    def __init__(self, connection: Connection, columns: Columns, url: str) -> None:
        self._connection = connection
        self._url = url
        self.columns = columns

    async def fetch_operators(self) -> list[Row]:
        """Of the register's columns the names begin with `register_`."""
        columns = self.columns
        named = ["d.id::bigint AS id", *columns.as_text(OPERATORS, "d", _OF_OPERATOR)]
        named += columns.as_text(_REGISTER, "m", _OF_REGISTER, "register_")
        register = ""
        if columns.has(_REGISTER, "dno_id"):
            read = ", ".join(name for name in _OF_REGISTER if columns.has(_REGISTER, name))
            register = (
                f" LEFT JOIN (SELECT DISTINCT ON (dno_id) dno_id{read and ', '}{read} FROM {_REGISTER} ORDER BY dno_id) m"
                " ON m.dno_id::text = d.id::text"
            )
        return await self._fetch(f"SELECT {', '.join(named)} FROM {OPERATORS} d{register} ORDER BY d.id")

    async def fetch_ids(self, table: str) -> list[int]:
        return [row[0] for row in await self._fetch(f"SELECT id::bigint FROM {table}")]

    async def fetch_present(self, table: str, ids: Collection[int]) -> set[int]:
        rows = await self._fetch(f"SELECT id::bigint FROM {table} WHERE id = ANY($1::bigint[])", list(ids))
        return {row[0] for row in rows}

    async def fetch_latest(self, table: str) -> datetime | None:
        """The latest change, as far as it is not in the future."""
        rows = await self._fetch(
            "SELECT max(updated_at::timestamptz) FILTER (WHERE updated_at::timestamptz < now() + interval '1 day')"
            f" FROM {table} WHERE isfinite(updated_at)"
        )
        latest: datetime | None = rows[0][0]
        return latest

    async def fetch_state(self) -> State:
        rows = await self._fetch(
            "SELECT oid::bigint, pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM pg_database"
            " WHERE datname = current_database()"
        )
        return State(*rows[0])

    async def count(self, table: str) -> int:
        rows = await self._fetch(f"SELECT count(*) FROM {table}")
        found: int = rows[0][0]
        return found

    async def read(
        self, table: str, since: Position | None, levels: Sequence[str]
    ) -> AsyncIterator[list[Row]]:
        """Rows of prices or windows, and the address of their document; those with one of the `levels` first.

        `since`: rows with a later `updated_at`, or written by a transaction that was not finished then; None: all.
        """
        values = PRICES if table == TARIFFS else SEASONS
        named = ["t.id::bigint AS id", "t.dno_id::bigint AS dno_id"]
        named += self.columns.as_text(table, "t", [*_OF_ENTRY, *values])
        address, joins = self._addresses(table)
        statement = (
            f"SELECT {', '.join(named)}, {address} AS source_url FROM {table} t{joins}"
            " WHERE $1::timestamptz IS NULL OR t.updated_at IS NULL OR t.updated_at::timestamptz > $1"
            # The numbers of transactions in rows have 32 bits; ages compare them.
            " OR age(t.xmin) <= age(($3::bigint % 4294967296)::text::xid)"
            " ORDER BY coalesce(t.voltage_level::text = ANY($2::text[]), false) DESC, t.updated_at DESC NULLS LAST, t.id"
        )
        with _translated(self._url, self._connection):
            cursor = await self._connection.cursor(
                statement,
                since and since.updated_at,
                list(levels),
                since.state.oldest_transaction if since else 0,
            )
        while True:
            with _translated(self._url, self._connection):
                rows = await cursor.fetch(_ROWS_PER_BATCH)
            if not rows:
                return
            yield rows

    async def _fetch(self, statement: str, *arguments: object) -> list[Row]:
        with _translated(self._url, self._connection):
            return await self._connection.fetch(statement, *arguments)

    def _addresses(self, table: str) -> tuple[str, str]:
        """That of the year, before the operator's last one."""
        words = _DOCUMENTS[table]
        of_year, last, joins = "NULL::text", "NULL::text", ""
        if self.columns.has(_DOWNLOADS, "dno_id", "year", "classification", "source_url"):
            of_year = "r.url"
            joins += (
                " LEFT JOIN (SELECT dno_id::text AS dno, year::text AS of_year, max(source_url::text) AS url"
                f" FROM {_DOWNLOADS} WHERE classification::text ~* '{words}' GROUP BY 1, 2) r"
                " ON r.dno = t.dno_id::text AND r.of_year = t.year::text"
            )
        if self.columns.has(_PROFILES, "dno_id", "data_type", "last_url"):
            last = "p.url"
            joins += (
                f" LEFT JOIN (SELECT dno_id::text AS dno, max(last_url::text) AS url FROM {_PROFILES}"
                f" WHERE data_type::text ~* '{words}' GROUP BY 1) p ON p.dno = t.dno_id::text"
            )
        return f"coalesce({of_year}, {last})", joins


@asynccontextmanager
async def open_snapshot(url: str, *, connect_timeout: float) -> AsyncIterator[Snapshot]:
    """Raises Unavailable while the server does not answer, and CannotFollow with the reason for another database.

    Settings are made within the transaction, so that a pooler in transaction mode may be in between.
    """
    with _translated(url):
        connection: Connection = await asyncpg.connect(
            url,
            timeout=connect_timeout,
            command_timeout=_TIMEOUT + 5,
            statement_cache_size=0,
            server_settings={"application_name": "dno-api follow"},
        )
    try:
        with _translated(url, connection):
            await connection.execute(_BEGIN)
            columns = await _fetch_columns(connection)
        _check(columns)
        yield Snapshot(connection, columns, url)
    finally:
        await _close(connection)


async def _close(connection: Connection) -> None:
    """In order, so that nothing is in the log of the server; without it if that takes long."""
    with suppress(Exception):
        async with asyncio.timeout(_CLOSE_TIMEOUT):
            await connection.execute("ROLLBACK")
            await connection.close()
    if not connection.is_closed():
        connection.terminate()


async def _fetch_columns(connection: Connection) -> Columns:
    tables = [*_REQUIRED, _REGISTER, _PROFILES, _DOWNLOADS, "netzentgelte_data"]
    rows = await connection.fetch(
        "SELECT name, attname::text, format_type(atttypid, NULL) AS type"
        " FROM unnest($1::text[]) AS name JOIN pg_attribute ON attrelid = to_regclass(quote_ident(name))"
        " WHERE attnum > 0 AND NOT attisdropped AND has_column_privilege(attrelid, attnum, 'SELECT')",
        tables,
    )
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        found.setdefault(row["name"], {})[row["attname"]] = row["type"]
    return Columns(found)


def _check(columns: Columns) -> None:
    found = columns.found
    if found.get(OPERATORS, {}).get("id") == "uuid":
        raise CannotFollow(
            "The followed database has operators with uuid keys: it is that of an older crawler, or of this server. Name the"
            " database with the tables dnos, netzentgelte and hlzf."
        )
    for table, needed in _REQUIRED.items():
        if table not in found:
            raise CannotFollow(f"The followed database has no table {table} that this user may read.")
        if missing := [name for name in needed if name not in found[table]]:
            raise CannotFollow(
                f"The table {table} of the followed database lacks the column {missing[0]}, or this user may not read it."
            )
        for name, types in _TYPES.items():
            if name in needed and found[table][name] not in types:
                raise CannotFollow(
                    f"The column {table}.{name} of the followed database is {found[table][name]}, not {types[-1]}."
                )


@contextmanager
def _translated(url: str, connection: "Connection | None" = None) -> Iterator[None]:
    """Errors of the followed database, without user and password."""
    try:
        yield
    except AppError:
        raise
    except UnicodeDecodeError as error:
        raise CannotFollow(
            f"The followed database at {address(url)} has texts in an encoding other than its own."
        ) from error
    except Exception as error:
        if connection is None and is_final(url, error):
            raise CannotFollow(connection_problem(url, error, "FOLLOW_DATABASE_URL")) from (
                error if isinstance(error, asyncpg.PostgresError) else None
            )
        raise _followed_error(error, url, connection) from error


def _followed_error(error: Exception, url: str, connection: "Connection | None") -> BaseException:
    if not is_lasting(error, broken=connection is None or connection.is_closed()):
        return Unavailable(f"The followed database at {address(url)} does not answer at the moment.")
    if isinstance(error, asyncpg.PostgresError):
        return CannotFollow(f"The followed database at {address(url)} cannot be read: {error}.")
    return error


def shortened(row: Row) -> dict[str, Any]:
    """For lists of what was set aside: values that are given, each shortened."""
    return {name: value if isinstance(value, int) else value[:200] for name, value in row.items() if value}
