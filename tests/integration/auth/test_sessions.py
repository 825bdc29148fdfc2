"""Sessions are stored in Redis only, for a day after the last request."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs

from app.auth.sessions import Sessions, identify
from app.cache.redis import open_redis
from app.db import accounts
from app.domain.account import Role
from app.errors import Unauthenticated, Unavailable
from tests.integration.auth.services import open_auth_services
from tests.integration.cache.processes import HOST, cluster, processes
from tests.refusals import REFUSALS


@pytest.fixture
async def redis(cheap):
    async with open_redis(cheap) as shared:
        yield shared.client


async def test_redis_stores_no_token(auth, redis):
    token = await auth.sign_in(await auth.add_user())
    keys = [key.decode() async for key in redis.scan_iter("*")]
    assert f"dno:session:{identify(token)}" in keys
    values = [await redis.dump(key) for key in keys]
    assert not any(token in key for key in keys)
    assert not any(token.encode() in value for value in values)


async def test_every_request_renews_the_lifetime_of_a_session(redis, cheap):
    sessions = Sessions(redis, cheap)
    session_id = identify(await sessions.start(uuid4()))
    key = f"dno:session:{session_id}"
    assert 86_390 <= await redis.ttl(key) <= 86_400
    await redis.expire(key, 100)
    assert await sessions.get(session_id) is not None
    assert 86_390 <= await redis.ttl(key) <= 86_400


async def test_an_unused_session_expires(redis, cheap):
    sessions = Sessions(redis, cheap)
    session_id = identify(await sessions.start(uuid4()))
    await redis.pexpire(f"dno:session:{session_id}", 1)
    while await redis.exists(f"dno:session:{session_id}"):
        pass
    assert await sessions.get(session_id) is None


async def test_open_sessions_are_listed_with_the_times_of_their_start_and_last_use(auth, redis):
    ada, bob = await auth.add_user(), await auth.add_user("bob@example.org")
    before = datetime.now(UTC)
    ids = [identify(await auth.sign_in(ada)) for _ in range(2)]
    await redis.expire(f"dno:session:{ids[1]}", 86_400 - 600)  # as if it was used last ten minutes ago
    await redis.zadd(f"dno:sessions:{ada.id}", {ids[1]: time.time() - 3600})  # and had begun an hour ago
    found = await auth.sessions.open_of([ada.id, bob.id])
    assert found[bob.id] == ()
    newest, oldest = found[ada.id]
    assert (newest.id, oldest.id) == (ids[0], ids[1])
    assert before - timedelta(seconds=1) <= newest.started_at <= newest.last_used_at <= datetime.now(UTC)
    assert timedelta(minutes=49) < oldest.last_used_at - oldest.started_at < timedelta(minutes=51)


async def test_a_session_of_another_user_is_not_ended(auth):
    ada, bob = await auth.add_user(), await auth.add_user("bob@example.org")
    token = await auth.sign_in(ada)
    assert await auth.sessions.end(identify(token), bob.id) == 0
    assert (await auth.authenticator.principal(None, token)).user_id == ada.id
    assert await auth.sessions.end(identify(token), ada.id) == 1


async def test_all_sessions_of_a_user_can_be_ended_and_no_other(auth):
    ada, bob = await auth.add_user(), await auth.add_user("bob@example.org")
    tokens = [await auth.sign_in(ada), await auth.sign_in(ada)]
    other = await auth.sign_in(bob)
    assert await auth.sessions.end_all(ada.id) == 2
    for token in tokens:
        with pytest.raises(Unauthenticated):
            await auth.authenticator.principal(None, token)
    assert (await auth.authenticator.principal(None, other)).user_id == bob.id
    assert await auth.sessions.end_all(ada.id) == 0


async def test_the_oldest_session_is_removed_when_there_are_too_many(redis, cheap):
    sessions = Sessions(redis, msgspec.structs.replace(cheap, max_sessions_per_user=3))
    user_id = uuid4()
    ids = [identify(await sessions.start(user_id)) for _ in range(5)]
    assert [await sessions.get(session_id) for session_id in ids] == [None, None, user_id, user_id, user_id]


class Interleaved:
    """A client of Redis that does something else before it sends a command."""

    def __init__(self, client, command, work):
        self._client, self._command, self._work = client, command, work

    def __getattr__(self, name):
        send = getattr(self._client, name)
        if name != self._command:
            return send

        async def after_the_other(*arguments, **options):
            await self._work()
            return await send(*arguments, **options)

        return after_the_other


async def test_a_session_that_begins_while_all_are_ended_is_ended_with_them(redis, cheap):
    """Else it would be in no list, and outlive a new password."""
    user_id = uuid4()
    ending = Sessions(redis, cheap)
    starting = Sessions(Interleaved(redis, "set", lambda: ending.end_all(user_id)), cheap)
    assert await ending.get(identify(await starting.start(user_id))) is None


async def test_a_session_that_is_stored_in_the_middle_of_an_end_is_ended(redis, cheap):
    user_id = uuid4()
    listed, may_store = asyncio.Event(), asyncio.Event()

    async def store():
        listed.set()
        await may_store.wait()

    async def let_it_begin():
        may_store.set()
        tokens.append(await start)

    tokens: list[str] = []
    start = asyncio.create_task(Sessions(Interleaved(redis, "set", store), cheap).start(user_id))
    await listed.wait()
    ending = Sessions(Interleaved(redis, "zrem", let_it_begin), cheap)
    assert await ending.end_all(user_id) == 1
    assert await ending.get(identify(tokens[0])) is None


async def test_a_lower_role_applies_at_once(auth):
    user = await auth.add_user(role=Role.ADMIN)
    token = await auth.sign_in(user)
    assert (await auth.authenticator.principal(None, token)).role is Role.ADMIN
    await auth.write(lambda work: accounts.set_role(work, user.id, Role.VIEWER))
    assert (await auth.authenticator.principal(None, token)).role is Role.VIEWER


async def test_a_deleted_user_is_unauthenticated_at_once(auth):
    user = await auth.add_user()
    token = await auth.sign_in(user)
    assert (await auth.authenticator.principal(None, token)).user_id == user.id
    await auth.write(lambda work: accounts.delete_user(work, user.id))
    with pytest.raises(Unauthenticated):
        await auth.authenticator.principal(None, token)


async def test_a_deleted_user_leaves_no_address_and_the_address_can_be_used_by_a_new_user(auth):
    user = await auth.add_user()
    await auth.write(lambda work: accounts.delete_user(work, user.id))
    assert user.email not in str(await auth.pool.fetch("SELECT email, password_hash FROM users"))
    assert (await auth.add_user(user.email)).id != user.id


@pytest.mark.parametrize("fault", ["stop", "pause", "kill"])
async def test_while_redis_is_unavailable_sessions_and_sign_ins_are_unavailable_and_not_unauthenticated(
    pool, cheap, valkey, fault
):
    short_timeouts = msgspec.structs.replace(
        cheap, redis_url=valkey.url, redis_timeout=0.2, redis_connect_timeout=0.2
    )
    async with open_auth_services(pool, short_timeouts) as auth:
        user = await auth.add_user()
        token = await auth.sign_in(user)
        getattr(valkey, fault)()
        started = time.monotonic()
        with pytest.raises(Unavailable):
            await auth.authenticator.principal(None, token)
        with pytest.raises(Unavailable):
            await auth.sign_in(user)
        assert time.monotonic() - started < 5


# Sessions need neither right; whether a write without an answer was executed cannot be known.
NOT_APPLICABLE = {"NOPERM to publish", "NOPERM to run scripts", "writes without an answer"}
# Operations that succeed because they need none of the refused commands.
SUCCEEDS = {
    "OOM": {"authenticate", "sign out"},
    "NOPERM to read": {"authenticate", "sign in", "sign out"},
    "NOPERM to remove": {"authenticate", "sign in"},
}


@pytest.mark.parametrize("kind", sorted(REFUSALS.keys() - NOT_APPLICABLE))
async def test_commands_refused_by_redis_are_unavailable_and_not_unauthenticated(pool, cheap, valkey, kind):
    """A session that could not be removed stays valid."""
    async with open_auth_services(pool, msgspec.structs.replace(cheap, redis_url=valkey.url)) as auth:
        user = await auth.add_user()
        token = await auth.sign_in(user)
        principal = await auth.authenticator.principal(None, token)
        REFUSALS[kind].begin(valkey)
        for operation, attempt in (
            ("authenticate", lambda: auth.authenticator.principal(None, token)),
            ("sign in", lambda: auth.sign_in(user)),
            ("sign out", lambda: auth.sign_in_service.sign_out(principal)),
        ):
            if operation in SUCCEEDS.get(kind, ()):
                await attempt()
            else:
                with pytest.raises(Unavailable):
                    await attempt()
        REFUSALS[kind].end(valkey)
        if "sign out" not in SUCCEEDS.get(kind, ()):
            assert await auth.authenticator.principal(None, token) == principal
        assert await auth.sign_in(user) != token


@pytest.mark.parametrize("text", ["not an id", "\xff\xfe", ""])
async def test_a_session_whose_value_is_no_user_id_is_unavailable_and_not_unauthenticated(auth, redis, text):
    token = await auth.sign_in(await auth.add_user())
    await redis.set(f"dno:session:{identify(token)}", text.encode("latin-1"))
    with pytest.raises(Unavailable):
        await auth.authenticator.principal(None, token)


async def test_a_session_stays_valid_after_a_pause_of_redis(pool, cheap, valkey):
    short_timeouts = msgspec.structs.replace(cheap, redis_url=valkey.url, redis_timeout=0.2)
    async with open_auth_services(pool, short_timeouts) as auth:
        user = await auth.add_user()
        token = await auth.sign_in(user)
        valkey.pause()
        with pytest.raises(Unavailable):
            await auth.authenticator.principal(None, token)
        valkey.resume()
        assert (await auth.authenticator.principal(None, token)).user_id == user.id


async def test_sessions_end_when_redis_restarts_empty(pool, cheap, valkey):
    async with open_auth_services(pool, msgspec.structs.replace(cheap, redis_url=valkey.url)) as auth:
        token = await auth.sign_in(await auth.add_user())
        valkey.restart_empty()
        with pytest.raises(Unauthenticated):
            await auth.authenticator.principal(None, token)


async def test_sessions_are_stored_and_ended_on_a_cluster(pool, cheap):
    with processes() as servers:
        async with cluster(servers) as ports:
            url = "redis+cluster://" + ",".join(f"{HOST}:{port}" for port in ports)
            async with open_auth_services(pool, msgspec.structs.replace(cheap, redis_url=url)) as auth:
                user = await auth.add_user()
                tokens = [await auth.sign_in(user) for _ in range(4)]
                assert [(await auth.authenticator.principal(None, token)).user_id for token in tokens] == [
                    user.id
                ] * 4
                ids = [identify(token) for token in tokens]
                together = await asyncio.gather(*map(auth.sessions.get, [*ids, "unknown"]))
                assert together == [user.id] * 4 + [None]
                other = await auth.add_user("bob@example.org")
                found = await auth.sessions.open_of([user.id, other.id])
                assert [session.id for session in found[user.id]] == ids[::-1]
                assert found[other.id] == ()
                client = auth.sessions._redis
                await client.hset("dno:session:broken", "a", "b")
                outcomes = await asyncio.gather(
                    *map(auth.sessions.peek, [ids[0], "broken"]), return_exceptions=True
                )
                assert [type(outcome) for outcome in outcomes] == [Unavailable] * 2
                await client.set(f"dno:sessions:{user.id}", "of another program")
                assert await auth.sessions.end_all(user.id) == 4
                token = await auth.sign_in(user)
                for port in ports:
                    servers.kill(port)
                with pytest.raises(Unavailable):
                    await auth.authenticator.principal(None, token)


async def test_sessions_that_are_read_together_get_their_own_users(redis, cheap):
    sessions = Sessions(redis, cheap)
    users = [uuid4() for _ in range(3)]
    ids = [identify(await sessions.start(user)) for user in users]
    for session_id in ids:
        await redis.expire(f"dno:session:{session_id}", 100)
    for number in (1, 2, 3):
        asked = [*ids[:number], "unknown"]
        for read in (sessions.peek, sessions.get):
            assert await asyncio.gather(*map(read, asked)) == [*users[:number], None]
        assert await asyncio.gather(*map(sessions.peek, asked[:number])) == users[:number]
        lifetimes = [await redis.ttl(f"dno:session:{session_id}") for session_id in ids]
        assert [lifetime > 100 for lifetime in lifetimes] == [position < number for position in range(3)], (
            "only `get` is a visit"
        )


async def test_an_error_among_several_replies_is_unavailable(redis, cheap):
    sessions = Sessions(redis, cheap)
    session_id = identify(await sessions.start(uuid4()))
    await redis.hset("dno:session:broken", "a", "b")
    for asked in ([session_id, "broken"], ["broken", session_id], ["broken"]):
        outcomes = await asyncio.gather(*map(sessions.get, asked), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * len(asked)


async def test_the_list_of_a_user_has_the_sessions_in_the_order_of_their_starts(redis, cheap):
    sessions = Sessions(redis, msgspec.structs.replace(cheap, max_sessions_per_user=2))
    user_id, began = uuid4(), time.time()
    ids = [identify(await sessions.start(user_id)) for _ in range(3)]
    listed = await redis.zrange(f"dno:sessions:{user_id}", 0, -1, withscores=True)
    assert [name.decode() for name, _ in listed] == ids[1:]
    assert all(began <= score <= time.time() for _, score in listed)
    assert await redis.get(f"dno:session:{ids[1]}") == str(user_id).encode()
    await sessions.end(ids[1], user_id)
    assert await redis.zrange(f"dno:sessions:{user_id}", 0, -1) == [ids[2].encode()]
    assert await sessions.get(ids[1]) is None
    assert await sessions.get(ids[2]) == user_id
    assert await sessions.end_all(user_id) == 1
    assert await redis.exists(f"dno:sessions:{user_id}") == 0


@pytest.mark.parametrize(("lifetime", "seconds"), [(0.5, 1), (1.9, 1), (7.0, 7)])
async def test_the_lifetime_of_a_session_is_in_whole_seconds(redis, cheap, lifetime, seconds):
    sessions = Sessions(redis, msgspec.structs.replace(cheap, session_lifetime=lifetime))
    session_id = identify(await sessions.start(uuid4()))
    assert sessions._lifetime == seconds
    # -2 where the key has expired already.
    assert await redis.pttl(f"dno:session:{session_id}") <= seconds * 1000


@pytest.mark.parametrize("kind", ["string", "list", "set"])
async def test_a_list_of_sessions_that_another_program_has_overwritten_is_made_again(auth, redis, kind):
    ada, bob = await auth.add_user(), await auth.add_user("bob@example.org")
    before, other = await auth.sign_in(ada), await auth.sign_in(bob)
    overwrite = {"string": redis.set, "list": redis.rpush, "set": redis.sadd}[kind]

    async def overwritten():
        await redis.delete(f"dno:sessions:{ada.id}")
        await overwrite(f"dno:sessions:{ada.id}", "of another program")

    await overwritten()
    tokens = [before, await auth.sign_in(ada)]
    await overwritten()
    found = await auth.sessions.open_of([bob.id, ada.id])
    assert {session.id for session in found[ada.id]} == {*map(identify, tokens)}
    assert [session.id for session in found[bob.id]] == [identify(other)]
    await overwritten()
    assert await auth.sessions.end_all(ada.id) == 2
    for token in tokens:
        with pytest.raises(Unauthenticated):
            await auth.authenticator.principal(None, token)
    assert (await auth.authenticator.principal(None, other)).user_id == bob.id


async def test_a_session_ends_although_the_list_of_its_user_is_overwritten(auth, redis):
    ada = await auth.add_user()
    token = await auth.sign_in(ada)
    await redis.set(f"dno:sessions:{ada.id}", "of another program")
    await redis.rpush("dno:session:of-another-program", "")
    assert await auth.sessions.end(identify(token), ada.id) == 1
    with pytest.raises(Unauthenticated):
        await auth.authenticator.principal(None, token)


class AfterEval:
    """A client of Redis that does something else when a script was executed, before its reply arrives."""

    def __init__(self, client, work):
        self._client, self._work = client, work
        self.scans = 0

    def __getattr__(self, name):
        return getattr(self._client, name)

    def scan_iter(self, *arguments, **options):
        self.scans += 1
        return self._client.scan_iter(*arguments, **options)

    async def eval(self, *arguments):
        reply = await self._client.eval(*arguments)
        await self._work()
        return reply


async def test_all_sessions_end_while_another_instance_makes_their_list_again(redis, cheap):
    user_id, ending = uuid4(), Sessions(redis, cheap)
    ids = [identify(await ending.start(user_id)) for _ in range(2)]
    ended = []

    async def end_all():
        ended.append(await ending.end_all(user_id))

    await redis.set(f"dno:sessions:{user_id}", "of another program")
    await Sessions(AfterEval(redis, end_all), cheap).end(ids[0], user_id)
    assert ended == [2]
    assert [await ending.peek(session_id) for session_id in ids] == [None, None]


async def test_a_connection_that_breaks_while_a_list_is_made_again_leaves_no_session_out(redis, cheap):
    user_id, broken = uuid4(), []

    async def break_once():
        if not broken:
            broken.append(True)
            raise RedisConnectionError

    sessions = Sessions(AfterEval(redis, break_once), cheap)
    ids = [identify(await sessions.start(user_id)) for _ in range(2)]
    await redis.set(f"dno:sessions:{user_id}", "of another program")
    assert await sessions.end_all(user_id) == 2
    assert broken
    assert [await sessions.peek(session_id) for session_id in ids] == [None, None]


async def test_overwritten_lists_of_several_users_are_made_again_with_one_scan_and_each_is_logged(
    redis, cheap
):
    async def nothing():
        pass

    client = AfterEval(redis, nothing)
    sessions = Sessions(client, cheap)
    users = [uuid4() for _ in range(3)]
    ids = [identify(await sessions.start(user_id)) for user_id in users]
    for user_id in users[1:]:
        await redis.set(f"dno:sessions:{user_id}", "of another program")
    with capture_logs() as logs:
        found = await sessions.open_of(users)
    assert [[session.id for session in found[user_id]] for user_id in users] == [[each] for each in ids]
    assert client.scans == 1
    assert [(each["key"], each["sessions"]) for each in logs] == [
        (f"dno:sessions:{user_id}", 1) for user_id in users[1:]
    ]


async def test_a_list_is_made_again_beside_a_key_that_is_no_text(redis, cheap):
    user_id, sessions = uuid4(), Sessions(redis, cheap)
    await sessions.start(user_id)
    await redis.set(b"dno:session:\xff", "of another program")
    await redis.set(f"dno:sessions:{user_id}", "of another program")
    assert await sessions.end_all(user_id) == 1


async def test_sessions_of_a_list_that_was_made_again_have_the_times_of_their_last_use(redis, cheap):
    user_id, sessions = uuid4(), Sessions(redis, cheap)
    ids = [identify(await sessions.start(user_id)) for _ in range(3)]
    await redis.expire(f"dno:session:{ids[1]}", 86_400 - 600)  # as if it was used last ten minutes ago
    await redis.expire(f"dno:session:{ids[2]}", 86_400 + 600)  # of a longer lifetime
    await redis.set(f"dno:sessions:{user_id}", "of another program")
    found = {session.id: session for session in (await sessions.open_of([user_id]))[user_id]}
    now = datetime.now(UTC)
    assert timedelta(minutes=9) < now - found[ids[1]].started_at < timedelta(minutes=11)
    assert timedelta(minutes=9) < now - found[ids[1]].last_used_at < timedelta(minutes=11)
    for session_id in (ids[0], ids[2]):
        assert timedelta(0) <= now - found[session_id].started_at < timedelta(minutes=1)


async def test_an_error_that_names_another_type_does_not_replace_a_list(valkey, cheap):
    """The name of a user is in the error of a missing permission."""
    key = f"dno:sessions:{(user_id := uuid4())}"
    async with Redis.from_url(valkey.url) as redis:
        await redis.set(key, "of another program")
        await redis.acl_setuser(
            "WRONGTYPE", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-zscore"]
        )
        async with Redis.from_url(valkey.url, username="WRONGTYPE", password="") as client:
            with pytest.raises(Unavailable):
                await Sessions(client, cheap).end_all(user_id)
        assert await redis.get(key) == b"of another program"
