"""Sessions live in Redis for a day after the last visit, and nowhere else."""

import time
from uuid import uuid4

import msgspec
import pytest

from app.auth.sessions import Sessions, identify
from app.cache.redis import open_redis
from app.db import accounts
from app.domain.account import Role
from app.errors import Unauthenticated, Unavailable
from tests.integration.auth.gate import open_gate
from tests.integration.cache.processes import HOST, cluster, processes
from tests.refusals import REFUSALS


@pytest.fixture
async def redis(cheap):
    async with open_redis(cheap) as shared:
        yield shared.client


async def test_a_copy_of_redis_holds_no_token(gate, redis):
    token = await gate.sign_in(await gate.add_user())
    keys = [key.decode() async for key in redis.scan_iter("*")]
    assert f"dno:session:{identify(token)}" in keys
    values = [await redis.dump(key) for key in keys]
    assert not any(token in key for key in keys)
    assert not any(token.encode() in value for value in values)


async def test_every_visit_gives_a_session_its_whole_lifetime_again(redis, cheap):
    sessions = Sessions(redis, cheap)
    session_id = identify(await sessions.start(uuid4()))
    key = f"dno:session:{session_id}"
    assert 86_390 <= await redis.ttl(key) <= 86_400
    await redis.expire(key, 100)
    assert await sessions.get(session_id) is not None
    assert 86_390 <= await redis.ttl(key) <= 86_400


async def test_a_session_ends_when_nobody_comes(redis, cheap):
    sessions = Sessions(redis, cheap)
    session_id = identify(await sessions.start(uuid4()))
    await redis.pexpire(f"dno:session:{session_id}", 1)
    while await redis.exists(f"dno:session:{session_id}"):
        pass
    assert await sessions.get(session_id) is None


async def test_all_sessions_of_a_user_can_be_ended_and_no_other(gate):
    ada, bob = await gate.add_user(), await gate.add_user("bob@example.org")
    tokens = [await gate.sign_in(ada), await gate.sign_in(ada)]
    other = await gate.sign_in(bob)
    assert await gate.sessions.end_all(ada.id) == 2
    for token in tokens:
        with pytest.raises(Unauthenticated):
            await gate.authenticator.principal(None, token)
    assert (await gate.authenticator.principal(None, other)).user_id == bob.id
    assert await gate.sessions.end_all(ada.id) == 0


async def test_the_oldest_session_gives_way_when_there_are_too_many(redis, cheap):
    sessions = Sessions(redis, msgspec.structs.replace(cheap, max_sessions_per_user=3))
    user_id = uuid4()
    ids = [identify(await sessions.start(user_id)) for _ in range(5)]
    assert [await sessions.get(session_id) for session_id in ids] == [None, None, user_id, user_id, user_id]


async def test_a_demotion_holds_at_once(gate):
    user = await gate.add_user(role=Role.ADMIN)
    token = await gate.sign_in(user)
    assert (await gate.authenticator.principal(None, token)).role is Role.ADMIN
    await gate.write(lambda work: accounts.set_role(work, user.id, Role.VIEWER))
    assert (await gate.authenticator.principal(None, token)).role is Role.VIEWER


async def test_a_deleted_user_is_nobody_at_once(gate):
    user = await gate.add_user()
    token = await gate.sign_in(user)
    assert (await gate.authenticator.principal(None, token)).user_id == user.id
    await gate.write(lambda work: accounts.delete_user(work, user.id))
    with pytest.raises(Unauthenticated):
        await gate.authenticator.principal(None, token)


async def test_somebody_deleted_leaves_no_address_and_can_come_back_as_somebody_else(gate):
    user = await gate.add_user()
    await gate.write(lambda work: accounts.delete_user(work, user.id))
    assert user.email not in str(await gate.pool.fetch("SELECT email, password_hash FROM users"))
    assert (await gate.add_user(user.email)).id != user.id


@pytest.mark.parametrize("fault", ["stop", "pause", "kill"])
async def test_while_redis_is_away_nobody_is_a_stranger_and_nobody_gets_in(pool, cheap, valkey, fault):
    hasty = msgspec.structs.replace(cheap, redis_url=valkey.url, redis_timeout=0.2, redis_connect_timeout=0.2)
    async with open_gate(pool, hasty) as gate:
        user = await gate.add_user()
        token = await gate.sign_in(user)
        getattr(valkey, fault)()
        started = time.monotonic()
        with pytest.raises(Unavailable):
            await gate.authenticator.principal(None, token)
        with pytest.raises(Unavailable):
            await gate.sign_in(user)
        assert time.monotonic() - started < 5


# Sessions need neither; and whether a write without an answer was executed cannot be known.
NO_MATTER = {"NOPERM to publish", "NOPERM to run scripts", "writes without an answer"}
# What needs no right that is missing works on: each other command is refused.
WORKS = {"OOM": {"look", "sign out"}, "NOPERM to remove": {"look", "sign in"}}


@pytest.mark.parametrize("kind", sorted(REFUSALS.keys() - NO_MATTER))
async def test_a_redis_that_refuses_means_unavailable_not_an_unknown_login(pool, cheap, valkey, kind):
    """And a session that could not be removed has not ended."""
    async with open_gate(pool, msgspec.structs.replace(cheap, redis_url=valkey.url)) as gate:
        user = await gate.add_user()
        token = await gate.sign_in(user)
        principal = await gate.authenticator.principal(None, token)
        REFUSALS[kind].begin(valkey)
        for what, attempt in (
            ("look", lambda: gate.authenticator.principal(None, token)),
            ("sign in", lambda: gate.sign_in(user)),
            ("sign out", lambda: gate.desk.sign_out(principal)),
        ):
            if what in WORKS.get(kind, ()):
                await attempt()
            else:
                with pytest.raises(Unavailable):
                    await attempt()
        REFUSALS[kind].end(valkey)
        if "sign out" not in WORKS.get(kind, ()):
            assert await gate.authenticator.principal(None, token) == principal
        assert await gate.sign_in(user) != token


@pytest.mark.parametrize("text", ["not an id", "\xff\xfe", ""])
async def test_what_is_no_user_in_redis_says_nothing_about_a_session(gate, redis, text):
    token = await gate.sign_in(await gate.add_user())
    await redis.set(f"dno:session:{identify(token)}", text.encode("latin-1"))
    with pytest.raises(Unavailable):
        await gate.authenticator.principal(None, token)


async def test_a_session_outlives_a_pause_of_redis(pool, cheap, valkey):
    hasty = msgspec.structs.replace(cheap, redis_url=valkey.url, redis_timeout=0.2)
    async with open_gate(pool, hasty) as gate:
        user = await gate.add_user()
        token = await gate.sign_in(user)
        valkey.pause()
        with pytest.raises(Unavailable):
            await gate.authenticator.principal(None, token)
        valkey.resume()
        assert (await gate.authenticator.principal(None, token)).user_id == user.id


async def test_a_redis_that_comes_back_empty_has_forgotten_everybody(pool, cheap, valkey):
    async with open_gate(pool, msgspec.structs.replace(cheap, redis_url=valkey.url)) as gate:
        token = await gate.sign_in(await gate.add_user())
        valkey.restart_empty()
        with pytest.raises(Unauthenticated):
            await gate.authenticator.principal(None, token)


async def test_sessions_live_on_a_cluster_and_end_there(pool, cheap):
    with processes() as family:
        async with cluster(family) as ports:
            url = "redis+cluster://" + ",".join(f"{HOST}:{port}" for port in ports)
            async with open_gate(pool, msgspec.structs.replace(cheap, redis_url=url)) as gate:
                user = await gate.add_user()
                tokens = [await gate.sign_in(user) for _ in range(4)]
                assert [(await gate.authenticator.principal(None, token)).user_id for token in tokens] == [
                    user.id
                ] * 4
                assert await gate.sessions.end_all(user.id) == 4
                token = await gate.sign_in(user)
                for port in ports:
                    family.kill(port)
                with pytest.raises(Unavailable):
                    await gate.authenticator.principal(None, token)
