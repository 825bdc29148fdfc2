"""The databases that tests use."""

import asyncpg
import pytest
import redis.asyncio

from app.db.pool import Pool
from app.settings import Settings
from tests.servers import PostgresPair, PrivatePostgres, PrivateValkey


@pytest.mark.parametrize("turn", [1, 2])
async def test_every_test_finds_empty_tables(pool: Pool, turn: int) -> None:
    """Also tables with triggers against deletion."""
    async with pool.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM dnos") == 0
        assert await connection.fetchval("SELECT epoch FROM cache_epoch") == 1
        dno = await connection.fetchval(
            "INSERT INTO dnos (slug, name) VALUES ('netze-a', 'Netze A') RETURNING id"
        )
        await connection.execute(
            "INSERT INTO netzentgelte_data (dno_id, year, voltage_level) VALUES ($1, 2025, 'MS')", dno
        )
        await connection.execute("UPDATE cache_epoch SET epoch = 7")
        assert await connection.fetchval("SELECT min(id) FROM outbox") == 1
        assert await connection.fetchval("SELECT count(*) FROM revisions") == 1


@pytest.mark.parametrize("turn", [1, 2])
async def test_every_test_finds_an_empty_valkey(settings: Settings, turn: int) -> None:
    async with redis.asyncio.from_url(settings.redis_url) as client:
        assert await client.set("here", turn, nx=True)


async def test_a_private_valkey_can_be_paused_and_restarted_at_the_same_address(
    valkey: PrivateValkey,
) -> None:
    async with redis.asyncio.from_url(valkey.url, socket_timeout=0.2) as client:
        before = (await client.info("server"))["run_id"]
        valkey.pause()
        with pytest.raises(redis.TimeoutError):
            await client.get("key")
        valkey.resume()
        await client.set("key", "value")
        valkey.restart_empty()
    async with redis.asyncio.from_url(valkey.url) as client:
        assert await client.get("key") is None
        assert (await client.info("server"))["run_id"] != before


async def test_a_private_postgres_can_be_killed_and_started_again(private_postgres: PrivatePostgres) -> None:
    private_postgres.kill()
    private_postgres.start()
    private_postgres.stop()


async def test_a_promoted_standby_has_all_committed_data(postgres_pair: PostgresPair) -> None:
    pair = postgres_pair
    for old_stays in (True, False):
        connection = await asyncpg.connect(pair.url_of_both)
        await connection.execute(
            "INSERT INTO dnos (slug, name) VALUES ($1, 'Netze')", f"netze-{int(old_stays)}"
        )
        old = pair.primary
        await pair.fail_over(old_stays=old_stays)
        if old_stays:
            assert await connection.fetchval("SELECT count(*) FROM dnos") == 1
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await connection.execute("DELETE FROM dnos")
        connection.terminate()
        assert pair.standby is old
        await pair.renew_standby()
    connection = await asyncpg.connect(pair.url_of_both)
    assert await connection.fetchval("SELECT count(*) FROM dnos") == 2
    await connection.close()
