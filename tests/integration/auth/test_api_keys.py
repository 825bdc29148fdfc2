"""API keys: created by an administrator, shown once, invalid as soon as they are revoked."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from app.auth import account_cache, api_keys
from app.auth.sessions import identify
from app.db import accounts
from app.db.pool import open_pool
from app.domain import tags
from app.domain.account import ANONYMOUS, Principal, Role
from app.errors import AppError, BadInput, Code, Unauthenticated
from tests.error_codes import raises_code
from tests.integration.auth.services import open_auth_services
from tests.waiting import until


async def issue(auth, admin, role=Role.EDITOR, expires_at=None):
    principal = await auth.principal(admin)
    return await auth.write(lambda work: api_keys.create(work, principal, "crawler", role, expires_at))


async def keys_of(pool):
    return (await accounts.fetch_all_keys(pool, [None]))[None]


@pytest.fixture
async def admin(auth):
    return await auth.add_user("admin@example.org", Role.ADMIN)


async def test_a_key_authenticates_as_itself_and_not_as_a_user(auth, admin):
    key, secret = await issue(auth, admin)
    assert secret.startswith("dno_")
    for scheme in ("Bearer", "bearer"):
        principal = await auth.authenticator.principal(f"{scheme} {secret}", None)
        assert (principal.api_key_id, principal.role, principal.user_id) == (key.id, Role.EDITOR, None)
        assert principal.name == "crawler (API key)"


async def test_only_a_hash_is_stored(auth, admin):
    _, secret = await issue(auth, admin)
    stored = await auth.pool.fetch("SELECT k::text AS row, secret_hash FROM api_keys k")
    assert secret not in stored[0]["row"]
    assert stored[0]["secret_hash"] == api_keys.digest(secret)


async def test_every_invalid_key_is_rejected_with_the_same_message(auth, admin):
    _, expired = await issue(auth, admin, expires_at=datetime.now(UTC) + timedelta(hours=1))
    await auth.pool.fetch("UPDATE api_keys SET expires_at = now() - interval '1 second'")
    key, revoked = await issue(auth, admin)
    await auth.write(lambda work: accounts.revoke_api_key(work, key.id))
    unknown = "dno_" + "A" * 43
    messages = set()
    for authorization in (
        *(f"Bearer {secret}" for secret in (expired, revoked, unknown, "dno_short", "A" * 43, "ä")),
        "Bearer",
        "Basic YTpi",
        "",
    ):
        with pytest.raises(Unauthenticated) as refusal:
            await auth.authenticator.principal(authorization, None)
        messages.add(refusal.value.message)
    assert len(messages) == 1


async def test_a_key_that_expires_while_it_is_cached_is_rejected(auth, admin):
    moment = datetime.now(UTC) + timedelta(seconds=0.2)
    _, secret = await issue(auth, admin, expires_at=moment)
    assert (await auth.authenticator.principal(f"Bearer {secret}", None)).role is Role.EDITOR
    while datetime.now(UTC) < moment:
        pass
    with pytest.raises(Unauthenticated):
        await auth.authenticator.principal(f"Bearer {secret}", None)


async def test_a_key_is_looked_up_once(auth, admin):
    _, secret = await issue(auth, admin)
    await auth.authenticator.principal(f"Bearer {secret}", None)
    before = auth.pool.statements
    await auth.authenticator.principal(f"Bearer {secret}", None)
    assert auth.pool.statements == before


async def test_a_revoked_key_is_rejected_at_once(auth, admin):
    key, secret = await issue(auth, admin)
    await auth.authenticator.principal(f"Bearer {secret}", None)
    await auth.write(lambda work: accounts.revoke_api_key(work, key.id))
    with pytest.raises(Unauthenticated):
        await auth.authenticator.principal(f"Bearer {secret}", None)


async def test_without_invalidation_events_every_use_reads_postgresql(auth, admin):
    key, secret = await issue(auth, admin)
    await auth.authenticator.principal(f"Bearer {secret}", None)
    auth.memory.switch_off()
    await auth.pool.fetch("UPDATE api_keys SET revoked_at = now() WHERE id = $1", key.id)
    with pytest.raises(Unauthenticated):
        await auth.authenticator.principal(f"Bearer {secret}", None)


async def test_a_key_never_has_a_higher_role_than_its_creator_has_now(auth, admin):
    _, secret = await issue(auth, admin, role=Role.ADMIN)
    assert (await auth.authenticator.principal(f"Bearer {secret}", None)).role is Role.ADMIN
    await auth.write(lambda work: accounts.set_role(work, admin.id, Role.EDITOR))
    assert (await auth.authenticator.principal(f"Bearer {secret}", None)).role is Role.EDITOR


async def test_a_key_is_rejected_once_its_creator_is_deleted(auth, admin):
    _, secret = await issue(auth, admin)
    await auth.authenticator.principal(f"Bearer {secret}", None)
    await auth.write(lambda work: accounts.delete_user(work, admin.id))
    with pytest.raises(Unauthenticated):
        await auth.authenticator.principal(f"Bearer {secret}", None)


async def test_only_signed_in_administrators_create_keys(auth, admin):
    _, secret = await issue(auth, admin, role=Role.ADMIN)
    key_principal = await auth.authenticator.principal(f"Bearer {secret}", None)
    editor = await auth.principal(await auth.add_user())
    for principal, refusal in (
        (key_principal, Code.FORBIDDEN),
        (editor, Code.FORBIDDEN),
        (ANONYMOUS, Code.UNAUTHENTICATED),
    ):
        with raises_code(refusal):
            await auth.write(
                lambda work, creator=principal: api_keys.create(work, creator, "more", Role.VIEWER, None)
            )


@pytest.mark.parametrize(
    ("name", "expires_in", "field"),
    [("", 1, "name"), ("x" * 201, 1, "name"), ("a\x00b", 1, "name"), ("crawler", -1, "expiresAt")],
)
async def test_invalid_values_are_refused(auth, admin, name, expires_in, field):
    principal = await auth.principal(admin)
    expires_at = datetime.now(UTC) + timedelta(hours=expires_in)
    with pytest.raises(BadInput) as refusal:
        await auth.write(lambda work: api_keys.create(work, principal, name, Role.VIEWER, expires_at))
    assert refusal.value.field == (field,)


async def test_last_use_is_written_in_batches_and_publishes_no_event(auth, admin):
    first, second = await issue(auth, admin), await issue(auth, admin)
    await auth.pool.fetch("DELETE FROM outbox")
    for _ in range(3):
        for _, secret in (first, second):
            await auth.authenticator.principal(f"Bearer {secret}", None)
    before = auth.pool.statements
    await auth.uses.flush()
    await auth.uses.flush()
    assert auth.pool.statements == before + 1
    found = await keys_of(auth.pool)
    assert {key.id for key in found} == {first[0].id, second[0].id}
    assert all(datetime.now(UTC) - key.last_used_at < timedelta(minutes=1) for key in found)
    assert await auth.pool.fetch("SELECT id FROM outbox") == []


async def test_keys_stay_valid_during_an_outage_of_redis(pool, cheap, valkey):
    async with open_auth_services(pool, msgspec.structs.replace(cheap, redis_url=valkey.url)) as auth:
        admin = await auth.add_user("admin@example.org", Role.ADMIN)
        key, secret = await issue(auth, admin)
        valkey.kill()
        auth.memory.switch_off()
        assert (await auth.authenticator.principal(f"Bearer {secret}", None)).api_key_id == key.id


async def test_uses_recorded_while_postgresql_is_unavailable_are_written_later(private_postgres, cheap):
    settings = msgspec.structs.replace(cheap, database_url=private_postgres.url, min_database_connections=0)
    async with open_pool(settings) as pool, open_auth_services(pool, settings) as auth:
        _, secret = await issue(auth, await auth.add_user("admin@example.org", Role.ADMIN))
        await auth.authenticator.principal(f"Bearer {secret}", None)
        private_postgres.stop()
        await auth.uses.flush()
        private_postgres.start()
        await auth.uses.flush()
        assert [key.last_used_at is not None for key in await keys_of(pool)] == [True]


async def test_the_last_uses_are_written_when_the_server_stops(auth, admin):
    _, secret = await issue(auth, admin)
    running = asyncio.create_task(auth.uses.run())
    await asyncio.sleep(0)
    await auth.authenticator.principal(f"Bearer {secret}", None)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [key.last_used_at is not None for key in await keys_of(auth.pool)] == [True]


async def test_keys_are_listed_newest_first_without_those_that_are_revoked(auth, admin):
    first, _ = await issue(auth, admin)
    second, _ = await issue(auth, admin)
    revoked, _ = await issue(auth, admin)
    await auth.write(lambda work: accounts.revoke_api_key(work, revoked.id))
    assert await keys_of(auth.pool) == (second, first)


async def test_accounts_are_cached_by_key_and_by_user(auth, admin):
    secrets = {role: (await issue(auth, admin, role=role))[1] for role in (Role.VIEWER, Role.EDITOR)}
    with pytest.raises(Unauthenticated):
        await auth.authenticator.principal(f"Bearer {secrets[Role.VIEWER][:-1]}~", None)
    for _ in range(2):  # from PostgreSQL, then from memory
        for role, secret in secrets.items():
            assert (await auth.authenticator.principal(f"Bearer {secret}", None)).role is role
    users = [await auth.add_user(f"{name}@example.org") for name in ("ada", "bea")]
    for _ in range(2):
        assert [await auth.authenticator._accounts.user(user.id) for user in users] == users


async def test_the_principal_of_a_key_and_of_a_session(auth, admin):
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    key, secret = await issue(auth, admin, expires_at=expires_at)
    principal = await auth.authenticator.principal(f" Bearer   {secret} ", "not the cookie")
    assert principal == Principal(
        role=Role.EDITOR,
        name="crawler (API key)",
        api_key_id=key.id,
        expires_at=expires_at,
        created_by=admin.id,
        key_hash=api_keys.digest(secret),
    )
    token = await auth.sign_in(admin)
    expected = Principal(role=Role.ADMIN, name=admin.email, user_id=admin.id, session_id=identify(token))
    assert await auth.authenticator.principal(None, token) == expected
    assert await auth.authenticator.principal(f"Bearer {token}", None) == expected
    assert await auth.authenticator.principal(None, None) is ANONYMOUS


async def test_renewed_rights_are_those_of_the_same_key_or_session(auth, admin):
    _, secret = await issue(auth, admin)
    for principal in (
        await auth.authenticator.principal(f"Bearer {secret}", None),
        await auth.principal(admin),
        ANONYMOUS,
    ):
        assert await auth.authenticator.renewed(principal) == principal
        assert await auth.authenticator.renewed(principal, visit=True) == principal
    await auth.pool.fetch("UPDATE api_keys SET revoked_at = now()")
    auth.memory.clear()
    await auth.sessions.end_all(admin.id)
    key, session = (
        Principal(Role.EDITOR, key_hash=api_keys.digest(secret)),
        Principal(Role.ADMIN, session_id="x"),
    )
    for ended in (key, session):
        with pytest.raises(Unauthenticated):
            await auth.authenticator.renewed(ended)


async def test_only_a_visit_renews_the_lifetime_of_a_session(auth, admin):
    principal = await auth.principal(admin)
    stored = f"dno:session:{principal.session_id}"
    await auth.sessions._redis.expire(stored, 100)
    await auth.authenticator.renewed(principal)
    assert await auth.sessions._redis.ttl(stored) <= 100
    await auth.authenticator.renewed(principal, visit=True)
    assert await auth.sessions._redis.ttl(stored) > 100


async def test_a_use_of_a_key_is_noted_also_when_its_rights_are_renewed(auth, admin):
    key, secret = await issue(auth, admin)
    principal = await auth.authenticator.principal(f"Bearer {secret}", None)
    assert set(auth.uses._noted) == {key.id}
    await auth.uses.flush()
    await auth.authenticator.renewed(principal)
    assert set(auth.uses._noted) == {key.id}


async def test_uses_are_written_at_the_interval(pool, cheap):
    often = msgspec.structs.replace(cheap, api_key_usage_interval=0.01)
    async with open_auth_services(pool, often) as auth:
        _, secret = await issue(auth, await auth.add_user("admin@example.org", Role.ADMIN))
        running = asyncio.create_task(auth.uses.run())
        await auth.authenticator.principal(f"Bearer {secret}", None)

        async def last_use():
            (key,) = await keys_of(pool)
            return key.last_used_at

        await until(last_use)
        running.cancel()
        await asyncio.wait([running])


async def test_a_key_is_valid_until_the_moment_of_its_expiry(auth, admin, monkeypatch):
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    _, secret = await issue(auth, admin, expires_at=moment)

    class Clock:
        current = moment - timedelta(microseconds=1)

        @classmethod
        def now(cls, zone):
            assert zone is UTC
            return cls.current

    monkeypatch.setattr("app.auth.authenticator.datetime", Clock)
    await auth.authenticator.principal(f"Bearer {secret}", None)
    Clock.current = moment
    with pytest.raises(Unauthenticated) as refused:
        await auth.authenticator.principal(f"Bearer {secret}", None)
    assert refused.value.message == (
        "This session or API key is not valid, or no longer: please sign in again."
    )


async def test_the_values_of_a_new_key_are_stored(auth, admin):
    principal = await auth.principal(admin)
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    name = "x" * 200
    made = [
        await auth.write(
            lambda work, role=role: api_keys.create(work, principal, f" {name} ", role, expires_at)
        )
        for role in (Role.VIEWER, Role.ADMIN)
    ]
    assert [(key.name, key.role, key.created_by, key.expires_at) for key, _ in made] == [
        (name, Role.VIEWER, admin.id, expires_at),
        (name, Role.ADMIN, admin.id, expires_at),
    ]
    assert len({secret for _, secret in made}) == 2
    assert all(api_keys.is_secret(secret) for _, secret in made)


async def test_a_rejected_key_is_explained(auth, admin):
    principal = await auth.principal(admin)

    async def refusal(creator, name="crawler", expires_in=1):
        expires_at = datetime.now(UTC) + timedelta(hours=expires_in)
        with pytest.raises(AppError) as refused:
            await auth.write(lambda work: api_keys.create(work, creator, name, Role.ADMIN, expires_at))
        return refused.value.message, type(refused.value), refused.value.field

    _, secret = await issue(auth, admin, role=Role.ADMIN)
    key = await auth.authenticator.principal(f"Bearer {secret}", None)
    assert await refusal(key) == (
        "An API key cannot make others; please sign in.",
        AppError,
        (),
    )
    assert await refusal(principal, name="x" * 201) == (
        "A key needs a name of at most 200 printable characters.",
        BadInput,
        ("name",),
    )
    assert await refusal(principal, expires_in=-1) == (
        "That moment has passed already.",
        BadInput,
        ("expiresAt",),
    )


class Clock:
    """That of the account cache."""

    def __init__(self, monkeypatch):
        self.ahead = 0.0
        real = account_cache.monotonic
        monkeypatch.setattr(account_cache, "monotonic", lambda: real() + self.ahead)


async def test_an_unknown_key_is_looked_up_once_until_anything_changes(auth, admin, monkeypatch):
    clock = Clock(monkeypatch)

    async def statements(number):
        before = auth.pool.statements
        with pytest.raises(Unauthenticated):
            await auth.authenticator.principal(f"Bearer dno_{str(number) * 43}", None)
        return auth.pool.statements - before

    assert [await statements(number) for number in (1, 2, 1, 2)] == [1, 1, 0, 0]
    auth.memory.invalidate({"anything"})
    assert [await statements(number) for number in (1, 1, 2)] == [1, 0, 1]
    clock.ahead = account_cache.ABSENT_LIFETIME - 5
    assert await statements(1) == 0
    clock.ahead = account_cache.ABSENT_LIFETIME + 5
    assert [await statements(1), await statements(1)] == [1, 0]
    auth.memory.switch_off()
    assert [await statements(1), await statements(1)] == [1, 1]


async def test_accounts_are_cached_for_the_lifetime_of_the_memory_cache(pool, cheap, monkeypatch):
    clock = Clock(monkeypatch)
    brief = msgspec.structs.replace(cheap, memory_cache_lifetime=30.0)
    async with open_auth_services(pool, brief) as auth:
        user = await auth.add_user("admin@example.org", Role.ADMIN)
        _, secret = await issue(auth, user)
        hashed = api_keys.digest(secret)
        cache = auth.authenticator._accounts
        for read in (lambda: cache.user(user.id), lambda: cache.issued_key(hashed)):

            async def statements(read=read):
                before = pool.statements
                assert await read() is not None
                return pool.statements - before

            auth.memory.clear()
            clock.ahead = -31.0
            assert [await statements(), await statements()] == [1, 1], "already expired"
            clock.ahead = -25.0
            assert [await statements(), await statements()] == [1, 0]


async def test_an_account_that_changes_while_it_is_read_is_not_cached(auth, admin):
    key, secret = await issue(auth, admin)
    hashed = api_keys.digest(secret)
    cache = auth.authenticator._accounts
    for read, tag in (
        (lambda: cache.user(admin.id), tags.user(admin.id)),
        (lambda: cache.issued_key(hashed), tags.api_key(key.id)),
        (lambda: cache.issued_key(hashed), tags.user(admin.id)),
    ):
        auth.memory.clear()
        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        auth.memory.invalidate({tag})
        assert await reading is not None
        before = auth.pool.statements
        await read()
        assert auth.pool.statements == before + 1
        auth.memory.invalidate({tag})
        await read()
        assert auth.pool.statements == before + 2
