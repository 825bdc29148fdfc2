"""Passwords are checked in threads, at the same cost for everybody."""

import asyncio

import pytest

from app.auth.passwords import Passwords
from app.errors import Invalid, Overloaded
from app.settings import Settings

CHEAP = Settings(password_passes=1, password_memory_kib=64, password_lanes=1)
PASSWORD = "correct horse battery"


async def test_only_the_right_password_matches():
    passwords = Passwords(CHEAP)
    stored = await passwords.hash(PASSWORD)
    assert stored.startswith("$argon2id$")
    assert await passwords.matches(stored, PASSWORD)
    assert not await passwords.matches(stored, PASSWORD + "!")


async def test_nobody_has_no_password_and_costs_one_check_all_the_same():
    passwords = Passwords(CHEAP)
    assert not await passwords.matches(None, PASSWORD)
    assert not await passwords.matches(None, "")
    assert passwords.checks == 2


async def test_the_dummy_hash_asks_for_the_same_work_as_a_real_one():
    passwords = Passwords(CHEAP)
    real, nobody = await passwords.hash(PASSWORD), passwords._dummy
    assert [len(part) for part in nobody.split("$")] == [len(part) for part in real.split("$")]
    assert nobody.split("$")[:4] == real.split("$")[:4]
    assert not passwords.outdated(nobody)


async def test_two_spellings_of_an_umlaut_are_one_password():
    passwords = Passwords(CHEAP)
    assert await passwords.matches(await passwords.hash("Netz\u00fcbergabe 20"), "Netzu\u0308bergabe 20")


async def test_text_that_is_no_unicode_is_only_a_wrong_password():
    passwords = Passwords(CHEAP)
    assert not await passwords.matches(await passwords.hash(PASSWORD), "\ud800" * 12)


async def test_hashes_with_other_parameters_are_outdated():
    stored = await Passwords(CHEAP).hash(PASSWORD)
    stronger = Passwords(Settings(password_passes=2, password_memory_kib=64, password_lanes=1))
    assert stronger.outdated(stored)
    assert await stronger.matches(stored, PASSWORD)
    assert not stronger.outdated(await stronger.rehash(PASSWORD))


@pytest.mark.parametrize("password", ["short", "x" * 1025])
async def test_a_new_password_is_neither_short_nor_endless(password):
    with pytest.raises(Invalid) as refusal:
        await Passwords(CHEAP).hash(password)
    assert refusal.value.field == ("password",)


async def test_few_check_at_once_and_few_may_wait():
    passwords = Passwords(Settings(password_threads=1, max_queued_passwords=1, password_lanes=1))
    attempts = [passwords.matches(None, PASSWORD) for _ in range(5)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [bool, bool, Overloaded, Overloaded, Overloaded]
    assert await passwords.matches(None, PASSWORD) is False
