"""TLS to a real PostgreSQL: what the address requires is what is done, and each start-up error names its cause."""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from app.cli.migrate import bring_up_to_date
from app.db.connect import connect
from app.db.migrate import migrate
from app.db.pool import open_pool
from app.dev.postgres import free_port
from app.errors import AppError, CannotStart
from app.importers.follow.passes import Request, run_pass
from app.settings import Settings
from tests.debian_servers import (
    CERTIFICATE,
    CLIENT_CERTIFICATE,
    CLIENT_KEY,
    KEY,
    POSTGRES,
    TLSPostgres,
)
from tests.servers import PASSWORD, private_folder
from tests.waiting import until

pytestmark = pytest.mark.skipif(
    POSTGRES is None, reason="PostgreSQL is not installed (apt-get install postgresql)"
)

VERIFIED = {"sslmode": "verify-full", "sslrootcert": CERTIFICATE}
CLIENT = {"sslcert": CLIENT_CERTIFICATE, "sslkey": CLIENT_KEY}


@pytest.fixture(scope="module")
def server() -> Iterator[TLSPostgres]:
    """Accepts connections with TLS only; those to `postgres` with a client certificate only."""
    with private_folder() as folder, pytest.MonkeyPatch.context() as patched:
        # Debian's server has TLS, which that of the other tests has not, and may be older.
        patched.setattr("app.db.migrate.OLDEST_SERVER", 15)
        server = TLSPostgres(
            folder,
            hosts=[
                "hostssl dno all 127.0.0.1/32 scram-sha-256",
                "hostssl postgres all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca",
            ],
        )
        server.start()
        asyncio.run(migrate(server.url()))
        yield server
        server.stop()


def with_options(url: str, **options: object) -> str:
    return f"{url}?{urlencode(options)}" if options else url


async def uses_tls(url: str) -> bool:
    connection = await connect(url, within=20)
    try:
        found = await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        return bool(found)
    finally:
        connection.terminate()


async def problem(url: str) -> str:
    """The sentence of the start without a further attempt."""
    with pytest.raises(CannotStart) as refused:
        await bring_up_to_date(Settings(database_url=url))
    assert PASSWORD not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    "options",
    [
        {},  # sslmode=prefer
        {"sslmode": "require"},
        {"sslmode": "verify-ca", "sslrootcert": CERTIFICATE},
        VERIFIED,
        {**VERIFIED, **CLIENT, "target_session_attrs": "read-write"},
    ],
)
async def test_each_mode_encrypts(server: TLSPostgres, options: dict[str, object]) -> None:
    assert await uses_tls(with_options(server.url(), **options))


async def test_a_client_certificate_is_sent(server: TLSPostgres) -> None:
    assert await uses_tls(with_options(server.url("postgres"), **VERIFIED, **CLIENT))


async def test_the_host_name_is_compared_by_verify_full_only(server: TLSPostgres) -> None:
    by_address = server.url().replace("localhost", "127.0.0.1")
    assert await uses_tls(with_options(by_address, **{**VERIFIED, "sslmode": "verify-ca"}))
    assert "has a certificate for another host name: use the name that is in it" in await problem(
        with_options(by_address, **VERIFIED)
    )


async def test_with_several_hosts_each_is_verified(server: TLSPostgres) -> None:
    where = f"localhost:{server.port}"
    several = server.url().replace(where, f"localhost:{free_port()},{where}")
    assert await uses_tls(with_options(several, **VERIFIED))
    both = server.url().replace(where, f"127.0.0.1:{server.port},{where}")
    assert await uses_tls(with_options(both, **VERIFIED))


async def test_the_pool_uses_the_same_address(server: TLSPostgres) -> None:
    settings = Settings(database_url=with_options(server.url(), **VERIFIED))
    assert await bring_up_to_date(settings) == []
    async with open_pool(settings) as pool:
        rows = await pool.fetch(
            "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'dno'"
        )
    assert {row[0] for row in rows} == {True}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sslmode": "disable"}, "accepts only connections with TLS: set sslmode=verify-full"),
        (
            {"sslmode": "verify-full", "sslrootcert": CLIENT_CERTIFICATE},
            r"has a certificate that is not trusted \(self-signed certificate\): name the certificate of its",
        ),
        ({"sslmode": "verify-full"}, "sslmode=verify-full needs sslrootcert="),
        (
            {**VERIFIED, "sslrootcert": "/none"},
            r"sslrootcert names /none, which cannot be read \(No such file",
        ),
        ({**VERIFIED, "sslrootcert": "system"}, "authorities are in /etc/ssl/certs/ca-certificates.crt"),
        ({**VERIFIED, "sslrootcert": KEY}, "sslrootcert names .*key.pem, which holds no certificates"),
        (
            {**VERIFIED, **CLIENT, "sslkey": "/none"},
            r"sslkey names /none, which cannot be read \(No such file",
        ),
        (
            {**VERIFIED, **CLIENT, "sslkey": KEY},
            "sslcert and sslkey: the key does not belong to the certificate",
        ),
        ({**VERIFIED, "sslcert": KEY, "sslkey": KEY}, "sslcert and sslkey: the files hold no certificate"),
        (
            {**VERIFIED, "sslcert": CERTIFICATE, "sslkey": KEY},
            r"refuses the certificate in sslcert \(unknown ca\)",
        ),
        ({"sslmode": "verify"}, "cannot be used: `sslmode` parameter must be one of: disable"),
        ({"sslmode": "require", "ssl_min_protocol_version": "TLSv9"}, "No such TLS version: TLSv9"),
        ({"sslmoode": "require"}, 'refuses a start-up parameter: unrecognized .*"sslmoode"\\.$'),
    ],
)
async def test_the_cause_is_named(server: TLSPostgres, options: dict[str, object], sentence: str) -> None:
    url = with_options(server.url(), **options)
    with pytest.raises(CannotStart, match=sentence):
        await bring_up_to_date(Settings(database_url=url))
    # A followed database is opened by other code, with the same sentences.
    request = Request(url, with_options(server.url(), **VERIFIED), 20)

    async def is_named() -> bool:
        with pytest.raises(AppError) as raised:
            await run_pass(request)
        # The reset of a connection can overtake the reason for it, which the next pass then reports.
        if "does not answer at the moment" in str(raised.value):
            return False
        raised.match(sentence)
        return True

    await until(is_named)


async def test_a_missing_client_certificate_and_a_database_without_access_are_named(
    server: TLSPostgres,
) -> None:
    assert "requires a certificate of the client: name it with sslcert and sslkey" in await problem(
        with_options(server.url("postgres"), **VERIFIED)
    )
    assert "has no line in its pg_hba.conf that lets this user in" in await problem(
        with_options(server.url("template1"), **VERIFIED)
    )


async def test_a_wrong_password_and_an_unknown_database_are_named(
    server: TLSPostgres, database_url: str
) -> None:
    wrong = server.url().replace(PASSWORD, "wrong")
    assert "refuses this user: correct the user or the password" in await problem(
        with_options(wrong, **VERIFIED)
    )
    assert "has no such database: create it" in await problem(f"{database_url}_2")


async def test_a_server_without_tls_is_named(database_url: str) -> None:
    """The embedded one is built without."""
    sentence = await problem(with_options(database_url, sslmode="require"))
    assert "accepts no TLS, and the address has sslmode=require" in sentence


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        (
            "nowhere.invalid",
            r"there is no host of this name|the name server does not answer|no reply in time",
        ),
        ("localhost", "connection refused"),
    ],
)
async def test_a_host_that_is_not_found_or_does_not_answer_is_named_after_further_attempts(
    host: str, reason: str
) -> None:
    url = f"postgresql://dno:{PASSWORD}@{host}:{free_port()}/dno"
    with pytest.raises(CannotStart, match=f"does not answer at {host}:.* \\(({reason})\\): start it"):
        await bring_up_to_date(Settings(database_url=url, start_timeout=0.5))


@pytest.mark.parametrize("url", ["postgresql://dno:pass/word@one/dno", "postgresql://dno:word@[one/dno"])
async def test_a_damaged_address_is_named_without_any_of_its_parts(url: str) -> None:
    sentence = await problem(url)
    assert sentence.startswith("The address of PostgreSQL in DATABASE_URL cannot be used")
    assert "word" not in sentence.replace("password", "")
