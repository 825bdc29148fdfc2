"""Constraints: rows that the importer would refuse cannot be written by hand either."""

import asyncpg
import pytest

from app.db.migrate import left_rows, migrate
from app.domain.entry import VoltageLevel
from app.domain.price import RULES, PriceKind
from tests import factories as make

WINDOW = '{"start": "%s", "end": "%s"}'
BAND = '{"quarter": %s, "start": "%s", "end": "%s", "band": "%s"}'


async def refuse(pool, statement, *arguments) -> str:
    async with pool.connection() as connection:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
            await connection.execute(statement, *arguments)
    return refused.value.constraint_name or ""


@pytest.fixture
async def dno(pool):
    return await make.dno(pool)


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("slug", "'Netze A'", "slug_is_ascii"),
        ("slug", "'netze--a'", "slug_is_ascii"),
        ("name", "''", "name_is_given"),
        ("bdew_code", "'12345'", "bdew_code_has_13_digits"),
        ("connection_points_ns", "-1", "connection_points_ns_not_negative"),
        ("capacity_mw_total", "-0.1", "capacity_mw_total_not_negative"),
    ],
)
async def test_an_operator_that_violates_a_constraint_is_refused(pool, dno, column, value, rule):
    assert await refuse(pool, f"UPDATE dnos SET {column} = {value}") == rule


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("year", "1999", "year_from_2000_to_2100"),
        ("year", "2101", "year_from_2000_to_2100"),
        ("voltage_level", "'XS'", "voltage_level_is_known"),
        ("leistung", "-0.01", "price_not_negative"),
        ("arbeit", "1.23456", "price_has_at_most_four_decimals"),
        ("leistung_unter_2500h", "1000000", "price_is_below_a_million"),
        ("verification_status", "'sure'", "verification_status_is_known"),
    ],
)
async def test_a_tariff_that_violates_a_constraint_is_refused(pool, dno, column, value, rule):
    await make.tariff(pool, dno)
    assert await refuse(pool, f"UPDATE netzentgelte_data SET {column} = {value}") == rule


async def test_a_price_is_a_finite_number(pool, dno):
    await make.tariff(pool, dno)
    for value in ("NaN", "Infinity"):
        assert await refuse(pool, f"UPDATE netzentgelte_data SET arbeit = '{value}'")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("kind = 'ALL'", "kind_is_known"),
        ("unit = 'EUR_PER_YEAR'", "unit_fits_kind"),
        ("kind = 'SLP_GRUNDPREIS'", "unit_fits_kind"),
        ("voltage_level = 'MS'", "voltage_level_fits_kind"),
        ("voltage_level = ''", "voltage_level_fits_kind"),
        ("amount = -0.01", "price_not_negative"),
        ("variant = ' a'", "variant_is_a_short_line"),
        ("variant = E'a\\nb'", "variant_is_a_short_line"),
        ("variant = E'a\\u2028b'", "variant_is_a_short_line"),
        ("variant = E'Za\\u0308hler'", "variant_is_a_short_line"),
        ("variant = repeat('a', 101)", "variant_is_a_short_line"),
        ("publication = 'LATE'", "publication_is_known"),
    ],
)
async def test_a_price_that_violates_a_constraint_is_refused(pool, dno, change, rule):
    await make.price(pool, dno)
    assert await refuse(pool, f"UPDATE prices SET {change}") == rule


async def test_units_and_levels_of_kinds_are_those_of_the_domain(pool):
    levels = [level or "" for level in (None, *VoltageLevel)]
    rows = await pool.fetch(
        "SELECT kind, price_unit(kind) AS unit, array_agg(level) FILTER (WHERE valid_price_level(kind, level)) AS levels"
        " FROM unnest($1::text[]) AS kind, unnest($2::text[]) AS level GROUP BY kind",
        list(PriceKind),
        levels,
    )
    assert {row["kind"]: (row["unit"], {*row["levels"]}) for row in rows} == {
        kind: (rule.unit, {level or "" for level in rule.levels}) for kind, rule in RULES.items()
    }
    assert RULES.keys() == {*PriceKind}


@pytest.mark.parametrize(
    "windows",
    [
        "{}",
        "[1]",
        '[{"start": "07:00"}]',
        f"[{WINDOW % ('7:00', '08:00')}]",
        f"[{WINDOW % ('08:00', '08:00')}]",
        f"[{WINDOW % ('08:00', '07:00')}]",
        f"[{WINDOW % ('07:00', '24:01')}]",
        f"[{WINDOW % ('07:00', '09:00')}, {WINDOW % ('08:59', '10:00')}]",
        f"[{WINDOW % ('09:00', '10:00')}, {WINDOW % ('07:00', '08:00')}]",
        '[{"start": "07:00", "end": "08:00", "note": "x"}]',
    ],
)
async def test_windows_are_in_order_and_do_not_overlap(pool, dno, windows):
    await make.hlzf(pool, dno)
    rule = await refuse(pool, f"UPDATE hlzf_data SET windows = '{windows}'")
    assert rule == "windows_are_in_order_and_do_not_overlap"


@pytest.mark.parametrize(
    "windows",
    [
        f"[{BAND % (5, '07:00', '08:00', 'HT')}]",
        f"[{BAND % (1, '07:00', '08:00', 'XT')}]",
        f"[{BAND % (1, '07:00', '07:00', 'HT')}]",
        f"[{BAND % (2, '07:00', '08:00', 'HT')}, {BAND % (1, '07:00', '08:00', 'HT')}]",
        f"[{BAND % (1, '07:00', '09:00', 'HT')}, {BAND % (1, '08:00', '10:00', 'NT')}]",
        '[{"quarter": 1, "start": "07:00", "end": "08:00"}]',
    ],
)
async def test_bands_are_in_order_and_do_not_overlap(pool, dno, windows):
    await make.time_of_use(pool, dno)
    rule = await refuse(pool, f"UPDATE time_of_use_data SET windows = '{windows}'")
    assert rule == "windows_are_in_order_and_do_not_overlap"


async def test_windows_may_be_adjacent_and_end_at_midnight(pool, dno):
    entry = await make.hlzf(pool, dno, windows="00:00-12:00, 12:00-24:00")
    assert [window.end for window in entry.windows] == [720, 1440]


async def test_each_location_has_one_entry(pool, dno):
    await make.tariff(pool, dno)
    await make.hlzf(pool, dno)
    await make.time_of_use(pool, dno)
    await make.price(pool, dno, 2025, PriceKind.MESSSTELLENBETRIEB, "10", None)
    for table, key in (
        ("netzentgelte_data", "dno_id, year, voltage_level"),
        ("hlzf_data", "dno_id, year, voltage_level, season"),
        ("time_of_use_data", "dno_id, year"),
        ("prices", "dno_id, year, kind, voltage_level, variant, amount, unit"),
    ):
        assert await refuse(pool, f"INSERT INTO {table} ({key}) SELECT {key} FROM {table}")


async def test_an_operator_with_entries_cannot_be_deleted(pool, dno):
    await make.tariff(pool, dno)
    assert await refuse(pool, "DELETE FROM dnos") == "netzentgelte_data_dno_id_fkey"


async def test_an_account_that_violates_a_constraint_is_refused(pool):
    await make.user(pool, "erika@example.org")
    assert await refuse(pool, "UPDATE users SET role = 'BOSS'") == "role_is_known"
    assert await refuse(pool, "UPDATE users SET email = 'erika'") == "email_has_an_at_sign"
    assert (
        await refuse(
            pool, "INSERT INTO users (email, role, password_hash) VALUES ('ERIKA@example.org', 'VIEWER', '!')"
        )
        == "users_email"
    )


@pytest.mark.parametrize("column", ["capacity_mw_total", "capacity_mw_solar", "capacity_mw_wind"])
@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e30", "1000000000", "0.0000000000000001", "-1"]
)
async def test_a_capacity_that_an_export_format_cannot_represent_is_refused(pool, dno, column, value):
    rule = await refuse(pool, f"UPDATE dnos SET {column} = '{value}'")
    assert rule.startswith(column)


async def test_the_largest_capacity_with_the_most_decimals_is_accepted(pool, dno):
    async with pool.connection() as connection:
        await connection.execute("UPDATE dnos SET capacity_mw_total = 999999999.999999999999999")


async def test_every_timestamp_column_is_limited_to_readable_values(pool, dno):
    """Columns are read from the catalogue, so that none is missed."""
    await make.tariff(pool, dno)
    columns = await pool.fetch(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND data_type LIKE 'timestamp%' AND table_name NOT IN ('migrations')"
    )
    assert len(columns) > 20
    ruled = await pool.fetch(
        "SELECT conrelid::regclass::text AS table_name, pg_get_constraintdef(oid) AS rule FROM pg_constraint"
        " WHERE contype = 'c'"
    )
    rules = {(row["table_name"], row["rule"]) for row in ruled}
    for table, column in columns:
        assert (table, f"CHECK (readable_moment({column}))") in rules
    for value in ("infinity", "-infinity", "10000-01-01", "0044-03-15 BC"):
        assert await refuse(pool, f"UPDATE dnos SET deleted_at = '{value}'") == "deleted_at_is_readable"


async def test_every_numeric_and_json_column_has_a_constraint(pool):
    """By a constraint of the column or of its domain; ids and versions that the server assigns have none."""
    without = await pool.fetch(
        "SELECT c.relname, attname FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid"
        " JOIN pg_type t ON t.oid = atttypid"
        " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped"
        " AND coalesce(nullif(typbasetype, 0), atttypid)::regtype::text IN"
        " ('numeric', 'double precision', 'real', 'integer', 'bigint', 'jsonb', 'json', 'date')"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE contypid = atttypid AND contype = 'c')"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = attrelid AND attnum = ANY(conkey) AND contype = 'c')"
    )
    assert sorted(map(tuple, without)) == [
        ("cache_epoch", "epoch"),
        ("migrations", "id"),
        ("outbox", "id"),
        ("outbox", "year"),
        ("removed_rows", "version"),
    ]


@pytest.mark.parametrize(
    ("table", "column", "value", "rule"),
    [
        ("dnos", "website", "repeat('x', 10001)", "website_is_not_too_long"),
        ("dnos", "version", "0", "version_is_readable"),
        ("netzentgelte_data", "source_url", "repeat('x', 10001)", "source_url_is_not_too_long"),
        ("query_logs", "confidence", "'NaN'", "confidence_from_0_to_1"),
        ("query_logs", "duration_ms", "'Infinity'", "duration_is_readable"),
        ("query_logs", "year", "2147483647", "year_is_readable"),
    ],
)
async def test_rows_that_violate_further_constraints_are_refused(pool, dno, table, column, value, rule):
    await make.tariff(pool, dno)
    if column == "version":
        statement = "INSERT INTO dnos (slug, name, version) VALUES ('netze-b', 'Netze B', 0)"
    elif table == "query_logs":
        row = {"query": "'q'", "confidence": "1", "duration_ms": "1", "cached": "false", column: value}
        statement = f"INSERT INTO query_logs ({', '.join(row)}) VALUES ({', '.join(row.values())})"
    else:
        statement = f"UPDATE {table} SET {column} = {value}"
    assert await refuse(pool, statement) == rule


async def test_a_quarter_is_a_number(pool, dno):
    async with pool.connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "INSERT INTO time_of_use_data (dno_id, year, windows) SELECT id, 2025,"
                """ '[{"quarter": "1", "start": "00:00", "end": "06:30", "band": "NT"}]' FROM dnos"""
            )


async def test_rows_that_violate_a_new_constraint_do_not_stop_a_migration(private_postgres):
    """The violated constraints are reported until the rows are repaired; new rows are checked at once."""
    admin = await asyncpg.connect(private_postgres.admin_url)
    await admin.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION dno")
    await migrate(private_postgres.url, target="0003")
    await admin.execute(
        "INSERT INTO dnos (slug, name, capacity_mw_total, created_at, updated_at, deleted_at) VALUES"
        " ('netze-a', 'Netze A', 'NaN', '20000-01-01', '0044-03-15 BC', NULL),"
        " ('netze-b', 'Netze B', 1e30, now(), now(), 'infinity');"
        "INSERT INTO query_logs (query, confidence, duration_ms, cached) VALUES ('q', 'NaN', 'Infinity', false)"
    )
    assert await migrate(private_postgres.url)
    assert (await left_rows(private_postgres.url)).broken_rules == [
        "dnos.capacity_mw_total_is_readable",
        "query_logs.confidence_from_0_to_1",
        "query_logs.duration_is_readable",
    ]
    moments = await admin.fetch(
        "SELECT version, now() - created_at < '1 minute' AND now() - updated_at < '1 minute' AS recent FROM dnos"
    )
    assert [tuple(row) for row in moments] == [(1, True), (1, True)]
    with pytest.raises(asyncpg.CheckViolationError):
        await admin.execute(
            "INSERT INTO dnos (slug, name, capacity_mw_total) VALUES ('netze-c', 'Netze C', 'NaN')"
        )
    await admin.execute("UPDATE dnos SET capacity_mw_total = NULL, deleted_at = NULL; DELETE FROM query_logs")
    await admin.close()
    assert await migrate(private_postgres.url) == []
    assert (await left_rows(private_postgres.url)).broken_rules == []
