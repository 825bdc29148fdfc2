"""A scrape is written off the event loop, and once for concurrent requests."""

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.errors import Code
from app.observability.exposition import Exposition, forget_the_dead
from tests.waiting import until


async def test_concurrent_scrapes_share_a_text_that_is_not_older_than_their_requests() -> None:
    written: list[int] = []
    go_on = threading.Event()

    def write() -> bytes:
        written.append(threading.get_ident())
        assert go_on.wait(10)
        return b"%d" % len(written)

    exposition = Exposition(write)
    first = [asyncio.create_task(exposition.text()) for _ in range(20)]
    await until(lambda: written)
    later = [asyncio.create_task(exposition.text()) for _ in range(20)]
    await asyncio.sleep(0.01)
    go_on.set()
    assert set(await asyncio.gather(*first)) == {b"1"}
    assert set(await asyncio.gather(*later)) == {b"2"}
    assert await exposition.text() == b"3"
    assert threading.get_ident() not in written


async def test_the_event_loop_is_not_blocked_meanwhile() -> None:
    going_on = threading.Event()

    def write() -> bytes:
        assert going_on.wait(10)
        return b""

    scrape = asyncio.create_task(Exposition(write=write).text())
    await asyncio.sleep(0.01)
    assert not scrape.done()
    going_on.set()
    await scrape


async def test_a_failed_or_cancelled_scrape_does_not_affect_others() -> None:
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


def test_what_alerts_wait_for_is_counted_from_zero() -> None:
    """Prometheus sees no increase in a counter that begins with the first error: the alert for it would never fire."""
    text = subprocess.run(
        [
            sys.executable,
            "-c",
            "import app.main, app.server.http_protocol, prometheus_client;"
            " print(prometheus_client.generate_latest().decode())",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    for code in Code:
        assert f'dno_graphql_errors_total{{code="{code}"}} 0.0\n' in text
    assert 'dno_http_connections_cut_total{reason="no_room"} 0.0\n' in text
    assert 'dno_follow_passes_total{kind="failed"} 0.0\n' in text


def test_two_workers_may_take_away_the_gauges_of_a_dead_one_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    gauge = tmp_path / f"gauge_livesum_{ended.pid}.db"
    gauge.touch()
    remove = os.remove

    def remove_after_the_other(path: str) -> None:
        remove(path)
        remove(path)

    monkeypatch.setattr(os, "remove", remove_after_the_other)
    forget_the_dead(tmp_path)
    assert not gauge.exists()
