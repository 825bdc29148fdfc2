"""Levies whose customer group was stored decomposed are composed by an upgrade, and stay what they were otherwise."""

import io
import unicodedata
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from unittest.mock import ANY

import asyncpg
import pytest

from app.cli.migrate import bring_up_to_date
from app.db.levies import TABLE
from app.db.migrate import left_rows, migrate
from app.db.outbox import fetch_waiting
from app.db.pool import open_pool
from app.db.unit_of_work import write
from app.domain import tags
from app.domain.account import Principal, Role
from app.domain.levy import FAMILY, LevyKind
from app.domain.levy_correction import NewLevy, Rate
from app.errors import AppError
from app.importers.load import File, Kind, import_files
from app.settings import Settings
from tests.integration.db.old_release import database_of

ADMIN = Principal(role=Role.ADMIN, name="admin")
GROUP = "begünstigt"
TYPED = unicodedata.normalize("NFD", GROUP)
OTHER = unicodedata.normalize("NFD", "Lücke")
ROWS = f"""
INSERT INTO levies (kind, customer_group, valid_from, valid_to, year, value, unit) VALUES
    ('KWKG', '{TYPED}', '2025-01-01', '2025-12-31', 2025, 0.2, 'ct/kWh'),
    -- The same group, twice for the same day, and with the key of a deleted rate.
    ('EEG', '{TYPED}', '2025-01-01', '2025-12-31', 2025, 0.3, 'ct/kWh'),
    ('EEG', '{GROUP}', '2025-07-01', NULL, 2025, 0.4, 'ct/kWh'),
    ('OFFSHORE', '{TYPED}', '2024-01-01', '2024-12-31', 2024, 0.5, 'ct/kWh'),
    ('OFFSHORE', '{GROUP}', '2024-01-01', '2024-06-30', 2024, 0.6, 'ct/kWh'),
    -- Deleted, beside a later rate.
    ('ABLAV', '{OTHER}', '2025-01-01', '2025-12-31', 2025, 0.7, 'ct/kWh'),
    ('ABLAV', 'Lücke', '2026-01-01', NULL, 2026, 0.8, 'ct/kWh');
UPDATE levies SET deleted_at = now() WHERE value IN (0.6, 0.7);
SELECT record_author('a person', 'page 2', NULL);
UPDATE levies SET value = 0.21 WHERE value = 0.2;
DELETE FROM outbox;
"""


@pytest.fixture
async def before(_postgres_url: str, worker_id: str) -> AsyncIterator[str]:
    async with database_of("0020", _postgres_url, f"dno_levies_{worker_id}", ROWS) as url:
        yield url


@pytest.fixture
async def connection(before: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    opened = await asyncpg.connect(before)
    yield opened
    await opened.close()


async def test_groups_are_composed_where_no_day_gets_two_rates_and_nothing_else_is_changed(
    before: str, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    others = "SELECT to_jsonb(l) - 'customer_group' FROM levies l ORDER BY id"
    history = "SELECT to_jsonb(r) FROM revisions r ORDER BY id"
    untouched = [await connection.fetch(statement) for statement in (others, history)]
    async with open_pool(Settings(database_url=before)) as pool:
        assert await migrate(before, target="0021") == ["0021"]
        assert [await connection.fetch(statement) for statement in (others, history)] == untouched
        stored = await connection.fetch("SELECT value, customer_group FROM levies ORDER BY value")
        assert [(str(row["value"]), row["customer_group"]) for row in stored] == [
            ("0.21", GROUP),
            ("0.3", TYPED),
            ("0.4", GROUP),
            ("0.5", TYPED),
            ("0.6", GROUP),
            ("0.7", "Lücke"),
            ("0.8", "Lücke"),
        ]
        (event,) = await fetch_waiting(pool, limit=10)
        assert event.entries == ()
        assert tags.all_of(FAMILY) in tags.of(event)

        await migrate(before)
        # Later writes are recorded as before, and one day has one rate.
        rate = Rate(value=Decimal("0.9"))
        new = NewLevy(
            year=2025,
            kind=LevyKind.KWKG,
            customer_group=TYPED,
            valid_from=date(2025, 12, 31),
            rate=rate,
        )
        with pytest.raises(AppError, match="one day has one rate"):
            await write(pool, ADMIN, lambda work: TABLE.add(work, new))
        await connection.execute("UPDATE levies SET value = 0.22 WHERE value = 0.21")
        assert await connection.fetchval("SELECT version FROM levies WHERE value = 0.22") == 3
        assert await connection.fetchval("SELECT count(*) FROM revisions WHERE kind = 'CORRECTED'") == 2


async def test_rates_that_stay_decomposed_are_listed_until_they_are_decided(
    before: str, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    settings = Settings(database_url=before)
    first, second = await connection.fetch("SELECT id FROM levies WHERE value IN (0.3, 0.5) ORDER BY value")
    (_, listed) = await bring_up_to_date(settings)
    assert (
        f"EEG for {GROUP} from 2025-01-01 to 2025-12-31 (levy_{first['id'].hex});"
        f" OFFSHORE for {GROUP} from 2024-01-01 to 2024-12-31 (levy_{second['id'].hex})."
    ) in listed
    assert (await left_rows(before, most=1))[1:] == ([ANY], 2)
    await connection.execute(
        "UPDATE levies SET valid_from = '-infinity', valid_to = NULL, year = 2000 WHERE value = 0.5"
    )
    await connection.execute("UPDATE levies SET deleted_at = now() WHERE value = 0.3")
    (listed,) = await bring_up_to_date(settings)
    assert f": OFFSHORE for {GROUP} from an unknown day (levy_{second['id'].hex})." in listed
    await connection.execute("UPDATE levies SET deleted_at = now() WHERE value = 0.5")
    assert await bring_up_to_date(settings) == []


async def test_a_decision_by_a_person_is_still_kept_from_imports_after_the_upgrade(before: str) -> None:
    await migrate(before)
    rows = "kind,customer_group,valid_from,valid_to,value,unit\n"
    rows += f"KWKG,{TYPED},2025-01-01,2025-12-31,0.2,ct/kWh\n"
    file = File("levies.csv", io.BytesIO(rows.encode()))
    report = await import_files(before, Kind["LEVIES"], [file])
    assert (report.inserted, report.updated, report.problems) == (0, 0, ())
    assert [each.reason for each in report.kept] == ["last changed by a person"]
