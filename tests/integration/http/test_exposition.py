"""A scrape is written off the event loop, and once for all who ask at one time."""

import asyncio
import threading

from app.observability.exposition import Exposition


async def test_many_scrapes_at_once_are_written_together_and_none_is_older_than_its_question() -> None:
    written: list[int] = []
    go_on = threading.Event()

    def write() -> bytes:
        written.append(threading.get_ident())
        assert go_on.wait(10)
        return b"%d" % len(written)

    exposition = Exposition(write)
    first = [asyncio.create_task(exposition.text()) for _ in range(20)]
    async with asyncio.timeout(10):
        while not written:
            await asyncio.sleep(0.001)
    later = [asyncio.create_task(exposition.text()) for _ in range(20)]
    await asyncio.sleep(0.01)
    go_on.set()
    assert set(await asyncio.gather(*first)) == {b"1"}
    assert set(await asyncio.gather(*later)) == {b"2"}
    assert await exposition.text() == b"3"
    assert threading.get_ident() not in written


async def test_the_event_loop_goes_on_meanwhile() -> None:
    going_on = threading.Event()

    def write() -> bytes:
        assert going_on.wait(10)
        return b""

    scrape = asyncio.create_task(Exposition(write=write).text())
    await asyncio.sleep(0.01)
    assert not scrape.done()
    going_on.set()
    await scrape


async def test_one_that_fails_or_leaves_is_not_the_others_loss() -> None:
    def fail() -> bytes:
        raise OSError

    exposition = Exposition(write=fail)
    outcomes = await asyncio.gather(*(exposition.text() for _ in range(3)), return_exceptions=True)
    assert all(isinstance(outcome, OSError) for outcome in outcomes)
    exposition._write = lambda: b"again"
    leaving = asyncio.create_task(exposition.text())
    staying = asyncio.create_task(exposition.text())
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == b"again"
