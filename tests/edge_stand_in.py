"""A stand-in of the APIs of edges on a real socket: it purges, fails, limits, hangs, and confirms what it has not done.

It answers as the documentation of Fastly and Cloudflare states, and Varnish as deploy/varnish/default.vcl.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from tests.tcp_server import listening


class Purge(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    keys: list[str]


Reply = Callable[[Purge], bytes | None]


def response(status: int, body: object = None, *headers: str) -> bytes:
    text = b"" if body is None else json.dumps(body).encode()
    head = [f"HTTP/1.1 {status} X", f"content-length: {len(text)}", *headers, "", ""]
    return "\r\n".join(head).encode() + text


def purge_of_its_kind(purge: Purge) -> bytes:
    if purge.method == "PURGE":
        return response(200)
    if purge.path.startswith("/service/"):
        return response(200, {key: f"108-{number}" for number, key in enumerate(purge.keys)})
    return response(200, {"success": True, "errors": [], "messages": [], "result": {"id": "zone"}})


def hang(_: Purge) -> None:
    """The connection stays open, and nothing comes."""


class EdgeStandIn:
    """`replies` are given in order; then each request gets `reply`. `confirmed`: the keys of the purges that got that one."""

    def __init__(self) -> None:
        self.received: list[Purge] = []
        self.replies: list[Reply] = []
        self.reply: Reply = purge_of_its_kind
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def keys(self) -> list[str]:
        """In the order in which they came."""
        return [key for purge in self.received for key in purge.keys]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {
                name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)
            }
            body = await reader.readexactly(int(headers["content-length"]))
            method, path, _ = head[0].split(" ")
            named = headers.get("xkey-purge") or headers.get("surrogate-key")
            keys = named.split(" ") if named else json.loads(body)["tags"]
            purge = Purge(method, path, headers, keys)
            self.received.append(purge)
            answer = (self.replies.pop(0) if self.replies else self.reply)(purge)
            if answer is None:
                await asyncio.sleep(3600)
                return
            writer.write(answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass


@asynccontextmanager
async def edge_stand_in() -> AsyncIterator[EdgeStandIn]:
    edge = EdgeStandIn()
    async with listening(edge.handle) as edge.port:
        yield edge
