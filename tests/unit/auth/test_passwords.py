"""Passwords are checked in threads, at the same cost for known and unknown accounts."""

import asyncio

import pytest

from app.auth.passwords import Passwords
from app.errors import BadInput, Overloaded
from app.settings import Settings

CHEAP = Settings(password_passes=1, password_memory_kib=64, password_lanes=1)
PASSWORD = "correct horse battery"


async def test_only_the_right_password_matches():
    passwords = Passwords(CHEAP)
    stored = await passwords.hash(PASSWORD)
    assert stored.startswith("$argon2id$")
    assert await passwords.matches(stored, PASSWORD)
    assert not await passwords.matches(stored, PASSWORD + "!")


async def test_an_unknown_account_matches_no_password_and_costs_one_check():
    passwords = Passwords(CHEAP)
    assert not await passwords.matches(None, PASSWORD)
    assert not await passwords.matches(None, "")
    assert passwords.checks == 2


async def test_the_dummy_hash_costs_the_same_work_as_a_real_one():
    passwords = Passwords(CHEAP)
    real, dummy = await passwords.hash(PASSWORD), passwords._dummy
    assert [len(part) for part in dummy.split("$")] == [len(part) for part in real.split("$")]
    assert dummy.split("$")[:4] == real.split("$")[:4]
    assert not passwords.outdated(dummy)


async def test_two_spellings_of_an_umlaut_are_one_password():
    passwords = Passwords(CHEAP)
    assert await passwords.matches(await passwords.hash("Netz\u00fcbergabe 20"), "Netzu\u0308bergabe 20")


async def test_text_that_is_not_valid_unicode_is_a_wrong_password():
    passwords = Passwords(CHEAP)
    assert not await passwords.matches(await passwords.hash(PASSWORD), "\ud800" * 12)


async def test_hashes_with_other_parameters_are_outdated():
    stored = await Passwords(CHEAP).hash(PASSWORD)
    stronger = Passwords(Settings(password_passes=2, password_memory_kib=64, password_lanes=1))
    assert stronger.outdated(stored)
    assert await stronger.matches(stored, PASSWORD)
    assert not stronger.outdated(await stronger.rehash(PASSWORD))


@pytest.mark.parametrize("password", ["short", "x" * 1025])
async def test_a_new_password_has_a_minimum_and_a_maximum_length(password):
    with pytest.raises(BadInput) as refusal:
        await Passwords(CHEAP).hash(password)
    assert refusal.value.field == ("password",)


async def test_concurrent_and_queued_checks_are_bounded():
    passwords = Passwords(Settings(password_threads=1, max_queued_passwords=1, password_lanes=1))
    attempts = [passwords.matches(None, PASSWORD) for _ in range(5)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [bool, bool, Overloaded, Overloaded, Overloaded]
    assert await passwords.matches(None, PASSWORD) is False
