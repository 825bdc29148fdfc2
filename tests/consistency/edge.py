"""Varnish before all instances, and the address at which they purge it: purges are recorded there, and refused as a fault."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

import httpx

from tests.consistency.edge_judge import LONGEST, SETTLED
from tests.consistency.fleet import Instance
from tests.consistency.operations import EDGE, Log, Purge
from tests.varnish import Varnish

if TYPE_CHECKING:
    from tests.consistency.scene import Kind, Scene

REFUSED_FOR: Final = 10.0  # seconds
SETTINGS: Final = {
    "DNO_EDGE_HEADERS": "xkey",
    "DNO_TRUSTED_PROXIES": "127.0.0.1",
    "DNO_OPERATIONS_NETWORKS": "127.0.0.1",
    "DNO_KEEP_ALIVE_TIMEOUT": "75",
    # The last purge of a change is sent at least SETTLED after each write, also if the response to its writer took seconds.
    "DNO_EDGE_REPEAT_DELAY": "6",
}
_TIMEOUT: Final = 10.0
_MAX_HEAD: Final = 64 * 2**10
_REFUSAL: Final = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Edge:
    """`reader` is what clients read through; it is no process of ours."""

    def __init__(self, folder: Path, log: Log) -> None:
        self.refusing = False
        self._folder = folder
        self._last_purge = 0.0
        self._log = log
        self._varnish: Varnish | None = None
        self._server: asyncio.Server | None = None
        self.reader: Instance

    async def open(self) -> dict[str, str]:
        """The settings of instances. They purge at an address that is there before Varnish is."""
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0, limit=_MAX_HEAD)
        host, port = self._server.sockets[0].getsockname()
        return {**SETTINGS, "DNO_EDGE_VARNISH": f"http://{host}:{port}"}

    async def start(self, instances: Sequence[Instance]) -> None:
        at = [instance.address for instance in instances[:2]]
        self._varnish = await asyncio.to_thread(Varnish, self._folder, at)
        self.reader = Instance(EDGE, self._varnish.at)
        async with asyncio.timeout(60):
            while (await self.reader.client.get("/healthz")).status_code != 200:
                await asyncio.sleep(0.05)

    @property
    def pids(self) -> list[int]:
        return self._varnish.pids if self._varnish else []

    async def close(self) -> None:
        if self._server:
            self._server.close()
        if self._varnish:
            await self.reader.client.aclose()
            await asyncio.to_thread(self._varnish.stop)

    async def until_purged(self) -> None:
        """Until a purge that is sent so long after all writes that no old response outlives it; the judge reports a missing one."""
        settled = monotonic() + SETTLED
        while monotonic() < settled + LONGEST:
            if self._last_purge >= settled:
                return
            await asyncio.sleep(0.1)

    def kinds(self, scene: "Scene") -> "list[Kind]":
        async def restart_edge() -> None:
            """What it had stored is lost."""
            assert self._varnish
            async with scene.fault("restart_edge", excuses=True, instance=EDGE):
                await asyncio.to_thread(self._varnish.restart)

        async def edge_refuses_purges() -> None:
            async with scene.fault("edge_refuses_purges"):
                self.refusing = True
                await asyncio.sleep(REFUSED_FOR)
                self.refusing = False

        return [restart_edge, edge_refuses_purges]

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, as the purger of the server sends it: without a body."""
        started = monotonic()
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, httpx.TransportError):
            async with asyncio.timeout(_TIMEOUT):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                if self.refusing or self._varnish is None:
                    writer.write(_REFUSAL)
                else:
                    writer.write(await self._purge(head, started))
                await writer.drain()
        writer.close()

    async def _purge(self, head: str, started: float) -> bytes:
        assert self._varnish
        lines = [line.partition(":") for line in head.split("\r\n")]
        keys = next(value.strip() for name, _, value in lines if name.lower() == "xkey-purge")
        async with httpx.AsyncClient(timeout=_TIMEOUT) as client:
            answer = await client.request("PURGE", f"{self._varnish.url}/", headers={"xkey-purge": keys})
        if answer.status_code != 200:
            return _REFUSAL
        self._log.add(Purge(instance=EDGE, started=started, ended=monotonic(), keys=tuple(keys.split())))
        return b"HTTP/1.1 200 Purged\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
