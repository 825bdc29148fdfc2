"""Time-of-use tariffs that were there before they had a history keep their figures, and can be corrected and reverted."""

from collections.abc import AsyncIterator
from decimal import Decimal

import asyncpg
import pytest

from app.db import entries, revisions, time_of_use
from app.db.changes import fetch_changes_since, fetch_snapshot
from app.db.migrate import migrate
from app.db.pool import open_pool
from app.db.unit_of_work import write
from app.domain.account import Principal, Role
from app.domain.entry import DnoYear, Publication
from app.domain.families import TIME_OF_USE
from app.domain.revision import ChangeKind, FieldChange
from app.domain.time_of_use import TimeOfUseBand, TimeOfUsePrice
from app.domain.time_of_use_correction import TimeOfUseCorrection
from app.settings import Settings
from tests.integration.db.old_release import database_of

ADMIN = Principal(role=Role.ADMIN, name="admin")
WINDOWS = '[{"quarter": 1, "start": "00:00", "end": "24:00", "band": "NT"}]'
ROWS = f"""
INSERT INTO dnos (slug, name) VALUES ('netze-a', 'Netze A');
INSERT INTO time_of_use_data (dno_id, year, price_ht, price_st, windows)
    SELECT id, year, 9.80, 6.70, '{WINDOWS}' FROM dnos, unnest(ARRAY[2024, 2025, 2026]) AS year;
UPDATE time_of_use_data SET price_ht = 9.90 WHERE year = 2026;
UPDATE time_of_use_data SET deleted_at = now() WHERE year = 2024;
INSERT INTO netzentgelte_data (dno_id, year, voltage_level, leistung) SELECT id, 2026, 'MS', 58.21 FROM dnos;
DELETE FROM outbox;
"""


@pytest.fixture
async def before(_postgres_url: str, worker_id: str) -> AsyncIterator[str]:
    """A database of the release before, with rows."""
    async with database_of("0007", _postgres_url, f"dno_upgrade_{worker_id}", ROWS) as url:
        yield url


async def test_rows_from_before_keep_their_figures_and_have_a_history_from_then_on(before: str) -> None:
    connection = await asyncpg.connect(before)
    stored = "SELECT id, year, price_ht, price_st, price_nt, windows, version, updated_at, deleted_at FROM time_of_use_data ORDER BY year"
    rows = await connection.fetch(stored)
    async with open_pool(Settings(database_url=before)) as pool:
        snapshot = await fetch_snapshot(pool)
        assert await migrate(before) != []
        assert await connection.fetch(stored) == rows
        assert await connection.fetchval("SELECT count(*) FROM outbox") == 0
        assert (await fetch_changes_since(pool, snapshot, 10)).events == []
        assert await connection.fetchval("SELECT publication FROM netzentgelte_data") == "FINAL"

        dno_id = await connection.fetchval("SELECT id FROM dnos")
        key, id = DnoYear(dno_id, 2026), rows[2]["id"]
        ((tariff,),) = (await time_of_use.fetch_by_dno_year(pool, [key])).values()
        assert (tariff.version, tariff.publication, tariff.updated_at) == (
            2,
            Publication.FINAL,
            rows[2]["updated_at"],
        )
        assert [(price.band, str(price.price)) for price in tariff.bands] == [("HT", "9.90"), ("ST", "6.70")]

        found = await revisions.fetch_by_entry(pool, [row["id"] for row in rows])
        assert {id: [(one.version, one.kind) for one in history] for id, history in found.items()} == {
            rows[1]["id"]: [(1, ChangeKind.CREATED)],
            id: [(2, ChangeKind.CREATED)],
        }
        first = found[id][0]
        assert (first.changes, first.changed_by, first.changed_at) == ((), None, rows[2]["updated_at"])

        correction = TimeOfUseCorrection(id=id, bands=(TimeOfUsePrice(TimeOfUseBand.ST, Decimal("7.1")),))
        corrected, work = await write(pool, ADMIN, lambda work: time_of_use.correct(work, correction))
        assert (corrected.version, corrected.price_ht, corrected.windows) == (3, None, tariff.windows)
        assert work.revision is not None
        assert work.revision.changes == (
            FieldChange("bands.HT", "9.90", None),
            FieldChange("bands.ST", "6.70", "7.1"),
        )
        restored, _ = await write(pool, ADMIN, lambda work: entries.revert(work, first.id))
        assert (restored.version, restored.bands) == (4, tariff.bands)
        verified, _ = await write(pool, ADMIN, lambda work: entries.verify(work, TIME_OF_USE, id))
        assert verified.version == 5
    await connection.close()


async def test_rows_that_no_revision_can_hold_do_not_stop_the_upgrade(before: str) -> None:
    connection = await asyncpg.connect(before)
    await connection.execute(
        "ALTER TABLE time_of_use_data DROP CONSTRAINT version_is_readable;"
        "ALTER TABLE time_of_use_data DISABLE TRIGGER USER;"
        "UPDATE time_of_use_data SET version = 2000000000 WHERE year = 2025;"
        "ALTER TABLE time_of_use_data ENABLE TRIGGER USER"
    )
    await migrate(before)
    assert await connection.fetchval("SELECT count(*) FROM revisions WHERE data_type = 'TIME_OF_USE'") == 1
    await connection.close()


async def test_changes_of_a_family_that_only_a_later_release_knows_are_left_out(before: str) -> None:
    """While instances are replaced one by one."""
    await migrate(before)
    connection = await asyncpg.connect(before)
    async with open_pool(Settings(database_url=before)) as pool:
        snapshot = await fetch_snapshot(pool)
        await connection.execute(
            "INSERT INTO families VALUES ('later', 'LATER', 'later_data'); SELECT accept_families();"
            "INSERT INTO revisions (entry_id, data_type, dno_id, year, version, kind, after)"
            " SELECT gen_random_uuid(), 'LATER', id, 2026, 1, 'CREATED', '{}' FROM dnos;"
            "UPDATE time_of_use_data SET price_ht = 1 WHERE year = 2026"
        )
        assert [event.topic for event in (await fetch_changes_since(pool, snapshot, 10)).events] == [
            "time_of_use"
        ]
    await connection.close()
