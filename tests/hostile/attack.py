"""What an attack is: a name, a kind, and a coroutine that is given a target."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

# All of these are addresses of this machine, so a server sees different clients.
ATTACKER, PROBE = "127.0.0.1", "127.0.0.2"
# The server that the program starts trusts the forwarded addresses of this one.
PROXY = "127.0.0.3"


@dataclass(frozen=True)
class Target:
    """`scale`: 1 for the program, less for the short run in the test suite; attacks multiply their counts by it.

    `seconds`: after that time the runner ends the attack, whatever it is doing. `hold`: how long an attack that holds
    something holds it.
    `headers`: of an API key, say; empty for an anonymous attacker.
    """

    host: str
    port: int
    scale: float = 1.0
    seconds: float = 20.0
    hold: float = 3.0
    address: str | None = ATTACKER
    headers: dict[str, str] = field(default_factory=dict)

    def count(self, full: int) -> int:
        return max(1, round(full * self.scale))

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        local = (self.address, 0) if self.address and self.host.startswith("127.") else None
        reader, writer = await asyncio.open_connection(self.host, self.port, local_addr=local)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def exchange(self, data: bytes, within: float = 10.0) -> bytes:
        """What the server sends until it closes the connection, or until `within` seconds have passed."""
        received = bytearray()
        try:
            async with asyncio.timeout(within), self.connect() as (reader, writer):
                writer.write(data)
                while more := await reader.read(65536):
                    received += more
        except (TimeoutError, OSError):
            pass
        return bytes(received)

    async def ask(self, query: str, within: float = 10.0, **more: object) -> tuple[int, bytes]:
        """One GraphQL operation over HTTP: the status (0: no answer) and the body. `more`: variables, extensions …"""
        return await self.post("/graphql", json.dumps({"query": query, **more}).encode(), within=within)

    async def post(
        self,
        path: str,
        body: bytes,
        within: float = 10.0,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {self.host}:{self.port}",
            f"Content-Type: {content_type}",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in {**self.headers, **(headers or {})}.items()),
        ]
        return _read(await self.exchange("\r\n".join(lines).encode() + b"\r\n\r\n" + body, within))

    async def get(
        self, path: str, within: float = 10.0, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {self.host}:{self.port}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in {**self.headers, **(headers or {})}.items()),
        ]
        return _read(await self.exchange("\r\n".join(lines).encode() + b"\r\n\r\n", within))


@dataclass(frozen=True)
class Attack:
    """`kind`: the section of the list of attacks ("connections", "rights", "cost", …)."""

    name: str
    kind: str
    act: Callable[[Target], Awaitable[None]]


def _read(answer: bytes) -> tuple[int, bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    return (int(words[1]), body) if len(words) > 1 and words[1].isdigit() else (0, b"")
