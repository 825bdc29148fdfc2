"""Sessions on a Redis server of their own: filling the cache signs no user out."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import redis.asyncio
from redis.exceptions import RedisError

from app.auth.sessions import identify
from app.cache.redis import open_redis
from app.cache.session_redis import may_evict, open_session_server
from app.db.pool import Pool
from app.dev.stack import open_stack
from app.dev.valkey import Valkey
from app.http.readiness import State
from app.resources import open_resources
from app.settings import Settings
from tests.integration.auth.services import CHEAP
from tests.proxy import Proxies
from tests.servers import PASSWORD, PrivateValkey, private_folder
from tests.waiting import until_equal


@pytest.fixture
def session_valkey() -> Iterator[Valkey]:
    with private_folder() as folder:
        server = Valkey(folder, PASSWORD, name="valkey-sessions", evicts=False)
        server.start()
        yield server
        server.stop()


async def test_evictions_of_the_cache_do_not_touch_sessions(
    settings: Settings, pool: Pool, valkey: PrivateValkey, session_valkey: Valkey
) -> None:
    valkey.command("CONFIG", "SET", "maxmemory", "4mb")
    changed = {"redis_url": valkey.url, "session_redis_url": session_valkey.url, **CHEAP}
    async with open_resources(msgspec.structs.replace(settings, **changed)) as resources:
        user = (await pool.fetch("SELECT gen_random_uuid() AS id"))[0]["id"]
        token_owner = await resources.authenticator._sessions.start(user)
        cache = resources.shared.client
        await cache.set("dno:session:in-the-cache", "before")
        # Sessions on the server of the cache are evicted. LRU is approximate, so the number of values it takes varies.
        for number in range(60_000):
            await cache.set(f"dno:flood:{number}", b"x" * 4000)
            if number % 500 == 499 and await cache.keys("dno:session*") == []:
                break
        assert await cache.get("dno:session:in-the-cache") is None
        assert await resources.authenticator._sessions.get(identify(token_owner)) == user
        assert await cache.keys("dno:session*") == []


async def test_readiness_reports_the_session_server_too(
    settings: Settings, pool: Pool, session_valkey: Valkey
) -> None:
    changed = {"session_redis_url": session_valkey.url, **CHEAP}
    async with open_resources(msgspec.structs.replace(settings, **changed)) as resources:
        assert (await resources.readiness.report()).resources["sessions"].status is State.UP
        session_valkey.stop()

        async def status() -> State:
            return (await resources.readiness.report()).resources["sessions"].status

        await until_equal(status, State.DOWN)
        assert (await resources.readiness.report()).code == 200


@pytest.mark.parametrize(
    ("policy", "maxmemory", "evicts"),
    [("noeviction", "64mb", False), ("allkeys-lru", "64mb", True), ("volatile-lru", "64mb", True), ("allkeys-lru", "0", False)],
)  # fmt: skip
async def test_a_server_that_may_evict_sessions_is_recognised(
    settings: Settings,
    valkey: PrivateValkey,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    policy: str,
    maxmemory: str,
    evicts: bool,
) -> None:
    valkey.command("CONFIG", "SET", "maxmemory", maxmemory)
    valkey.command("CONFIG", "SET", "maxmemory-policy", policy)
    configured = msgspec.structs.replace(settings, redis_url=valkey.url, **CHEAP)
    async with open_redis(configured) as shared, open_session_server(configured, shared) as client:
        assert client is shared.client
        assert (await may_evict(client) is not None) is evicts
    logged = caplog.text or "".join(capsys.readouterr())
    assert ("sessions_may_be_evicted" in logged) is evicts


async def test_an_unavailable_session_server_does_not_stop_the_start(
    settings: Settings, valkey: PrivateValkey
) -> None:
    valkey.stop()
    configured = msgspec.structs.replace(settings, session_redis_url=valkey.url)
    async with open_redis(configured) as shared, open_session_server(configured, shared) as client:
        with pytest.raises((RedisError, OSError)):
            await client.ping()


async def test_dno_serve_stores_sessions_separately_and_across_restarts(folder: Path) -> None:
    wanted = Settings(database_url="postgresql://elsewhere/dno", local_folder=str(folder / "local"))
    for start in (1, 2):
        with open_stack(wanted) as stack:
            assert stack.valkey is not None
            assert stack.session_valkey is not None
            assert stack.settings.session_redis_url != stack.settings.redis_url
            async with (
                redis.asyncio.from_url(stack.settings.redis_url) as cache,
                redis.asyncio.from_url(stack.settings.session_redis_url) as sessions,
            ):
                assert (await cache.config_get("maxmemory-policy"))["maxmemory-policy"] == "allkeys-lru"
                assert await may_evict(sessions) is None
                assert (await sessions.config_get("appendonly"))["appendonly"] == "yes"
                assert await sessions.get("a") == (None if start == 1 else b"1")
                await sessions.set("a", "1")


def test_a_configured_redis_stores_sessions_unless_a_session_server_is_configured(
    folder: Path, valkey: PrivateValkey
) -> None:
    wanted = Settings(
        database_url="postgresql://elsewhere/dno", redis_url=valkey.url, local_folder=str(folder / "local")
    )
    with open_stack(wanted) as stack:
        assert (stack.settings.session_redis_url, stack.session_valkey) == ("", None)


async def test_a_session_server_that_refuses_writes_is_reported_as_degraded(
    settings: Settings, pool: Pool, session_valkey: Valkey
) -> None:
    changed = {"session_redis_url": session_valkey.url, **CHEAP}
    async with open_resources(msgspec.structs.replace(settings, **changed)) as resources:
        session_valkey.command("CONFIG", "SET", "min-replicas-to-write", "1")
        found = (await resources.readiness.report()).resources["sessions"]
        assert (found.status, found.detail) == (State.DEGRADED, "refuses writes (NOREPLICAS)")


async def test_connections_to_the_former_session_server_are_closed_though_it_still_answers(
    settings: Settings, session_valkey: Valkey, valkey: PrivateValkey
) -> None:
    """A session that was ended on the new server must not stay valid on the former one."""
    async with Proxies() as proxies:
        port = await proxies.open("sessions", session_valkey.port)
        changed = {"session_redis_url": f"redis://:{PASSWORD}@127.0.0.1:{port}", **CHEAP}
        changed_settings = msgspec.structs.replace(settings, **changed)
        async with (
            open_redis(changed_settings) as shared,
            open_session_server(changed_settings, shared) as client,
        ):
            await client.set("server", "former")
            await proxies.lead_to("sessions", valkey.port)
            await until_equal(lambda: client.get("server"), None)
