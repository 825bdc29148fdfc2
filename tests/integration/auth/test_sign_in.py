"""Signing in with e-mail and password."""

import asyncio

import msgspec
import pytest

from app.db import accounts
from app.errors import Conflict, TooMany, Unauthenticated
from tests.integration.auth.gate import PASSWORD, open_gate

ADDRESS = "192.0.2.1"


async def test_the_right_password_opens_a_session(gate):
    user = await gate.add_user()
    signed_in, token = await gate.desk.sign_in(" ADA@example.org ", PASSWORD, ADDRESS)
    assert signed_in == user
    principal = await gate.authenticator.principal(None, token)
    assert (principal.user_id, principal.role, principal.name) == (user.id, user.role, user.email)


async def test_somebody_unknown_and_a_wrong_password_hear_the_same_after_the_same_work(gate):
    user = await gate.add_user()
    refusals = []
    for email in (user.email, "nobody@example.org", "no\x00body", "\ud800@example.org"):
        checks, statements = gate.passwords.checks, gate.pool.statements
        with pytest.raises(Unauthenticated) as refusal:
            await gate.desk.sign_in(email, "wrong", ADDRESS)
        work = (gate.passwords.checks - checks, gate.pool.statements - statements)
        refusals.append((refusal.value.message, refusal.value.field, refusal.value.details, work))
    assert [refusals[0]] * 4 == refusals
    assert refusals[0][-1] == (1, 1)


async def test_a_deleted_user_cannot_sign_in(gate):
    user = await gate.add_user()
    await gate.write(lambda work: accounts.delete_user(work, user.id))
    with pytest.raises(Unauthenticated):
        await gate.sign_in(user)


async def test_every_sign_in_gives_a_fresh_session_and_ends_the_former_one(gate):
    user = await gate.add_user()
    first = await gate.sign_in(user)
    former = await gate.authenticator.principal(None, first)
    _, second = await gate.desk.sign_in(user.email, PASSWORD, ADDRESS, former=former)
    assert first != second
    with pytest.raises(Unauthenticated):
        await gate.authenticator.principal(None, first)
    assert (await gate.authenticator.principal(None, second)).user_id == user.id


async def test_signing_out_ends_the_session(gate):
    user = await gate.add_user()
    token = await gate.sign_in(user)
    await gate.desk.sign_out(await gate.authenticator.principal(None, token))
    with pytest.raises(Unauthenticated):
        await gate.authenticator.principal(None, token)


async def test_raised_parameters_take_hold_at_the_next_sign_in(gate, pool, cheap):
    user = await gate.add_user()
    async with open_gate(pool, msgspec.structs.replace(cheap, password_passes=2)) as raised:
        await raised.sign_in(user)
        stored = (await accounts.fetch_credentials(pool, [user.email]))[user.email].password_hash
        assert "t=2" in stored
        await raised.sign_in(user)
        assert (await accounts.fetch_credentials(pool, [user.email]))[user.email].password_hash == stored


async def test_a_password_changed_meanwhile_is_not_put_back_by_the_rehash(gate):
    user = await gate.add_user()
    old = (await accounts.fetch_credentials(gate.pool, [user.email]))[user.email].password_hash
    await gate.write(lambda work: accounts.set_password_hash(work, user.id, "changed"))
    assert not await gate.write(lambda work: accounts.replace_password_hash(work, user.id, old, "rehashed"))
    assert (await accounts.fetch_credentials(gate.pool, [user.email]))[user.email].password_hash == "changed"


async def fail(gate, email, address, **proof):
    with pytest.raises(Unauthenticated):
        await gate.desk.sign_in(email, "wrong", address, **proof)


async def test_attempts_from_elsewhere_do_not_lock_the_owner_out(gate, cheap):
    """From a new browser, at an address of its own."""
    user = await gate.add_user()
    for number in range(5 * cheap.rate_limit_sign_in):
        await fail(gate, user.email, f"192.0.2.{number}")
    await gate.desk.sign_in(user.email.upper(), PASSWORD, "198.51.100.1")


async def test_many_addresses_together_may_try_so_often_at_one_account(pool, cheap):
    bounded = msgspec.structs.replace(cheap, rate_limit_sign_in_account=7)
    async with open_gate(pool, bounded) as gate:
        user = await gate.add_user()
        for number in range(7):
            await fail(gate, user.email, f"192.0.2.{number}")
        with pytest.raises(TooMany) as refusal:
            await gate.desk.sign_in(user.email.upper(), PASSWORD, "198.51.100.1")
        assert refusal.value.retry_after > 0


async def device_of(gate, user):
    return await gate.devices.recognise(await gate.devices.issue(user.id))


async def test_a_device_that_was_signed_in_before_has_a_budget_of_its_own(pool, cheap):
    """Whatever was tried from the same address, or from everywhere at the same account."""
    async with open_gate(pool, msgspec.structs.replace(cheap, rate_limit_sign_in_account=3)) as gate:
        user = await gate.add_user()
        device = await device_of(gate, user)
        for _ in range(3):
            await fail(gate, user.email, ADDRESS)
        with pytest.raises(TooMany):
            await gate.desk.sign_in(user.email, PASSWORD, ADDRESS)
        await gate.desk.sign_in(user.email, PASSWORD, ADDRESS, device=device)
        # Its own attempts are limited like all others, and leave the other devices alone.
        for _ in range(cheap.rate_limit_sign_in):
            await fail(gate, user.email, ADDRESS, device=device)
        with pytest.raises(TooMany):
            await gate.desk.sign_in(user.email, PASSWORD, ADDRESS, device=device)
        await gate.desk.sign_in(user.email, PASSWORD, ADDRESS, device=await device_of(gate, user))


async def test_an_open_session_proves_as_much(gate, cheap):
    user = await gate.add_user()
    former = await gate.principal(user)
    for _ in range(cheap.rate_limit_sign_in):
        await fail(gate, user.email, "192.0.2.1")
    with pytest.raises(TooMany):
        await gate.desk.sign_in(user.email, PASSWORD, "192.0.2.1")
    await gate.desk.sign_in(user.email, PASSWORD, "192.0.2.1", former=former)


async def test_a_proof_for_one_account_is_none_for_another(gate, cheap):
    ada, bob = await gate.add_user(), await gate.add_user("bob@example.org")
    device, former = await device_of(gate, bob), await gate.principal(bob)
    for _ in range(cheap.rate_limit_sign_in):
        await fail(gate, ada.email, ADDRESS, device=device, former=former)
    for email in (ada.email, "nobody@example.org"):
        with pytest.raises(TooMany):
            await gate.desk.sign_in(email, "wrong", ADDRESS, device=device, former=former)


async def test_right_passwords_draw_on_no_budget(gate, cheap):
    """An office behind one address signs in in the morning."""
    user = await gate.add_user()
    for _ in range(3 * cheap.rate_limit_sign_in):
        await gate.desk.sign_in(user.email, PASSWORD, ADDRESS)


async def test_a_password_changed_while_the_old_one_is_checked_opens_no_session(gate):
    user = await gate.add_user()
    another = await gate.passwords.hash("another horse battery")
    matches = gate.passwords.matches

    async def changed_meanwhile(*arguments):
        right = await matches(*arguments)
        await gate.write(lambda work: accounts.set_password_hash(work, user.id, another))
        await gate.sessions.end_all(user.id)
        return right

    gate.passwords.matches = changed_meanwhile
    await fail(gate, user.email, ADDRESS)
    with pytest.raises(Unauthenticated):
        await gate.desk.sign_in(user.email, PASSWORD, ADDRESS)
    assert await gate.sessions.end_all(user.id) == 0


async def test_attempts_are_limited_per_address(gate, cheap):
    user = await gate.add_user()
    for number in range(cheap.rate_limit_sign_in):
        with pytest.raises(Unauthenticated):
            await gate.desk.sign_in(f"somebody-{number}@example.org", "wrong", ADDRESS)
    checks = gate.passwords.checks
    with pytest.raises(TooMany):
        await gate.desk.sign_in(user.email, PASSWORD, ADDRESS)
    assert gate.passwords.checks == checks


async def test_many_at_once_all_get_in(pool, cheap):
    async with open_gate(pool, msgspec.structs.replace(cheap, rate_limit_sign_in=0)) as gate:
        user = await gate.add_user()
        tokens = await asyncio.gather(*(gate.sign_in(user) for _ in range(20)))
        assert len(set(tokens)) == 20


async def test_an_address_is_given_once_however_it_is_written(gate):
    user = await gate.add_user()
    with pytest.raises(Conflict):
        await gate.add_user(user.email.upper())
    assert (await accounts.fetch_all(gate.pool, [None]))[None] == (user,)
