"""Passwords are checked in threads, at the same cost for known and unknown accounts."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.auth.fair_queue import Origin
from app.auth.passwords import ANYWHERE, Passwords, check
from app.errors import BadInput, CannotStart, Overloaded
from app.settings import Settings
from tests.waiting import until

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


async def test_memory_that_argon2_would_refuse_at_the_first_sign_in_is_refused_at_the_start():
    enough = Passwords(Settings(password_passes=1, password_memory_kib=16, password_lanes=2))
    assert await enough.matches(await enough.hash(PASSWORD), PASSWORD)
    for memory, lanes in ((15, 2), (65536, 8193)):
        with pytest.raises(CannotStart, match=r"PASSWORD_MEMORY_KIB is wrong.* PASSWORD_LANES"):
            Passwords(Settings(password_memory_kib=memory, password_lanes=lanes))


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


@pytest.mark.parametrize(("length", "accepted"), [(11, False), (12, True), (1024, True), (1025, False)])
def test_the_bounds_of_the_length_are_accepted_themselves(length: int, accepted: bool) -> None:
    password = "".join(chr(0x4E00 + number) for number in range(length))
    if accepted:
        check(password)
        return
    with pytest.raises(BadInput) as refusal:
        check(password)
    assert refusal.value.message == "A password has 12 to 1024 characters."
    assert refusal.value.field == ("password",)


def test_an_easy_password_is_rejected_with_a_reason_also_for_one_account_only() -> None:
    check("ada-netze-lampe", "bob@example.org")
    for password, address in (("password1234", ""), ("ada-netze-lampe", "ada@netze-lampe.de")):
        with pytest.raises(BadInput) as refusal:
            check(password, address)
        assert refusal.value.message.startswith("This password is easy to guess: ")
        assert refusal.value.field == ("password",)


async def test_a_new_password_is_checked_for_its_account_and_a_rehash_is_not() -> None:
    passwords = Passwords(CHEAP)
    with pytest.raises(BadInput):
        await passwords.hash("ada-netze-lampe", "ada@netze-lampe.de")
    assert await passwords.matches(await passwords.rehash("short"), "short")


async def test_a_password_beyond_the_maximum_length_is_wrong_although_its_beginning_is_right() -> None:
    passwords = Passwords(CHEAP)
    longest = "x" * 1024
    stored = await passwords.rehash(longest)
    assert await passwords.matches(stored, longest)
    assert not await passwords.matches(stored, longest + "x")
    assert passwords.checks == 2


async def test_hashes_have_the_parameters_of_the_settings() -> None:
    stored = await Passwords(Settings(password_passes=2, password_memory_kib=72, password_lanes=3)).hash(
        PASSWORD
    )
    assert stored.startswith("$argon2id$v=19$m=72,t=2,p=3$")


async def test_a_cancelled_check_keeps_its_thread_until_it_is_done() -> None:
    passwords = Passwords(Settings(password_threads=1, password_memory_kib=64, password_lanes=1))
    working, proceed = threading.Event(), threading.Event()

    def work() -> None:
        working.set()
        proceed.wait(30)

    leaving = asyncio.create_task(passwords._in_thread(work, ANYWHERE))
    await until(working.is_set)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert passwords._queue._free == 0
    proceed.set()
    await until(lambda: passwords._queue._free == 1)


async def test_a_check_that_gets_no_thread_takes_no_place() -> None:
    """While the machine has too many threads."""
    passwords = Passwords(Settings(password_threads=1, password_memory_kib=64, password_lanes=1))

    class NoThreads(ThreadPoolExecutor):
        def submit(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("can't start new thread")

    threads, passwords._threads = passwords._threads, NoThreads()
    with pytest.raises(RuntimeError):
        await passwords.matches(None, PASSWORD)
    passwords._threads = threads
    async with asyncio.timeout(30):
        assert not await passwords.matches(None, PASSWORD)


async def test_a_check_that_got_no_thread_is_not_done_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's executor keeps it until it has a thread."""

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    passwords = Passwords(Settings(password_threads=1, password_memory_kib=64, password_lanes=1))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        for _ in range(3):
            with pytest.raises(RuntimeError):
                await passwords.matches(None, PASSWORD)
    assert not await passwords.matches(None, PASSWORD)
    assert passwords.checks == 1


async def test_the_origin_of_a_check_decides_who_waits() -> None:
    """One origin fills the queue; another displaces its last one, for checks and for hashes."""
    passwords = Passwords(
        Settings(password_threads=1, max_queued_passwords=2, password_memory_kib=64, password_lanes=1)
    )
    flood = [asyncio.create_task(passwords.matches(None, PASSWORD, Origin("a"))) for _ in range(3)]
    await asyncio.sleep(0)
    assert await passwords.rehash(PASSWORD, Origin("b"))
    outcomes = await asyncio.gather(*flood, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [bool, bool, Overloaded]
    passwords.close()
    with pytest.raises(RuntimeError):
        await passwords.matches(None, PASSWORD)


async def test_checks_run_in_as_many_threads_as_the_settings_allow() -> None:
    passwords = Passwords(
        Settings(password_threads=3, max_queued_passwords=1, password_memory_kib=64, password_lanes=1)
    )
    running, proceed = threading.Semaphore(0), threading.Event()

    def work() -> str:
        running.release()
        proceed.wait(30)
        return threading.current_thread().name

    tasks = [asyncio.create_task(passwords._in_thread(work, ANYWHERE)) for _ in range(4)]
    for _ in range(3):
        await asyncio.to_thread(running.acquire, timeout=30)
    with pytest.raises(Overloaded):
        await passwords._in_thread(work, ANYWHERE)
    assert not running.acquire(blocking=False)
    proceed.set()
    names = await asyncio.gather(*tasks)
    assert {name.partition("_")[0] for name in names} == {"password"}
    assert passwords._threads._max_workers == 3
