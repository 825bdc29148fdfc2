"""Bulk writes: COPY into a temporary table, then one upsert.

A row that equals the stored one is not written: no version, no revision, no event. Decisions of users have
priority: an entry is kept (`SkippedRow`) if it is verified and the file's is not, or if its last change was made
by neither an import nor a followed database. A final entry is not replaced by a preliminary row; a preliminary entry is replaced by a row that is
said to be final, also after a change by a user. `overwrite` gives the file priority.

The upsert names the id and version on which the decision is based; an entry that has changed since is kept.
"""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from uuid import UUID

import msgspec

from app.db.file_columns import OPERATOR_COLUMNS, SQL_TYPES
from app.db.pool import Connection, Row
from app.domain import time_of_use
from app.domain.family import ColumnType, Family
from app.domain.revision import AUTOMATIC, IMPORT

Rows = Sequence[Sequence[str]]
OnRows = Callable[[int], None]

# The author of revisions that an import writes; that of a user's import ends with it in brackets.
AUTHOR = IMPORT


def author_of(name: str) -> str:
    """The author of an import by a user or API key. Names of neither end so."""
    return f"{name} ({AUTHOR})"


# An arbitrary number, the same in every release.
_LOCK = 0x696D70
_ROWS_PER_CHUNK = 5_000


class SkippedRow(msgspec.Struct, frozen=True):
    row: int  # its index among the given rows
    reason: str


class Outcome(msgspec.Struct, frozen=True):
    """`lowered`: of the written entries, those that the file has as verified, and whose author may not verify."""

    inserted: int
    updated: int
    unchanged: int
    kept: tuple[SkippedRow, ...]
    removed: int = 0
    lowered: int = 0

    def followed_by(self, other: "Outcome", rows: int) -> "Outcome":
        """Of these `rows` and those behind them."""
        return Outcome(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            (*self.kept, *(SkippedRow(rows + kept.row, kept.reason) for kept in other.kept)),
            self.removed + other.removed,
            self.lowered + other.lowered,
        )


async def one_import_at_a_time(connection: Connection) -> None:
    """Takes a lock until the end of the transaction, so that imports do not deadlock."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)


async def record_author(connection: Connection, reason: str, author: str = AUTHOR) -> None:
    """Sets author and reason for the revisions that the triggers write."""
    await connection.execute(
        "SELECT set_config('dno.actor', $1, true), set_config('dno.reason', $2, true)", author, reason
    )


async def fetch_operators(connection: Connection) -> dict[str, UUID]:
    rows = await connection.fetch("SELECT slug, id FROM dnos WHERE deleted_at IS NULL")
    return {row["slug"]: row["id"] for row in rows}


async def fetch_operator_names(connection: Connection) -> list[tuple[str, str]]:
    """Slug, and each name, alias and code of the operator."""
    rows = await connection.fetch(
        """
        SELECT slug, named.name
        FROM dnos,
            LATERAL (
                SELECT unnest(ARRAY[dnos.name, official_name, mastr_nr, bdew_code, vnb_id, acer_code])
                UNION SELECT alias FROM dno_aliases WHERE dno_id = dnos.id
            ) AS named (name)
        WHERE deleted_at IS NULL AND named.name <> ''
        """
    )
    return [(row["slug"], row["name"]) for row in rows]


async def fetch_operator_rows(connection: Connection) -> list[dict[str, str]]:
    """All operators, deleted ones too (`deleted`), as files have them, and locked until the end of the transaction.

    Entries can refer to them meanwhile: the lock is one for changes of other columns than the key.
    """
    columns = _list([f"coalesce({name}::text, '') AS {name}" for name in OPERATOR_COLUMNS])
    rows = await connection.fetch(
        f"SELECT {columns}, (deleted_at IS NOT NULL)::text AS deleted FROM dnos"
        " ORDER BY created_at, slug FOR NO KEY UPDATE"
    )
    return [dict(row) for row in rows]


async def fetch_time_of_use_sheets(connection: Connection) -> frozenset[tuple[str, str]]:
    rows = await connection.fetch(
        f"SELECT dno_id::text, year::text FROM {time_of_use.FAMILY.table} WHERE deleted_at IS NULL"
    )
    return frozenset((row["dno_id"], row["year"]) for row in rows)


async def load_operators(
    connection: Connection, columns: Sequence[str], rows: Rows, on_rows: OnRows
) -> Outcome:
    """Rows of some of OPERATOR_COLUMNS, the slug first; others stay as they are. No mutation corrects operators, so the file
    always has priority.
    """
    key, *values = columns
    described = _list([f"{name} {SQL_TYPES[OPERATOR_COLUMNS[name]]}" for name in columns])
    await connection.execute(f"CREATE TEMPORARY TABLE staged_dnos (n integer, {described}) ON COMMIT DROP")
    await copy_rows(connection, "staged_dnos", rows, on_rows)
    row = await connection.fetchrow(
        f"""
        WITH decided AS MATERIALIZED (
            SELECT s.*, t.id, t.version, CASE
                WHEN t.id IS NULL OR t.deleted_at IS NOT NULL
                    OR ({_list(values, "t.")}) IS DISTINCT FROM ({_list(values, "s.")})
                THEN 'write' ELSE 'same' END AS verdict
            FROM staged_dnos s LEFT JOIN dnos t USING ({key})
        ), {_written("dnos", [key], values, {})}, {_judged([key])}
        """
    )
    await connection.execute("DROP TABLE staged_dnos")  # files with other columns may follow
    return _outcome(row)


async def load_entries(
    connection: Connection,
    family: Family,
    columns: Sequence[str],
    rows: Rows,
    overwrite: bool,
    on_rows: OnRows,
    *,
    may_verify: bool = True,
) -> Outcome:
    """Rows of operator, year, key, the value `columns` that the files have, verification status, source's address
    and title, and publication, if the family has it. Other columns stay as they are.

    Without `may_verify` a row that is verified in the file is written as unverified, unless the entry is so already.
    """
    key = ["dno_id", "year", *(key.name for key in family.key)]
    types = {column.name: column.type.sql_type for column in family.columns} | _key_types(family)
    values = [*columns, "verification_status", "source_url", "source_title"]
    if family.has_publication:
        values.append("publication")
    staged = f"staged_{family.name}"
    await _create(connection, staged, {name: types.get(name, "text") for name in (*key[2:], *values)})
    may_be_empty = [each.name for each in family.key if each.optional and each.type is ColumnType.TEXT]
    await copy_rows(connection, staged, rows, on_rows, may_be_empty)
    merged = f"SELECT s.n, {_list(key, 's.')}, {_list([_merged(name) for name in values])}"
    statement = _upsert(family, staged, merged, key, values, may_verify=may_verify)
    row = await connection.fetchrow(statement, overwrite, AUTOMATIC)
    await connection.execute(f"DROP TABLE {staged}")  # files with other columns may follow
    return _outcome(row)


def _key_types(family: Family) -> dict[str, str]:
    return {column.name: column.type.sql_type for column in family.key}


def _merged(name: str) -> str:
    """The value of a row; without a publication, that of the entry."""
    return _PUBLICATION if name == "publication" else f"s.{name}"


_PUBLICATION = (
    "coalesce(s.publication, CASE WHEN t.deleted_at IS NULL THEN t.publication END, 'FINAL') AS publication"
)


def _upsert(
    family: Family, staged: str, merged: str, key: Sequence[str], values: Sequence[str], *, may_verify: bool
) -> str:
    """`merged` selects the values to write from the row `s` and the entry `t`."""
    joined = f"{merged} FROM {staged} s LEFT JOIN {family.table} t USING ({_list(key)})"
    final_stays = """
                WHEN t.deleted_at IS NULL AND t.publication = 'FINAL' AND m.publication = 'PRELIMINARY'
                    THEN 'final in the database, and preliminary in the file'
                WHEN t.deleted_at IS NULL AND t.publication = 'PRELIMINARY' AND m.publication = 'FINAL' THEN 'write'"""
    return f"""
        WITH {_as_stated(joined) if may_verify else _lowered(joined, family.table, key, values)}, decided AS MATERIALIZED (
            SELECT m.*, t.id, t.version, CASE
                WHEN t.id IS NULL THEN 'write'
                WHEN t.deleted_at IS NULL AND ({_list(values, "t.")})
                    IS NOT DISTINCT FROM ({_list(values, "m.")}) THEN 'same'
                WHEN $1 THEN 'write'{final_stays if family.has_publication else ""}
                WHEN t.deleted_at IS NULL AND t.verification_status = 'verified'
                    AND m.verification_status <> 'verified' THEN CASE WHEN lowered
                        THEN 'verified in the database, and only an ADMIN verifies other figures'
                        ELSE 'verified in the database, but not in the file' END
                ELSE coalesce(
                    (SELECT CASE r.kind WHEN 'DELETED' THEN 'deleted' ELSE 'last changed' END || ' by ' || r.changed_by
                     FROM revisions r
                     WHERE r.entry_id = t.id AND r.version = t.version
                         AND r.changed_by <> ALL($2::text[]) AND r.changed_by NOT LIKE '% ({IMPORT})'), 'write')
                END AS verdict
            FROM merged m LEFT JOIN {family.table} t USING ({_list(key)})
        ), {_written(family.table, key, values, _key_types(family))}, {_judged(key, "lowered")}
        """


def _as_stated(joined: str) -> str:
    return f"merged AS (SELECT *, false AS lowered FROM ({joined}) AS stated)"


def _lowered(joined: str, table: str, key: Sequence[str], values: Sequence[str]) -> str:
    """Verified rows as unverified ones, where the stored entry is not the same."""
    others = [name for name in values if name != "verification_status"]
    return f"""stated AS ({joined}), compared AS (
            SELECT m.*, m.verification_status = 'verified' AND NOT (t.id IS NOT NULL AND t.deleted_at IS NULL
                AND ({_list(values, "t.")}) IS NOT DISTINCT FROM ({_list(values, "m.")})) AS lowered
            FROM stated m LEFT JOIN {table} t USING ({_list(key)})
        ), merged AS (
            SELECT n, {_list(key)}, {_list(others)}, lowered,
                CASE WHEN lowered THEN 'unverified' ELSE verification_status END AS verification_status
            FROM compared
        )"""


def _written(table: str, key: Sequence[str], values: Sequence[str], types: Mapping[str, str]) -> str:
    """Writes the rows with the verdict 'write', unless they have changed since the decision.

    `types`: of the columns of the key behind operator and year.
    """
    columns = _list([*key, *values])
    # A value of a domain does not join with its base type without a cast.
    returned = ", ".join(f"t.{name}::{types.get(name, 'integer')} AS {name}" for name in key[1:])
    return f"""written AS (
            INSERT INTO {table} AS t (id, version, {columns})
            SELECT coalesce(id, gen_random_uuid()), coalesce(version, 1), {columns}
            FROM decided WHERE verdict = 'write' ORDER BY {_list(key)}
            ON CONFLICT ({_list(key)}) DO UPDATE SET
                {", ".join(f"{name} = excluded.{name}" for name in values)}, deleted_at = NULL
            WHERE (t.id, t.version) = (excluded.id, excluded.version)
            RETURNING t.{key[0]}{returned and ", " + returned}, old.id IS NULL AS inserted
        )"""


def _judged(key: Sequence[str], lowered: str = "false") -> str:
    return f"""judged AS (
            SELECT n, inserted, {lowered} AS lowered, CASE
                WHEN verdict = 'write' AND inserted IS NULL THEN 'changed by another transaction during the import'
                ELSE verdict END AS verdict
            FROM decided LEFT JOIN written USING ({_list(key)})
        )
        SELECT count(*) FILTER (WHERE inserted) AS inserted,
            count(*) FILTER (WHERE NOT inserted) AS updated,
            count(*) FILTER (WHERE verdict = 'same') AS unchanged,
            count(*) FILTER (WHERE lowered AND inserted IS NOT NULL) AS lowered,
            array_agg(n ORDER BY n) FILTER (WHERE verdict NOT IN ('write', 'same')) AS kept,
            array_agg(verdict ORDER BY n) FILTER (WHERE verdict NOT IN ('write', 'same')) AS reasons
        FROM judged"""


def _list(columns: Sequence[str], prefix: str = "") -> str:
    return ", ".join(prefix + name for name in columns)


async def _create(connection: Connection, staged: str, columns: Mapping[str, str]) -> None:
    described = ", ".join(f"{name} {sql_type}" for name, sql_type in columns.items())
    await connection.execute(
        f"CREATE TEMPORARY TABLE {staged} (n integer, dno_id uuid, year integer, {described}) ON COMMIT DROP"
    )


async def load_time_of_use(
    connection: Connection, rows: Rows, overwrite: bool, on_rows: OnRows, *, may_verify: bool = True
) -> Outcome:
    """Rows of operator, year, prices, verification status, source's address and title, publication, windows, and whether
    the row has a title.

    Prices and windows may come in separate files. A row without verification status has no prices: the stored prices,
    status and address are kept; so are the title without a title, and the windows without windows.
    """
    family, key = time_of_use.FAMILY, ["dno_id", "year"]
    with_prices, staged = (
        [*(c.name for c in family.prices), "verification_status", "source_url"],
        f"staged_{family.name}",
    )
    values = [*with_prices, "source_title", "publication", "windows"]
    types = {column.name: column.type.sql_type for column in family.columns} | {"titled": "boolean"}
    await _create(connection, staged, {name: types.get(name, "text") for name in (*values, "titled")})
    await copy_rows(connection, staged, rows, on_rows)
    merged = f"""SELECT s.n, {_list(key, "s.")}, {
        _list(
            [
                f"CASE WHEN s.verification_status IS NULL THEN t.{name} ELSE s.{name} END AS {name}"
                for name in with_prices
            ]
        )
    }, CASE WHEN titled THEN s.source_title WHEN t.deleted_at IS NULL THEN t.source_title END AS source_title,
            {_PUBLICATION},
            coalesce(s.windows, CASE WHEN t.deleted_at IS NULL THEN t.windows END, '[]') AS windows"""
    statement = _upsert(family, staged, merged, key, values, may_verify=may_verify)
    row = await connection.fetchrow(statement, overwrite, AUTOMATIC)
    return _outcome(row)


async def load_aliases(connection: Connection, aliases: Rows, *, only_of_new_operators: bool) -> int:
    """Rows of slug, alias and source; aliases of operators that do not exist are skipped."""
    rows = await connection.fetch(
        """
        INSERT INTO dno_aliases (dno_id, alias, source)
        SELECT d.id, given.alias, given.source
        FROM unnest($1::text[], $2::text[], $3::text[]) AS given (slug, alias, source) JOIN dnos d USING (slug)
        WHERE d.deleted_at IS NULL AND (NOT $4 OR d.created_at = now())
        ON CONFLICT (dno_id, alias) DO NOTHING
        RETURNING id
        """,
        [slug for slug, _, _ in aliases],
        [alias for _, alias, _ in aliases],
        [source for _, _, source in aliases],
        only_of_new_operators,
    )
    return len(rows)


async def copy_rows(
    connection: Connection,
    table: str,
    rows: Iterable[Sequence[str]],
    on_rows: OnRows,
    may_be_empty: Sequence[str] = (),
) -> None:
    """Copies the rows, each behind its number, in bounded memory. `may_be_empty`: columns in which an empty cell is the empty
    text; in others it is null.
    """
    await connection.copy_to_table(
        table, source=_chunks(rows, on_rows), format="csv", force_not_null=may_be_empty or None
    )
    # Without statistics the planner assumes that a new table is small.
    await connection.execute(f"ANALYZE {table}")


async def _chunks(rows: Iterable[Sequence[str]], on_rows: OnRows) -> AsyncIterator[bytes]:
    numbered: Iterator[Sequence[object]] = ((n, *row) for n, row in enumerate(rows))
    while chunk := list(islice(numbered, _ROWS_PER_CHUNK)):
        text = io.StringIO(newline="")
        # With this line terminator the writer also quotes carriage returns within cells.
        csv.writer(text, lineterminator="\r\n").writerows(chunk)
        on_rows(len(chunk))
        yield text.getvalue().encode()


def _outcome(row: "Row | None") -> Outcome:
    assert row is not None
    kept = zip(row["kept"] or (), row["reasons"] or (), strict=True)
    return Outcome(
        row["inserted"],
        row["updated"],
        row["unchanged"],
        tuple(SkippedRow(*each) for each in kept),
        lowered=row["lowered"],
    )
