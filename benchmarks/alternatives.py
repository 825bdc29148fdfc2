"""Hand-written parts measured against the libraries that could replace them (docs/decisions/0035).

    python -m benchmarks.alternatives [--servers]

The libraries are not dependencies of the project: install them into the same environment first (`h11`, `cashews`,
`aiocache`, `limits`, `anyio`, `pydantic-settings`, `granian`). A row whose library is missing is left out.

Both sides of a row run alternately, in rounds; the table gives the median time of each side and the median of the
ratios of neighbouring rounds, which depends less on the machine. `--servers` measures whole servers with wrk instead.
"""

import argparse
import asyncio
import gc
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import httptools
import msgspec
from prometheus_client import CollectorRegistry, Counter
from redis.asyncio import Redis

from app.cache.memory import Memory
from app.dev.postgres import free_port
from app.dev.stack import open_stack
from app.limits.concurrency_limiter import ConcurrencyLimiter
from app.limits.deadlines import Deadlines
from app.limits.rate_limiter.limiter import RateLimiter
from app.observability.counting import Count
from app.server.request_head import check_fields, check_lines
from app.settings import Settings
from benchmarks import load, machine, queries
from benchmarks.environment import Environment, run_in_environment
from benchmarks.queries import RequestSequence

ROUNDS = 15
SLICES = 8
HEAD = (
    b"POST /graphql HTTP/1.1\r\nHost: api.example.org\r\nUser-Agent: python-httpx/0.28.1\r\nAccept: application/json\r\n"
    b"Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer dno_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG\r\nContent-Length: 2\r\n\r\n"
)
Side = Callable[[int], Awaitable[None]]


class Row(NamedTuple):
    name: str
    ours: Side
    theirs: Side
    times: int = 2000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--servers", action="store_true", help="whole servers, with wrk")
    if parser.parse_args().servers:
        run_in_environment(_servers)
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with open_stack(Settings(database_url="postgresql://unused", local_folder=folder)) as stack:
            asyncio.run(_parts(stack.settings))
    for name, command in (("read_settings", _OURS), ("pydantic-settings", _THEIRS)):
        times = [_startup(command) for _ in range(7)]
        print(f"settings, whole process, {name}: {statistics.median(times) * 1e3:.0f} ms")


async def _parts(settings: Settings) -> None:
    print(f"{machine.software()}; {ROUNDS} rounds")
    async with Redis.from_url(settings.redis_url) as redis:
        for build in (_heads, _lookups, _rates, _redis_rates, _deadlines, _semaphores, _counters):
            try:
                rows = build(redis)
            except ImportError as error:
                print(f"{build.__name__}: {error}")
                continue
            for row in rows:
                await _measure(row)


async def _measure(row: Row) -> None:
    pairs = []
    for _ in range(ROUNDS):
        gc.collect()
        pair = []
        for side in (row.ours, row.theirs):
            begin = perf_counter()
            await side(row.times)
            pair.append((perf_counter() - begin) / row.times)
        pairs.append(pair)
    ours, theirs = (statistics.median(times) * 1e6 for times in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"{row.name}: {ours:.2f} µs, {theirs:.2f} µs, ratio {ratio:.1f}", flush=True)


# One function per part; each gives its rows.


class _Fields:
    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))


def _heads(_: object) -> list[Row]:
    import h11

    async def ours(times: int) -> None:
        for _ in range(times):
            line = check_lines(HEAD)
            fields = _Fields()
            httptools.HttpRequestParser(fields).feed_data(HEAD)
            check_fields(line, fields.headers)

    async def theirs(times: int) -> None:
        for _ in range(times):
            connection = h11.Connection(h11.SERVER)
            connection.receive_data(HEAD)
            connection.next_event()

    return [Row("request head checked and parsed, h11", ours, theirs)]


def _lookups(_: object) -> list[Row]:
    import aiocache
    import cashews

    value = [msgspec.defstruct("Price", ["level", "arbeit"])("MS", "1.58")]
    memory = Memory(2**20, inf)
    memory.switch_on()
    memory.keep("key", value, size=100, tags=("tag",), until=inf, since=memory.now())
    entries = cashews.Cache()
    entries.setup("mem://")
    simple = aiocache.Cache(aiocache.Cache.MEMORY)

    async def ours(times: int) -> None:
        for _ in range(times):
            assert memory.get("key") is not None

    async def with_cashews(times: int) -> None:
        await entries.set("key", value, expire=60)
        for _ in range(times):
            assert await entries.get("key") is not None

    async def with_aiocache(times: int) -> None:
        await simple.set("key", value, ttl=60)
        for _ in range(times):
            assert await simple.get("key") is not None

    return [Row("L1 hit, cashews", ours, with_cashews), Row("L1 hit, aiocache", ours, with_aiocache)]


def _rates(_: object) -> list[Row]:
    """Both without Redis."""
    from limits import RateLimitItemPerMinute
    from limits.aio.storage import MemoryStorage
    from limits.aio.strategies import SlidingWindowCounterRateLimiter

    return [
        _rate_row(
            "rate limit in memory, limits",
            None,
            SlidingWindowCounterRateLimiter(MemoryStorage()),
            RateLimitItemPerMinute(10**9),
            2000,
        )
    ]


def _redis_rates(redis: "Redis[Any]") -> list[Row]:
    from limits import RateLimitItemPerMinute
    from limits.aio.storage import RedisStorage
    from limits.aio.strategies import SlidingWindowCounterRateLimiter

    address = redis.connection_pool.connection_kwargs
    url = f"async+redis://:{address['password']}@{address['host']}:{address['port']}"
    storage = RedisStorage(url, implementation="redispy")
    return [
        _rate_row(
            "rate limit in Redis, limits",
            redis,
            SlidingWindowCounterRateLimiter(storage),
            RateLimitItemPerMinute(10**9),
            500,
        )
    ]


def _rate_row(name: str, redis: Any, other: Any, item: Any, times: int) -> Row:
    limiter = RateLimiter(lambda: redis, Settings(rate_limit_anonymous=10**9, redis_timeout=1))

    async def ours(times: int) -> None:
        for _ in range(times):
            assert (await limiter.take("192.0.2.1")).allowed

    async def theirs(times: int) -> None:
        for _ in range(times):
            assert await other.hit(item, "192.0.2.1")

    return Row(name, ours, theirs, times)


def _deadlines(_: object) -> list[Row]:
    deadlines = Deadlines(10, asyncio.get_running_loop())

    async def ours(times: int) -> None:
        for _ in range(times):
            with deadlines.begin():
                pass

    async def theirs(times: int) -> None:
        for _ in range(times):
            async with asyncio.timeout(10):
                pass

    return [Row("deadline, asyncio.timeout", ours, theirs)]


def _semaphores(_: object) -> list[Row]:
    import anyio

    limiter = ConcurrencyLimiter(40, 400, 0.3, 0.06)
    capacity = anyio.CapacityLimiter(40)
    semaphore = asyncio.Semaphore(40)

    def side(guard: Any) -> Side:
        async def run(times: int) -> None:
            for _ in range(times):
                async with guard:
                    pass

        return run

    return [
        Row("concurrency limit, asyncio.Semaphore", side(limiter), side(semaphore)),
        Row("concurrency limit, anyio.CapacityLimiter", side(limiter), side(capacity)),
    ]


def _counters(_: object) -> list[Row]:
    counter = Counter("alternatives", "One.", ["kind"], registry=CollectorRegistry())
    count = Count(counter, "one", registered=False)
    child = counter.labels("two")

    async def ours(times: int) -> None:
        for _ in range(times):
            count.value += 1

    async def theirs(times: int) -> None:
        for _ in range(times):
            child.inc()

    return [Row("counter, prometheus_client", ours, theirs)]


_OURS = "from app.settings import read_settings; import os; read_settings(os.environ)"
_THEIRS = """
import msgspec, typing
from app.settings import Settings
from pydantic_settings import BaseSettings
from pydantic import create_model
hints = typing.get_type_hints(Settings)
fields = {f.name: (hints[f.name], f.default) for f in msgspec.structs.fields(Settings) if f.name != "fail_point"}
create_model("Ours", __base__=BaseSettings, **fields)()
"""


def _startup(command: str) -> float:
    begin = perf_counter()
    subprocess.run([sys.executable, "-c", command], check=True)
    return perf_counter() - begin


# Whole servers


BODY = b"x" * 300


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """A minimal ASGI application: reads the body, sends constant bytes."""
    if scope["type"] == "http":
        await receive()
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"application/json"), (b"content-length", b"300")],
            }
        )
        await send({"type": "http.response.body", "body": BODY})


EXECUTOR = queries.LIST.replace("{ dnos(", "{ __schema { queryType { name } } dnos(")


async def _servers(environment: Environment) -> None:
    port, other = free_port(), free_port()
    commands = {
        "uvicorn": [
            "uvicorn",
            "--http",
            "httptools",
            "--loop",
            "uvloop",
            "--no-access-log",
            "--log-level",
            "error",
            "--port",
            str(port),
            "benchmarks.alternatives:bare",
        ],
        "granian": [
            "granian",
            "--interface",
            "asginl",
            "--loop",
            "uvloop",
            "--log-level",
            "error",
            "--workers",
            "1",
            "--port",
            str(other),
            "benchmarks.alternatives:bare",
        ],
    }
    point = RequestSequence([queries.point()])
    with environment.server() as server, machine.pinned_to(environment.cores):
        await server.until_ready()
        running = [subprocess.Popen([sys.executable, "-m", *command]) for command in commands.values()]
        try:
            await asyncio.sleep(0)
            for each in (port, other):
                await _until_open(each)
            await _compare(
                {"fast path": server.port, "uvicorn, bare": port, "granian, bare": other},
                dict.fromkeys(("fast path", "uvicorn, bare", "granian, bare"), point),
            )
        finally:
            for process in running:
                process.terminate()
                process.wait(20)
    # Proofs of validity may be old here: a busy machine would switch L1 off for one of the two.
    for name, changed in (("L1", {}), ("no L1", {"memory_cache": False})):
        with environment.server(response_cache=False, max_missed_heartbeats=400, **changed) as server:
            await server.until_ready()
            starts = (await server.cursors())[:800:50]
            plan, executor = f"plan, {name}", f"executor, {name}"
            await _compare(
                {plan: server.port, executor: server.port},
                {
                    plan: RequestSequence([queries.page(50, after) for after in starts]),
                    executor: RequestSequence(
                        [queries.post(EXECUTOR, first=50, after=after, year=2025) for after in starts]
                    ),
                },
                seconds=4,
            )
    print(await environment.about())


async def _until_open(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)


async def _compare(ports: dict[str, int], sequence: dict[str, RequestSequence], seconds: float = 2) -> None:
    rates: dict[str, list[float]] = {name: [] for name in ports}
    for _ in range(SLICES):
        for name, port in ports.items():
            measured = await load.send(port, sequence[name], seconds=seconds, connections=16)
            assert not measured.failed, name
            rates[name].append(measured.rate)
    first = next(iter(ports))
    for name, found in rates.items():
        ratio = statistics.median(a / b for a, b in zip(rates[first], found, strict=True))
        print(
            f"{name}: {statistics.median(found):,.0f} requests/s; {first} is {ratio:.2f} times as fast",
            flush=True,
        )


if __name__ == "__main__":
    main()
