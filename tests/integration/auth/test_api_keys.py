"""API keys: made by an administrator, shown once, and over as soon as somebody says so."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from app.auth import api_keys
from app.db import accounts
from app.db.pool import open_pool
from app.domain.account import ANONYMOUS, Role
from app.errors import Forbidden, Invalid, Unauthenticated
from tests.integration.auth.gate import open_gate


async def issue(gate, admin, role=Role.EDITOR, expires_at=None):
    principal = await gate.principal(admin)
    return await gate.write(lambda work: api_keys.create(work, principal, "crawler", role, expires_at))


@pytest.fixture
async def admin(gate):
    return await gate.add_user("admin@example.org", Role.ADMIN)


async def test_a_key_speaks_for_a_machine(gate, admin):
    key, secret = await issue(gate, admin)
    assert secret.startswith("dno_")
    for scheme in ("Bearer", "bearer"):
        principal = await gate.authenticator.principal(f"{scheme} {secret}", None)
        assert (principal.api_key_id, principal.role, principal.user_id) == (key.id, Role.EDITOR, None)
        assert principal.name == "crawler (API key)"


async def test_only_a_hash_is_stored(gate, admin):
    _, secret = await issue(gate, admin)
    stored = await gate.pool.fetch("SELECT k::text AS row, secret_hash FROM api_keys k")
    assert secret not in stored[0]["row"]
    assert stored[0]["secret_hash"] == api_keys.digest(secret)


async def test_whatever_is_wrong_with_a_key_is_said_in_the_same_words(gate, admin):
    _, expired = await issue(gate, admin, expires_at=datetime.now(UTC) + timedelta(hours=1))
    await gate.pool.fetch("UPDATE api_keys SET expires_at = now() - interval '1 second'")
    key, revoked = await issue(gate, admin)
    await gate.write(lambda work: accounts.revoke_api_key(work, key.id))
    unknown = "dno_" + "A" * 43
    words = set()
    for authorization in (
        *(f"Bearer {secret}" for secret in (expired, revoked, unknown, "dno_short", "A" * 43, "ä")),
        "Bearer",
        "Basic YTpi",
        "",
    ):
        with pytest.raises(Unauthenticated) as refusal:
            await gate.authenticator.principal(authorization, None)
        words.add(refusal.value.message)
    assert len(words) == 1


async def test_a_key_that_expires_while_it_is_remembered_is_over(gate, admin):
    moment = datetime.now(UTC) + timedelta(seconds=0.2)
    _, secret = await issue(gate, admin, expires_at=moment)
    assert (await gate.authenticator.principal(f"Bearer {secret}", None)).role is Role.EDITOR
    while datetime.now(UTC) < moment:
        pass
    with pytest.raises(Unauthenticated):
        await gate.authenticator.principal(f"Bearer {secret}", None)


async def test_a_key_is_looked_up_once(gate, admin):
    _, secret = await issue(gate, admin)
    await gate.authenticator.principal(f"Bearer {secret}", None)
    before = gate.pool.statements
    await gate.authenticator.principal(f"Bearer {secret}", None)
    assert gate.pool.statements == before


async def test_a_revocation_holds_at_once(gate, admin):
    key, secret = await issue(gate, admin)
    await gate.authenticator.principal(f"Bearer {secret}", None)
    await gate.write(lambda work: accounts.revoke_api_key(work, key.id))
    with pytest.raises(Unauthenticated):
        await gate.authenticator.principal(f"Bearer {secret}", None)


async def test_without_news_of_changes_every_use_asks_postgresql(gate, admin):
    key, secret = await issue(gate, admin)
    await gate.authenticator.principal(f"Bearer {secret}", None)
    gate.memory.switch_off()
    await gate.pool.fetch("UPDATE api_keys SET revoked_at = now() WHERE id = $1", key.id)
    with pytest.raises(Unauthenticated):
        await gate.authenticator.principal(f"Bearer {secret}", None)


async def test_a_key_never_may_more_than_its_creator_may_today(gate, admin):
    _, secret = await issue(gate, admin, role=Role.ADMIN)
    assert (await gate.authenticator.principal(f"Bearer {secret}", None)).role is Role.ADMIN
    await gate.write(lambda work: accounts.set_role(work, admin.id, Role.EDITOR))
    assert (await gate.authenticator.principal(f"Bearer {secret}", None)).role is Role.EDITOR


async def test_a_key_ends_with_its_creator(gate, admin):
    _, secret = await issue(gate, admin)
    await gate.authenticator.principal(f"Bearer {secret}", None)
    await gate.write(lambda work: accounts.delete_user(work, admin.id))
    with pytest.raises(Unauthenticated):
        await gate.authenticator.principal(f"Bearer {secret}", None)


async def test_only_administrators_who_signed_in_make_keys(gate, admin):
    _, secret = await issue(gate, admin, role=Role.ADMIN)
    machine = await gate.authenticator.principal(f"Bearer {secret}", None)
    editor = await gate.principal(await gate.add_user())
    for principal, refusal in ((machine, Forbidden), (editor, Forbidden), (ANONYMOUS, Unauthenticated)):
        with pytest.raises(refusal):
            await gate.write(
                lambda work, who=principal: api_keys.create(work, who, "more", Role.VIEWER, None)
            )


@pytest.mark.parametrize(
    ("name", "expires_in", "field"),
    [("", 1, "name"), ("x" * 201, 1, "name"), ("a\x00b", 1, "name"), ("crawler", -1, "expiresAt")],
)
async def test_values_that_make_no_sense_are_refused(gate, admin, name, expires_in, field):
    principal = await gate.principal(admin)
    expires_at = datetime.now(UTC) + timedelta(hours=expires_in)
    with pytest.raises(Invalid) as refusal:
        await gate.write(lambda work: api_keys.create(work, principal, name, Role.VIEWER, expires_at))
    assert refusal.value.field == (field,)


async def test_last_use_is_written_in_batches_and_is_no_event(gate, admin):
    first, second = await issue(gate, admin), await issue(gate, admin)
    await gate.pool.fetch("DELETE FROM outbox")
    for _ in range(3):
        for _, secret in (first, second):
            await gate.authenticator.principal(f"Bearer {secret}", None)
    before = gate.pool.statements
    await gate.uses.flush()
    await gate.uses.flush()
    assert gate.pool.statements == before + 1
    found = await accounts.fetch_keys_by_id(gate.pool, [first[0].id, second[0].id])
    assert all(datetime.now(UTC) - key.last_used_at < timedelta(minutes=1) for key in found.values())
    assert await gate.pool.fetch("SELECT id FROM outbox") == []


async def test_an_outage_of_redis_ends_no_key(pool, cheap, valkey):
    async with open_gate(pool, msgspec.structs.replace(cheap, redis_url=valkey.url)) as gate:
        admin = await gate.add_user("admin@example.org", Role.ADMIN)
        key, secret = await issue(gate, admin)
        valkey.kill()
        gate.memory.switch_off()
        assert (await gate.authenticator.principal(f"Bearer {secret}", None)).api_key_id == key.id


async def test_uses_noted_while_postgresql_is_away_are_written_later(private_postgres, cheap):
    settings = msgspec.structs.replace(cheap, database_url=private_postgres.url, min_database_connections=0)
    async with open_pool(settings) as pool, open_gate(pool, settings) as gate:
        key, secret = await issue(gate, await gate.add_user("admin@example.org", Role.ADMIN))
        await gate.authenticator.principal(f"Bearer {secret}", None)
        private_postgres.stop()
        await gate.uses.flush()
        private_postgres.start()
        await gate.uses.flush()
        assert (await accounts.fetch_keys_by_id(pool, [key.id]))[key.id].last_used_at is not None


async def test_the_last_uses_are_written_when_the_server_stops(gate, admin):
    key, secret = await issue(gate, admin)
    running = asyncio.create_task(gate.uses.run())
    await asyncio.sleep(0)
    await gate.authenticator.principal(f"Bearer {secret}", None)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await accounts.fetch_keys_by_id(gate.pool, [key.id]))[key.id].last_used_at is not None


async def test_keys_are_listed_by_creator_newest_first(gate, admin):
    first, _ = await issue(gate, admin)
    second, _ = await issue(gate, admin)
    gone, _ = await issue(gate, admin)
    await gate.write(lambda work: accounts.revoke_api_key(work, gone.id))
    found = await accounts.fetch_keys_by_creator(gate.pool, [admin.id, gone.id])
    assert found == {admin.id: (second, first)}
