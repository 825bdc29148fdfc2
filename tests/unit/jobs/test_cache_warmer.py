"""When caches are warmed, in which order and with which pauses, and when warming stops."""

import asyncio
import random
from collections.abc import Sequence
from math import inf
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.domain import tags
from app.domain.entry import DnoYear
from app.errors import Unavailable
from app.jobs import cache_warmer
from app.jobs.cache_warmer import BETWEEN, BUSY, CacheWarmer
from app.settings import Settings
from tests.unit.jobs.instance import Instance
from tests.unit.jobs.periodic import RUNS, Lock, Pauses


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Lock:
    return Lock(monkeypatch, cache_warmer)


class Warming:
    def __init__(self, one: Instance, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
        self.warmed = 0
        self.refuses = False
        self.waited = 0
        self.job = CacheWarmer(one.pool, one.shared, _load_nothing, settings)
        monkeypatch.setattr(self.job, "warm", self._warm)
        monkeypatch.setattr(self.job, "until_l2_is_trusted", self._wait)

    async def _warm(self) -> int:
        assert self.waited > self.warmed
        self.warmed += 1
        if self.refuses:
            raise Unavailable("PostgreSQL does not answer.")
        return 1

    async def _wait(self) -> None:
        self.waited += 1


async def _load_nothing(_: object) -> None: ...


@pytest.mark.parametrize("refuses", [False, True])
async def test_caches_are_warmed_about_once_per_interval_once_l2_is_trusted(
    one: Instance, pauses: Pauses, monkeypatch: pytest.MonkeyPatch, refuses: bool
) -> None:
    warming = Warming(one, monkeypatch, Settings(warm_interval=1000))
    warming.refuses = refuses
    with pytest.raises(asyncio.CancelledError):
        await warming.job.run()
    assert warming.warmed == RUNS
    assert pauses.lie_around(1000, 0.1)


async def test_an_interval_of_zero_switches_warming_off(
    one: Instance, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    warming = Warming(one, monkeypatch, Settings(warm_interval=0))
    await warming.job.run()
    assert (warming.warmed, pauses.requested) == (0, [])


async def test_warming_begins_once_l2_is_trusted(
    one: Instance, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    one.shared.valid_until = inf

    def trust_after_twelve_pauses() -> None:
        if len(pauses.requested) == 12:
            one.shared.trust()

    pauses.between = trust_after_twelve_pauses
    await CacheWarmer(one.pool, one.shared, _load_nothing, one.settings).until_l2_is_trusted()
    assert pauses.requested == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5, 5, 5]


async def test_reads_of_the_warmer_are_separated_by_pauses_that_differ(
    one: Instance, pauses: Pauses, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = list(range(RUNS))
    asked: list[tuple[object, float, int]] = []
    read: list[object] = []

    async def most_asked(pool: object, days: float, limit: int) -> list[int]:
        asked.append((pool, days, limit))
        return keys

    async def cheap_read(key: object) -> float:
        read.append(key)
        return 0.0

    monkeypatch.setattr(cache_warmer, "fetch_most_asked", most_asked)
    job = CacheWarmer(one.pool, one.shared, _load_nothing, Settings(max_warmed_pairs=17))
    monkeypatch.setattr(job, "_read", cheap_read)
    monkeypatch.setattr(job, "_no_connection_is_free", lambda: False)
    with pytest.raises(asyncio.CancelledError):
        await job.warm()
    assert asked == [(one.pool, 7, 17)]
    assert read == keys
    assert pauses.lie_around(BETWEEN, 0.5)
    assert lock.names == ["cache warmer"]


@pytest.mark.parametrize(
    ("idle", "size", "expected"),
    [(0, 10, True), (0, 11, True), (0, 9, False), (1, 10, False), (2, 9, False)],
)
def test_no_connection_is_free_when_all_are_opened_and_none_is_idle(
    one: Instance, monkeypatch: pytest.MonkeyPatch, idle: int, size: int, expected: bool
) -> None:
    monkeypatch.setattr(type(one.pool), "idle", idle)
    monkeypatch.setattr(type(one.pool), "size", size)
    settings = Settings(max_database_connections=10)
    assert CacheWarmer(one.pool, one.shared, _load_nothing, settings)._no_connection_is_free() is expected


async def test_all_families_of_a_pair_are_counted_before_it_is_read_and_the_read_is_timed(
    one: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = DnoYear(UUID(int=9), 2025)
    calls: list[object] = []
    now = asyncio.get_running_loop().time()

    async def get_many(names: Sequence[str]) -> dict[str, bytes]:
        calls.append(list(names))
        return {names[0]: b"kept"}

    async def load(pair: object) -> None:
        nonlocal now
        calls.append(pair)
        now += 0.125

    monkeypatch.setattr(one.shared, "get_many", get_many)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    before = warmed_reads()
    assert await CacheWarmer(one.pool, one.shared, load, one.settings)._read(key) == pytest.approx(0.125)
    monkeypatch.undo()
    assert calls == [[tags.tariffs(key), tags.hlzf(key), tags.time_of_use(key), tags.prices(key)], key]
    assert [after - earlier for after, earlier in zip(warmed_reads(), before, strict=True)] == [1, 3]


def warmed_reads() -> list[float]:
    name = "dno_cache_warmed_reads_total"
    return [REGISTRY.get_sample_value(name, {"outcome": outcome}) or 0.0 for outcome in ("hit", "miss")]


@pytest.mark.parametrize(("seconds", "read"), [(BUSY, 3), (BUSY + 0.01, 1)])
async def test_warming_stops_when_a_read_takes_longer_than_usual(
    one: Instance,
    pauses: Pauses,
    lock: Lock,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    read: int,
) -> None:
    async def most_asked(*_: object) -> list[int]:
        return [1, 2, 3]

    async def timed(_: object) -> float:
        return seconds

    monkeypatch.setattr(cache_warmer, "fetch_most_asked", most_asked)
    job = CacheWarmer(one.pool, one.shared, _load_nothing, one.settings)
    monkeypatch.setattr(job, "_read", timed)
    monkeypatch.setattr(job, "_no_connection_is_free", lambda: False)
    with capture_logs() as logs:
        assert await job.warm() == read
    assert (logs[-1]["event"], logs[-1]["popular"], logs[-1]["warmed"]) == ("cache_warmed", 3, read)
    assert len(pauses.requested) == (3 if read == 3 else 0)
