"""A raw HTTP/1.1 connection: a test sees every byte and chooses how they are sent."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from tests.waiting import LIMIT


@dataclass
class Response:
    status: int
    lines: list[tuple[str, str]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.lines)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def exchange(self, data: bytes) -> Response:
        self.writer.write(data)
        return await self.read_response()

    async def read_response(self) -> Response:
        async with asyncio.timeout(LIMIT):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            pairs = [line.partition(": ") for line in head[1:] if line]
            lines = [(name.lower(), value) for name, _, value in pairs]
            length = int(dict(lines).get("content-length", 0))
            return Response(int(head[0].split()[1]), lines, await self.reader.readexactly(length))

    async def wait_closed(self, seconds: float = 10) -> bool:
        """Whether the server closes the connection without sending more."""
        async with asyncio.timeout(seconds):
            return await self.reader.read(1) == b""

    def reset(self) -> None:
        """A client that is gone; one that only closes looks as if it had ended its side and would still read."""
        reset_on_close = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset_on_close)
        self.writer.transport.abort()


@asynccontextmanager
async def wire(url: str, source: str | None = None) -> AsyncIterator[Wire]:
    """`source`: the address that the connection comes from."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port, local_addr=(source, 0) if source else None
    )
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


def post(query: str, *headers: str, version: str = "1.1", **variables: Any) -> bytes:
    body = json.dumps({"query": query, "variables": variables}).encode()
    lines = [
        f"POST /graphql HTTP/{version}",
        "Host: dno.test",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(query: str, *headers: str) -> bytes:
    lines = [f"GET /graphql?query={quote(query)} HTTP/1.1", "Host: dno.test", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"
