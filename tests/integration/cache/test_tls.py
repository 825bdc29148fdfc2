"""TLS to real Redis servers, in every topology; the log of the start names the cause of each failure."""

from collections.abc import Iterator
from traceback import format_exception
from urllib.parse import urlencode

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from structlog.testing import capture_logs

from app.cache.open_topology import open_topology
from app.cache.redis import open_redis
from app.cache.session_redis import open_session_server
from app.cache.start_problem import start_problem
from app.dev.postgres import free_port
from app.errors import CannotStart
from app.settings import Settings
from tests.debian_servers import (
    CERTIFICATE,
    CLIENT_CERTIFICATE,
    CLIENT_KEY,
    EXPIRED,
    KEY,
    REDIS,
    TLSRedis,
)
from tests.integration.cache.processes import until_answered
from tests.integration.cache.table import Table
from tests.integration.cache.table_caches import table_caches
from tests.servers import PASSWORD, private_folder
from tests.waiting import PATIENT, until

pytestmark = pytest.mark.skipif(REDIS is None, reason="Redis is not installed (apt-get install redis-server)")

TRUSTED = {"ssl_ca_certs": CERTIFICATE}
CLIENT = {"ssl_certfile": CLIENT_CERTIFICATE, "ssl_keyfile": CLIENT_KEY}


@pytest.fixture(scope="module")
def server() -> Iterator[TLSRedis]:
    """A cluster of one node, whose port also serves clients that expect a single server."""
    with private_folder() as folder:
        server = TLSRedis(folder)
        yield server
        server.stop()


@pytest.fixture(scope="module")
def strict() -> Iterator[TLSRedis]:
    """Requires a client certificate."""
    with private_folder() as folder:
        server = TLSRedis(folder, requires_certificates=True)
        yield server
        server.stop()


def with_options(url: str, **options: object) -> str:
    return f"{url}?{urlencode(options)}" if options else url


async def serves_a_cache(url: str) -> bool:
    """A fill, a read, a removal and a message."""
    async with table_caches(Settings(redis_url=url, **PATIENT)) as one:
        table = Table({"a": "value"})
        await one.one(table, "a")
        await one.read_through.close()
        assert await one.in_redis(table, "a") is not None
        async with one.shared.subscribe() as channel:
            assert await one.invalidator.invalidate([table.tag("a")])
            assert await channel.next(20) is not None
        return await one.in_redis(table, "a") is None


@pytest.mark.parametrize(
    ("host", "options"),
    [
        ("localhost", TRUSTED),
        ("127.0.0.1", {**TRUSTED, "ssl_check_hostname": "false"}),
        ("127.0.0.1", {"ssl_cert_reqs": "none"}),
    ],
)
async def test_a_single_server_with_tls_serves_the_cache(
    server: TLSRedis, host: str, options: dict[str, object]
) -> None:
    assert await serves_a_cache(with_options(server.url.replace("localhost", host), **options))


async def test_a_client_certificate_is_sent(strict: TLSRedis) -> None:
    assert await serves_a_cache(with_options(strict.url, **TRUSTED, **CLIENT))


async def test_sentinels_and_their_primary_are_reached_with_tls(server: TLSRedis) -> None:
    with private_folder() as folder:
        watch = TLSRedis(folder, watches=server)
        try:
            url = server.url.replace("rediss://", "rediss+sentinel://").replace(
                f":{server.tls_port}/0", f":{watch.tls_port}/dno/0"
            )
            # A sentinel gives an address, and the certificate has a name.
            settings = Settings(redis_url=with_options(url, **TRUSTED, ssl_check_hostname="false"), **PATIENT)
            await until_answered(lambda: _answers(settings))
            assert await serves_a_cache(settings.redis_url)
        finally:
            watch.stop()


async def _answers(settings: Settings) -> bool:
    return await start_problem(settings) is None


async def test_a_cluster_is_reached_with_tls() -> None:
    with private_folder() as folder:
        node = TLSRedis(
            folder,
            *("cluster-enabled yes", "tls-cluster yes", f"cluster-port {free_port()}"),
        )
        try:
            async with Redis(port=node.plain_port, password=PASSWORD) as client:
                await client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            url = node.url.replace("rediss://", "rediss+cluster://")
            # redis-py resolves this one name before it connects.
            settings = Settings(redis_url=with_options(url, **TRUSTED, ssl_check_hostname="false"), **PATIENT)
            await until_answered(lambda: _answers(settings))
            assert await serves_a_cache(settings.redis_url)
        finally:
            node.stop()


async def test_all_connections_share_one_context(server: TLSRedis) -> None:
    """Each context of its own would read the certificates again."""
    topology = open_topology(Settings(redis_url=with_options(server.url, **TRUSTED), **PATIENT))
    try:
        await topology.make_ready(6)
        pools = [topology.client.connection_pool, topology._cache_client.connection_pool]  # type: ignore[attr-defined]
        connections = [connection for pool in pools for connection in pool._available_connections]
        assert len(connections) == 6
        assert len({id(connection.ssl_context.get()) for connection in connections}) == 1
    finally:
        await topology.close()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            ("", "?ssl_cert_reqs=required"),
            "has a certificate that is not trusted (self-signed certificate): name",
        ),
        (("localhost", "127.0.0.1"), "has a certificate for another host name: use the name that is in it"),
        ((f":{PASSWORD}@", ""), "requires a password: put it into the address"),
        ((PASSWORD, "wrong"), "refuses the user or the password of the address"),
        (("rediss://", "rediss://me"), "refuses the user or the password of the address"),
        (("/0", "/99"), "has no database of this number"),
    ],
)
async def test_the_cause_is_named(server: TLSRedis, change: tuple[str, str], sentence: str) -> None:
    options = {} if change[0] == "" else TRUSTED
    url = with_options(server.url.replace(*change) if change[0] else server.url, **options)
    problem = await start_problem(Settings(redis_url=url))
    assert problem is not None
    assert sentence in problem
    assert PASSWORD not in problem


async def test_a_missing_or_unknown_client_certificate_is_named(strict: TLSRedis) -> None:
    for options in (TRUSTED, {**TRUSTED, "ssl_certfile": CERTIFICATE, "ssl_keyfile": KEY}):
        problem = await start_problem(Settings(redis_url=with_options(strict.url, **options)))
        assert problem is not None
        # Which it is depends on whether the alert arrives before the end of the connection.
        assert "ssl_certfile" in problem


async def test_an_expired_certificate_is_named() -> None:
    with private_folder() as folder:
        server = TLSRedis(folder, certificate=EXPIRED)
        try:
            url = with_options(server.url, ssl_ca_certs=EXPIRED)
            problem = await start_problem(Settings(redis_url=url))
            assert problem is not None
            assert "has a certificate that has expired: renew it" in problem
        finally:
            server.stop()


async def test_a_server_without_the_command_of_the_handshake_discloses_no_password() -> None:
    """Its error repeats the arguments."""
    with private_folder() as folder:
        server = TLSRedis(folder, 'rename-command HELLO ""')
        try:
            settings = Settings(redis_url=with_options(server.url, **TRUSTED), **PATIENT)
            topology = open_topology(settings)
            with pytest.raises(ResponseError, match="unknown command") as refused:
                await topology.identify(lambda name: [])
            await topology.close()
            assert PASSWORD not in "".join(format_exception(refused.value))
            assert "refuses (ERR)" in str(await start_problem(settings))
        finally:
            server.stop()


async def test_tls_and_plain_text_that_do_not_match_are_named(server: TLSRedis) -> None:
    plain = server.url.replace("rediss://", "redis://")
    for url, sentence in (
        (plain, "answers with TLS only: the address has to begin with rediss"),
        (
            with_options(server.url.replace(str(server.tls_port), str(server.plain_port)), **TRUSTED),
            "answers without TLS: the address begins with rediss",
        ),
    ):
        problem = await start_problem(Settings(redis_url=url))
        assert problem is not None
        assert sentence in problem


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+sentinel", "redis+cluster"])
async def test_a_server_that_is_absent_is_named(scheme: str) -> None:
    where = f"localhost:{free_port()}"
    problem = await start_problem(Settings(redis_url=f"{scheme}://{where}"))
    assert problem is not None
    assert problem.startswith(f"Redis at {where} ")
    assert "connection refused" in problem or scheme == "redis+sentinel"


async def test_the_start_goes_on_and_logs_the_cause(server: TLSRedis) -> None:
    wrong = with_options(server.url.replace(PASSWORD, "wrong"), **TRUSTED)
    settings = Settings(redis_url=wrong, session_redis_url=f"redis://localhost:{free_port()}", **PATIENT)
    with capture_logs() as logs:
        async with open_redis(settings) as shared, open_session_server(settings, shared):
            await until(lambda: len([log for log in logs if log["event"] == "redis_unavailable"]) == 2)
    found = {log["setting"]: log["problem"] for log in logs if log["event"] == "redis_unavailable"}
    assert "refuses the user or the password" in found["REDIS_URL"]
    assert "does not answer (connection refused)" in found["SESSION_REDIS_URL"]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (
            "rediss://:word@one?ssl_ca_certs=/none",
            r"ssl_ca_certs names /none, which cannot be read \(No such file",
        ),
        (f"rediss://one?ssl_ca_certs={KEY}", "key.pem, which holds no certificates"),
        (
            f"rediss://one?ssl_certfile={CERTIFICATE}&ssl_keyfile={CLIENT_KEY}",
            "does not belong to the certificate",
        ),
        ("rediss://:word@one?ssl_ca=/none", "there is no parameter of this name: ssl_ca "),
        ("rediss+cluster://one?ssl_cert_reqs=maybe", "ssl_cert_reqs is one of required, none"),
        ("redis+sentinel://one/dno?ssl_ca_certs=/none", "ssl_ca_certs is for connections with TLS"),
        ("redis://:pass/word@one/0", "are the special characters of its password escaped?"),
        ("redis://:word@one,two/0", "cannot be used: is it complete"),
        ("redis://:word@one/zero", "cannot be used: is it complete"),
        ("redis+sentinel://:word@one/dno/zero", "cannot be used: is it complete"),
    ],
)
async def test_an_address_that_cannot_be_used_stops_the_start(url: str, sentence: str) -> None:
    with pytest.raises(CannotStart, match=sentence) as refused:
        open_topology(Settings(redis_url=url))
    assert "word" not in str(refused.value).replace("password", "")
