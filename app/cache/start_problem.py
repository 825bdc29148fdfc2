"""Why Redis cannot be used at the start: the cause and the remedy."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import SplitResult, urlsplit

import msgspec
from redis.asyncio.sentinel import MasterNotFoundError
from structlog import get_logger

from app.cache.failures import FAILURES, NotPrimary, only_failures, refusal
from app.cache.open_topology import open_topology
from app.cache.redis_url import FILES, addresses, shown, uses_tls
from app.cache.topology import probe_writes
from app.connection_errors import CLOSED, network_problem, tls_problem
from app.settings import Settings

log = get_logger(__name__)

# Longer than the time-outs of operation, which are too short to distinguish a slow server from none.
_TIMEOUT: Final = 1.0

_REFUSALS: Final = {
    "NOAUTH": "requires a password: put it into the address",
    "WRONGPASS": "refuses the user or the password of the address",
    "NOPERM": "refuses commands to this user: docs/operating.md lists the permissions",
}


@asynccontextmanager
async def reported_start_problem(setting: str, settings: Settings, *, answered: bool) -> AsyncIterator[None]:
    """Logs why the server has not answered; the start does not wait for that."""
    report = None if answered else asyncio.create_task(_report(setting, settings))
    try:
        yield
    finally:
        if report is not None:
            report.cancel()
            await asyncio.wait([report])


async def _report(setting: str, settings: Settings) -> None:
    problem = await start_problem(settings)
    if problem is not None:
        log.warning("redis_unavailable", setting=setting, problem=problem)


async def start_problem(settings: Settings) -> str | None:
    """In one sentence, without secrets; None if the server of `redis_url` answers and takes writes."""
    url = urlsplit(settings.redis_url)
    patient = {"redis_timeout": _TIMEOUT, "redis_connect_timeout": _TIMEOUT}
    topology = open_topology(msgspec.structs.replace(settings, **patient))
    try:
        await topology.identify(probe_writes)
    except FAILURES as failure:
        return f"Redis at {shown(url)} {await _problem(url, failure)}."
    finally:
        with suppress(*FAILURES), only_failures():
            await topology.close()
    return None


async def _problem(url: SplitResult, failure: BaseException) -> str:
    """The end of a sentence about the server."""
    if isinstance(failure, NotPrimary):
        return "is a replica: name the primary, or the sentinels"
    if isinstance(failure, MasterNotFoundError):
        return f"is no sentinel that names a primary {url.path.strip('/').partition('/')[0]}"
    if (code := refusal(failure)) is not None:
        # Not its text, which may repeat a command with its password.
        return (
            "has no database of this number"
            if "DB index" in str(failure)
            else _REFUSALS.get(code, f"refuses ({code})")
        )
    if (problem := tls_problem(failure, FILES, "ssl_check_hostname=false")) is not None:
        return problem
    network = network_problem(failure)
    answers_with_tls = await _succeeds(_is_secure, url)
    if uses_tls(url) and answers_with_tls and network == CLOSED:
        return (
            "closes the connection after the handshake of TLS, as servers do that require a certificate of the client:"
            f" name it with {FILES.certificate} and {FILES.key}, or check it"
        )
    if uses_tls(url) and await _succeeds(_is_plain, url):
        return "answers without TLS: the address begins with rediss, which is for TLS"
    if not uses_tls(url) and answers_with_tls:
        return "answers with TLS only: the address has to begin with rediss"
    return f"does not answer ({network}): start it, or correct the address"


async def _succeeds(attempt: Callable[[str, int], Awaitable[bool]], url: SplitResult) -> bool:
    host, port = addresses(url, 6379)[0]
    try:
        async with asyncio.timeout(_TIMEOUT):
            return await attempt(host, port)
    except (OSError, ssl.SSLError):  # TimeoutError is an OSError
        return False


async def _is_plain(host: str, port: int) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"PING\r\n")
        return await reader.read(1) in (b"+", b"-")
    finally:
        writer.transport.abort()


async def _is_secure(host: str, port: int) -> bool:
    """Nothing is sent but the handshake, so nothing is verified."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection(host, port, ssl=context)
    writer.transport.abort()
    return True
