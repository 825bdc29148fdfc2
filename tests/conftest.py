"""Real PostgreSQL and Valkey for every test that requests them; nothing is left running afterwards.

One PostgreSQL serves the whole run: the process that was started by hand owns it, so it outlives every
pytest-xdist worker. Each worker has a database of its own in it, and a Valkey of its own.
"""

import asyncio
import gc
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import asyncpg
import httpx
import msgspec
import pytest
import structlog
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from app.db.migrate import migrate
from app.db.pool import Connection, Pool, open_pool
from app.dev.postgres import Postgres
from app.dev.valkey import Valkey
from app.settings import Settings, as_environment
from tests import servers
from tests.server_process import ServerProcess
from tests.servers import (
    ADMIN_PASSWORD,
    EMPTY,
    FAST,
    PASSWORD,
    PostgresPair,
    PrivatePostgres,
    PrivateValkey,
    clone,
    cloned,
    private_folder,
)

# Containers often turn it off; as the Makefile, for runs without it: each process would compile all modules again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# The time that an example takes is not tested.
hypothesis_settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("busy machine")

# Most tests make a client, and reading the certificates of authorities takes longer than its requests.
httpx._transports.default.create_ssl_context = cache(httpx.create_ssl_context)


class Node(Protocol):
    """A worker, as the controller of pytest-xdist sees it."""

    config: pytest.Config
    workerinput: dict[str, Any]


# Hundreds of tests start an application of their own; further connections are opened on demand.
FEW_CONNECTIONS: Final = {"min_redis_connections": 1, "min_database_connections": 1}
RUNNING = pytest.StashKey[str]()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Modules and items are no garbage; looking for it takes a sixth of the collection."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """As a server does after its start: collections do not traverse what stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(Settings().garbage_threshold, 20, 100)


def pytest_configure(config: pytest.Config) -> None:
    # A logger that is bound once would keep the processors of the test that used it first.
    configure = structlog.configure
    structlog.configure = lambda **options: configure(**{**options, "cache_logger_on_first_use": False})
    given: dict[str, str] = getattr(config, "workerinput", {})
    if "postgres_template" in given:
        servers.template = Path(given["postgres_template"])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Node) -> None:
    node.workerinput["postgres"] = _postgres_of_the_run(node.config)
    node.workerinput["postgres_template"] = str(servers.template)


def _postgres_of_the_run(config: pytest.Config) -> str:
    if RUNNING not in config.stash:
        running = ExitStack()
        config.add_cleanup(running.close)
        folder = running.enter_context(private_folder())
        server = Postgres(folder, PASSWORD, admin_password=ADMIN_PASSWORD, settings=FAST)
        running.callback(server.stop)
        server.start()
        asyncio.run(migrate(server.url()))  # the template of all databases
        server.stop()
        servers.template = folder / "template"
        subprocess.run(["cp", "-a", server.data, servers.template], check=True)
        server.start()
        config.stash[RUNNING] = server.admin_url()
    return config.stash[RUNNING]


@pytest.fixture(scope="session")
def _postgres_url(request: pytest.FixtureRequest) -> str:
    worker: dict[str, str] = getattr(request.config, "workerinput", {})
    return worker.get("postgres") or _postgres_of_the_run(request.config)


@pytest.fixture(scope="session")
async def database_url(_postgres_url: str, worker_id: str) -> str:
    """This worker's database: migrated, and emptied for every test that requests `pool`."""
    return await clone(_postgres_url, f"dno_{worker_id}")


@pytest.fixture(scope="session")
def _valkey_of_the_worker() -> Iterator[Valkey]:
    with private_folder() as folder:
        server = Valkey(folder, PASSWORD, keeps=False)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def redis_url(_valkey_of_the_worker: Valkey) -> str:
    """This worker's Valkey, empty."""
    _valkey_of_the_worker.command("FLUSHALL")
    return _valkey_of_the_worker.url


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    """The addresses of this worker's servers and few connections at the start; every other setting has its default."""
    return Settings(database_url=database_url, redis_url=redis_url, **FEW_CONNECTIONS)


@pytest.fixture(scope="module")
async def lasting_settings(_postgres_url: str, worker_id: str) -> AsyncIterator[Settings]:
    """As `settings`, with a database and a Valkey that only this module uses and that nothing empties before its end.

    For tests that read from one application, where starting it takes longer than all that they ask of it.
    """
    with private_folder() as folder:
        server = PrivateValkey(folder)
        try:
            async with cloned(_postgres_url, f"dno_{worker_id}_lasting") as url:
                yield Settings(database_url=url, redis_url=server.url, **FEW_CONNECTIONS)
        finally:
            server.stop()


@pytest.fixture(scope="session")
def admin_url(_postgres_url: str, database_url: str) -> str:
    """The superuser's address of this worker's database."""
    return urlsplit(_postgres_url)._replace(path=urlsplit(database_url).path).geturl()


@pytest.fixture(scope="session")
async def _superuser(admin_url: str) -> AsyncIterator[Connection]:
    connection: Connection = await asyncpg.connect(admin_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def _pool_of_the_worker(database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(Settings(database_url=database_url)) as opened:
        yield opened


@pytest.fixture
async def pool(_pool_of_the_worker: Pool, _superuser: Connection) -> Pool:
    """All tables empty, no statement counted yet."""
    await _superuser.execute(EMPTY)
    _pool_of_the_worker.statements = 0
    return _pool_of_the_worker


@pytest.fixture
def valkey() -> Iterator[PrivateValkey]:
    """A server of its own, for a test that stops or reconfigures it."""
    with private_folder() as folder:
        server = PrivateValkey(folder)
        yield server
        server.stop()


@pytest.fixture
def private_postgres() -> Iterator[PrivatePostgres]:
    """A server of its own, for a test that stops or reconfigures it."""
    with private_folder() as folder:
        server = PrivatePostgres(folder)
        yield server
        server.stop()


@pytest.fixture
def postgres_pair() -> Iterator[PostgresPair]:
    """A primary and its standby, for a test of fail-over."""
    with private_folder() as folder:
        pair = PostgresPair(folder)
        yield pair
        pair.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Empty, and open to the account that PostgreSQL runs under."""
    with private_folder() as path:
        yield path


@pytest.fixture
def instance(settings: Settings, folder: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Starts whole servers on this worker's database and Valkey: `instance(workers=2).url`."""
    started: list[ServerProcess] = []

    def start(**changed: object) -> ServerProcess:
        wanted = msgspec.structs.replace(settings, **{"rate_limit_anonymous": 0, **changed})
        environment = as_environment(wanted)
        del environment["DNO_PORT"]
        started.append(ServerProcess(folder, environment))
        started[-1].wait_until_ready()
        return started[-1]

    yield start
    for server in started:
        server.stop(signal.SIGINT)
