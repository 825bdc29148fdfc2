"""Triggers: every write raises the version and records a revision and an event, also a write of another program."""

import asyncio

import asyncpg
import msgspec
import pytest

from app.db import revisions
from app.domain.event import EntryChange
from app.domain.revision import ChangeKind
from tests import factories as make
from tests.waiting import LIMIT

CREATED, CORRECTED, DELETED = ChangeKind.CREATED, ChangeKind.CORRECTED, ChangeKind.DELETED


async def execute(pool, statement, *arguments):
    async with pool.connection() as connection:
        return await connection.execute(statement, *arguments)


async def drain(pool):
    """The events since the previous call, as (topic, operator, year, {entry: (version, kind)})."""
    async with pool.connection() as connection:
        rows = await connection.fetch(
            "WITH gone AS (DELETE FROM outbox RETURNING id, topic, dno_id, year, entries)"
            " SELECT topic, dno_id, year, entries FROM gone ORDER BY id"
        )
    events = []
    for topic, dno_id, year, entries in rows:
        changes = msgspec.convert(entries, tuple[EntryChange, ...])
        events.append((topic, dno_id, year, {change.id: (change.version, change.kind) for change in changes}))
    return events


async def kinds(pool, entry_id):
    found = await revisions.fetch_by_entry(pool, [entry_id])
    return [(one.version, one.kind) for one in reversed(found.get(entry_id, ()))]


@pytest.fixture
async def dno(pool):
    return await make.dno(pool)


async def test_each_change_of_an_entry_records_an_event_and_a_revision(pool, dno):
    tariff = await make.tariff(pool, dno)
    await drain(pool)
    for statement, version, kind in (
        ("UPDATE netzentgelte_data SET leistung = 1", 2, CORRECTED),
        ("UPDATE netzentgelte_data SET verification_status = 'verified'", 3, ChangeKind.VERIFIED),
        ("UPDATE netzentgelte_data SET verification_status = 'flagged'", 4, ChangeKind.FLAGGED),
        ("UPDATE netzentgelte_data SET verification_status = 'unverified'", 5, CORRECTED),
        ("UPDATE netzentgelte_data SET deleted_at = now()", 6, DELETED),
        ("UPDATE netzentgelte_data SET deleted_at = NULL", 7, CREATED),
        ("DELETE FROM netzentgelte_data", 8, DELETED),
    ):
        await execute(pool, statement)
        assert await drain(pool) == [("tariffs", dno.id, 2025, {tariff.id: (version, kind)})]
        assert (await kinds(pool, tariff.id))[-1] == (version, kind)


async def test_an_update_that_changes_nothing_records_nothing(pool, dno):
    tariff = await make.tariff(pool, dno, leistung="58.2")
    await make.hlzf(pool, dno)
    await drain(pool)
    await execute(pool, "UPDATE netzentgelte_data SET leistung = 58.20, version = 99, updated_at = now()")
    await execute(pool, "UPDATE hlzf_data SET windows = windows")
    assert await drain(pool) == []
    assert await kinds(pool, tariff.id) == [(1, CREATED)]
    assert [
        tuple(row) for row in await pool.fetch("SELECT leistung::text, version FROM netzentgelte_data")
    ] == [("58.2", 1)]


async def test_one_statement_over_many_rows_is_one_event_for_each_operator_and_year(pool, dno):
    other = await make.dno(pool, "netze-b")
    await drain(pool)
    await execute(
        pool,
        "INSERT INTO netzentgelte_data (dno_id, year, voltage_level)"
        " SELECT dno, year, level FROM unnest($1::uuid[]) AS dno, generate_series(2020, 2024) AS year,"
        " unnest(ARRAY['HS', 'MS', 'NS']) AS level",
        [dno.id, other.id],
    )
    events = await drain(pool)
    assert {event[1:3] for event in events} == {(d.id, y) for d in (dno, other) for y in range(2020, 2025)}
    assert [len(event[3]) for event in events] == [3] * 10
    await execute(pool, "UPDATE netzentgelte_data SET leistung = 1 WHERE year = 2020 AND dno_id = $1", dno.id)
    [(_, _, _, entries)] = await drain(pool)
    assert set(entries.values()) == {(2, CORRECTED)}


async def test_an_upsert_distinguishes_inserted_from_updated_rows(pool, dno):
    tariff = await make.tariff(pool, dno)
    await drain(pool)
    await execute(
        pool,
        "INSERT INTO netzentgelte_data (dno_id, year, voltage_level, leistung) VALUES ($1, 2025, 'MS', 1), ($1, 2026, 'MS', 1)"
        " ON CONFLICT (dno_id, year, voltage_level) DO UPDATE SET leistung = excluded.leistung",
        dno.id,
    )
    events = {event[2]: event[3] for event in await drain(pool)}
    assert events[2025] == {tariff.id: (2, CORRECTED)}
    assert list(events[2026].values()) == [(1, CREATED)]


async def test_an_entry_that_is_moved_records_an_event_for_both_locations(pool, dno):
    tariff = await make.tariff(pool, dno)
    await drain(pool)
    await execute(pool, "UPDATE netzentgelte_data SET year = 2024")
    events = await drain(pool)
    assert {event[2] for event in events} == {2024, 2025}
    assert all(event[3] == {tariff.id: (2, CORRECTED)} for event in events)


async def test_an_id_cannot_be_changed(pool, dno):
    """Otherwise revisions, locations and links would refer to a missing entry, and no event would name the change."""
    tariff = await make.tariff(pool, dno)
    await drain(pool)
    await execute(pool, "UPDATE netzentgelte_data SET id = gen_random_uuid()")
    assert await drain(pool) == []
    await execute(pool, "UPDATE netzentgelte_data SET id = gen_random_uuid(), leistung = 7")
    assert await drain(pool) == [("tariffs", dno.id, 2025, {tariff.id: (2, CORRECTED)})]


@pytest.mark.parametrize(
    "table", ["netzentgelte_data", "hlzf_data", "time_of_use_data", "dno_aliases", "dnos CASCADE"]
)
async def test_tables_with_events_cannot_be_truncated(pool, dno, table):
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=r"use DELETE|never removed"):
        await execute(pool, f"TRUNCATE {table}")


async def test_time_of_use_tariffs_have_events_and_revisions(pool, dno):
    tariff = await make.time_of_use(pool, dno)
    await drain(pool)
    await execute(pool, "UPDATE time_of_use_data SET price_ht = 1")
    assert await drain(pool) == [("time_of_use", dno.id, 2026, {tariff.id: (2, CORRECTED)})]
    assert await kinds(pool, tariff.id) == [(1, CREATED), (2, CORRECTED)]


async def test_a_renamed_operator_records_an_event_with_both_names(pool, dno):
    await drain(pool)
    await execute(pool, "UPDATE dnos SET slug = 'netze-z'")
    async with pool.connection() as connection:
        [entries] = [row["entries"] for row in await connection.fetch("SELECT entries FROM outbox")]
    assert {entry["name"] for entry in entries} == {"netze-a", "netze-z"}


async def test_a_change_of_thousands_of_operators_is_several_events(pool):
    """One of all of them would be too large to be delivered in a time-out."""
    await drain(pool)
    await execute(
        pool,
        "INSERT INTO dnos (slug, name) SELECT 'n-' || n, 'Netze ' || n FROM generate_series(1, 2001) AS n",
    )
    ids = {row["id"] for row in await pool.fetch("SELECT id FROM dnos WHERE slug LIKE 'n-%'")}
    events = await drain(pool)
    assert [topic for topic, *_ in events] == ["operator"] * 3
    assert sorted(len(changes) for *_, changes in events) == [1, 1000, 1000]
    assert {dno_id for *_, changes in events for dno_id in changes} == ids
    await execute(pool, "UPDATE dnos SET name = name || '!' WHERE slug LIKE 'n-%'")
    assert sum(len(changes) for *_, changes in await drain(pool)) == 2001


async def test_changes_of_accounts_and_aliases_record_events(pool, dno):
    await drain(pool)
    await make.alias(pool, dno, "SWM")
    await make.user(pool)
    assert [event[0] for event in await drain(pool)] == ["aliases", "users"]


async def test_a_change_is_notified_when_it_is_committed(pool, settings, dno):
    listener = await asyncpg.connect(settings.database_url)
    notified = asyncio.Event()
    await listener.add_listener("dno_outbox", lambda *_: notified.set())
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("UPDATE dnos SET name = 'Netze Z'")
        await listener.execute("SELECT 1")
        assert not notified.is_set()
    async with asyncio.timeout(LIMIT):
        await notified.wait()
    await listener.close()


async def test_a_rolled_back_change_records_nothing(pool, dno):
    await drain(pool)
    async with pool.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("UPDATE dnos SET name = 'Netze Z'")
        await transaction.rollback()
    assert await drain(pool) == []


@pytest.mark.parametrize(
    "statement", ["UPDATE revisions SET reason = 'x'", "DELETE FROM revisions", "TRUNCATE revisions"]
)
async def test_revisions_cannot_be_changed_or_deleted(pool, dno, statement):
    tariff = await make.tariff(pool, dno)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="never"):
        await execute(pool, statement)
    assert await kinds(pool, tariff.id) == [(1, CREATED)]
