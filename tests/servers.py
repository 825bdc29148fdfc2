"""PostgreSQL and Valkey for the tests, and what can be done to them."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil

from app.db.migrate import migrate
from app.dev.postgres import DATABASE, Postgres
from app.dev.valkey import Valkey

# The data die with the run: nothing needs to reach a disk.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "400",
}
PASSWORD = "for-tests-only"
# Without triggers, as a replica works: history may go, and nothing is written about it.
# One DELETE of everything takes 1 ms where TRUNCATE takes 40.
EMPTY = """
DO $$
BEGIN
    SET LOCAL lock_timeout = '10s';
    SET LOCAL session_replication_role = replica;
    EXECUTE (
        SELECT 'WITH ' || string_agg(format('d%s AS (DELETE FROM %I)', oid, relname), ', ') || ' SELECT 1'
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        AND relname NOT IN ('migrations', 'cache_epoch')
    );
    UPDATE cache_epoch SET epoch = 1, redis_identity = NULL;
    PERFORM setval(oid, 1, false)
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
        AND relname <> 'migrations_id_seq';
END $$
"""


class _Private:
    """For tests that hurt it: its address stays, whatever happens to it."""

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

    def command(self, *words: str) -> bytes:
        return self._server.command(*words)

    def restart_empty(self) -> None:
        """Another process, with another run id, at the same address."""
        self.kill()
        self.start()


class PrivatePostgres(_Private):
    """Migrated."""

    def __init__(self, folder: Path) -> None:
        self._server: Postgres = Postgres(folder, PASSWORD, settings=FAST)
        self._server.start()
        asyncio.run(migrate(self.url))

    @property
    def url(self) -> str:
        return self._server.url()


async def clone(template_url: str, name: str) -> str:
    """The address of a new, migrated, empty database."""
    connection = await asyncpg.connect(template_url, database="postgres")
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE {DATABASE}')
    finally:
        await connection.close()
    return urlsplit(template_url)._replace(path=f"/{name}").geturl()


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
    """To the whole family: each session of PostgreSQL is a process of its own."""
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
