"""A pooler between the server and PostgreSQL: its session mode works, the others are rejected with the reason."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.cli.migrate import bring_up_to_date
from app.db.pool import open_pool
from app.db.pooler import refuse_transaction_pooling
from app.db.unit_of_work import write
from app.domain.account import ANONYMOUS
from app.errors import CannotStart
from app.importers import load
from app.settings import Settings
from tests.debian_servers import CERTIFICATE, KEY
from tests.pgbouncer import PROGRAM, PgBouncer
from tests.server_process import dno
from tests.servers import PASSWORD, private_folder

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="PgBouncer is not installed (apt-get install pgbouncer)"
)

Start = Callable[..., PgBouncer]


@pytest.fixture
def pgbouncer(database_url: str) -> Iterator[Start]:
    with ExitStack() as running:

        def start(pool_mode: str, **options: str) -> PgBouncer:
            folder: Path = running.enter_context(private_folder())
            bouncer = PgBouncer(folder, database_url, pool_mode=pool_mode, **options)
            running.callback(bouncer.stop)
            return bouncer

        yield start


@pytest.mark.parametrize("pool_mode", ["transaction", "statement"])
async def test_transaction_and_statement_pooling_is_rejected_at_the_start(
    pgbouncer: Start, pool_mode: str
) -> None:
    url = pgbouncer(pool_mode).url
    for _ in range(3):
        with pytest.raises(CannotStart, match="pool_mode to session"):
            await bring_up_to_date(Settings(database_url=url))


async def test_transaction_pooling_is_detected_while_other_clients_use_the_pooler(pgbouncer: Start) -> None:
    url = pgbouncer("transaction").url
    refused = await asyncio.gather(
        *(refuse_transaction_pooling(url, within=20) for _ in range(8)), return_exceptions=True
    )
    assert {type(one) for one in refused} == {CannotStart}


def test_the_command_reports_transaction_pooling_in_one_sentence(pgbouncer: Start) -> None:
    url = pgbouncer("transaction").url
    for command in ("migrate", "serve"):
        refused = dno(
            command, environment={"DATABASE_URL": url, "REDIS_URL": "redis://127.0.0.1:1", "PORT": "0"}
        )
        assert refused.returncode == 1
        assert "is a pooler in transaction or statement mode" in refused.stderr
        assert "for-tests-only" not in refused.stderr


async def test_direct_connections_and_session_pooling_are_accepted(
    database_url: str, pgbouncer: Start
) -> None:
    session = pgbouncer("session").url
    for url in (database_url, session):
        await asyncio.gather(*(refuse_transaction_pooling(url, within=20) for _ in range(5)))


async def test_the_session_mode_works(pgbouncer: Start) -> None:
    """Start-up parameters that the pooler ignores are set all the same."""
    settings = Settings(database_url=pgbouncer("session").url, database_statement_timeout=3)
    assert await bring_up_to_date(settings) == []
    async with open_pool(settings) as pool:
        timeouts = await asyncio.gather(*(pool.fetch("SHOW statement_timeout") for _ in range(20)))
        assert {rows[0][0] for rows in timeouts} == {"3s"}
        assert (await write(pool, ANONYMOUS, lambda work: work.connection.fetchval("SELECT 1")))[0] == 1


async def test_imports_have_their_settings_also_where_the_pooler_ignores_those_of_the_start(
    pgbouncer: Start,
) -> None:
    async with load.connect(pgbouncer("session").url, deadline=7) as connection:
        for name, value in (("lock_timeout", "7s"), ("jit", "off"), ("work_mem", "64MB")):
            assert await connection.fetchval(f"SHOW {name}") == value


async def test_a_refused_start_up_parameter_is_named(pgbouncer: Start) -> None:
    url = pgbouncer("session", ignored="").url
    with pytest.raises(
        CannotStart, match=r"refuses a start-up parameter: .*statement_timeout.*ignore_startup_parameters"
    ):
        async with open_pool(Settings(database_url=url)):
            pass


async def test_what_pgbouncer_refuses_with_one_code_is_distinguished(database_url: str, folder: Path) -> None:
    """Here also with TLS between the server and the pooler."""
    key = folder / "key.pem"
    key.write_bytes(KEY.read_bytes())
    key.chmod(0o644)  # of the tests; the pooler runs under another account
    more = [
        "auth_type = scram-sha-256",
        "client_tls_sslmode = require",
        f"client_tls_key_file = {key}",
        f"client_tls_cert_file = {CERTIFICATE}",
    ]
    bouncer = PgBouncer(folder, database_url, pool_mode="session", more=more)
    bouncer.stop()
    configuration = folder / "pgbouncer.ini"
    name = urlsplit(database_url).path.strip("/")
    configuration.write_text(configuration.read_text().replace("* = host", f"{name} = host"))
    bouncer.start()
    try:
        url = bouncer.url.replace("127.0.0.1", "localhost")
        verified = f"?sslmode=verify-full&sslrootcert={CERTIFICATE}"
        assert await bring_up_to_date(Settings(database_url=url + verified)) == []
        for wrong, sentence in (
            (f"{url}?sslmode=disable", "accepts only connections with TLS"),
            (url.replace(PASSWORD, "wrong") + verified, "refuses this user"),
            (f"{url}_2{verified}", "has no such database"),
        ):
            with pytest.raises(CannotStart, match=sentence):
                await bring_up_to_date(Settings(database_url=wrong))
    finally:
        bouncer.stop()


async def test_a_start_up_parameter_of_the_address_that_postgresql_refuses_is_named(
    database_url: str,
) -> None:
    for query in ("?no_such_setting=1", "?work_mem=much"):
        with pytest.raises(CannotStart, match=r"refuses a start-up parameter: .*(no_such_setting|work_mem)"):
            await bring_up_to_date(Settings(database_url=database_url + query))
