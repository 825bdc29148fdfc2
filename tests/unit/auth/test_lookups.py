"""Keys requested at one moment are fetched together, one fetch at a time."""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from app.auth.lookups import AT_ONCE, Lookups
from tests.waiting import LIMIT

caller: ContextVar[str] = ContextVar("caller", default="none")


class Store:
    """Each fetch waits until it is released."""

    def __init__(self) -> None:
        self.values = {"a": 1, "b": 2}
        self.fetched: list[list[str]] = []
        self.callers: list[str] = []
        self.error: BaseException | None = None
        self.release = asyncio.Event()
        self.release.set()

    async def fetch(self, keys: Sequence[str]) -> dict[str, int]:
        self.fetched.append(list(keys))
        self.callers.append(caller.get())
        found = {key: self.values[key] for key in keys if key in self.values}
        await self.release.wait()
        if self.error is not None:
            raise self.error
        return found


async def begin(lookups: Lookups[str, int], *keys: str) -> "list[asyncio.Task[int | None]]":
    tasks = [asyncio.create_task(lookups.get(key)) for key in keys]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_keys_of_one_moment_are_fetched_together_and_each_once() -> None:
    store = Store()
    lookups = Lookups(store.fetch)
    assert await asyncio.gather(*map(lookups.get, "abca")) == [1, 2, None, 1]
    assert store.fetched == [["a", "b", "c"]]
    assert await lookups.get("a") == 1
    assert store.fetched[1:] == [["a"]]


async def test_a_key_is_not_answered_by_a_fetch_that_began_before() -> None:
    store = Store()
    store.release.clear()
    lookups = Lookups(store.fetch)
    first = await begin(lookups, "a")
    store.values["a"] = 10
    later = await begin(lookups, "a", "b")
    assert store.fetched == [["a"]], "one fetch at a time"
    store.release.set()
    assert [await task for task in (*first, *later)] == [1, 10, 2]
    assert store.fetched == [["a"], ["a", "b"]]


async def test_a_fetch_has_a_bounded_number_of_keys() -> None:
    store = Store()
    lookups = Lookups(store.fetch)
    keys = [str(number) for number in range(AT_ONCE + 1)]
    assert await asyncio.gather(*map(lookups.get, keys)) == [None] * len(keys)
    assert [len(fetched) for fetched in store.fetched] == [AT_ONCE, 1]
    assert AT_ONCE == 500


async def test_an_error_is_raised_to_all_callers_of_the_fetch_and_later_ones_are_served() -> None:
    store = Store()
    store.error = ValueError("of the fetch")
    lookups = Lookups(store.fetch)
    outcomes = await asyncio.gather(*map(lookups.get, "ab"), return_exceptions=True)
    assert outcomes == [store.error] * 2
    store.error = None
    assert await lookups.get("a") == 1


async def test_a_cancelled_caller_takes_the_value_from_no_other() -> None:
    store = Store()
    store.release.clear()
    lookups = Lookups(store.fetch)
    leaving, staying = await begin(lookups, "a", "a")
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    store.release.set()
    assert await staying == 1


async def test_callers_of_a_cancelled_fetch_are_cancelled() -> None:
    store = Store()
    store.error = asyncio.CancelledError()
    (waiting,) = await begin(Lookups(store.fetch), "a")
    await asyncio.wait([waiting], timeout=LIMIT)
    assert waiting.cancelled()


async def test_a_fetch_has_a_context_of_its_own() -> None:
    caller.set("mine")
    store = Store()
    await Lookups(store.fetch).get("a")
    assert store.callers == ["none"]
