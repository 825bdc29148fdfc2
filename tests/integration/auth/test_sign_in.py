"""Signing in with e-mail and password."""

import asyncio
from hashlib import sha256

import msgspec
import pytest

from app.auth.fair_queue import Origin
from app.auth.sessions import identify
from app.auth.sign_in import MAX_EMAIL_LENGTH
from app.db import accounts
from app.db.unit_of_work import write
from app.domain.account import Principal, Role
from app.errors import Code, Overloaded, TooMany, Unauthenticated, Unavailable
from tests.error_codes import raises_code
from tests.integration.auth.services import PASSWORD, open_auth_services

ADDRESS = "192.0.2.1"


async def test_the_right_password_starts_a_session(auth):
    user = await auth.add_user()
    signed_in, token = await auth.sign_in_service.sign_in(" ADA@example.org ", PASSWORD, ADDRESS)
    assert signed_in == user
    principal = await auth.authenticator.principal(None, token)
    assert (principal.user_id, principal.role, principal.name) == (user.id, user.role, user.email)


async def test_an_unknown_account_and_a_wrong_password_get_the_same_answer_after_the_same_work(auth):
    user = await auth.add_user()
    refusals = []
    for email in (user.email, "unknown@example.org", "nul\x00byte", "\ud800@example.org"):
        checks, statements = auth.passwords.checks, auth.pool.statements
        with pytest.raises(Unauthenticated) as refusal:
            await auth.sign_in_service.sign_in(email, "wrong", ADDRESS)
        work = (auth.passwords.checks - checks, auth.pool.statements - statements)
        refusals.append((refusal.value.message, refusal.value.field, refusal.value.details, work))
    assert [refusals[0]] * 4 == refusals
    assert refusals[0][-1] == (1, 1)


async def test_a_deleted_user_cannot_sign_in(auth):
    user = await auth.add_user()
    await auth.write(lambda work: accounts.delete_user(work, user.id))
    with pytest.raises(Unauthenticated):
        await auth.sign_in(user)


async def test_every_sign_in_gives_a_fresh_session_and_ends_the_former_one(auth):
    user = await auth.add_user()
    first = await auth.sign_in(user)
    former = await auth.authenticator.principal(None, first)
    _, second = await auth.sign_in_service.sign_in(user.email, PASSWORD, ADDRESS, former=former)
    assert first != second
    with pytest.raises(Unauthenticated):
        await auth.authenticator.principal(None, first)
    assert (await auth.authenticator.principal(None, second)).user_id == user.id


async def test_signing_out_ends_the_session(auth):
    user = await auth.add_user()
    token = await auth.sign_in(user)
    await auth.sign_in_service.sign_out(await auth.authenticator.principal(None, token))
    with pytest.raises(Unauthenticated):
        await auth.authenticator.principal(None, token)


async def test_raised_hash_parameters_apply_from_the_next_sign_in(auth, pool, cheap):
    user = await auth.add_user()
    async with open_auth_services(pool, msgspec.structs.replace(cheap, password_passes=2)) as raised:
        await raised.sign_in(user)
        stored = (await accounts.fetch_credentials(pool, [user.email]))[user.email].password_hash
        assert "t=2" in stored
        await raised.sign_in(user)
        assert (await accounts.fetch_credentials(pool, [user.email]))[user.email].password_hash == stored


async def test_a_concurrently_changed_password_is_not_overwritten_by_the_rehash(auth):
    user = await auth.add_user()
    old = (await accounts.fetch_credentials(auth.pool, [user.email]))[user.email].password_hash
    await auth.write(lambda work: accounts.set_password_hash(work, user.id, "changed"))
    assert not await auth.write(lambda work: accounts.replace_password_hash(work, user.id, old, "rehashed"))
    assert (await accounts.fetch_credentials(auth.pool, [user.email]))[user.email].password_hash == "changed"


async def fail(auth, email, address, **proof):
    with pytest.raises(Unauthenticated):
        await auth.sign_in_service.sign_in(email, "wrong", address, **proof)


async def test_attempts_from_other_addresses_do_not_lock_the_owner_out(auth, cheap):
    """The owner signs in from a new browser, at an address of its own."""
    user = await auth.add_user()
    for number in range(5 * cheap.rate_limit_sign_in):
        await fail(auth, user.email, f"192.0.2.{number}")
    await auth.sign_in_service.sign_in(user.email.upper(), PASSWORD, "198.51.100.1")


async def test_attempts_at_one_account_are_limited_over_all_addresses(pool, cheap):
    bounded = msgspec.structs.replace(cheap, rate_limit_sign_in_account=7)
    async with open_auth_services(pool, bounded) as auth:
        user = await auth.add_user()
        for number in range(7):
            await fail(auth, user.email, f"192.0.2.{number}")
        with pytest.raises(TooMany) as refusal:
            await auth.sign_in_service.sign_in(user.email.upper(), PASSWORD, "198.51.100.1")
        assert refusal.value.retry_after > 0


async def device_of(auth, user):
    return await auth.devices.recognise(await auth.devices.issue(user.id))


async def test_a_known_device_has_a_rate_limit_of_its_own(pool, cheap):
    """Independent of attempts from the same address and of all attempts at the same account."""
    async with open_auth_services(pool, msgspec.structs.replace(cheap, rate_limit_sign_in_account=3)) as auth:
        user = await auth.add_user()
        device = await device_of(auth, user)
        for _ in range(3):
            await fail(auth, user.email, ADDRESS)
        with pytest.raises(TooMany):
            await auth.sign_in_service.sign_in(user.email, PASSWORD, ADDRESS)
        await auth.sign_in_service.sign_in(user.email, PASSWORD, ADDRESS, device=device)
        # Its own attempts are limited like all others, and do not count for other devices.
        for _ in range(cheap.rate_limit_sign_in):
            await fail(auth, user.email, ADDRESS, device=device)
        with pytest.raises(TooMany):
            await auth.sign_in_service.sign_in(user.email, PASSWORD, ADDRESS, device=device)
        await auth.sign_in_service.sign_in(user.email, PASSWORD, ADDRESS, device=await device_of(auth, user))


async def test_an_open_session_counts_as_a_known_device(auth, cheap):
    user = await auth.add_user()
    former = await auth.principal(user)
    for _ in range(cheap.rate_limit_sign_in):
        await fail(auth, user.email, "192.0.2.1")
    with pytest.raises(TooMany):
        await auth.sign_in_service.sign_in(user.email, PASSWORD, "192.0.2.1")
    await auth.sign_in_service.sign_in(user.email, PASSWORD, "192.0.2.1", former=former)


async def test_a_device_token_of_one_account_does_not_count_for_another(auth, cheap):
    ada, bob = await auth.add_user(), await auth.add_user("bob@example.org")
    device, former = await device_of(auth, bob), await auth.principal(bob)
    for _ in range(cheap.rate_limit_sign_in):
        await fail(auth, ada.email, ADDRESS, device=device, former=former)
    for email in (ada.email, "unknown@example.org"):
        with pytest.raises(TooMany):
            await auth.sign_in_service.sign_in(email, "wrong", ADDRESS, device=device, former=former)


async def test_successful_sign_ins_do_not_count_towards_the_limits(auth, cheap):
    """Many users behind one address sign in at the same time."""
    user = await auth.add_user()
    for _ in range(3 * cheap.rate_limit_sign_in):
        await auth.sign_in_service.sign_in(user.email, PASSWORD, ADDRESS)


async def test_a_password_changed_while_the_old_one_is_checked_starts_no_session(auth):
    user = await auth.add_user()
    another = await auth.passwords.hash("another horse battery")
    matches = auth.passwords.matches

    async def matches_then_change(*arguments):
        right = await matches(*arguments)
        await auth.write(lambda work: accounts.set_password_hash(work, user.id, another))
        await auth.sessions.end_all(user.id)
        return right

    started = []
    start = auth.sessions.start

    async def recorded_start(user_id):
        started.append(await start(user_id))
        return started[-1]

    auth.passwords.matches = matches_then_change
    auth.sessions.start = recorded_start
    with pytest.raises(Unauthenticated) as refusal:
        await auth.sign_in_service.sign_in(user.email, PASSWORD, ADDRESS)
    assert refusal.value.message == "The e-mail address or the password is wrong."
    (token,) = started
    assert await auth.sessions.peek(identify(token)) is None
    assert await auth.sessions.end_all(user.id) == 0
    await fail(auth, user.email, ADDRESS)
    assert len(started) == 1


async def test_an_account_that_is_deleted_while_its_password_is_checked_gets_no_session(auth):
    user = await auth.add_user()
    matches = auth.passwords.matches

    async def matches_then_delete(*arguments):
        right = await matches(*arguments)
        await auth.write(lambda work: accounts.delete_user(work, user.id))
        return right

    auth.passwords.matches = matches_then_delete
    with pytest.raises(Unauthenticated):
        await auth.sign_in_service.sign_in(user.email, PASSWORD, ADDRESS)
    assert await auth.sessions.end_all(user.id) == 0


async def test_attempts_are_limited_per_address(auth, cheap):
    user = await auth.add_user()
    for number in range(cheap.rate_limit_sign_in):
        with pytest.raises(Unauthenticated):
            await auth.sign_in_service.sign_in(f"unknown-{number}@example.org", "wrong", ADDRESS)
    checks = auth.passwords.checks
    with pytest.raises(TooMany):
        await auth.sign_in_service.sign_in(user.email, PASSWORD, ADDRESS)
    assert auth.passwords.checks == checks


async def test_many_concurrent_sign_ins_all_succeed(pool, cheap):
    async with open_auth_services(pool, msgspec.structs.replace(cheap, rate_limit_sign_in=0)) as auth:
        user = await auth.add_user()
        tokens = await asyncio.gather(*(auth.sign_in(user) for _ in range(20)))
        assert len(set(tokens)) == 20


async def test_an_address_is_unique_regardless_of_case(auth):
    user = await auth.add_user()
    with raises_code(Code.CONFLICT):
        await auth.add_user(user.email.upper())
    assert (await accounts.fetch_all(auth.pool, [None]))[None] == (user,)


async def test_attempts_are_counted_by_address_account_device_and_session(auth):
    """Redis holds the account's address only as a hash."""
    user = await auth.add_user()
    device, former = await device_of(auth, user), await auth.principal(user)
    client = auth.sessions._redis

    async def counted():
        names = {name.decode().removeprefix("dno:rate:sign-in:") for name in await client.keys("dno:rate:*")}
        await client.delete(*(f"dno:rate:sign-in:{name}" for name in names))
        return names

    await fail(auth, " ADA@example.org ", "192.0.2.7")
    account = sha256(user.email.encode()).hexdigest()
    assert {"address:192.0.2.7", f"account:{account}"} <= await counted()
    await fail(auth, user.email, "192.0.2.8", device=device)
    assert await counted() == {f"device:{device.name}"}
    await fail(auth, user.email, "192.0.2.9", former=former)
    assert await counted() == {f"session:{former.session_id}"}
    await fail(auth, user.email, "192.0.2.9", device=device, former=former)
    assert await counted() == {f"device:{device.name}"}
    await fail(auth, "unknown@example.org", "192.0.2.10", device=device)
    unknown = sha256(b"unknown@example.org").hexdigest()
    assert await counted() == {"address:192.0.2.10", f"account:{unknown}"}


async def test_too_many_attempts_are_rejected_with_the_wait(auth, cheap):
    user = await auth.add_user()
    for _ in range(cheap.rate_limit_sign_in):
        await fail(auth, user.email, ADDRESS)
    with pytest.raises(TooMany) as refusal:
        await auth.sign_in_service.sign_in(user.email, PASSWORD, ADDRESS)
    assert refusal.value.message == "Too many attempts to sign in; please wait."
    interval = cheap.rate_limit_sign_in_window / cheap.rate_limit_sign_in
    assert 0 < refusal.value.retry_after <= interval


async def test_a_wrong_password_is_rejected_with_one_message(auth):
    user = await auth.add_user()
    with pytest.raises(Unauthenticated) as refusal:
        await auth.sign_in_service.sign_in(user.email, "wrong", ADDRESS)
    assert refusal.value.message == "The e-mail address or the password is wrong."


async def test_an_address_that_no_account_can_have_is_not_looked_up(auth, monkeypatch):
    fetched = []

    async def fetch(pool, emails):
        fetched.append((pool, emails))
        return {}

    monkeypatch.setattr(accounts, "fetch_credentials", fetch)
    longest = "a" * MAX_EMAIL_LENGTH
    for email in (longest, longest + "a", "nul\x00byte"):
        await fail(auth, email, ADDRESS)
    assert [(pool is auth.pool, emails) for pool, emails in fetched] == [
        (True, [longest]),
        (True, []),
        (True, []),
    ]


async def test_the_origin_in_the_queue_of_checks_is_the_address_or_what_was_proven(auth):
    user = await auth.add_user()
    device, former = await device_of(auth, user), await auth.principal(user)
    origins = []
    matches = auth.passwords.matches

    async def recorded(stored, password, origin):
        origins.append(origin)
        return await matches(stored, password, origin)

    auth.passwords.matches = recorded
    for proof in ({}, {"device": device}, {"former": former}):
        await fail(auth, user.email, ADDRESS, **proof)
    assert origins == [
        Origin(ADDRESS),
        Origin(f"device:{device.name}", proven=True),
        Origin(f"session:{former.session_id}", proven=True),
    ]


@pytest.mark.parametrize("error", [Overloaded, Unavailable])
async def test_a_sign_in_succeeds_although_the_parameters_of_its_hash_cannot_be_raised(pool, cheap, error):
    async with open_auth_services(pool, cheap) as auth:
        user = await auth.add_user()
    async with open_auth_services(pool, msgspec.structs.replace(cheap, password_passes=2)) as raised:

        async def rehash(password, origin):
            raise error("The hash cannot be made.", retry_after=1)

        raised.passwords.rehash = rehash
        token = await raised.sign_in(user)
        assert (await raised.authenticator.principal(None, token)).user_id == user.id
    stored = (await accounts.fetch_credentials(pool, [user.email]))[user.email].password_hash
    assert "t=1" in stored


async def test_the_raised_hash_is_that_of_the_same_password_and_is_made_in_the_same_place(
    pool, cheap, monkeypatch
):
    async with open_auth_services(pool, cheap) as auth:
        user = await auth.add_user()
    async with open_auth_services(pool, msgspec.structs.replace(cheap, password_passes=2)) as raised:
        origins = []
        rehash = raised.passwords.rehash

        async def recorded(password, origin):
            origins.append(origin)
            return await rehash(password, origin)

        writers = []

        async def recorded_write(pool, principal, change):
            writers.append(principal)
            return await write(pool, principal, change)

        raised.passwords.rehash = recorded
        monkeypatch.setattr("app.auth.sign_in.write", recorded_write)
        for _ in range(2):
            token = await raised.sign_in(user)
            assert (await raised.authenticator.principal(None, token)).user_id == user.id
        assert origins == [Origin("192.0.2.1")]
        assert writers == [Principal(user.role, user.email, user.id)]


async def test_signing_out_needs_a_session_of_a_user(auth):
    user = await auth.add_user()
    principal = await auth.principal(user)
    await auth.sign_in_service.sign_out(Principal(Role.VIEWER, user_id=user.id))
    await auth.sign_in_service.sign_out(Principal(Role.VIEWER, session_id=principal.session_id))
    assert await auth.sessions.peek(principal.session_id) == user.id
    await auth.sign_in_service.sign_out(principal)
    assert await auth.sessions.peek(principal.session_id) is None
