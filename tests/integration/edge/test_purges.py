"""Changes are purged at every edge: in order, at least once, again later, and by every writer."""

import msgspec
from prometheus_client import REGISTRY

from app.db import edge_queue
from app.db.pool import Pool
from app.domain import tags
from app.domain.dno import Dno
from app.edge.keys import EVERYTHING, key_of
from app.settings import Settings
from tests import factories as make
from tests.edge_stand_in import EdgeStandIn, hang, purge_of_its_kind, response
from tests.integration.edge.conftest import HEADERS, varnish
from tests.integration.graph.running import running
from tests.servers import PrivateValkey
from tests.waiting import until, until_delivered


def key_of_tariffs(dno: Dno, year: int = 2025) -> str:
    return key_of(f"tariffs:{dno.id}:{year}")


async def purged_first(edge: EdgeStandIn) -> None:
    """The purge of everything that an edge begins with, and its repetition."""
    await until(lambda: edge.keys.count(EVERYTHING) >= 2)


async def places(pool: Pool) -> list[list[int]]:
    rows = await pool.fetch("SELECT places FROM edges ORDER BY name")
    return [row["places"] for row in rows]


async def test_a_new_edge_is_purged_of_everything_and_a_change_by_hand_of_its_keys_twice(
    settings: Settings, pool: Pool, edge: EdgeStandIn
) -> None:
    dno = await make.dno(pool)
    async with running(settings, **varnish(edge)):
        await purged_first(edge)
        await make.tariff(pool, dno)
        await until(lambda: edge.keys.count(key_of_tariffs(dno)) == 2)
        assert {purge.method for purge in edge.received} == {"PURGE"}
        assert key_of(tags.COVERAGE) in edge.keys
        assert edge.keys.count(EVERYTHING) == 2


async def test_changes_are_purged_in_their_order_and_each_place_is_kept(
    settings: Settings, pool: Pool, edge: EdgeStandIn
) -> None:
    dnos = [await make.dno(pool, f"netze-{letter}") for letter in "abc"]
    async with running(settings, **varnish(edge)):
        await purged_first(edge)
        for dno in dnos:
            await make.tariff(pool, dno)
            await until(lambda dno=dno: key_of_tariffs(dno) in edge.keys)
        firsts = [edge.keys.index(key_of_tariffs(dno)) for dno in dnos]
        assert firsts == sorted(firsts)
        newest = (await pool.fetch("SELECT max(id) AS newest FROM edge_changes"))[0]["newest"]

        async def reached() -> bool:
            return (await places(pool))[0][:2] == [newest, newest]

        await until(reached)
    # The last repetition is due in ten minutes: its place waits, also for the next process.
    assert (await places(pool))[0][2] < newest
    before = len(edge.received)
    async with running(settings, **varnish(edge)):
        await make.tariff(pool, dnos[0], 2026)
        await until(lambda: key_of_tariffs(dnos[0], 2026) in edge.keys)
    later = [key for purge in edge.received[before:] for key in purge.keys]
    assert EVERYTHING not in later
    assert key_of_tariffs(dnos[1]) not in later


async def test_a_change_is_purged_again_after_the_longest_time_of_an_old_response(
    settings: Settings, pool: Pool, edge: EdgeStandIn
) -> None:
    dno = await make.dno(pool)
    async with running(settings, **varnish(edge, edge_repeat_delay=3.0)):
        await purged_first(edge)
        await make.tariff(pool, dno)
        await until(lambda: edge.keys.count(key_of_tariffs(dno)) == 3)


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
        await until(lambda: failing(edge) > 0)
        assert failing(second_edge) == 0
        edge.reply = purge_of_its_kind
        confirmed = len(edge.received)
        await until(lambda: key_of_tariffs(dno) in [k for p in edge.received[confirmed:] for k in p.keys])
        await until(lambda: failing(edge) == 0)


def failing(edge: EdgeStandIn) -> float:
    return (
        REGISTRY.get_sample_value("dno_edge_failing_seconds", {"edge": f"varnish 127.0.0.1:{edge.port}"}) or 0
    )


async def test_two_instances_purge_an_edge_one_at_a_time_and_one_goes_on_for_the_other(
    settings: Settings, pool: Pool, edge: EdgeStandIn
) -> None:
    dno = await make.dno(pool)
    async with running(settings, **varnish(edge)):
        async with running(settings, **varnish(edge)):
            await purged_first(edge)
            await make.tariff(pool, dno)
            await until(lambda: edge.keys.count(key_of_tariffs(dno)) == 2)
        await make.tariff(pool, dno, 2026)
        await until(lambda: edge.keys.count(key_of_tariffs(dno, 2026)) == 2)
    assert edge.keys.count(EVERYTHING) == 2
    assert edge.keys.count(key_of_tariffs(dno)) == 2


async def test_many_changes_are_one_purge_of_everything(
    settings: Settings, pool: Pool, edge: EdgeStandIn
) -> None:
    dno = await make.dno(pool)
    async with running(settings, **varnish(edge)):
        await purged_first(edge)
        requests = len(edge.received)
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO dnos (slug, name) SELECT 'many-' || n, 'Many ' || n FROM generate_series(1, 5000) AS n"
            )
        await make.tariff(pool, dno)
        await until(lambda: edge.keys.count(EVERYTHING) >= 4)
        assert len(edge.received) - requests <= 6


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
        await until(lambda: edge.keys.count(EVERYTHING) == 4)


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
        everything = edge.keys.count(EVERYTHING)
        edge.reply = purge_of_its_kind
        # The round that began before the rows were deleted still has their keys.
        await until(lambda: edge.keys.count(EVERYTHING) > everything or len(edge.received[-1].keys) > 100)


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
