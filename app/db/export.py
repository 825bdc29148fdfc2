"""Whole tables in the columns and the order of the import files, and the history, batch by batch.

One statement is one snapshot, and its cursor keeps memory bounded. Every value comes as text, exactly as
the database writes it, so that what was exported is imported as it was.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, NamedTuple, TypeAlias

import msgspec

from app.db.change_rows import CHANGE_COLUMNS, CHANGE_FILTERS, change_batches, key_value
from app.db.connect import known_settings
from app.db.file_columns import OPERATOR_COLUMNS, PLACE_COLUMNS, Column, family_columns
from app.db.pool import Connection, Pool
from app.domain import time_of_use
from app.domain.entry import FIRST_YEAR, LAST_YEAR, Publication, VerificationStatus, VoltageLevel
from app.domain.families import FAMILIES, DataType
from app.domain.family import Column as ValueColumn
from app.domain.family import ColumnType, Family, KeyColumn
from app.domain.federal_state import spellings_of
from app.domain.hlzf import Season
from app.domain.levy import LevyKind
from app.domain.place import PlaceBasis
from app.domain.price import PriceKind
from app.domain.time_of_use import PRICE_COLUMNS
from app.errors import BadInput, quoted

_ROWS_PER_BATCH = 1_000

Rows: TypeAlias = "Sequence[Sequence[str | None]]"


Table = StrEnum(  # type: ignore[misc]  # families, operators, places, and the history of the families
    "Table",
    {family.name.upper(): family.public_name for family in FAMILIES}
    | {"REGISTRY": "registry", "PLACES": "places", "CHANGES": "changes"},
    module=__name__,
)


Year: TypeAlias = Annotated[int, msgspec.Meta(ge=FIRST_YEAR, le=LAST_YEAR)]


Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]

# Of prices and of levies.
EntryKind = StrEnum("EntryKind", {kind: kind for kind in (*PriceKind, *LevyKind)}, module=__name__)  # type: ignore[misc]


class Filter(msgspec.Struct, frozen=True):
    """Which rows are exported; an empty tuple means all."""

    dno: tuple[str, ...] = ()  # slugs
    region: tuple[str, ...] = ()
    year: tuple[Year, ...] = ()
    voltage_level: tuple[VoltageLevel, ...] = ()
    season: tuple[Season, ...] = ()
    kind: tuple[EntryKind, ...] = ()
    verification_status: tuple[VerificationStatus, ...] = ()
    publication: tuple[Publication, ...] = ()
    postal_code: tuple[str, ...] = ()
    basis: tuple[PlaceBasis, ...] = ()
    data_type: tuple[DataType, ...] = ()
    since: tuple[Moment, ...] = ()  # of several, the latest


COLUMNS: Mapping[Table, Mapping[str, Column]] = {
    **{Table(family.public_name): family_columns(family) for family in FAMILIES},
    Table["REGISTRY"]: OPERATOR_COLUMNS,
    Table["PLACES"]: PLACE_COLUMNS,
    Table["CHANGES"]: CHANGE_COLUMNS,
}


def _filtered(family: Family) -> tuple[str, ...]:
    """The columns with words that a table can be filtered by."""
    published = ("publication",) if family.has_publication else ()
    return (*(key.name for key in family.key if key.values is not None), "verification_status", *published)


# The filters that apply to a table; others are rejected.
FILTERS: Mapping[Table, tuple[str, ...]] = {
    **{
        Table(family.public_name): (
            *(("dno", "region", "year") if family.of_operators else ()),
            *_filtered(family),
        )
        for family in FAMILIES
    },
    Table["REGISTRY"]: ("dno", "region"),
    Table["PLACES"]: ("dno", "region", "postal_code", "voltage_level", "basis"),
    Table["CHANGES"]: CHANGE_FILTERS,
}


# Whether the rows of a table name operators.
HAS_OPERATORS: Mapping[Table, bool] = {
    **{Table(family.public_name): family.of_operators for family in FAMILIES},
    Table["REGISTRY"]: True,
    Table["PLACES"]: True,
    Table["CHANGES"]: True,
}

OnBroken = Callable[[int], None]


async def stream(
    connection: Connection,
    table: Table,
    wanted: Filter,
    *,
    batch_timeout: float,
    on_broken: OnBroken,
    with_authors: bool = False,
) -> AsyncGenerator[Rows, None]:
    """`batch_timeout`: seconds that the reader of one batch may take. `with_authors`: changes have the names of authors.

    Rows that violate a current rule (written before the rule, or past it) are left out; `on_broken` is called with
    their number before the first batch.
    """
    # The count and the rows come from one snapshot.
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        # The role's `transaction_timeout` may be for short transactions; the caller bounds the whole.
        milliseconds = f"{batch_timeout * 1000:.0f}"
        timeouts = {"idle_in_transaction_session_timeout": milliseconds, "transaction_timeout": "0"}
        known = known_settings(connection, timeouts)
        await connection.execute("; ".join(f"SET LOCAL {name} = '{value}'" for name, value in known.items()))
        arguments = [list(getattr(wanted, name)) or None for name in FILTERS[table]]
        if wanted.dno:
            await _check_operators(connection, wanted.dno)
        if wanted.region:
            arguments[FILTERS[table].index("region")] = await _regions(connection, wanted.region)
        if table is Table["CHANGES"]:
            async for changes in change_batches(
                connection, arguments, _ROWS_PER_BATCH, with_authors=with_authors
            ):
                yield changes
            return
        if broken := await connection.fetchval(_BROKEN[table]):
            on_broken(broken)
        cursor = await connection.cursor(_STATEMENTS[table], *arguments)
        while rows := await cursor.fetch(_ROWS_PER_BATCH):
            yield rows


async def fetch_example(pool: Pool, table: Table) -> Rows:
    """The rows of the first entry, as an export of the whole table has them. Empty if there is none, and for places, which an
    import replaces as a whole.
    """
    if table is Table["PLACES"]:
        return []
    family = next((each for each in FAMILIES if each.public_name == table), None)
    nothing = [None] * len(FILTERS[table])
    rows = await pool.fetch(f"{_STATEMENTS[table]} LIMIT {_ROWS_PER_BATCH}", *nothing, name="template")
    if family is None or family.one_row_per_entry:
        return [tuple(row) for row in rows[:1]]
    key = 2 + len(family.key)
    return [tuple(row) for row in rows if tuple(row)[:key] == tuple(rows[0])[:key]]


async def _check_operators(connection: Connection, slugs: Sequence[str]) -> None:
    """Removed ones are known as well: their history remains. Raises BadInput."""
    unknown = await connection.fetchval(
        "SELECT slug FROM unnest($1::text[]) WITH ORDINALITY AS wanted (slug, place)"
        " WHERE NOT EXISTS (SELECT FROM dnos WHERE dnos.slug = wanted.slug) ORDER BY place LIMIT 1",
        slugs,
    )
    if unknown is not None:
        raise BadInput(f"There is no operator with the slug {quoted(unknown)}.", argument="dno")


async def _regions(connection: Connection, wanted: Sequence[str]) -> list[str]:
    """As they are stored. Raises BadInput for a name that is no region."""
    rows = await connection.fetch("SELECT DISTINCT region FROM dnos WHERE region IS NOT NULL")
    stored = [row["region"] for row in rows]
    return sorted(frozenset[str]().union(*(spellings_of(region, stored) for region in wanted)))


def _readable(family: Family, alias: str) -> str:
    """SQL: whether a row satisfies the current rules."""
    if family.one_row_per_entry and not family.prices:
        return "true"
    prices = ", ".join(f"{alias}.{column.name}" for column in family.prices)
    readable_prices = f"coalesce(greatest({prices}) < 1000000, true)"
    if family is time_of_use.FAMILY:
        return f"(valid_band_windows({alias}.windows) AND {readable_prices})"
    return readable_prices if family.one_row_per_entry else f"jsonb_typeof({alias}.windows) = 'array'"


class _Parts(NamedTuple):
    """What makes several rows of an entry: its join, the columns of a row, and the order of the rows."""

    join: str
    columns: tuple[str, ...]
    order: tuple[str, ...]


def _parts(family: Family) -> _Parts:
    if family is time_of_use.FAMILY:
        bands = ", ".join(
            f"({n}, '{band}', t.{name})" for n, (band, name) in enumerate(PRICE_COLUMNS.items())
        )
        join = f"""LEFT JOIN LATERAL (
                SELECT b.*, w.quarter, w."start", w."end" FROM (VALUES {bands}) AS b (place, band, price)
                LEFT JOIN jsonb_to_recordset(CASE WHEN {_readable(family, "t")} THEN t.windows ELSE '[]' END)
                    AS w (quarter text, band text, "start" text, "end" text) USING (band)
                WHERE b.price IS NOT NULL OR w.quarter IS NOT NULL
            ) AS w ON true"""
        columns = ("w.band", "w.price::text", "w.quarter", 'w."start"', 'w."end"')
        return _Parts(join, columns, ("w.place", "w.quarter", 'w."start"'))
    if not family.one_row_per_entry:
        join = """LEFT JOIN LATERAL jsonb_to_recordset(
                CASE WHEN jsonb_typeof(t.windows) = 'array' THEN t.windows ELSE '[]' END
            ) AS w ("start" text, "end" text) ON true"""
        return _Parts(join, ('w."start"', 'w."end"'), ('w."start"',))
    return _Parts("", tuple(map(_value, family.columns)), ())


def _value(column: ValueColumn) -> str:
    """SQL: a value column as text; lists are separated by blanks, which their values do not contain."""
    if column.type in (ColumnType.DATES, ColumnType.WORDS):
        return f"array_to_string(t.{column.name}, ' ')"
    return f"t.{column.name}::text"


def _rows(family: Family) -> str:
    """Sorted by code point, independent of the database's collation; the key in the order of its values."""
    parts = _parts(family)
    keys = "".join(f"{key_value(key)}::text, " for key in family.key)
    filters = [("t.year", "integer")] if family.of_operators else []
    filters += [(f"t.{name}", "text") for name in _filtered(family)]
    wanted = [
        f"AND (${n}::{array}[] IS NULL OR {name} = ANY(${n}))"
        for n, (name, array) in enumerate(filters, 3 if family.of_operators else 1)
    ]
    order = [_rank(key) for key in family.key]
    if not family.of_operators:
        return f"""
            SELECT {keys}{", ".join(parts.columns)},
                t.verification_status::text, nullif(t.source_url, ''), nullif(t.source_title, '')
            FROM {family.table} t WHERE t.deleted_at IS NULL {" ".join(wanted)} ORDER BY {", ".join(order)}
            """
    year = "t.year" if family.without_year is None else f"nullif(t.year, {family.without_year})"
    published = ", t.publication" if family.has_publication else ""
    return f"""
        SELECT d.slug, {year}::text, {keys}
            {", ".join(parts.columns)},
            t.verification_status::text, nullif(t.source_url, ''), nullif(t.source_title, ''){published}
        FROM {family.table} t JOIN dnos d ON d.id = t.dno_id {parts.join}
        WHERE t.deleted_at IS NULL AND d.deleted_at IS NULL AND {_readable(family, "t")}
            AND ($1::text[] IS NULL OR d.slug = ANY($1))
            AND ($2::text[] IS NULL OR d.region = ANY($2))
            {" ".join(wanted)}
        ORDER BY {", ".join(['d.slug COLLATE "C"', "t.year", *order, *parts.order])}
        """


def _rank(key: KeyColumn) -> str:
    """SQL: what sorts entries by a column of the key."""
    if key.type is ColumnType.DATE:
        return f"t.{key.name}"
    if key.values is None:
        return f't.{key.name} COLLATE "C"'
    return f"array_position(ARRAY[{', '.join(map(repr, key.sorted_values))}], t.{key.name}::text)"


_READABLE_OPERATOR: Final = " AND ".join(
    f"readable_megawatts(coalesce({name}, 0))"
    for name, column in OPERATOR_COLUMNS.items()
    if column is Column.MEGAWATTS
)

# Of the whole table, whatever the filter.
_BROKEN: Mapping[Table, str] = {
    **{
        Table(family.public_name): f"SELECT count(*) FROM {family.table} t"
        f" WHERE deleted_at IS NULL AND NOT {_readable(family, 't')}"
        for family in FAMILIES
    },
    Table["REGISTRY"]: f"SELECT count(*) FROM dnos WHERE deleted_at IS NULL AND NOT ({_READABLE_OPERATOR})",
    Table["PLACES"]: "SELECT 0",  # the rules of the table have always been those of the import
}


def _text(name: str, column: Column) -> str:
    return f"nullif({name}, '')" if column is Column.TEXT else f"{name}::text"


_STATEMENTS: Mapping[Table, str] = {
    **{Table(family.public_name): _rows(family) for family in FAMILIES},
    Table["REGISTRY"]: f"""
        SELECT {", ".join(_text(name, column) for name, column in OPERATOR_COLUMNS.items())}
        FROM dnos
        WHERE deleted_at IS NULL AND {_READABLE_OPERATOR}
            AND ($1::text[] IS NULL OR slug = ANY($1))
            AND ($2::text[] IS NULL OR region = ANY($2))
        ORDER BY slug COLLATE "C"
        """,
    Table["PLACES"]: f"""
        SELECT p.postal_code, nullif(p.municipality, ''), d.slug, nullif(p.voltage_level, ''), p.locations::text, p.basis,
            nullif(p.source_url, ''), nullif(p.source_title, '')
        FROM places p JOIN dnos d ON d.id = p.dno_id
        WHERE d.deleted_at IS NULL
            AND ($1::text[] IS NULL OR d.slug = ANY($1))
            AND ($2::text[] IS NULL OR d.region = ANY($2))
            AND ($3::text[] IS NULL OR p.postal_code = ANY($3))
            AND ($4::text[] IS NULL OR p.voltage_level = ANY($4))
            AND ($5::text[] IS NULL OR p.basis = ANY($5))
        ORDER BY p.postal_code COLLATE "C", p.municipality COLLATE "C", d.slug COLLATE "C",
            array_position(ARRAY[{", ".join(repr(str(level)) for level in VoltageLevel)}], p.voltage_level) NULLS FIRST,
            p.basis COLLATE "C"
        """,
}
