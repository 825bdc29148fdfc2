"""A row that was deleted by hand is inserted again with its id, and its versions continue."""

from uuid import UUID

import asyncpg
import pytest

from tests import factories as make

TABLES = {
    "netzentgelte_data": "(id, dno_id, year, voltage_level) SELECT $1::uuid, id, 2025, 'MS' FROM dnos LIMIT 1",
    "hlzf_data": "(id, dno_id, year, voltage_level, season) SELECT $1::uuid, id, 2025, 'MS', 'WINTER' FROM dnos LIMIT 1",
    "time_of_use_data": "(id, dno_id, year) SELECT $1::uuid, id, 2025 FROM dnos LIMIT 1",
    "prices": "(id, dno_id, year, kind, voltage_level, amount, unit)"
    " SELECT $1::uuid, id, 2025, 'SLP_GRUNDPREIS', 'NS', 60, 'EUR_PER_YEAR' FROM dnos LIMIT 1",
    "dnos": "(id, slug, name) VALUES ($1::uuid, 'netze-z', 'Netze Z')",
    "dno_aliases": "(id, dno_id, alias, source) SELECT $1::uuid, id, 'Zett', 'test' FROM dnos LIMIT 1",
    "users": "(id, email, role, password_hash) VALUES ($1::uuid, 'z@example.org', 'VIEWER', '')",
    "api_keys": "(id, name, role, secret_hash, created_by) SELECT $1::uuid, 'z', 'VIEWER', 'z', id FROM users LIMIT 1",
}
CHANGES = {
    "netzentgelte_data": "leistung = 2",
    "hlzf_data": "source_url = 'u'",
    "time_of_use_data": "source_url = 'u'",
    "prices": "amount = 61",
    "dnos": "city = 'Zett'",
    "dno_aliases": "source = 'another'",
    "users": "role = 'EDITOR'",
    "api_keys": "name = 'zz'",
}
ID = UUID(int=7)


@pytest.fixture
async def connection(pool, settings):
    await make.dno(pool)
    await make.user(pool)
    opened = await asyncpg.connect(settings.database_url)
    yield opened
    await opened.close()


async def events(connection) -> list[tuple[int, str]]:
    """Versions and kinds of the row's events, in order."""
    rows = await connection.fetch(
        "SELECT e ->> 'version', e ->> 'kind' FROM outbox, jsonb_array_elements(entries) AS e"
        " WHERE e ->> 'id' = $1 ORDER BY outbox.id",
        str(ID),
    )
    return [(int(version), kind) for version, kind in rows]


@pytest.mark.parametrize("table", TABLES)
async def test_versions_continue_after_a_removal(connection, table):
    insert, change = (
        f"INSERT INTO {table} {TABLES[table]}",
        f"UPDATE {table} SET {CHANGES[table]} WHERE id = $1",
    )
    for _ in range(2):
        await connection.execute(insert, ID)
        await connection.execute(change, ID)
        await connection.execute(f"DELETE FROM {table} WHERE id = $1", ID)
    await connection.execute(insert, ID)
    assert await connection.fetchval(f"SELECT version FROM {table} WHERE id = $1", ID) == 7
    kinds = ["CREATED", "CORRECTED", "DELETED"] * 2 + ["CREATED"]
    assert await events(connection) == list(enumerate(kinds, 1))
    kept = await connection.fetch(
        "SELECT version, kind FROM revisions WHERE entry_id = $1 ORDER BY version", ID
    )
    assert [tuple(row) for row in kept] == (
        list(enumerate(kinds, 1))
        if table in ("netzentgelte_data", "hlzf_data", "time_of_use_data", "prices")
        else []
    )


@pytest.mark.parametrize("table", TABLES)
async def test_versions_continue_after_a_removal_within_one_statement(connection, table):
    await connection.execute(f"INSERT INTO {table} {TABLES[table]}", ID)
    await connection.execute(
        f"WITH gone AS (DELETE FROM {table} WHERE id = $1 RETURNING *) INSERT INTO {table} SELECT * FROM gone",
        ID,
    )
    assert await connection.fetchval(f"SELECT version FROM {table} WHERE id = $1", ID) == 3


async def test_versions_continue_when_a_row_is_copied_back_with_an_earlier_version(connection):
    await connection.execute(f"INSERT INTO netzentgelte_data {TABLES['netzentgelte_data']}", ID)
    await connection.execute("UPDATE netzentgelte_data SET leistung = 2")
    saved = await connection.fetchrow("DELETE FROM netzentgelte_data RETURNING *")
    await connection.copy_records_to_table(
        "netzentgelte_data", records=[tuple(saved.values())], columns=list(saved.keys())
    )
    assert await connection.fetchval("SELECT version FROM netzentgelte_data") == 4


async def test_an_upsert_of_a_row_that_was_inserted_again_compares_the_version_that_its_writer_read(
    connection,
):
    """An import compares the version that it has read."""
    insert = f"INSERT INTO netzentgelte_data {TABLES['netzentgelte_data']}"
    await connection.execute(insert, ID)
    await connection.execute("DELETE FROM netzentgelte_data")
    await connection.execute(insert, ID)
    seen = await connection.fetchval("SELECT version FROM netzentgelte_data")
    written = await connection.fetchval(
        "INSERT INTO netzentgelte_data AS t (id, version, dno_id, year, voltage_level, leistung)"
        " SELECT id, version, dno_id, year, voltage_level, 5 FROM netzentgelte_data"
        " ON CONFLICT (dno_id, year, voltage_level) DO UPDATE SET leistung = excluded.leistung"
        " WHERE (t.id, t.version) = (excluded.id, excluded.version) RETURNING version"
    )
    assert written == seen + 1
