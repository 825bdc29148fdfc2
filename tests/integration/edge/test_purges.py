"""Changes are purged at every edge: in order, at least once, again later, and by every writer."""

import msgspec
import pytest
from prometheus_client import REGISTRY

from app.cli import purge_edges
from app.db import edge_queue
from app.db.pool import Pool
from app.domain import tags
from app.domain.dno import Dno
from app.edge.keys import EVERYTHING, key_of
from app.settings import Settings
from tests import factories as make
from tests.edge_stand_in import EdgeStandIn, hang, purge_of_its_kind, response
from tests.integration.edge.conftest import HEADERS, age, reached, varnish
from tests.integration.graph.running import running
from tests.servers import PrivateValkey
from tests.waiting import until, until_delivered


def key_of_tariffs(dno: Dno, year: int = 2025) -> str:
    return key_of(f"tariffs:{dno.id}:{year}")


async def purged_first(edge: EdgeStandIn) -> None:
    """The purge of everything that an edge begins with."""
    await until(lambda: EVERYTHING in edge.keys)


async def purged_often(pool: Pool, edge: EdgeStandIn) -> None:
    """That purge and its repetitions, which are of everything, whatever else is due."""
    await purged_first(edge)
    for passes in (1, 2, 3):
        await reached(pool, passes)
        await age(pool)
    edge.received.clear()


async def test_a_new_edge_is_purged_of_everything_and_a_change_by_hand_of_its_keys(
    settings: Settings, pool: Pool, edge: EdgeStandIn
) -> None:
    dno = await make.dno(pool)
    async with running(settings, **varnish(edge)):
        await purged_first(edge)
        await make.tariff(pool, dno)
        await until(lambda: {key_of_tariffs(dno), key_of(tags.COVERAGE)} <= set(edge.keys))
        assert {purge.method for purge in edge.received} == {"PURGE"}
        assert edge.keys.count(EVERYTHING) == 1


async def test_a_change_is_purged_again_soon_and_after_the_longest_time_of_an_old_response(
    settings: Settings, pool: Pool, edge: EdgeStandIn
) -> None:
    dno = await make.dno(pool)
    async with running(settings, **varnish(edge)):
        await purged_often(pool, edge)
        await make.tariff(pool, dno)
        for times in (1, 2, 3):
            await until(lambda times=times: edge.keys.count(key_of_tariffs(dno)) == times)
            await reached(pool, times)
            await age(pool)


async def test_changes_are_purged_in_their_order_and_each_place_is_kept(
    settings: Settings, pool: Pool, edge: EdgeStandIn
) -> None:
    dnos = [await make.dno(pool, f"netze-{letter}") for letter in "abc"]
    async with running(settings, **varnish(edge)):
        await purged_often(pool, edge)
        for dno in dnos:
            await make.tariff(pool, dno)
            await until(lambda dno=dno: key_of_tariffs(dno) in edge.keys)
        firsts = [edge.keys.index(key_of_tariffs(dno)) for dno in dnos]
        assert firsts == sorted(firsts)
        await reached(pool, 1)
    edge.received.clear()
    async with running(settings, **varnish(edge)):
        await make.tariff(pool, dnos[0], 2026)
        await until(lambda: key_of_tariffs(dnos[0], 2026) in edge.keys)
        assert EVERYTHING not in edge.keys
        assert key_of_tariffs(dnos[1]) not in edge.keys
        # What is due again is still purged by the next process.
        await age(pool)
        await until(lambda: key_of_tariffs(dnos[1]) in edge.keys)


@pytest.mark.parametrize("agreed", ["split_part(redis_identity, '@', 1) || '@another'", "NULL"])
async def test_everything_is_purged_where_an_earlier_state_of_the_database_took_its_place(
    settings: Settings, pool: Pool, edge: EdgeStandIn, agreed: str
) -> None:
    """By a restore or the promotion of a standby: no event names what has gone back to earlier values."""
    async with running(settings, **varnish(edge)):
        await purged_often(pool, edge)
        await pool.fetch(f"UPDATE cache_epoch SET redis_identity = {agreed}")
        await until(lambda: EVERYTHING in edge.keys)


async def test_an_edge_that_fails_or_hangs_is_purged_when_it_answers_and_delays_no_other(
    settings: Settings, pool: Pool, edge: EdgeStandIn, second_edge: EdgeStandIn
) -> None:
    dno = await make.dno(pool)
    changed = varnish(edge, second_edge, edge_purge_timeout=1.0)
    async with running(settings, **changed) as server:
        await purged_first(edge)
        await purged_first(second_edge)
        edge.replies = [hang, lambda _: b"", lambda _: b"HTTP/1.1 2", lambda _: response(503)]
        edge.reply = lambda _: response(405)
        await make.tariff(pool, dno)
        await until(lambda: key_of_tariffs(dno) in second_edge.keys)
        await server.delivered()
        await until(lambda: not edge.replies)
        await until(lambda: failing(edge) > 0 and lag(edge) > 0)
        await until(lambda: failing(second_edge) == lag(second_edge) == 0)
        assert failing(edge) > 0
        edge.reply = purge_of_its_kind
        confirmed = len(edge.received)
        await until(lambda: key_of_tariffs(dno) in [k for p in edge.received[confirmed:] for k in p.keys])
        await until(lambda: failing(edge) == lag(edge) == 0)


def failing(edge: EdgeStandIn) -> float:
    return gauge("dno_edge_failing_seconds", edge)


def lag(edge: EdgeStandIn) -> float:
    return gauge("dno_edge_purge_lag_seconds", edge)


def gauge(name: str, edge: EdgeStandIn) -> float:
    return REGISTRY.get_sample_value(name, {"edge": f"varnish 127.0.0.1:{edge.port}"}) or 0


async def test_two_instances_purge_an_edge_one_at_a_time_and_one_goes_on_for_the_other(
    settings: Settings, pool: Pool, edge: EdgeStandIn
) -> None:
    dno = await make.dno(pool)
    async with running(settings, **varnish(edge)):
        async with running(settings, **varnish(edge)):
            await purged_first(edge)
            await make.tariff(pool, dno)
            await until(lambda: key_of_tariffs(dno) in edge.keys)
            await reached(pool, 1)
        await make.tariff(pool, dno, 2026)
        await until(lambda: key_of_tariffs(dno, 2026) in edge.keys)
    assert edge.keys.count(EVERYTHING) == edge.keys.count(key_of_tariffs(dno)) == 1


async def test_an_instance_that_purges_no_more_loses_its_claim(
    settings: Settings, pool: Pool, edge: EdgeStandIn
) -> None:
    await edge_queue.register(pool, f"varnish 127.0.0.1:{edge.port}", 3600)
    async with pool.connection() as connection:
        # Of a process that is frozen.
        await connection.execute(
            "UPDATE edges SET claimed_by = gen_random_uuid(), claimed_until = clock_timestamp() + interval '2 s'"
        )
    async with running(settings, **varnish(edge)):
        await until(lambda: EVERYTHING in edge.keys)
    [row] = await pool.fetch("SELECT claimed_until IS NULL AS released FROM edges")
    assert row["released"]


async def test_everything_is_purged_by_command(settings: Settings, pool: Pool, edge: EdgeStandIn) -> None:
    assert "no edge" in await purge_edges.run(settings)
    async with running(settings, **varnish(edge)):
        await purged_first(edge)
        assert f"127.0.0.1:{edge.port}" in await purge_edges.run(settings)
        await until(lambda: edge.keys.count(EVERYTHING) == 2)


async def test_many_changes_are_one_purge_of_everything(
    settings: Settings, pool: Pool, edge: EdgeStandIn
) -> None:
    async with running(settings, **varnish(edge)):
        await purged_first(edge)
        edge.received.clear()
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO dnos (slug, name) SELECT 'many-' || n, 'Many ' || n FROM generate_series(1, 4000) AS n"
            )
            # An event of each operator: tens of thousands of tags.
            await connection.execute(
                "INSERT INTO netzentgelte_data (dno_id, year, voltage_level, arbeit)"
                " SELECT id, 2025, 'MS', 1.5 FROM dnos"
            )
        await until_delivered(pool)
        await reached(pool, 1)
        assert EVERYTHING in edge.keys
        # About one for each batch of the relay; their keys would fill more than eighty.
        assert len(edge.received) <= 40


async def test_an_edge_that_was_not_purged_for_its_lifetime_is_purged_of_everything(
    settings: Settings, pool: Pool, edge: EdgeStandIn
) -> None:
    dno = await make.dno(pool)
    async with running(settings, **varnish(edge)):
        await purged_first(edge)
    async with pool.connection() as connection:
        await connection.execute("UPDATE edges SET seen_at = seen_at - interval '1 day'")
    async with running(settings, **HEADERS):
        await make.tariff(pool, dno)
        await until_delivered(pool)
    # It is not kept for an edge that has expired.
    assert not await pool.fetch("SELECT FROM edge_changes WHERE topic = 'tariffs'")
    async with running(settings, **varnish(edge)):
        await until(lambda: edge.keys.count(EVERYTHING) == 2)


async def test_changes_beyond_the_bound_are_deleted_and_their_edge_is_purged_of_everything(
    settings: Settings, pool: Pool, edge: EdgeStandIn
) -> None:
    dno = await make.dno(pool)
    async with running(settings, **varnish(edge)):
        await purged_first(edge)
        edge.reply = lambda _: response(503)
        for year in range(2010, 2026):
            await make.tariff(pool, dno, year)
        await until_delivered(pool)
        await edge_queue.clean(pool, 5)
        assert len(await pool.fetch("SELECT FROM edge_changes")) == 5
        edge.reply = purge_of_its_kind
        await reached(pool, 1)
    # The first round began before the rows were deleted; in the second pass they are missing.
    edge.received.clear()
    await age(pool)
    async with running(settings, **varnish(edge)):
        await reached(pool, 2)
    assert edge.keys == [EVERYTHING]


async def test_while_redis_is_away_an_edge_is_purged_of_what_waits_in_the_outbox(
    settings: Settings, pool: Pool, edge: EdgeStandIn, valkey: PrivateValkey
) -> None:
    dno = await make.dno(pool)
    settings = msgspec.structs.replace(settings, redis_url=valkey.url)
    async with running(settings, **varnish(edge), redis_timeout=0.2, redis_connect_timeout=0.2):
        await purged_first(edge)
        valkey.pause()
        try:
            await make.tariff(pool, dno)
            await until(lambda: key_of_tariffs(dno) in edge.keys)
            assert await pool.fetch("SELECT FROM outbox")
        finally:
            valkey.resume()
