"""Connections that are held open, headers that are expensive to read, and requests that are framed doubtfully."""

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import replace

from tests.hostile.attack import PROXY, Attack, Target

ASKED = b'{"query":"{ __typename }"}'


def _post(*lines: bytes, body: bytes = ASKED) -> bytes:
    head = [b"POST /graphql HTTP/1.1", b"Host: localhost", b"Content-Type: application/json", *lines]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body


def _get(*lines: bytes) -> bytes:
    return b"\r\n".join([b"GET /graphql?query=%7B__typename%7D HTTP/1.1", b"Host: localhost", *lines]) + (
        b"\r\n\r\n"
    )


async def _hold(target: Target, full: int, said: bytes, again: bytes = b"", every: float = 0.1) -> None:
    """So many connections that say something, and then `again` every so often, for a while."""
    async with AsyncExitStack() as stack:
        writers = []
        for _ in range(target.count(full)):
            with suppress(OSError):
                writers.append((await stack.enter_async_context(target.connect()))[1])
                writers[-1].write(said)
        until = asyncio.get_running_loop().time() + target.hold
        while asyncio.get_running_loop().time() < until:
            await asyncio.sleep(every)
            for writer in writers:
                if again and not writer.is_closing():
                    writer.write(again)


async def silent(target: Target) -> None:
    await _hold(target, 2000, b"")


async def half_a_head(target: Target) -> None:
    await _hold(target, 2000, b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nX-A: ", again=b"a")


async def half_a_body(target: Target) -> None:
    await _hold(target, 2000, _post()[:-5])


async def upgrade_with_many_headers(target: Target) -> None:
    lines = [b"X-%d: a" % number for number in range(129)]
    await _hold(target, 1000, _get(b"Connection: Upgrade", b"Upgrade: websocket", *lines))


async def empty_line_after_an_answer(target: Target) -> None:
    await _hold(target, 1000, _get() + b"\r\n", again=b"\r\n")


async def handshakes_without_a_message(target: Target) -> None:
    handshake = _get(
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Sec-WebSocket-Protocol: graphql-transport-ws",
    )
    await _hold(target, 1000, handshake)


async def answers_that_are_not_read(target: Target) -> None:
    asked = _post(body=b'{"query":"{ __schema { types { name description fields { name description } } } }"}')
    await _hold(target, 200, asked * 50)


async def half_closed(target: Target) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(target.count(1000)):
            _, writer = await stack.enter_async_context(target.connect())
            writer.write(b"GET /graphql")
            writer.write_eof()
        await asyncio.sleep(target.hold)


async def _repeat(target: Target, full: int, data: bytes, at_once: int = 4) -> None:
    places = asyncio.Semaphore(at_once)

    async def one() -> None:
        async with places:
            await target.exchange(data, 5)

    await asyncio.gather(*(one() for _ in range(target.count(full))))


async def long_forwarded(target: Target) -> None:
    behind_a_proxy = replace(target, address=PROXY)
    for piece in (b"a", b" a", b'for="', b"for=a;", b"a=\t \t", b'="\\', b"1.2.3.4,"):
        value = piece * (24_000 // len(piece))
        for name in (b"Forwarded", b"X-Forwarded-For"):
            await _repeat(behind_a_proxy, 10, _post(b"Connection: close", name + b": " + value))


async def long_accept(target: Target) -> None:
    value = b"application/json;q=0.1;" * 1000 + b"," + b"a/b;" * 8000
    await _repeat(target, 40, _post(b"Connection: close", b"Accept: " + value))


async def long_cookies(target: Target) -> None:
    await _repeat(target, 40, _post(b"Connection: close", b"Cookie: " + b"a=b; " * 11_000))


async def endless_trailers(target: Target) -> None:
    head = (
        b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
    )
    await _hold(target, 100, head + b"X-A: a\r\n" * 8000, again=b"X-A: a\r\n" * 1000)


async def upgrades_with_a_body(target: Target) -> None:
    await _repeat(
        target,
        300,
        _post(b"Connection: Upgrade, HTTP2-Settings, close", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
    )


ATTACKS = [
    Attack(act.__name__.replace("_", " "), "connections", act)
    for act in (
        silent,
        half_a_head,
        half_a_body,
        upgrade_with_many_headers,
        empty_line_after_an_answer,
        handshakes_without_a_message,
        answers_that_are_not_read,
        half_closed,
        long_forwarded,
        long_accept,
        long_cookies,
        endless_trailers,
        upgrades_with_a_body,
    )
]
