"""One read for all of its waiting callers: its result, its error, and its end when no caller waits."""

import asyncio
import traceback
from typing import Any

import pytest

from app.cache.in_flight_reads import Fetch, InFlightRead, InFlightReads, Wait
from tests.waiting import LIMIT


def read_of(tag: str) -> InFlightRead:
    return InFlightRead(None, tag.upper(), tag, 7)  # type: ignore[arg-type]


def wait_for(*reads: InFlightRead) -> Wait:
    return Wait(reads, asyncio.get_running_loop())


async def test_a_new_read_was_neither_sent_nor_answered() -> None:
    read = InFlightRead(None, "key", "tag", 7)  # type: ignore[arg-type]
    assert (read.key, read.tag, read.since, read.until) == ("key", "tag", 7, 0.0)
    assert (read.token, read.value, read.fetch, read.waiters) == (None, None, None, [])
    assert (read.dispatched, read.fetched, read.resolved, read.round_trips) == (False, False, False, 0)


async def test_a_caller_waits_until_all_of_its_reads_are_resolved() -> None:
    reads = [read_of(tag) for tag in "abc"]
    task = asyncio.create_task(wait_for(*reads).finished())
    for read in reads:
        await asyncio.sleep(0)
        assert not task.done()
        read.resolve(read.tag, 5.0)
    await task
    assert [(read.result(), read.until, read.resolved) for read in reads] == [
        (tag, 5.0, True) for tag in "abc"
    ]
    assert not any(read.waiters for read in reads)


async def test_reads_that_are_resolved_already_are_not_waited_for() -> None:
    done, open_read = read_of("a"), read_of("b")
    done.resolve("value", 5.0)
    await wait_for(done).finished()
    task = asyncio.create_task(wait_for(done, open_read).finished())
    await asyncio.sleep(0)
    assert not task.done()
    assert (len(done.waiters), len(open_read.waiters)) == (0, 1)
    open_read.resolve("value", 5.0)
    await task


async def test_an_error_is_raised_to_each_caller_with_the_same_traceback() -> None:
    read = read_of("a")
    waits = [wait_for(read), wait_for(read)]
    try:
        raise ValueError("broken")
    except ValueError as error:
        read.fail(error)
    for wait in waits:
        await wait.finished()
    depths = []
    for _ in range(3):
        with pytest.raises(ValueError, match="broken") as raised:
            read.result()
        depths.append(len(traceback.extract_tb(raised.value.__traceback__)))
    assert len(set(depths)) == 1


async def test_a_read_that_is_resolved_does_not_fail_any_more() -> None:
    read = read_of("a")
    read.resolve("value", 5.0)
    read.fail(ValueError("later"))
    assert read.result() == "value"


async def test_a_cancelled_caller_leaves_its_reads_and_other_callers_stay() -> None:
    first, second = read_of("a"), read_of("b")
    cancelled = asyncio.create_task(wait_for(first, second).finished())
    staying = asyncio.create_task(wait_for(first).finished())
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert (len(first.waiters), len(second.waiters)) == (1, 0)
    first.resolve("value", 5.0)
    await staying


async def test_a_caller_that_is_cancelled_while_its_read_resolves_disturbs_no_other() -> None:
    read = read_of("a")
    wait, other = wait_for(read), wait_for(read)
    task = asyncio.create_task(wait.finished())
    await asyncio.sleep(0)
    task.cancel()
    read.resolve("value", 5.0)
    with pytest.raises(asyncio.CancelledError):
        await task
    await other.finished()


def test_a_read_is_joined_until_it_is_closed_or_detached() -> None:
    reads = InFlightReads()
    a, b = read_of("a"), read_of("b")
    reads.add(a)
    reads.add(b)
    assert len(reads) == 2
    assert reads.get("a") is a
    reads.detach(["a", "unknown"])
    assert reads.get("a") is None
    later = read_of("a")
    reads.add(later)
    reads.close(a)  # another read has taken its place
    assert reads.get("a") is later
    reads.close(later)
    reads.close(b)
    assert len(reads) == 0


async def fetching(reads: list[InFlightRead], open_reads: InFlightReads, stop: asyncio.Event) -> str:
    try:
        async with asyncio.timeout(None) as bound:
            fetch = Fetch(reads, open_reads, bound)
            for read in reads:
                read.fetch = fetch
            await stop.wait()
            fetch.finished()
        return "finished"
    except TimeoutError:
        return "cancelled"


async def started(reads: list[InFlightRead]) -> tuple[InFlightReads, asyncio.Event, "asyncio.Task[str]"]:
    open_reads, stop = InFlightReads(), asyncio.Event()
    for read in reads:
        open_reads.add(read)
    task = asyncio.create_task(fetching(reads, open_reads, stop))
    await asyncio.sleep(0)
    return open_reads, stop, task


async def test_a_statement_is_cancelled_once_no_caller_waits_for_any_of_its_reads() -> None:
    reads = [read_of("a"), read_of("b")]
    open_reads, _, task = await started(reads)
    waits = [wait_for(read) for read in reads]
    reads[0].leave(waits[0])
    assert len(open_reads) == 2
    reads[1].leave(waits[1])
    assert len(open_reads) == 0  # no later caller joins them
    assert await asyncio.wait_for(task, LIMIT) == "cancelled"


async def test_a_finished_statement_is_not_cancelled_and_refers_to_no_read() -> None:
    read = read_of("a")
    _, stop, task = await started([read])
    wait = wait_for(read)
    stop.set()
    assert await asyncio.wait_for(task, LIMIT) == "finished"
    fetch: Any = read.fetch
    assert (fetch._reads, fetch._bound) == ((), None)
    read.leave(wait)
    assert not read.waiters


async def test_a_caller_that_leaves_before_the_statement_began_leaves_only_its_read() -> None:
    read = read_of("a")
    wait = wait_for(read)
    read.leave(wait)
    assert (read.waiters, read.fetch) == ([], None)
