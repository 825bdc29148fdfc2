"""A NOTIFY of PostgreSQL is received at once, and a connection that cannot receive any more is given up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from app.db.dedicated_connection import still_writable
from app.db.pool import Pool
from app.errors import Unavailable
from app.jobs import notifications as module
from app.jobs.notifications import Notifications
from app.settings import Settings
from tests.servers import PrivatePostgres
from tests.waiting import until

CHANNEL = "a_test"


@asynccontextmanager
async def listening(settings: Settings) -> AsyncIterator[tuple[Notifications, "asyncio.Task[None]"]]:
    """It listens, and what it may have missed before is announced and taken."""
    notifications = Notifications(CHANNEL, settings)
    running = asyncio.create_task(notifications.run())
    try:
        await asyncio.wait_for(notifications.news.wait(), 30)
        notifications.news.clear()
        yield notifications, running
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_each_notification_of_the_channel_sets_the_event(pool: Pool, settings: Settings) -> None:
    async with listening(settings) as (notifications, running):
        for _ in range(2):
            await pool.fetch("SELECT pg_notify('another_test', '')")
            assert not notifications.news.is_set()
            await pool.fetch("SELECT pg_notify($1, '')", CHANNEL)
            await asyncio.wait_for(notifications.news.wait(), 30)
            notifications.news.clear()
        assert not running.done()


async def test_a_connection_that_was_closed_is_given_up_at_once(
    pool: Pool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_AFTER", 600.0)
    async with listening(settings) as (_, running):
        await pool.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'dno-api notifications' AND datname = current_database()"
        )
        with pytest.raises(Unavailable) as raised:
            await asyncio.wait_for(running, 30)
    assert isinstance(raised.value.__cause__, ConnectionResetError)


async def test_a_session_that_takes_no_writes_any_more_is_given_up(
    settings: Settings, private_postgres: PrivatePostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is that of a former primary, whose notifications are not those of the changes."""
    monkeypatch.setattr(module, "LOOK_AFTER", 0.05)
    async with listening(replace(settings, database_url=private_postgres.url)) as (_, running):
        await private_postgres.refuse_writes()
        with pytest.raises(Unavailable, match="takes no writes"):
            await asyncio.wait_for(running, 30)


async def test_a_silent_connection_is_kept_and_checked_again(
    pool: Pool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_AFTER", 0.01)
    async with listening(settings) as (notifications, running):
        checks = 0
        check = still_writable

        def counted(connection: object) -> None:
            nonlocal checks
            checks += 1
            check(connection)  # type: ignore[arg-type]

        monkeypatch.setattr(module, "still_writable", counted)
        await until(lambda: checks > 3)
        assert not running.done()
        await pool.fetch("SELECT pg_notify($1, '')", CHANNEL)
        await asyncio.wait_for(notifications.news.wait(), 30)
