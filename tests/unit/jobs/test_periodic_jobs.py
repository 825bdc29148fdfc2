"""When the periodic jobs run, and how long they pause: no server is needed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from math import inf
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.domain import tags
from app.domain.entry import DnoYear
from app.errors import Unavailable
from app.jobs import cache_warmer, retention
from app.jobs.cache_warmer import BETWEEN, BUSY, CacheWarmer
from app.jobs.redis_probe import RedisProbe
from app.jobs.retention import Retention
from app.settings import DAY, HOUR, Settings
from tests.unit.jobs.instance import Instance

RUNS = 60


class Pauses:
    """The requested pauses; after `RUNS` of them the job is cancelled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requested: list[float] = []
        self.between: Callable[[], None] = lambda: None
        monkeypatch.setattr(asyncio, "sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.requested.append(seconds)
        if len(self.requested) >= RUNS:
            raise asyncio.CancelledError
        self.between()

    def lie_around(self, expected: float, spread: float) -> bool:
        """All are within `spread` of it, and they differ: instances are not in step."""
        low, high = expected * (1 - spread), expected * (1 + spread)
        return (
            low <= min(self.requested) < expected * (1 - spread / 2)
            and expected * (1 + spread / 2) < max(self.requested) <= high
        )


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    return Pauses(monkeypatch)


class Lock:
    """The names of the requested locks; each is acquired where `leading` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *modules: Any) -> None:
        self.names: list[str] = []
        self.leading = True
        for module in modules:
            monkeypatch.setattr(module, "leader_lock", self._lock)

    @asynccontextmanager
    async def _lock(self, name: str, settings: Settings) -> AsyncIterator[bool]:
        assert isinstance(settings, Settings)
        self.names.append(name)
        yield self.leading


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Lock:
    return Lock(monkeypatch, cache_warmer, retention)


# Retention


async def test_the_query_log_is_cleaned_about_every_hour(
    one: Instance, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaned: list[int] = []
    job = Retention(one.pool, one.settings)

    async def clean() -> None:
        cleaned.append(1)

    monkeypatch.setattr(job, "clean", clean)
    with pytest.raises(asyncio.CancelledError):
        await job.run()
    assert len(cleaned) == RUNS
    assert pauses.lie_around(HOUR, 0.1)


async def test_old_and_surplus_questions_are_deleted_by_the_instance_that_holds_the_lock(
    one: Instance, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted: list[tuple[str, object, float]] = []

    async def older(pool: object, days: float) -> int:
        deleted.append(("older", pool, days))
        return 3

    async def surplus(pool: object, rows: int) -> int:
        deleted.append(("surplus", pool, rows))
        return 4

    monkeypatch.setattr(retention, "delete_older_than", older)
    monkeypatch.setattr(retention, "delete_surplus", surplus)
    settings = Settings(query_log_lifetime=5 * DAY, max_query_log_rows=12)
    with capture_logs() as logs:
        await Retention(one.pool, settings).clean()
    assert deleted == [("older", one.pool, 5), ("surplus", one.pool, 12)]
    assert logs == [{"event": "query_log_cleaned", "log_level": "info", "questions": 7}]
    assert lock.names == ["retention"]
    lock.leading = False
    await Retention(one.pool, settings).clean()
    assert len(deleted) == 2


# The cache warmer


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


async def test_warming_begins_once_l2_is_trusted(one: Instance, pauses: Pauses) -> None:
    one.shared.valid_until = inf

    def trust_after_twelve_pauses() -> None:
        if len(pauses.requested) == 12:
            one.shared.trust()

    pauses.between = trust_after_twelve_pauses
    await CacheWarmer(one.pool, one.shared, _load_nothing, one.settings).until_l2_is_trusted()
    assert len(pauses.requested) == 12
    assert 0.025 <= pauses.requested[0] <= 0.05
    assert all(2.5 <= pause <= 5 for pause in pauses.requested[-4:])


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


async def test_both_families_of_a_pair_are_counted_before_it_is_read_and_the_read_is_timed(
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
    assert calls == [[tags.tariffs(key), tags.hlzf(key)], key]
    assert [after - earlier for after, earlier in zip(warmed_reads(), before, strict=True)] == [1, 1]


def warmed_reads() -> list[float]:
    name = "cache_warmed_reads_total"
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


# The probe of Redis


async def test_redis_is_probed_in_each_interval_while_it_is_trusted(
    one: Instance, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed: list[int] = []

    async def identify() -> str:
        probed.append(len(pauses.requested))
        return "server"

    monkeypatch.setattr(one.shared, "identify", identify)
    one.shared.valid_until = inf

    def trust_from_the_third_pause_to_the_fifth() -> None:
        if len(pauses.requested) == 3:
            one.shared.trust()
        if len(pauses.requested) == 6:
            one.shared.distrust("a test")

    pauses.between = trust_from_the_third_pause_to_the_fifth
    with pytest.raises(asyncio.CancelledError):
        await RedisProbe(one.shared, every=0.75).run()
    assert pauses.requested == [0.75] * RUNS
    assert probed == [3, 4, 5]
