"""Which Redis holds sessions, how often it is identified, and when it may evict them."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.cache import session_redis
from app.cache.session_redis import may_evict, open_session_server
from app.cache.topology import Command, Probe, probe_writes
from app.settings import Settings
from tests.unit.cache.timeouts import record_timeouts

CACHE, SESSIONS = "redis://cache:6379", "redis://sessions:6379"
KEEPS = {"maxmemory": 100, "maxmemory_policy": "noeviction"}
EVICTS = {"maxmemory": 100, "maxmemory_policy": "allkeys-lru"}


class Client:
    def __init__(self, memory: dict[str, Any]) -> None:
        self.memory = memory
        self.sections: list[str] = []

    async def info(self, section: str) -> dict[str, Any]:
        self.sections.append(section)
        return self.memory


class Topology:
    """In place of a server: records how it is used."""

    def __init__(self, settings: Settings, memory: dict[str, Any]) -> None:
        self.settings = settings
        self.client = Client(memory)
        self.probes: list[Probe] = []
        self.error: Exception | None = None
        self.closed = 0

    async def identify(self, probe: Probe) -> str | None:
        self.probes.append(probe)
        if self.error is not None:
            raise self.error
        return "identity"

    async def close(self) -> None:
        self.closed += 1
        raise RuntimeError("the handler is closed")


@pytest.mark.parametrize(
    ("memory", "policy"),
    [
        (KEEPS, None),
        (EVICTS, "allkeys-lru"),
        (EVICTS | {"maxmemory": 0}, None),
        ({"maxmemory": 100}, None),
        ({"maxmemory_policy": "allkeys-lru"}, None),
        ({"a:1": KEEPS, "b:2": KEEPS}, None),
        ({"a:1": KEEPS, "b:2": EVICTS}, "allkeys-lru"),
        ({"a:1": EVICTS | {"maxmemory": 0}, "b:2": EVICTS | {"maxmemory_policy": "volatile-ttl"}}, "volatile-ttl"),
    ],
)  # fmt: skip
async def test_one_process_that_may_evict_is_enough(memory: dict[str, Any], policy: str | None) -> None:
    client = Client(memory)
    assert await may_evict(client) == policy
    assert client.sections == ["memory"]


def test_the_probe_is_a_write_that_changes_nothing() -> None:
    assert probe_writes("x") == [Command(b"dno:probe:x", ("DEL", "dno:probe:x"))]


@pytest.mark.parametrize("url", ["", CACHE])
async def test_without_an_address_of_its_own_sessions_are_in_the_redis_of_the_cache(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_redis, "open_topology", None)
    shared: Any = SimpleNamespace(client=Client(EVICTS))
    settings = Settings(redis_url=CACHE, session_redis_url=url)
    with capture_logs() as logs:
        async with open_session_server(settings, shared) as client:
            assert client is shared.client
    assert [(entry["event"], entry["policy"]) for entry in logs] == [
        ("sessions_may_be_evicted", "allkeys-lru")
    ]


@pytest.mark.parametrize("memory", [KEEPS, EVICTS])
async def test_a_session_server_is_identified_at_the_interval_of_missed_heartbeats_until_it_is_closed(
    memory: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Topology] = []
    watches: list[tuple[object, float]] = []
    ended = asyncio.Event()

    def open_topology(settings: Settings) -> Topology:
        opened.append(Topology(settings, memory))
        return opened[-1]

    async def watch(topology: object, every: float) -> None:
        watches.append((topology, every))
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(session_redis, "open_topology", open_topology)
    monkeypatch.setattr(session_redis, "_watch", watch)
    settings = Settings(
        redis_url=CACHE, session_redis_url=SESSIONS, heartbeat_interval=0.5, max_missed_heartbeats=7
    )
    with capture_logs() as logs:
        async with open_session_server(settings, SimpleNamespace()) as client:  # type: ignore[arg-type]
            await asyncio.sleep(0)
            [topology] = opened
            assert client is topology.client
            assert topology.settings.redis_url == SESSIONS
            assert watches == [(topology, 3.5)]
            assert not ended.is_set()
    assert ended.is_set()
    assert topology.closed == 1
    assert ("sessions_may_be_evicted" in [entry["event"] for entry in logs]) is (memory is EVICTS)


async def test_the_server_is_identified_after_each_interval_also_after_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sleep, waits = asyncio.sleep, []
    topology = Topology(Settings(), KEEPS)
    topology.error = KeyError("connection")

    async def recorded(seconds: float) -> None:
        assert len(topology.probes) == len(waits)
        waits.append(seconds)
        if len(waits) == 4:
            raise asyncio.CancelledError
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", recorded)
    with pytest.raises(asyncio.CancelledError):
        await session_redis._watch(topology, 3.5)  # type: ignore[arg-type]
    assert waits == [3.5] * 4
    assert topology.probes == [probe_writes] * 3


async def test_a_server_that_does_not_answer_in_time_delays_the_start_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = record_timeouts(monkeypatch, expire=True)

    async def silent(section: str) -> None:
        await asyncio.Event().wait()

    settings = Settings(redis_connect_timeout=3, redis_timeout=2)
    await session_redis._check_eviction(SimpleNamespace(info=silent), settings)
    assert seconds == [5]
