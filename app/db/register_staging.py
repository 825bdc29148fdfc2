"""The register's export in PostgreSQL while it is imported: staging tables, and what is counted from them.

The tables are in a schema of their own, which an import creates and a finished import drops. They are not logged: a
crash of PostgreSQL empties all of them, also the list of the parts that were staged, so that the import starts again.

Numbers of the register are kept as their digits: SEL999990000001 is 999990000001 in the column `location`.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final
from uuid import UUID

from app.db import place_writes
from app.db.pool import Connection, Row
from app.domain.place import PlaceBasis

_ROWS_PER_CHUNK: Final = 5_000

_TABLES: Final = """
    CREATE SCHEMA register_staging;
    CREATE UNLOGGED TABLE register_staging.run (export text NOT NULL, token uuid NOT NULL);
    CREATE UNLOGGED TABLE register_staging.part (name text PRIMARY KEY, records bigint NOT NULL, unused bigint NOT NULL,
        repaired boolean NOT NULL);
    CREATE UNLOGGED TABLE register_staging.catalogue (id integer NOT NULL, value text NOT NULL);
    CREATE UNLOGGED TABLE register_staging.operator (operator bigint NOT NULL, name text, networks bigint[] NOT NULL,
        acer_code text, state text, postal_code text, city text, website text);
    CREATE UNLOGGED TABLE register_staging.role (operator bigint NOT NULL, bdew_code text NOT NULL);
    CREATE UNLOGGED TABLE register_staging.network (network bigint NOT NULL, electricity boolean NOT NULL,
        closed boolean NOT NULL);
    CREATE UNLOGGED TABLE register_staging.connection_point (point bigint NOT NULL, location bigint NOT NULL,
        voltage_level text, network bigint, operator bigint);
    CREATE UNLOGGED TABLE register_staging.unit (unit bigint NOT NULL, location bigint NOT NULL, kind integer NOT NULL,
        postal_code text, city text, kilowatts numeric);
"""


class Superseded(Exception):
    """Another import of the register has started."""


async def begin(connection: Connection, export: str, token: UUID) -> set[str]:
    """Continues with what was staged of the same export, else with empty tables. Returns the names of the staged parts.

    `export` identifies the content of all files. An import that still runs ends with Superseded at its next part.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        if await _staged_export(connection) != export:
            await connection.execute("DROP SCHEMA IF EXISTS register_staging CASCADE")
            await connection.execute(_TABLES)
            await connection.execute(
                "INSERT INTO register_staging.run (export, token) VALUES ($1, $2)", export, token
            )
        else:
            await connection.execute("UPDATE register_staging.run SET token = $1", token)
        return {row["name"] for row in await fetch_parts(connection)}


# An arbitrary number, the same in every release.
_LOCK: Final = 0x6D617374


async def _staged_export(connection: Connection) -> str | None:
    if not await _exists(connection):
        return None
    export: str | None = await connection.fetchval("SELECT export FROM register_staging.run")
    return export


async def _exists(connection: Connection) -> bool:
    return bool(await connection.fetchval("SELECT to_regclass('register_staging.run') IS NOT NULL"))


async def finish(connection: Connection) -> None:
    """Within the transaction that writes the result."""
    await connection.execute("DROP SCHEMA register_staging CASCADE")


async def require(connection: Connection, token: UUID) -> None:
    """Raises Superseded. Another import that starts waits until the end of the transaction."""
    await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", _LOCK)
    if await _exists(connection) and token == await connection.fetchval(
        "SELECT token FROM register_staging.run"
    ):
        return
    raise Superseded


async def stage(connection: Connection, table: str, rows: Iterable[Sequence[object]]) -> None:
    """Adds rows of one part. They are read from `rows` while the database takes them."""
    await connection.copy_to_table(
        table, schema_name="register_staging", source=_chunks(iter(rows)), format="text"
    )


async def staged(connection: Connection, part: str, records: int, unused: int, *, repaired: bool) -> None:
    """In the transaction of `stage`: the part will not be read again."""
    await connection.execute(
        "INSERT INTO register_staging.part (name, records, unused, repaired) VALUES ($1, $2, $3, $4)",
        part,
        records,
        unused,
        repaired,
    )


async def fetch_parts(connection: Connection) -> list[Row]:
    rows: list[Row] = await connection.fetch(
        "SELECT name, records, unused, repaired FROM register_staging.part ORDER BY name"
    )
    return rows


async def _chunks(rows: Iterator[Sequence[object]]) -> AsyncIterator[bytes]:
    while chunk := list(islice(rows, _ROWS_PER_CHUNK)):
        yield "".join(map(_line, chunk)).encode()


# Of the text format of COPY.
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _line(row: Sequence[object]) -> str:
    return "\t".join(["\\N" if value is None else str(value).translate(_ESCAPES) for value in row]) + "\n"


async def join(connection: Connection) -> Row:
    """Connects locations with operators and counts them, for the rest of the transaction; the numbers of what could not be
    connected.

    The operator of a connection point is the one that the export names, else the only one that lists its network.
    Points of networks that are not of electricity are left out.
    """
    await connection.execute(_JOIN)
    row: Row | None = await connection.fetchrow(_UNCONNECTED)
    assert row is not None
    return row


_JOIN: Final = """
    CREATE TEMPORARY TABLE connected_points ON COMMIT DROP AS
    WITH operator_of_network AS (
        SELECT network, min(operator) AS operator
        FROM register_staging.operator, unnest(networks) AS network
        GROUP BY network HAVING count(DISTINCT operator) = 1
    ), kind_of_network AS (
        SELECT network, bool_or(electricity) AS electricity FROM register_staging.network GROUP BY network
    )
    SELECT DISTINCT p.point, p.location, p.voltage_level, coalesce(p.operator, o.operator) AS operator
    FROM register_staging.connection_point p
    LEFT JOIN kind_of_network k USING (network) LEFT JOIN operator_of_network o USING (network)
    WHERE k.electricity IS NOT FALSE AND coalesce(p.operator, o.operator) IS NOT NULL;
    ANALYZE connected_points;

    -- A unit can be listed in two parts of its table.
    CREATE TEMPORARY TABLE distinct_units ON COMMIT DROP AS
    SELECT DISTINCT ON (kind = 4, unit) unit, location, kind, postal_code, city, kilowatts
    FROM register_staging.unit ORDER BY kind = 4, unit, kilowatts DESC NULLS LAST;
    ANALYZE distinct_units;

    -- A location counts once per postal code, operator and level, under the first of the names that its units give the city.
    CREATE TEMPORARY TABLE counted_places ON COMMIT DROP AS
    SELECT postal_code, coalesce(city, '') AS city, operator, coalesce(voltage_level, '') AS voltage_level,
        count(*)::integer AS locations
    FROM (SELECT location, postal_code, min(city) AS city FROM distinct_units WHERE postal_code IS NOT NULL
        GROUP BY location, postal_code) AS located
    JOIN (SELECT DISTINCT location, operator, voltage_level FROM connected_points) AS connected USING (location)
    GROUP BY 1, 2, 3, 4;
    ANALYZE counted_places;
"""

_UNCONNECTED: Final = """
    SELECT count(*) FILTER (WHERE operators IS NULL) AS without_operator,
        count(*) FILTER (WHERE operators > 1) AS of_several_operators,
        count(*) FILTER (WHERE postal_code IS NULL) AS without_postal_code,
        count(*) AS units
    FROM distinct_units
    LEFT JOIN (SELECT location, count(DISTINCT operator) AS operators FROM connected_points GROUP BY location) AS c
        USING (location)
"""


async def fetch_operators(connection: Connection, limit: int) -> list[Row]:
    """Operators of at least one connection point, with their facts in the export, at most `limit`.

    A capacity is null where the export does not give it: there are units of the kind, and none has a capacity. Units at
    a location with connection points of several operators are in no operator's capacity.
    """
    rows: list[Row] = await connection.fetch(_OPERATORS, limit)
    return rows


_OPERATORS: Final = """
    WITH points AS (
        SELECT operator,
            count(DISTINCT point) FILTER (WHERE voltage_level IN ('NS', 'MS_NS')) AS ns,
            count(DISTINCT point) FILTER (WHERE voltage_level IN ('MS', 'HS_MS')) AS ms,
            count(DISTINCT point) FILTER (WHERE voltage_level IN ('HS', 'HOES_HS')) AS hs,
            count(DISTINCT point) FILTER (WHERE voltage_level = 'HOES') AS hoes
        FROM connected_points GROUP BY operator
    ), only_operator AS (
        SELECT location, min(operator) AS operator FROM connected_points
        GROUP BY location HAVING count(DISTINCT operator) = 1
    ), capacities AS (
        SELECT operator,
            sum(kilowatts) * 0.001 AS total,
            CASE WHEN bool_or(kind = 1) THEN sum(kilowatts) FILTER (WHERE kind = 1) * 0.001 ELSE 0 END AS solar,
            CASE WHEN bool_or(kind = 2) THEN sum(kilowatts) FILTER (WHERE kind = 2) * 0.001 ELSE 0 END AS wind
        FROM distinct_units JOIN only_operator USING (location) WHERE kind <> 4 GROUP BY operator
    ), facts AS (
        SELECT operator, min(name) AS name, min(acer_code) AS acer_code, min(state) AS state,
            min(postal_code) AS postal_code, min(city) AS city, min(website) AS website
        FROM register_staging.operator GROUP BY operator HAVING count(DISTINCT name) <= 1
    ), codes AS (
        SELECT operator, min(bdew_code) AS bdew_code FROM register_staging.role
        GROUP BY operator HAVING count(DISTINCT bdew_code) = 1
    ), closed_networks AS (
        SELECT operator, bool_and(closed) AS closed
        FROM register_staging.operator, unnest(networks) AS listed
        JOIN register_staging.network n ON n.network = listed AND n.electricity GROUP BY operator
    ), states AS (
        SELECT id::text AS state, min(value) AS region FROM register_staging.catalogue GROUP BY id
    )
    SELECT operator, name, acer_code, bdew_code, coalesce(region, state) AS region, postal_code, city, website,
        coalesce(closed, false) AS closed, ns, ms, hs, hoes, total, solar, wind
    FROM points LEFT JOIN capacities USING (operator) LEFT JOIN facts USING (operator) LEFT JOIN codes USING (operator)
        LEFT JOIN closed_networks USING (operator) LEFT JOIN states USING (state)
    ORDER BY operator LIMIT $1
"""


async def name_operators(connection: Connection, slugs: Mapping[int, str]) -> None:
    """The stored operator of each registered one, for `stage_places`."""
    await connection.execute(
        "CREATE TEMPORARY TABLE stored_operators (operator bigint, dno_id uuid) ON COMMIT DROP"
    )
    await connection.execute(
        "INSERT INTO stored_operators SELECT operator, id FROM unnest($1::bigint[], $2::text[]) AS named (operator, slug)"
        " JOIN dnos USING (slug)",
        list(slugs),
        list(slugs.values()),
    )


async def stage_places(connection: Connection, source_url: str, source_title: str) -> Row:
    """Stages what was counted for `place_writes.replace`. Returns the numbers of places and locations, and of the locations
    that are stored.
    """
    await connection.execute(_STAGE_PLACES, source_url, source_title)
    # Without statistics the planner assumes that a new table is small.
    await connection.execute(f"ANALYZE {place_writes.STAGED}")
    row: Row | None = await connection.fetchrow(
        f"""
        SELECT count(*) AS places, coalesce(sum(locations), 0)::bigint AS locations,
            (SELECT coalesce(sum(locations), 0) FROM places WHERE basis = '{_BASIS}')::bigint AS stored_locations
        FROM {place_writes.STAGED}
        """
    )
    assert row is not None
    return row


_BASIS: Final = PlaceBasis.REGISTERED_UNITS.value
_STAGE_PLACES: Final = f"""
    INSERT INTO {place_writes.STAGED}
        (basis, postal_code, municipality, dno_id, voltage_level, locations, source_url, source_title)
    SELECT '{_BASIS}', postal_code, city, dno_id, voltage_level, locations, $1, $2
    FROM counted_places JOIN stored_operators USING (operator)
"""
