"""PostgreSQL and Valkey for the tests, and what can be done to them."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import psutil

from app.child_process import Child
from app.db.migrate import migrate
from app.dev.postgres import DATABASE, Postgres
from app.dev.valkey import Valkey
from tests.waiting import until, until_equal

# The data are deleted after the run: nothing needs to reach a disk.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "400",
    "wal_retrieve_retry_interval": "100ms",
}
PASSWORD = "for-tests-only"
ADMIN_PASSWORD = "for-tests-of-the-superuser"
# Without triggers, as on a replica: history may be deleted, and no event is written.
# One DELETE of everything takes 1 ms where TRUNCATE takes 40.
EMPTY = """
DO $$
BEGIN
    SET LOCAL lock_timeout = '10s';
    SET LOCAL session_replication_role = replica;
    EXECUTE (
        SELECT 'WITH ' || string_agg(format('d%s AS (DELETE FROM %I)', oid, relname), ', ') || ' SELECT 1'
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        AND relname NOT IN ('migrations', 'cache_epoch', 'families')
    );
    UPDATE cache_epoch SET epoch = 1, redis_identity = NULL, previous_identity = NULL, raised_at = NULL, confirmed_at = NULL;
    PERFORM setval(oid, 1, false)
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
        AND relname <> 'migrations_id_seq';
END $$
"""


class _Private:
    """For tests that stop, pause or kill it: its address stays the same."""

    _server: Postgres | Valkey

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self.resume()
        self._server.stop()

    def pause(self) -> None:
        _signal(self._server.pid, signal.SIGSTOP)

    def resume(self) -> None:
        _signal(self._server.pid, signal.SIGCONT)

    def kill(self) -> None:
        _signal(self._server.pid, signal.SIGKILL)
        self._server.stop()


class PrivateValkey(_Private):
    def __init__(self, folder: Path) -> None:
        self._server: Valkey = Valkey(folder, PASSWORD, keeps=False)
        self._server.start()

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def pid(self) -> int:
        return self._server.pid

    @property
    def folder(self) -> Path:
        """The folder of its data."""
        return self._server.folder

    def command(self, *words: str) -> bytes:
        return self._server.command(*words)

    def restart_empty(self) -> None:
        """Another process, with another run id, at the same address."""
        self.kill()
        self.start()


# Data of a migrated server that was shut down; private servers start with a copy of them, which takes a tenth of initdb.
template: Path | None = None


class _Replicated(Postgres):
    """Starts as a copy of `primary`, if given, and follows it by streaming replication; else as a copy of `template`."""

    def __init__(self, folder: Path, primary: Postgres | None) -> None:
        super().__init__(folder, PASSWORD, admin_password=ADMIN_PASSWORD, settings=FAST)
        self.primary = primary

    def _initialize(self) -> None:
        if self.primary is None:
            if template is None:
                return super()._initialize()
            subprocess.run(["cp", "-a", template, self.data], check=True)
            return None
        self.data.mkdir(mode=0o700)
        if self._account:
            shutil.chown(self.data, self._account.pw_uid, self._account.pw_gid)
        self._tool(
            *("pg_basebackup", "-d", self.primary.admin_url("postgres"), "-D", self.data),
            *("--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"),
        )
        return None


class PrivatePostgres(_Private):
    """Migrated; or a standby of `primary`."""

    _server: _Replicated

    def __init__(self, folder: Path, primary: "PrivatePostgres | None" = None) -> None:
        self._server = _Replicated(folder, primary._server if primary else None)
        self._server.start()
        if primary is None and template is None:
            asyncio.run(migrate(self.url))

    @property
    def url(self) -> str:
        return self._server.url()

    @property
    def admin_url(self) -> str:
        """The superuser's, for what the application's role may not do."""
        return self._server.admin_url()

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self._server.data

    def errors(self, text: str) -> int:
        """How often the text is in the server's log."""
        return self._server.log.read_text(errors="replace").count(text)

    async def refuse_writes(self) -> None:
        """Also in sessions that are already open; reads are still answered."""
        await self._set_read_only("on")

    async def accept_writes(self) -> None:
        await self._set_read_only("off")

    async def _set_read_only(self, value: str) -> None:
        await fetchval(self.admin_url, f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        await fetchval(self.admin_url, "SELECT pg_reload_conf()")
        # The server reads its configuration later than it answers.
        await until_equal(lambda: fetchval(self.admin_url, "SHOW default_transaction_read_only"), value)

    async def hold_commits(self) -> None:
        """Commits of sessions with `synchronous_commit` wait for a standby; meanwhile their changes are not visible."""
        await self._wait_for_standby("missing_standby")
        connection = await asyncpg.connect(self.admin_url, timeout=10)
        try:
            await connection.execute("SET synchronous_commit = on")
            cancelled = (
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                f" WHERE wait_event = 'SyncRep' AND pid = {connection.get_server_pid()}"
            )

            # A commit waits only once another process, the checkpointer, has read the configuration, too.
            async def commit_was_held() -> bool:
                held = False
                commit = asyncio.create_task(
                    connection.execute("SELECT pg_logical_emit_message(true, 'test', '')")
                )
                while not commit.done():
                    held = await fetchval(self.admin_url, cancelled) or held
                await commit
                return held

            await until(commit_was_held)
        finally:
            await connection.close(timeout=5)

    async def release_commits(self) -> None:
        await self._wait_for_standby("")

    async def _wait_for_standby(self, name: str) -> None:
        await fetchval(self.admin_url, f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        await fetchval(self.admin_url, "SELECT pg_reload_conf()")

    def follow(self, primary: "PrivatePostgres") -> None:
        """Starts again as a copy; its own data are deleted."""
        self.stop()
        shutil.rmtree(self._server.data)
        self._server.primary = primary._server
        self.start()


class PostgresPair:
    """A primary and a standby that follows it. A fail-over exchanges their roles; addresses stay."""

    def __init__(self, folder: Path) -> None:
        places = [folder / "first", folder / "second"]
        for place in places:
            place.mkdir(mode=0o711)
        self.primary = PrivatePostgres(places[0])
        self.standby = PrivatePostgres(places[1], self.primary)

    @property
    def url(self) -> str:
        """The address of the current primary."""
        return self.primary.url

    @property
    def url_of_both(self) -> str:
        """For clients that find the primary themselves."""
        first, second = sorted((self.primary.port, self.standby.port))
        where = f"127.0.0.1:{self.primary.port}/"
        return (
            self.url.replace(where, f"127.0.0.1:{first},127.0.0.1:{second}/")
            + "?target_session_attrs=read-write"
        )

    def stop(self) -> None:
        self.standby.stop()
        self.primary.stop()

    async def fail_over(self, *, old_stays: bool) -> None:
        """Nothing that was committed is lost. The old primary stays up and refuses writes, or stops."""
        await self.until_standby_follows()
        if old_stays:
            await self.primary.refuse_writes()
            await _until(
                self.primary.admin_url, "SELECT current_setting('default_transaction_read_only')::bool"
            )
            await self.until_standby_has_all()
        else:
            await asyncio.to_thread(self.primary.stop)  # waits until its standby has all of it
        await fetchval(self.standby.admin_url, "SELECT pg_promote()")
        self.primary, self.standby = self.standby, self.primary

    async def stop_following(self) -> None:
        """The standby receives nothing more: what the primary commits from here on is missing where it is promoted."""
        await fetchval(self.standby.admin_url, "ALTER SYSTEM SET primary_conninfo = ''")
        await fetchval(self.standby.admin_url, "SELECT pg_reload_conf()")
        await _until(self.standby.admin_url, "SELECT count(*) = 0 FROM pg_stat_wal_receiver")

    async def fail_over_without_the_latest(self) -> None:
        """The primary is gone, and its standby, which has stopped following, takes its place."""
        await asyncio.to_thread(self.primary.kill)
        await fetchval(self.standby.admin_url, "SELECT pg_promote()")
        self.primary, self.standby = self.standby, self.primary

    async def renew_standby(self) -> None:
        """The old primary becomes a copy of the new one, and follows it."""
        await asyncio.to_thread(self.standby.follow, self.primary)

    async def until_standby_follows(self) -> None:
        """After a restart of the primary the standby takes a moment to reconnect."""
        await _until(
            self.primary.admin_url, "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'"
        )

    async def until_standby_has_all(self) -> None:
        """Also of the transactions that have begun."""
        now = await fetchval(self.primary.admin_url, "SELECT extract(epoch FROM clock_timestamp())")
        await _until(
            self.primary.admin_url,
            "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'client backend'"
            f" AND xact_start < to_timestamp({now}) AND pid <> pg_backend_pid()",
        )
        await _until(
            self.primary.admin_url,
            "SELECT bool_or(replay_lsn >= pg_current_wal_insert_lsn()) FROM pg_stat_replication",
        )


async def _until(url: str, condition: str) -> None:
    await until(lambda: fetchval(url, condition))


async def fetchval(url: str, statement: str) -> Any:
    connection = await asyncpg.connect(url, timeout=10, command_timeout=10)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close(timeout=5)


def wait_until_listening(port: int, child: Child, log: Path) -> None:
    """Raises AssertionError with the log of a program that has ended, or does not listen in time."""
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < until, log.read_text()
            assert not child.ended, log.read_text()
            time.sleep(0.02)


async def clone(admin_url: str, name: str) -> str:
    """The address of a new, migrated, empty database, which belongs to the application's role."""
    connection = await asyncpg.connect(admin_url, database="postgres")
    try:
        await connection.execute(f'CREATE DATABASE "{name}" OWNER {DATABASE} TEMPLATE {DATABASE}')
    finally:
        await connection.close()
    parts = urlsplit(admin_url)
    where = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{DATABASE}:{PASSWORD}@{where}", path=f"/{name}").geturl()


@asynccontextmanager
async def cloned(admin_url: str, name: str) -> AsyncIterator[str]:
    """As `clone`; at the end the database is gone, also where a session is still open."""
    url = await clone(admin_url, name)
    try:
        yield url
    finally:
        connection = await asyncpg.connect(admin_url, database="postgres")
        try:
            await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        finally:
            await connection.close()


@contextmanager
def private_folder() -> Iterator[Path]:
    """Short enough for a socket's name, and open to the account that PostgreSQL runs under."""
    folder = Path(tempfile.mkdtemp(prefix="dno-tests-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _signal(pid: int, number: signal.Signals) -> None:
    """To all child processes too: each session of PostgreSQL is a process of its own."""
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in family:
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            continue
    if number == signal.SIGKILL:
        psutil.wait_procs(family[1:], timeout=10)
