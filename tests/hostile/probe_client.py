"""A client that asks an ordinary question every 20 ms while an attack runs, and how long its answers took."""

import asyncio
import json
from time import perf_counter

from tests.hostile.attack import PROBE, Target

INTERVAL = 0.02
LIMIT = 10.0
_BODY = json.dumps({"query": "{ dnos(first: 3) { nodes { slug name } } }"}).encode()


class ProbeClient:
    """On a connection that stays open. `failed` counts answers that did not come; a status other than 200 is one, too."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.times: list[float] = []
        self.failed = 0

    async def run(self) -> None:
        """Until it is cancelled. A request that is late delays the next ones, and each late one counts as such."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while True:
                await asyncio.sleep(max(0.0, due - loop.time()))
                due = max(due + INTERVAL, loop.time() - 1)
                began = perf_counter()
                try:
                    async with asyncio.timeout(LIMIT):
                        if connection is None:
                            connection = await self._connect()
                        good = await _ask(*connection)
                except (OSError, TimeoutError, asyncio.IncompleteReadError):
                    good = False
                self.times.append(perf_counter() - began)
                if not good:
                    self.failed += 1
                    if connection is not None:
                        connection[1].transport.abort()
                        connection = None
        finally:
            if connection is not None:
                connection[1].transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        local = (PROBE, 0) if self._target.host.startswith("127.") else None
        return await asyncio.open_connection(self._target.host, self._target.port, local_addr=local)

    def percentile(self, share: float) -> float:
        """In seconds; 0 where nothing was asked."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(
        b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
    )
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    await reader.readexactly(length)
    return head.startswith(b"HTTP/1.1 200 ")
