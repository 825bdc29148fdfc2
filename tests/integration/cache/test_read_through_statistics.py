"""What a read of the caches counts: hits and misses by layer, batches, statements, round trips, spans."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from prometheus_client import REGISTRY

from app.cache.codec import Codec
from app.cache.memory import OVERHEAD
from app.cache.read_set import ReadSet
from app.cache.read_through import LEASE_WAITS, WEIGHT
from app.cache.redis import Fill
from app.observability import counting, operation_stats, traces
from app.observability.operation_stats import OperationStats
from app.settings import Settings
from tests.integration.cache.table import Table
from tests.integration.cache.table_caches import TableCaches, table_caches
from tests.waiting import PATIENT

COUNTERS = ("dno_cache_hits_total", "dno_cache_negative_hits_total", "dno_cache_misses_total")


@pytest.fixture
async def quick(redis_url: str) -> AsyncIterator[TableCaches]:
    """Waits briefly for a lease of another instance."""
    async with table_caches(Settings(redis_url=redis_url, **PATIENT), lease_timeout=0.001) as opened:
        yield opened


def counted(table: Table, layer: str) -> tuple[float, ...]:
    """Hits, those of absences, and misses."""
    counting.flush()
    labels = {"region": table.name, "layer": layer}
    return tuple(REGISTRY.get_sample_value(name, labels) or 0 for name in COUNTERS)


async def statistics(one: TableCaches, table: Table, *keys: str) -> OperationStats:
    """Of a read in a task of its own."""

    async def read() -> OperationStats:
        stats = operation_stats.begin()
        await one.read(table, *keys)
        return stats

    stats = await asyncio.create_task(read())
    await one.read_through.close()
    return stats


async def test_hits_absences_and_misses_are_counted_by_region_and_layer(
    here: TableCaches, there: TableCaches
) -> None:
    table = Table({"a": "value", "b": "value"})
    await here.read(table, "a", "b", "absent")
    await here.read_through.close()
    assert (counted(table, "l1"), counted(table, "l2")) == ((0, 0, 3), (0, 0, 3))
    await here.read(table, "a", "b", "absent")
    assert (counted(table, "l1"), counted(table, "l2")) == ((3, 1, 3), (0, 0, 3))
    await there.read(table, "a", "absent", "new")
    assert (counted(table, "l1"), counted(table, "l2")) == ((3, 1, 6), (2, 1, 4))


async def test_without_l1_only_l2_is_counted(redis_url: str) -> None:
    async with table_caches(Settings(redis_url=redis_url, **PATIENT), memory_cache=False) as one:
        table = Table({"a": "value"})
        for _ in range(2):
            await one.one(table, "a")
            await one.read_through.close()
        assert (counted(table, "l1"), counted(table, "l2")) == ((0, 0, 0), (1, 0, 1))
        assert len(one.memory) == 0


async def test_batch_sizes_are_counted_by_region(here: TableCaches) -> None:
    table = Table({})
    await here.read(table, "a", "b", "c")
    await here.read(table, "a")
    here.read_through._queue(table.region).batches.flush()
    assert REGISTRY.get_sample_value("dno_loader_batch_size_count", {"loader": table.name}) == 2
    assert REGISTRY.get_sample_value("dno_loader_batch_size_sum", {"loader": table.name}) == 4


def counts(stats: OperationStats) -> tuple[int, int, int, dict[str, int], dict[str, int]]:
    return stats.statements, stats.round_trips, stats.reads, stats.keys, stats.layers


def layers(**found: int) -> dict[str, int]:
    return {"l1": 0, "l2": 0, "postgres": 0} | found


async def test_an_operation_counts_keys_layers_statements_and_round_trips(
    here: TableCaches, there: TableCaches
) -> None:
    table = Table({"a": "value", "b": "value"})
    await here.one(Table({}), "a")  # loads the scripts
    await there.one(Table({}), "a")
    first = await statistics(here, table, "a", "b", "absent")
    assert counts(first) == (1, 1, 3, {table.name: 3}, layers(postgres=3))
    second = await statistics(here, table, "a", "new")
    assert counts(second) == (1, 1, 1, {table.name: 2}, layers(l1=1, postgres=1))
    third = await statistics(here, table, "a", "b")
    assert counts(third) == (0, 0, 0, {table.name: 2}, layers(l1=2))
    fourth = await statistics(there, table, "a", "b", "absent", "other")
    assert counts(fourth) == (1, 1, 4, {table.name: 4}, layers(l2=3, postgres=1))
    fifth = await statistics(there, table, "a", "new")
    assert counts(fifth) == (0, 1, 1, {table.name: 2}, layers(l1=1, l2=1))


async def test_statements_of_different_readers_are_counted_for_the_reader_that_waits_for_them(
    here: TableCaches,
) -> None:
    table = Table({"a": "value", "b": "value"})
    table.hold()
    early = asyncio.create_task(here.one(table, "a"))
    await table.read.wait()
    later = asyncio.create_task(statistics(here, table, "a", "b"))
    while len(table.statements) < 2:
        await asyncio.sleep(0)
    table.go.set()
    found = await later
    # Reading "a" was begun by the other one, to which it is charged.
    assert (found.statements, found.reads) == (2, 1)
    await early


async def test_each_look_for_the_value_of_another_instance_is_a_round_trip(
    quick: TableCaches, there: TableCaches
) -> None:
    table = Table({"a": "value"})
    await quick.one(Table({}), "a")
    await there.shared.lease_many([table.tag("a")])  # by a holder that never fills it
    stats = await statistics(quick, table, "a")
    looks = 1 + len(LEASE_WAITS)
    assert (stats.statements, stats.round_trips, stats.layers) == (1, looks, layers(postgres=1))
    labels = {"region": table.name}
    assert REGISTRY.get_sample_value("dno_cache_lease_refusals_total", labels) == looks


async def test_a_value_that_cannot_be_read_costs_a_round_trip_for_its_lease_and_is_replaced(
    here: TableCaches,
) -> None:
    table = Table({"a": "value", "b": "value"})
    tokens = await here.shared.lease_many([table.tag("a")])
    await here.shared.fill_many([Fill(table.tag("a"), tokens[table.tag("a")], b"unreadable", 60)])
    # The lease of a filled value is empty for a moment: no reader takes it.
    await here.shared.client.delete(here.shared._key(table.tag("a")) + b":lease")
    stats = await statistics(here, table, "a", "b")
    assert (stats.statements, stats.round_trips, stats.layers) == (1, 2, layers(postgres=2))
    assert counted(table, "l2") == (0, 0, 2)
    data = await here.in_redis(table, "a")
    assert data is not None
    decoded = Codec[str](str).decode(data)
    assert decoded is not None
    assert decoded.value == "value"


async def test_a_statement_is_executed_outside_of_the_operation_that_caused_it(here: TableCaches) -> None:
    """It is shared, so what it counts belongs to no single operation."""
    table = Table({"a": "value"})
    fetch = table.region.fetch
    seen: list[Any] = []

    async def recording(pool: Any, keys: Any) -> dict[str, str]:
        seen.append(operation_stats.current())
        return await fetch(pool, keys)

    object.__setattr__(table.region, "fetch", recording)
    await statistics(here, table, "a")
    assert seen == [None]


async def test_the_read_set_names_what_no_cache_had(here: TableCaches, there: TableCaches) -> None:
    table = Table({"a": "value"})
    expected: list[set[str]] = [{table.tag("a"), table.tag("absent")}, set(), set()]
    for reader, fetched in zip((here, here, there), expected, strict=True):
        read_set = ReadSet()
        await reader.read_through.get_many(table.region, ["a", "absent"], read_set)
        await reader.read_through.close()
        assert read_set.fetched == fetched
        assert read_set.tags == expected[0]


async def test_the_size_in_l1_is_a_multiple_of_the_encoded_size(
    here: TableCaches, there: TableCaches
) -> None:
    table = Table({"a": "value" * 100})
    await here.one(table, "a")
    await here.read_through.close()
    data = await here.in_redis(table, "a")
    assert data is not None
    await there.one(table, "a")
    for reader in (here, there):  # from PostgreSQL, from Redis
        assert reader.memory.bytes == len(data) * WEIGHT + len(table.tag("a")) + OVERHEAD


async def test_spans_name_stage_region_operation_and_number_of_keys(
    here: TableCaches, there: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans: list[tuple[str, dict[str, Any]]] = []

    def span(name: str, **attributes: Any) -> AbstractContextManager[None]:
        spans.append((name, attributes))
        return nullcontext()

    monkeypatch.setattr(traces, "span", span)
    table = Table({"a": "value", "b": "value"})
    await here.read(table, "a", "b")
    await here.read_through.close()
    loader = ("loader", {"region": table.name, "keys": 2})
    get = ("redis", {"operation": "get", "keys": 2})
    assert spans == [loader, get, ("postgres", {"region": table.name, "keys": 2})]
    spans.clear()
    await here.read(table, "a", "b")
    assert spans == []
    await there.read(table, "a", "b")
    assert spans == [loader, get]
    other = Table({"a": "value"})
    other.name = table.name
    object.__setattr__(other.region, "type", int)  # does not read the bytes of the other shape
    object.__setattr__(other.region, "name", table.name)
    there.memory.clear()
    spans.clear()
    await there.one(other, "a")
    assert spans == [
        ("loader", {"region": table.name, "keys": 1}),
        ("redis", {"operation": "get", "keys": 1}),
        ("redis", {"operation": "lease", "keys": 1}),
        ("postgres", {"region": table.name, "keys": 1}),
    ]
