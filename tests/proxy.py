"""A TCP proxy that delays, holds and cuts connections; `Proxies` runs any number of them in a process of its own.

A process of its own, so that a busy event loop of the test does not add latency.
"""

import asyncio
import json
import socket
import struct
import sys
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import uvloop

HOST = "127.0.0.1"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_AT_ONCE = 2**16


class Proxy:
    """Forwards to `port` of this host. What is changed holds from now on, also for open connections, except
    for the port: a connection stays with the server that it was opened to.
    """

    def __init__(self, port: int) -> None:
        self.backend = port
        self.port = 0
        self.lag_down = 0.0  # seconds, from the server to the client
        self.lag_up = 0.0
        self.only_channels = (
            False  # lags hold for connections only that have subscribed to a channel of Redis
        )
        self.flowing = asyncio.Event()
        self.flowing.set()
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    def lead_to(self, port: int) -> None:
        self.backend = port

    def lag(self, *, down: float = 0, up: float = 0, only_channels: bool = False) -> None:
        self.lag_down, self.lag_up, self.only_channels = down, up, only_channels

    def hold(self) -> None:
        """A black hole: connections are accepted, nothing comes through."""
        self.flowing.clear()

    def release(self) -> None:
        self.flowing.set()

    def cut(self) -> None:
        """Ends all connections in an orderly way (FIN)."""
        for link in list(self._links):
            link.close()

    def reset(self) -> None:
        """Ends all connections with RST, to both sides."""
        for link in list(self._links):
            link.reset()

    def local_ports(self) -> list[int]:
        """Local ports of the connections to the server, which it sees as those of its clients."""
        return [link.local_port for link in self._links]

    async def close(self) -> None:
        if self._server:
            self._server.close()
        self.cut()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.flowing.wait()
            behind, ahead = await asyncio.open_connection(HOST, self.backend)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(self, writer, ahead)
        self._links.add(link)
        try:
            await asyncio.gather(link.up(reader), link.down(behind))
        except (OSError, RuntimeError):  # uvloop raises the latter when it has closed the connection itself
            pass
        finally:
            self._links.discard(link)
            link.close()


class _Link:
    """One connection of a client, and the connection to the server that it is forwarded to."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._is_channel = False
        self._due = {client: 0.0, server: 0.0}  # when what was last sent to it arrives there
        self.local_port: int = server.get_extra_info("sockname")[1]

    async def up(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(_AT_ONCE):
            self._is_channel = self._is_channel or b"SUBSCRIBE" in data
            await self._send(self._server, data, self._proxy.lag_up)
        await self._end(self._server)

    async def down(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(_AT_ONCE):
            await self._send(self._client, data, self._proxy.lag_down)
        await self._end(self._client)

    async def _send(self, writer: asyncio.StreamWriter, data: bytes, lag: float) -> None:
        await self._proxy.flowing.wait()
        if self._proxy.only_channels and not self._is_channel:
            lag = 0
        loop = asyncio.get_running_loop()
        now, last = loop.time(), self._due[writer]
        if not lag and last < now:
            writer.write(data)
        else:
            # Never before what was sent earlier, however the lag has changed.
            self._due[writer] = max(now + lag, last + 0.001)
            loop.call_at(self._due[writer], _write, writer, data)
        await writer.drain()

    async def _end(self, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(max(0, self._due[writer] - asyncio.get_running_loop().time()))
        self.close()

    def close(self) -> None:
        for writer in (self._client, self._server):
            writer.close()

    def reset(self) -> None:
        for writer in (self._client, self._server):
            peer = writer.get_extra_info("socket")
            if peer is None:  # closed meanwhile
                continue
            with suppress(OSError, ValueError):  # likewise
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    with suppress(RuntimeError):
        writer.write(data)


class Proxies:
    """By name: `await proxies.open("i1", 6379)` gives the port to connect to."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.proxy"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()  # the process ends with its input
        await self._process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def open(self, name: str, port: int) -> int:
        opened: int = await self._ask("open", name, port=port)
        return opened

    async def lead_to(self, name: str, port: int) -> None:
        await self._ask("lead_to", name, port=port)

    async def lag(self, name: str, *, down: float = 0, up: float = 0, only_channels: bool = False) -> None:
        await self._ask("lag", name, down=down, up=up, only_channels=only_channels)

    async def hold(self, name: str) -> None:
        await self._ask("hold", name)

    async def release(self, name: str) -> None:
        await self._ask("release", name)

    async def cut(self, name: str) -> None:
        await self._ask("cut", name)

    async def reset(self, name: str) -> None:
        await self._ask("reset", name)

    async def local_ports(self, name: str) -> list[int]:
        found: list[int] = await self._ask("local_ports", name)
        return found

    async def _ask(self, what: str, name: str, **given: object) -> Any:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn, asyncio.timeout(10):
            self._process.stdin.write(json.dumps([what, name, given]).encode() + b"\n")
            answer = json.loads(await self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["value"]


async def _serve() -> None:
    proxies: dict[str, Proxy] = {}
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        what, name, given = json.loads(line)
        try:
            if what == "open":
                proxies[name] = Proxy(given["port"])
                value: Any = await proxies[name].start()
            else:
                value = getattr(proxies[name], what)(**given)
            answer = {"value": value}
        except Exception as error:
            answer = {"error": repr(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve())
