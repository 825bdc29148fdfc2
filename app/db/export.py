"""Whole tables in the columns and the order of the import files, batch by batch.

One statement is one snapshot, and its cursor keeps memory bounded. Every value comes as text, exactly as
the database writes it, so that what was exported is imported as it was.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from enum import Enum, StrEnum
from typing import Annotated, TypeAlias

import msgspec

from app.db.pool import Connection
from app.domain.entry import FIRST_YEAR, LAST_YEAR, VerificationStatus, VoltageLevel
from app.domain.federal_state import spellings_of
from app.domain.hlzf import Season

_ROWS_PER_BATCH = 1_000

Rows: TypeAlias = "Sequence[Sequence[str | None]]"


class Table(StrEnum):
    TARIFFS = "tariffs"
    HLZF = "hlzf"
    REGISTRY = "registry"


Year: TypeAlias = Annotated[int, msgspec.Meta(ge=FIRST_YEAR, le=LAST_YEAR)]


class Filter(msgspec.Struct, frozen=True):
    """What is wanted; an empty tuple wants all."""

    dno: tuple[str, ...] = ()  # slugs
    region: tuple[str, ...] = ()
    year: tuple[Year, ...] = ()
    voltage_level: tuple[VoltageLevel, ...] = ()
    season: tuple[Season, ...] = ()
    verification_status: tuple[VerificationStatus, ...] = ()


class Column(Enum):
    """What a column's text means to formats that know more than text."""

    TEXT = "text"
    WHOLE = "whole number"
    FLAG = "true or false"
    PRICE = "at most four decimals"
    MEGAWATTS = "any number of decimals"


COLUMNS: Mapping[Table, Mapping[str, Column]] = {
    Table.TARIFFS: {
        "dno_slug": Column.TEXT,
        "year": Column.WHOLE,
        "voltage_level": Column.TEXT,
        "leistung": Column.PRICE,
        "arbeit": Column.PRICE,
        "leistung_unter_2500h": Column.PRICE,
        "arbeit_unter_2500h": Column.PRICE,
        "verification_status": Column.TEXT,
        "source_url": Column.TEXT,
        "source_title": Column.TEXT,
    },
    Table.HLZF: {
        "dno_slug": Column.TEXT,
        "year": Column.WHOLE,
        "voltage_level": Column.TEXT,
        "season": Column.TEXT,
        "start": Column.TEXT,
        "end": Column.TEXT,
        "verification_status": Column.TEXT,
        "source_url": Column.TEXT,
        "source_title": Column.TEXT,
    },
    Table.REGISTRY: {
        "slug": Column.TEXT,
        "name": Column.TEXT,
        "official_name": Column.TEXT,
        "mastr_nr": Column.TEXT,
        "bdew_code": Column.TEXT,
        "acer_code": Column.TEXT,
        "vnb_id": Column.TEXT,
        "region": Column.TEXT,
        "city": Column.TEXT,
        "postal_code": Column.TEXT,
        "website": Column.TEXT,
        "closed_network": Column.FLAG,
        "transmission": Column.FLAG,
        "connection_points_ns": Column.WHOLE,
        "connection_points_ms": Column.WHOLE,
        "connection_points_hs": Column.WHOLE,
        "connection_points_hoes": Column.WHOLE,
        "capacity_mw_total": Column.MEGAWATTS,
        "capacity_mw_solar": Column.MEGAWATTS,
        "capacity_mw_wind": Column.MEGAWATTS,
    },
}

# Only these make sense for a table; the doors refuse the others.
FILTERS: Mapping[Table, tuple[str, ...]] = {
    Table.TARIFFS: ("dno", "region", "year", "voltage_level", "verification_status"),
    Table.HLZF: ("dno", "region", "year", "voltage_level", "season", "verification_status"),
    Table.REGISTRY: ("dno", "region"),
}


OnBroken = Callable[[int], None]


async def stream(
    connection: Connection, table: Table, wanted: Filter, *, patience: float, on_broken: OnBroken
) -> AsyncGenerator[Rows, None]:
    """`patience` is how many seconds the reader of one batch may take.

    Rows that no rule would let in today (written before the rule, or past it) are left out, and counted before the
    first batch: `on_broken`.
    """
    # The count and the rows are of one moment.
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', $1, true)", f"{patience * 1000:.0f}"
        )
        arguments = [list(getattr(wanted, name)) or None for name in FILTERS[table]]
        if wanted.region:
            arguments[FILTERS[table].index("region")] = await _regions(connection, wanted.region)
        if broken := await connection.fetchval(_BROKEN[table]):
            on_broken(broken)
        cursor = await connection.cursor(_STATEMENTS[table], *arguments)
        while rows := await cursor.fetch(_ROWS_PER_BATCH):
            yield rows


async def _regions(connection: Connection, wanted: Sequence[str]) -> list[str]:
    """As they are stored; refuses with BadInput what names none."""
    rows = await connection.fetch("SELECT DISTINCT region FROM dnos WHERE region IS NOT NULL")
    stored = [row["region"] for row in rows]
    return sorted(frozenset[str]().union(*(spellings_of(region, stored) for region in wanted)))


# Of the whole table: what a filter leaves out may be among them.
_BROKEN: Mapping[Table, str] = {
    Table.TARIFFS: """
        SELECT count(*) FROM netzentgelte_data
        WHERE deleted_at IS NULL AND greatest(leistung, arbeit, leistung_unter_2500h, arbeit_unter_2500h) >= 1000000
        """,
    Table.HLZF: """
        SELECT count(*) FROM hlzf_data WHERE deleted_at IS NULL AND jsonb_typeof(windows) <> 'array'
        """,
    Table.REGISTRY: """
        SELECT count(*) FROM dnos
        WHERE deleted_at IS NULL AND NOT (
            readable_megawatts(coalesce(capacity_mw_total, 0)) AND readable_megawatts(coalesce(capacity_mw_solar, 0))
            AND readable_megawatts(coalesce(capacity_mw_wind, 0))
        )
        """,
}

# Sorted by code point, whatever the database's collation; levels and seasons in their own order.
_STATEMENTS: Mapping[Table, str] = {
    Table.TARIFFS: """
        SELECT d.slug, t.year::text, t.voltage_level::text,
            t.leistung::text, t.arbeit::text, t.leistung_unter_2500h::text, t.arbeit_unter_2500h::text,
            t.verification_status::text, nullif(t.source_url, ''), nullif(t.source_title, '')
        FROM netzentgelte_data t JOIN dnos d ON d.id = t.dno_id
        WHERE t.deleted_at IS NULL AND d.deleted_at IS NULL
            AND coalesce(greatest(leistung, arbeit, leistung_unter_2500h, arbeit_unter_2500h) < 1000000, true)
            AND ($1::text[] IS NULL OR d.slug = ANY($1))
            AND ($2::text[] IS NULL OR d.region = ANY($2))
            AND ($3::integer[] IS NULL OR t.year = ANY($3))
            AND ($4::text[] IS NULL OR t.voltage_level = ANY($4))
            AND ($5::text[] IS NULL OR t.verification_status = ANY($5))
        ORDER BY d.slug COLLATE "C", t.year,
            array_position(ARRAY['HOES', 'HOES_HS', 'HS', 'HS_MS', 'MS', 'MS_NS', 'NS'], t.voltage_level::text)
        """,
    Table.HLZF: """
        SELECT d.slug, t.year::text, t.voltage_level::text, t.season, w."start", w."end",
            t.verification_status::text, nullif(t.source_url, ''), nullif(t.source_title, '')
        FROM hlzf_data t JOIN dnos d ON d.id = t.dno_id
        LEFT JOIN LATERAL jsonb_to_recordset(
            CASE WHEN jsonb_typeof(t.windows) = 'array' THEN t.windows ELSE '[]' END
        ) AS w ("start" text, "end" text) ON true
        WHERE t.deleted_at IS NULL AND d.deleted_at IS NULL AND jsonb_typeof(t.windows) = 'array'
            AND ($1::text[] IS NULL OR d.slug = ANY($1))
            AND ($2::text[] IS NULL OR d.region = ANY($2))
            AND ($3::integer[] IS NULL OR t.year = ANY($3))
            AND ($4::text[] IS NULL OR t.voltage_level = ANY($4))
            AND ($5::text[] IS NULL OR t.season = ANY($5))
            AND ($6::text[] IS NULL OR t.verification_status = ANY($6))
        ORDER BY d.slug COLLATE "C", t.year,
            array_position(ARRAY['HOES', 'HOES_HS', 'HS', 'HS_MS', 'MS', 'MS_NS', 'NS'], t.voltage_level::text),
            array_position(ARRAY['WINTER', 'SPRING', 'SUMMER', 'AUTUMN'], t.season), w."start"
        """,
    Table.REGISTRY: """
        SELECT slug, name, nullif(official_name, ''), nullif(mastr_nr, ''), bdew_code, nullif(acer_code, ''),
            nullif(vnb_id, ''), nullif(region, ''), nullif(city, ''), postal_code, nullif(website, ''),
            closed_network::text, transmission::text,
            connection_points_ns::text, connection_points_ms::text,
            connection_points_hs::text, connection_points_hoes::text,
            capacity_mw_total::text, capacity_mw_solar::text, capacity_mw_wind::text
        FROM dnos
        WHERE deleted_at IS NULL
            AND readable_megawatts(coalesce(capacity_mw_total, 0)) AND readable_megawatts(coalesce(capacity_mw_solar, 0))
            AND readable_megawatts(coalesce(capacity_mw_wind, 0))
            AND ($1::text[] IS NULL OR slug = ANY($1))
            AND ($2::text[] IS NULL OR region = ANY($2))
        ORDER BY slug COLLATE "C"
        """,
}
