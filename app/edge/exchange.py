"""One HTTP/1.1 request to an edge: within a time, and with a response of bounded size."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import h11

from app.domain.retry_after import seconds_asked

_MAX_HEAD_BYTES: Final = 32 * 2**10
_MAX_BODY_BYTES: Final = 2**18
_READ_BYTES: Final = 16 * 2**10
_PORTS: Final = {"http": 80, "https": 443}


class NoResponse(Exception):
    """The text is a word, without anything that the server sent, and without the address."""


class Response(NamedTuple):
    """`retry_after`: seconds that the server asks to wait."""

    status: int
    body: bytes
    retry_after: float | None


class Server:
    """`url` begins with http:// or https:// and has no user. Connections are not kept: purges are rare."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        self.authority = parts.netloc
        self._host = parts.hostname or ""
        self._port = parts.port or _PORTS[parts.scheme]
        self._path = parts.path.rstrip("/")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._timeout = timeout

    async def exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Response:
        """Raises NoResponse."""
        every = {
            "host": self.authority,
            "user-agent": "dno-api edge purges",
            "accept": "*/*",
            "connection": "close",
            "content-length": str(len(body)),
            **headers,
        }
        request = h11.Request(method=method, target=self._path + path, headers=list(every.items()))
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(request, body)
        except TimeoutError:
            raise NoResponse("TIMEOUT") from None
        except ssl.SSLError:
            raise NoResponse("TLS_FAILED") from None
        except (h11.RemoteProtocolError, ConnectionResetError, BrokenPipeError):
            raise NoResponse("BROKEN_RESPONSE") from None
        except OSError:
            raise NoResponse("CONNECTION_FAILED") from None

    async def _exchange(self, request: h11.Request, body: bytes) -> Response:
        reader, writer = await asyncio.open_connection(
            self._host, self._port, ssl=self._tls, server_hostname=self._host if self._tls else None
        )
        try:
            connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
            writer.write((connection.send(request) or b"") + (connection.send(h11.Data(body)) or b""))
            connection.send(h11.EndOfMessage())
            await writer.drain()
            return await _read(reader, connection)
        finally:
            writer.transport.abort()  # not close(), which waits for the server


async def _read(reader: asyncio.StreamReader, connection: h11.Connection) -> Response:
    """The whole response: what it confirms is in its body."""
    head: h11.Response | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > _MAX_BODY_BYTES:
                raise NoResponse("RESPONSE_TOO_LONG")
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return Response(head.status_code, bytes(body), seconds_asked(head.headers))
        elif not isinstance(event, h11.InformationalResponse):
            raise NoResponse("BROKEN_RESPONSE")
