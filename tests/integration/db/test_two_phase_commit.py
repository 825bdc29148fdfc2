"""A change cannot be prepared: its event must not be committed without a notification of the relay."""

from pathlib import Path

import asyncpg
import pytest

from app.db.migrate import migrate
from app.db.pool import open_pool
from app.dev.postgres import Postgres
from app.settings import Settings
from tests import factories as make
from tests.servers import FAST, PASSWORD


async def test_a_two_phase_commit_of_a_change_is_refused(folder: Path) -> None:
    """Also where the server allows it for other transactions. Nothing of the change remains."""
    server = Postgres(folder, PASSWORD, settings={**FAST, "max_prepared_transactions": "2"})
    server.start()
    try:
        await migrate(server.url())
        async with open_pool(Settings(database_url=server.url())) as pool:
            tariff = await make.tariff(pool, await make.dno(pool))
            connection = await asyncpg.connect(server.url())
            try:
                await connection.execute("BEGIN; SELECT 1; PREPARE TRANSACTION 'reads'")
                await connection.execute("ROLLBACK PREPARED 'reads'")
                await connection.execute("BEGIN")
                await connection.execute(
                    "UPDATE netzentgelte_data SET leistung = 60 WHERE id = $1", tariff.id
                )
                with pytest.raises(asyncpg.FeatureNotSupportedError, match="NOTIFY"):
                    await connection.execute("PREPARE TRANSACTION 'a change'")
                await connection.execute("ROLLBACK")
                version = await connection.fetchval(
                    "SELECT version FROM netzentgelte_data WHERE id = $1", tariff.id
                )
                assert version == 1
                assert await connection.fetchval("SELECT count(*) FROM pg_prepared_xacts") == 0
            finally:
                await connection.close()
    finally:
        server.stop()
