"""Counts what a server sends to PostgreSQL and to Redis: two TCP proxies that read the protocols."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

_STARTUP = 196608  # version 3.0 of the protocol


class Counts(Counter[str]):
    """`statements`: executed by PostgreSQL, BEGIN and COMMIT among them; `round trips`: messages that wait for a reply."""

    def read_postgres(self) -> Callable[[bytes], None]:
        """A reader of one connection's messages."""
        buffer, started = bytearray(), False

        def read(data: bytes) -> None:
            nonlocal started
            buffer.extend(data)
            while len(buffer) >= 8:
                if not started:
                    length, kind = int.from_bytes(buffer[:4]), b""
                    started = int.from_bytes(buffer[4:8]) == _STARTUP
                else:
                    length, kind = int.from_bytes(buffer[1:5]) + 1, bytes(buffer[:1])
                if len(buffer) < length:
                    return
                del buffer[:length]
                self["statements"] += kind in (b"E", b"Q")
                self["prepared"] += kind == b"P"
                self["PostgreSQL round trips"] += kind in (b"S", b"Q", b"H")

        return read

    def read_redis(self) -> Callable[[bytes], None]:
        def read(data: bytes) -> None:
            # A pipeline is sent as a whole: one write, well below the size of a packet of the loopback device.
            self["Redis round trips"] += 1

        return read


@asynccontextmanager
async def counting(url: str, reader: Callable[[], Callable[[bytes], None]]) -> AsyncIterator[str]:
    """The address of a proxy to the server of `url`, with the rest of it."""
    parts = urlsplit(url)
    links: set[asyncio.Task[None]] = set()

    async def pipe(
        source: asyncio.StreamReader, target: asyncio.StreamWriter, read: Callable[[bytes], None]
    ) -> None:
        try:
            while data := await source.read(2**16):
                read(data)
                target.write(data)
        except OSError:
            pass
        finally:
            target.close()

    async def accept(client: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, ahead = await asyncio.open_connection(parts.hostname, parts.port)
        for task in (pipe(client, ahead, reader()), pipe(behind, writer, lambda data: None)):
            link = asyncio.create_task(task)
            links.add(link)
            link.add_done_callback(links.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    credentials = parts.netloc.rpartition("@")[0]
    try:
        yield parts._replace(netloc=f"{credentials}{'@' if credentials else ''}127.0.0.1:{port}").geturl()
    finally:
        server.close()
        for link in links:
            link.cancel()
