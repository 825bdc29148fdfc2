"""How misses are dispatched, queued, split and abandoned, and which of them are written to L2."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.cache.memory import OVERHEAD
from app.cache.read_through import OPEN_ENDED_FILLS
from app.errors import Unavailable
from app.settings import Settings
from tests.integration.cache.table import Table
from tests.integration.cache.table_caches import TableCaches, table_caches
from tests.waiting import LIMIT, PATIENT, until

UNCACHED = {"entity_cache": False, **PATIENT}


async def ticks(count: int = 5) -> None:
    """Lets tasks that are ready go on: a further statement would be executed by now."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_maximum_of_statements_holds_again_after_each_statement(redis_url: str) -> None:
    settings = Settings(redis_url=redis_url, max_statements_in_flight=1, **UNCACHED)
    async with table_caches(settings) as one:
        table = Table({})
        for _ in range(2):
            table.statements.clear()
            table.hold()
            readers = [asyncio.create_task(one.one(table, "a"))]
            await table.read.wait()
            for key in "bc":
                readers.append(asyncio.create_task(one.one(table, key)))
                await ticks()
            assert table.statements == [["a"]]
            table.go.set()
            await asyncio.gather(*readers)
            assert table.statements == [["a"], ["b", "c"]]


async def test_the_maximum_of_statements_holds_again_after_an_error(redis_url: str) -> None:
    settings = Settings(redis_url=redis_url, max_statements_in_flight=1, **UNCACHED)
    async with table_caches(settings) as one:
        table = Table({"a": "value"})
        table.error = Unavailable("away")
        for _ in range(3):
            with pytest.raises(Unavailable):
                await one.one(table, "a")
        table.error = None
        assert await one.one(table, "a") == "value"


async def test_a_queued_read_that_no_caller_waits_for_is_not_executed(redis_url: str) -> None:
    settings = Settings(redis_url=redis_url, max_statements_in_flight=1, **UNCACHED)
    async with table_caches(settings) as one:
        table = Table({"b": "value"})
        table.hold()
        running = asyncio.create_task(one.one(table, "a"))
        await table.read.wait()
        queued = [asyncio.create_task(one.one(table, key)) for key in "bc"]
        await ticks()
        queued[0].cancel()
        await ticks()
        table.go.set()
        await asyncio.gather(running, queued[1])
        assert table.statements == [["a"], ["c"]]
        assert await one.one(table, "b") == "value"
        await one.read_through.close()
        assert len(one.read_through._in_flight) == 0


@pytest.mark.parametrize("held", [0, 1])
async def test_statements_of_several_regions_run_at_the_same_time(held: int, here: TableCaches) -> None:
    tables = [Table({"a": "value"}), Table({"a": "value"})]
    tables[held].hold()
    readers = [asyncio.create_task(here.one(table, "a")) for table in tables]
    assert await asyncio.wait_for(readers[1 - held], LIMIT) == "value"
    assert not readers[held].done()
    tables[held].go.set()
    assert await readers[held] == "value"


async def test_a_read_with_a_lease_does_not_wait_for_the_lease_of_another_instance(
    redis_url: str, there: TableCaches
) -> None:
    async with table_caches(Settings(redis_url=redis_url, **PATIENT), lease_timeout=600) as one:
        table = Table({"free": "value", "held": "value"})
        await there.shared.lease_many([table.tag("held")])
        waiting = asyncio.create_task(one.one(table, "held"))
        assert await asyncio.wait_for(one.one(table, "free"), LIMIT) == "value"
        assert not waiting.done()
        for task in list(one.read_through._tasks):
            task.cancel()
        with pytest.raises(Unavailable):
            await waiting


async def test_the_waits_for_a_lease_sum_up_to_the_setting(
    redis_url: str, there: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def recorded(seconds: float) -> None:
        if seconds:
            waits.append(seconds)
        await sleep(0)

    async with table_caches(Settings(redis_url=redis_url, **PATIENT), lease_timeout=70) as one:
        table = Table({"a": "value"})
        await there.shared.lease_many([table.tag("a")])
        with monkeypatch.context() as patched:
            patched.setattr(asyncio, "sleep", recorded)
            await one.one(table, "a")
            waited, waits[:] = list(waits), []
            await one.one(table, "b")
    assert waited == [10, 20, 40]
    assert waits == []


async def test_readers_of_a_task_that_is_cancelled_get_an_error(here: TableCaches) -> None:
    table = Table({"a": "value", "b": "value"})
    table.hold()
    reader = asyncio.create_task(here.one(table, "a"))
    await table.read.wait()
    for task in list(here.read_through._tasks):
        task.cancel()
    with pytest.raises(Unavailable, match="The server is stopping"):
        await reader
    table.go.set()
    await until(lambda: not here.read_through._tasks)
    assert await here.one(table, "a") == "value"


async def test_readers_of_a_task_that_is_cancelled_before_it_sends_a_request_get_an_error(
    here: TableCaches,
) -> None:
    table = Table({"a": "value"})
    reader = asyncio.create_task(here.one(table, "a"))
    await asyncio.sleep(0)
    for task in list(here.read_through._tasks):
        task.cancel()
    with pytest.raises(Unavailable, match="The server is stopping"):
        await reader
    assert len(here.read_through._in_flight) == 0
    async with asyncio.timeout(LIMIT):
        assert await here.one(table, "a") == "value"


async def test_an_unexpected_error_in_a_task_is_raised_to_its_readers(
    here: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table({"a": "value"})

    async def broken(tags: Any) -> Any:
        raise ZeroDivisionError("a fault in the program")

    with monkeypatch.context() as patched:
        patched.setattr(here.shared, "get_or_lease", broken)
        with pytest.raises(ZeroDivisionError):
            await here.one(table, "a")
    assert await here.one(table, "a") == "value"


async def test_a_batch_is_halved_until_the_key_on_which_the_statement_fails_is_alone(
    here: TableCaches,
) -> None:
    table = Table(dict.fromkeys("abcdef", "value"))
    table.reject("c")
    outcomes = await asyncio.gather(*(here.one(table, key) for key in "abcdef"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [str, str, ValueError, str, str, str]
    assert ["".join(keys) for keys in table.statements] == ["abcdef", "abc", "a", "bc", "b", "c", "def"]


@pytest.mark.parametrize("error", [Unavailable("away"), TimeoutError("slow")], ids=repr)
async def test_a_batch_that_fails_for_all_keys_is_not_repeated(error: Exception, here: TableCaches) -> None:
    table = Table(dict.fromkeys("abc", "value"))
    table.error = error
    outcomes = await asyncio.gather(*(here.one(table, key) for key in "abc"), return_exceptions=True)
    assert outcomes == [error] * 3
    assert len(table.statements) == 1


async def test_a_statement_that_no_caller_waits_for_any_more_is_cancelled_and_executed_again(
    here: TableCaches,
) -> None:
    table = Table({"a": "value", "b": "value"})
    table.hold()
    readers = [asyncio.create_task(here.one(table, key)) for key in "ab"]
    await table.read.wait()
    readers[0].cancel()
    await ticks()
    assert here.read_through._tasks
    readers[1].cancel()
    await until(lambda: not here.read_through._tasks)
    table.go.set()
    assert await here.one(table, "a") == "value"
    assert len(table.statements) == 2


async def test_while_l1_is_off_a_read_of_redis_in_flight_is_not_joined(
    here: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its reply may be older than a write whose message is missed."""
    table = Table({"a": "value"})
    await here.one(table, "a")
    await here.read_through.close()
    here.memory.switch_off()
    get_or_lease = here.shared.get_or_lease
    go, calls = asyncio.Event(), []

    async def held(tags: Any) -> Any:
        calls.append(tags)
        await go.wait()
        return await get_or_lease(tags)

    monkeypatch.setattr(here.shared, "get_or_lease", held)
    early = asyncio.create_task(here.one(table, "a"))
    await until(lambda: len(calls) == 1)
    late = asyncio.create_task(here.one(table, "a"))
    await until(lambda: len(calls) == 2)
    go.set()
    assert (await early, await late) == ("value", "value")


async def test_not_more_fills_are_queued_than_set(redis_url: str) -> None:
    keys = [str(number) for number in range(10)]
    async with table_caches(Settings(redis_url=redis_url, **PATIENT), max_queued_fills=3) as one:
        table = Table(dict.fromkeys(keys, "value"))
        await one.read(table, *keys)
        await one.read_through.close()
        assert [await one.in_redis(table, key) is not None for key in keys] == [True] * 3 + [False] * 7
        table.rows["later"] = "value"
        await one.one(table, "later")
        await one.read_through.close()
        assert await one.in_redis(table, "later") is not None


async def test_fills_that_come_while_one_is_written_share_the_next_round_trip(
    here: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(dict.fromkeys("abc", "value"))
    fill_many = here.shared.fill_many
    go, batches = asyncio.Event(), []

    async def held(fills: Any) -> Any:
        batches.append([fill.tag for fill in fills])
        await go.wait()
        return await fill_many(fills)

    monkeypatch.setattr(here.shared, "fill_many", held)
    await here.one(table, "a")
    await until(lambda: len(batches) == 1)
    await here.one(table, "b")
    await here.one(table, "c")
    await ticks()
    assert here.read_through.fills_waiting == 2
    go.set()
    await here.read_through.close()
    assert batches == [[table.tag("a")], [table.tag("b"), table.tag("c")]]
    for key in "abc":
        assert await here.in_redis(table, key) is not None


async def test_what_an_invalidation_has_overtaken_is_not_written_to_l2(
    here: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled: list[str] = []

    async def recorded(fills: Any) -> Any:
        filled.extend(fill.tag for fill in fills)

    monkeypatch.setattr(here.shared, "fill_many", recorded)
    table = Table({"a": "old", "b": "value"})
    table.hold()
    readers = [asyncio.create_task(here.one(table, key)) for key in "ab"]
    await table.read.wait()
    here.read_through.detach([table.tag("a")])
    table.go.set()
    await asyncio.gather(*readers)
    await here.read_through.close()
    assert filled == [table.tag("b")]


async def test_records_of_keys_chosen_by_callers_have_a_budget_of_fills_for_each_region(
    here: TableCaches,
) -> None:
    budgets = here.read_through._open_ended
    assert [budgets.take("one", OPEN_ENDED_FILLS), budgets.take("one")] == [True, False]
    assert all(budgets.take(str(number), OPEN_ENDED_FILLS) for number in range(9))
    assert not budgets.take("two")
    assert budgets._window == 60


@pytest.mark.parametrize("kind", ["absent", "open-ended"])
@pytest.mark.parametrize("source", ["postgres", "redis"])
async def test_records_of_keys_chosen_by_callers_take_an_eighth_of_l1(
    kind: str, source: str, redis_url: str, there: TableCaches
) -> None:
    keys = [str(number) for number in range(200)]
    table = Table({} if kind == "absent" else dict.fromkeys(keys, "value"))
    table.region = replace(table.region, open_ended=kind == "open-ended")
    if source == "redis":
        await there.read(table, *keys)
        await there.read_through.close()
    small = 80 * OVERHEAD
    async with table_caches(Settings(redis_url=redis_url, **PATIENT), memory_cache_size=small) as one:
        await one.read(table, *keys)
        assert 0 < one.memory.bytes <= small / 8


async def test_other_records_may_take_all_of_l1(redis_url: str) -> None:
    keys = [str(number) for number in range(200)]
    table = Table(dict.fromkeys(keys, "value"))
    small = 80 * OVERHEAD
    async with table_caches(Settings(redis_url=redis_url, **PATIENT), memory_cache_size=small) as one:
        await one.read(table, *keys)
        assert one.memory.bytes > small * 7 / 8


async def test_without_entity_cache_no_record_is_kept_or_written(redis_url: str) -> None:
    async with table_caches(Settings(redis_url=redis_url, **UNCACHED)) as one:
        table = Table({"a": "value"})
        assert await one.one(table, "a") == "value"
        await one.read_through.close()
        assert (len(one.memory), await one.in_redis(table, "a")) == (0, None)
        assert len(one.read_through._in_flight) == 0


async def test_while_l2_is_not_trusted_it_is_neither_read_nor_filled(here: TableCaches) -> None:
    table = Table({"a": "value"})
    here.shared.distrust("a removal failed")
    before = here.shared.round_trips
    assert await here.one(table, "a") == "value"
    await here.read_through.close()
    assert here.shared.round_trips == before


async def test_no_read_is_left_open(here: TableCaches, there: TableCaches) -> None:
    table = Table({"a": "value"})
    for reader in (here, there):  # from PostgreSQL, from Redis
        await reader.read(table, "a", "absent")
        assert len(reader.read_through._in_flight) == 0
        await reader.read_through.close()
        assert not reader.read_through._tasks


async def test_a_key_that_is_requested_twice_in_one_tick_is_fetched_once(here: TableCaches) -> None:
    table = Table({"a": "value"})
    assert await here.read(table, "a", "a", "b") == {"a": "value", "b": None}
    assert table.statements == [["a", "b"]]


async def test_an_unexpected_error_in_a_fill_is_logged_and_later_records_are_filled(
    here: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    unhandled: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    table = Table({"a": "value", "b": "value"})

    async def broken(fills: Any) -> Any:
        raise ZeroDivisionError("a fault in the program")

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(here.shared, "fill_many", broken)
        assert await here.one(table, "a") == "value"
        await here.read_through.close()
        await ticks()
    assert [entry["event"] for entry in logs] == ["read_failed"]
    assert unhandled == []
    assert await here.one(table, "b") == "value"
    await here.read_through.close()
    assert await here.in_redis(table, "b") is not None


async def test_an_unexpected_error_in_the_statement_of_a_second_region_is_logged(
    here: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    unhandled: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    tables = [Table({"a": "value"}), Table({"a": "value"})]
    take_wanted = here.read_through._take_wanted

    def broken(queue: Any) -> Any:
        if queue.region is tables[1].region:
            here.read_through._fail(queue.waiting, ZeroDivisionError("a fault in the program"))
            raise ZeroDivisionError("a fault in the program")
        return take_wanted(queue)

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(here.read_through, "_take_wanted", broken)
        outcomes = await asyncio.gather(*(here.one(table, "a") for table in tables), return_exceptions=True)
        await here.read_through.close()
        await ticks()
    assert [type(outcome) for outcome in outcomes] == [str, ZeroDivisionError]
    assert [entry["event"] for entry in logs] == ["read_failed"]
    assert unhandled == []
