"""Many subscribers in a process of their own: WebSockets (graphql-transport-ws) or event streams (graphql-sse), read by protocols of uvloop.

    python -m benchmarks.subscribers PORT KIND SOCKETS QUERY MARKER

`MARKER`: the text before the number of a change in each result, for instance `"leistung":"`. Changes are numbered 1, 2, 3, …; one number at a socket
that is not the next one counts as lost. After each line of input, a line of JSON is printed: the state since the line before.
"""

import asyncio
import json
import os
import resource
import statistics
import sys
import time
from asyncio import StreamReader
from collections import Counter
from typing import Any, Final, cast

import uvloop

KINDS: Final = ("websocket", "sse")
CONNECTING: Final = 50  # at a time
_TEXT, _CLOSE, _PING, _PONG = 0x81, 0x88, 0x89, 0x8A
_HANDSHAKE = (
    b"GET %s HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: graphql-transport-ws\r\n\r\n"
)

_STREAM = (
    b"POST %s HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%s"
)


class Arrivals:
    """What all subscribers have received, and when; `times`: of each change, in the order of arrival, by the monotonic clock."""

    def __init__(self, marker: bytes) -> None:
        self.marker = marker
        self.times: dict[int, list[float]] = {}
        self.bytes = 0
        self.lost = 0
        self.closed: Counter[str] = Counter()
        self.signs_of_life = 0

    def take(self, text: bytes, expected: int) -> int:
        """Notes all changes of a text that begins after the ones before; returns the number that comes next."""
        at = text.find(self.marker)
        while at >= 0:
            start = at + len(self.marker)
            number = int(text[start : text.index(b".", start)])
            if number != expected:
                self.lost += abs(number - expected)
            expected = number + 1
            self.times.setdefault(number, []).append(time.monotonic())
            at = text.find(self.marker, start)
        return expected


class Subscriber(asyncio.Protocol):
    """One connection. `open` is done once its subscription has been sent, and, of an event stream, accepted."""

    def __init__(self, arrivals: Arrivals, path: bytes, query: str) -> None:
        self.open = asyncio.get_running_loop().create_future()
        self._arrivals = arrivals
        self._path = path
        self._query = query
        self._buffer = b""
        self._expected = 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # those of uvloop are no subclass
        self._begin()

    def data_received(self, data: bytes) -> None:
        self._arrivals.bytes += len(data)
        self._buffer = self._read(self._buffer + data if self._buffer else data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrivals.closed["connection lost"] += 1
        if not self.open.done():
            self.open.set_exception(ConnectionError(self._buffer.decode(errors="replace")))

    def _begin(self) -> None:
        raise NotImplementedError

    def _read(self, data: bytes) -> bytes:
        """Returns what is not complete yet."""
        raise NotImplementedError


class EventStream(Subscriber):
    _begun = False

    def _begin(self) -> None:
        body = json.dumps({"query": self._query}).encode()
        self._transport.write(_STREAM % (self._path, len(body), body))

    def _read(self, data: bytes) -> bytes:
        if not self._begun:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end or b" 200 " not in head[:16]:
                return head + end + data
            self._begun = True
            self.open.set_result(None)
        end = data.rfind(b"\n\n") + 2  # of an event: what is behind it begins the next one
        if end < 2:
            return data
        self._expected = self._arrivals.take(data[:end], self._expected)
        self._arrivals.signs_of_life += data.count(b"\n:\n\n", 0, end)
        return data[end:]


class WebSocket(Subscriber):
    _upgraded = False

    def _begin(self) -> None:
        self._transport.write(_HANDSHAKE % self._path)

    def _read(self, data: bytes) -> bytes:
        if not self._upgraded:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end or b" 101 " not in head[:16]:
                return head + end + data
            self._upgraded = True
            self._send({"type": "connection_init"})
        start = 0
        while (frame := _frame(data, start)) is not None:
            kind, begin, start = frame
            self._take(kind, data[begin:start])
        return data[start:]

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == _TEXT and b'"type":"next"' in payload[:20]:
            self._expected = self._arrivals.take(payload, self._expected)
        elif kind == _PING:
            self._arrivals.signs_of_life += 1
            self._transport.write(bytes((_PONG, 0x80 | len(payload))) + bytes(4) + payload)
        elif kind == _CLOSE:
            self._arrivals.closed[str(int.from_bytes(payload[:2]))] += 1
        elif json.loads(payload)["type"] == "connection_ack":
            # graphql-ws names operations at random: no two sockets share their frames.
            self._send({"type": "subscribe", "id": os.urandom(16).hex(), "payload": {"query": self._query}})
            self.open.set_result(None)
        elif b'"ping"' in payload:
            self._send({"type": "pong"})
        elif b'"error"' in payload:
            raise AssertionError(payload)

    def _send(self, message: dict[str, Any]) -> None:
        """Masked with zeros, so that it costs nothing."""
        payload = json.dumps(message).encode()
        length = bytes((0x80 | len(payload),))
        if len(payload) > 125:
            length = bytes((0x80 | 126,)) + len(payload).to_bytes(2)
        self._transport.write(bytes((_TEXT,)) + length + bytes(4) + payload)


def _frame(data: bytes, start: int) -> tuple[int, int, int] | None:
    """Of a server: its first byte, the begin of its payload, and its end."""
    if len(data) < start + 4 and (len(data) < start + 2 or data[start + 1] + start + 2 > len(data)):
        return None
    length, begin = data[start + 1], start + 2
    if length == 126:
        length, begin = int.from_bytes(data[begin : begin + 2]), begin + 2
    assert length != 127, "no result is as long as that"
    return (data[start], begin, begin + length) if begin + length <= len(data) else None


async def main(port: int, kind: str, sockets: int, query: str, marker: str, path: str = "/graphql") -> None:
    arrivals = Arrivals(marker.encode())
    kinds: dict[str, type[Subscriber]] = {"websocket": WebSocket, "sse": EventStream}
    subscribers: list[Subscriber] = []
    lines = await _input()
    while len(subscribers) < sockets:
        number = min(CONNECTING, sockets - len(subscribers))
        new = await asyncio.gather(
            *(_connect(kinds[kind], arrivals, port, path, query) for _ in range(number))
        )
        subscribers += new
    print("open", flush=True)
    cpu = time.process_time()
    while await lines.readline():
        print(json.dumps(_state(arrivals, time.process_time() - cpu)), flush=True)
        cpu = time.process_time()


async def _connect(
    kind: type[Subscriber], arrivals: Arrivals, port: int, path: str, query: str
) -> Subscriber:
    async with asyncio.timeout(30):
        _, subscriber = await asyncio.get_running_loop().create_connection(
            lambda: kind(arrivals, path.encode(), query), "127.0.0.1", port
        )
        await subscriber.open
    return subscriber


async def _input() -> StreamReader:
    reader = StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


def _state(arrivals: Arrivals, cpu_seconds: float) -> dict[str, Any]:
    """`changes`: by number: how many have arrived, and when the first, the median and the last one."""
    changes = {
        number: (len(times), times[0], statistics.median_low(times), times[-1])
        for number, times in arrivals.times.items()
    }
    return {
        "changes": changes,
        "bytes": arrivals.bytes,
        "lost": arrivals.lost,
        "closed": arrivals.closed,
        "signs_of_life": arrivals.signs_of_life,
        "cpu_seconds": cpu_seconds,
    }


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    number, kind, sockets, *others = sys.argv[1:]
    uvloop.run(main(int(number), kind, int(sockets), *others))
