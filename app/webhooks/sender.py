"""Sends one message by HTTP/1.1: to a checked address, within a time, and reading no more of the response than its head."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import h11

from app.domain.retry_after import seconds_asked
from app.domain.webhook import ClaimedMessage
from app.errors import BadInput, CannotStart
from app.settings import Settings
from app.webhooks.addresses import AddressNotAllowed, AddressRules, Resolver
from app.webhooks.signature import signed_headers
from app.webhooks.target import Ports, Target, read_target

# Bytes that are read of a response: its head, with informational ones before it.
_MAX_RESPONSE_BYTES: Final = 32 * 2**10
_READ_BYTES: Final = 4096
_ADDRESSES_TRIED: Final = 3
_LONGEST_WISH: Final = 86400  # seconds of a Retry-After


class Result(NamedTuple):
    """`error` None: delivered. `retry_after`: seconds that the receiver asks to wait."""

    error: str | None
    status: int | None = None
    retry_after: float | None = None


class Sender:
    """Errors are words without text of the receiver, the URL or the network."""

    def __init__(self, settings: Settings) -> None:
        self._timeout = settings.webhook_timeout
        self._rules = AddressRules(settings)
        self._ports = Ports(settings)
        self._resolver = Resolver(self._rules)
        self._settings = settings
        # At the start only to find out whether the file can be read: the certificates of the system take longer than the
        # rest of a start, and most servers have no receivers.
        self._tls = _tls_context(settings) if settings.webhook_ca_file else None

    async def check(self, url: str) -> None:
        """Raises BadInput for a URL to which no message would be sent. The same text for every address that is not allowed, so that
        it gives no information about the network.
        """
        target = read_target(url, self._rules, self._ports)
        try:
            async with asyncio.timeout(self._timeout):
                await self._resolver.allowed_addresses(target.host, target.port, secure=target.secure)
        except (AddressNotAllowed, TimeoutError):
            raise BadInput(
                "The host of the URL has no public address, or also others.", field=["input", "url"]
            ) from None

    async def send(self, message: ClaimedMessage) -> Result:
        try:
            async with asyncio.timeout(self._timeout):
                target = read_target(message.url, self._rules, self._ports)
                addresses = await self._resolver.allowed_addresses(
                    target.host, target.port, secure=target.secure
                )
                return await self._exchange(target, addresses, _request(target, message))
        except (AddressNotAllowed, BadInput):
            return Result("ADDRESS_NOT_ALLOWED")
        except TimeoutError:
            return Result("TIMEOUT")
        except ssl.SSLError:
            return Result("TLS_FAILED")
        except (h11.RemoteProtocolError, ConnectionResetError, BrokenPipeError, asyncio.IncompleteReadError):
            return Result("BROKEN_RESPONSE")
        except OSError:
            return Result("CONNECTION_FAILED")

    async def _exchange(self, target: Target, addresses: Sequence[str], request: bytes) -> Result:
        reader, writer = await self._connect(target, addresses)
        try:
            writer.write(request)
            await writer.drain()
            return await _read_result(reader)
        finally:
            # Not close(), which waits for the receiver.
            writer.transport.abort()

    async def _connect(
        self, target: Target, addresses: Sequence[str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """To the addresses that were checked: the name is not resolved again."""
        tried = addresses[:_ADDRESSES_TRIED]
        for address in tried[:-1]:
            try:
                async with asyncio.timeout(self._timeout / (2 * len(tried))):
                    return await self._open(target, address)
            except ssl.SSLError:
                raise
            except OSError:
                pass
        return await self._open(target, tried[-1])

    async def _open(self, target: Target, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if target.secure and self._tls is None:
            self._tls = await asyncio.to_thread(_tls_context, self._settings)
        return await asyncio.open_connection(
            address,
            target.port,
            limit=_MAX_RESPONSE_BYTES,
            ssl=self._tls if target.secure else None,
            server_hostname=target.host.rstrip(".") if target.secure else None,
        )


def _tls_context(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.webhook_ca_file:
        try:
            context.load_verify_locations(settings.webhook_ca_file)
        except (OSError, ssl.SSLError):
            raise CannotStart(
                "The setting WEBHOOK_CA_FILE is wrong: no certificates can be read from that file."
            ) from None
    return context


def _request(target: Target, message: ClaimedMessage) -> bytes:
    body = message.body.encode()
    headers = {
        "host": target.authority,
        "content-type": "application/json",
        "content-length": str(len(body)),
        "user-agent": "dno-api webhooks",
        "accept": "*/*",
        "connection": "close",
        **signed_headers(message.secret, f"msg_{message.id.hex}", int(time.time()), body),
    }
    connection = h11.Connection(h11.CLIENT)
    head = connection.send(h11.Request(method="POST", target=target.path, headers=list(headers.items())))
    return (head or b"") + body


async def _read_result(reader: asyncio.StreamReader) -> Result:
    """The body is not read: whatever length the receiver states has no effect."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_RESPONSE_BYTES)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "-")]))
    received = 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(_READ_BYTES)
            received += len(data)
            if received > _MAX_RESPONSE_BYTES:
                return Result("BROKEN_RESPONSE")
            connection.receive_data(data)
        elif isinstance(event, h11.Response):
            return _result(event)
        elif not isinstance(event, h11.InformationalResponse):
            return Result("BROKEN_RESPONSE")


def _result(response: h11.Response) -> Result:
    status = response.status_code
    if 200 <= status < 300:
        return Result(None, status)
    seconds = seconds_asked(response.headers)
    return Result(f"STATUS_{status}", status, None if seconds is None else min(_LONGEST_WISH, seconds))
