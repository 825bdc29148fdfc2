"""What several workers give, and what it costs that they share no memory: W4, W5 and W6 with 1, 2 and 4 of them.

    python -m benchmarks.workers [--workers 1,2,4] [--workloads W4,W5,W6] [--rounds 3] [--seconds 4]

All share the machine's cores with databases and load: on few cores the counts are meaningful, and rates are those of processes that
share cores. Counts begin with empty memory, so that filling the memory of each worker is part of them. Then the time of one read
is measured: from memory of the process, from a segment that processes share, and from Redis.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from multiprocessing.shared_memory import SharedMemory
from typing import Any, NamedTuple

import redis.asyncio

from app.auth.api_keys import digest
from app.cache.codec import Codec
from app.cache.memory import Memory
from app.db.pool import open_pool
from app.domain.entry import DnoYear
from benchmarks import databases, load
from benchmarks.environment import Environment, run_in_environment
from benchmarks.instances import read_counts
from benchmarks.server import Server, running
from benchmarks.tables import print_columns
from benchmarks.workloads import KEY, WORKLOADS
from loaders.regions import TARIFFS

READS = 3000
LIFETIME = 3600.0


class Outcome(NamedTuple):
    """`found`: records that were read from L1, as a share. Counts are per thousand requests; bytes are those of all processes."""

    rate: float
    p99: float
    failed: int
    cpu: float
    transactions: float
    commands: float
    found: float
    memory: int
    cached: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", default="1,2,4")
    parser.add_argument("--workloads", default="W4,W5,W6")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="of one round")
    arguments = parser.parse_args()
    run_in_environment(lambda environment: _run(environment, arguments))


async def _run(environment: Environment, arguments: argparse.Namespace) -> None:
    await databases.add_key(environment.settings.database_url, digest(KEY))
    print(f"{environment.content}\n{await environment.about()}", flush=True)
    for name in arguments.workloads.split(","):
        outcomes = {}
        for number in map(int, arguments.workers.split(",")):
            changed = {**WORKLOADS[name].changed, "workers": number}
            with running(environment.settings, environment.folder, None, **changed) as server:
                outcomes[number] = await _measure(environment, server, name, arguments)
            await _empty(environment)
        _print(f"{name}: {WORKLOADS[name].name}", outcomes)
    await _reads(environment)


async def _measure(
    environment: Environment, server: Server, name: str, arguments: argparse.Namespace
) -> Outcome:
    await server.until_ready()
    sequence = await WORKLOADS[name].prepare(server)
    before, rounds, sent = await read_counts(environment, [server]), [], 0
    finds = _finds(await server.metrics())
    for _ in range(arguments.rounds):
        rounds.append(await load.send(server.port, sequence, seconds=arguments.seconds, start=sent))
        sent += rounds[-1].requests
    spent = (await read_counts(environment, [server])).minus(before)
    metrics = await server.metrics()
    hits, misses = (after - earlier for after, earlier in zip(_finds(metrics), finds, strict=True))
    median = load.median(rounds)
    return Outcome(
        median.rate,
        median.p99,
        median.failed,
        spent.cpu_seconds / sent,
        1000 * spent.transactions / sent,
        1000 * spent.commands / sent,
        hits / (hits + misses) if hits + misses else 0.0,
        server.memory,
        metrics.get("dno_cache_memory_bytes", 0.0),
    )


def _finds(metrics: Mapping[str, float]) -> tuple[float, float]:
    """Hits and misses of records in L1."""

    def total(name: str) -> float:
        return sum(value for key, value in metrics.items() if key.startswith(name) and 'layer="l1"' in key)

    return total("dno_cache_hits_total"), total("dno_cache_misses_total")


async def _empty(environment: Environment) -> None:
    """So that the next workers find nothing in Redis either."""
    async with redis.asyncio.from_url(environment.settings.redis_url, socket_timeout=10) as client:
        await client.flushall()


# One read


async def _reads(environment: Environment) -> None:
    """The time of one read of the prices of an operator and year.

    The segment has its index in each process and neither locks nor invalidations: a real one would take longer.
    """
    region = TARIFFS
    codec: Codec[Any] = Codec(region.type)
    async with open_pool(environment.settings) as pool:
        ids = await pool.fetch("SELECT id FROM dnos ORDER BY slug LIMIT $1", READS // 5)
        keys = [DnoYear(row["id"], year) for row in ids for year in range(2022, 2027)]
        records = await region.fetch(pool, keys)
    data = {region.tag(key): codec.encode(value, LIFETIME) for key, value in records.items()}
    tags = list(data)
    size = sum(map(len, data.values()))
    print(f"\none read of {len(tags)} records of {size / len(tags):.0f} bytes as MessagePack:")
    memory = Memory(2**28, LIFETIME)
    memory.switch_on()
    for key, value in records.items():
        memory.keep(
            region.tag(key), value, size=1, tags=(), until=time.monotonic() + LIFETIME, since=memory.now()
        )
    _time("memory of the process (L1)", tags, memory.get)
    segment, places = _segment(data)
    try:
        _time("a shared segment", tags, lambda tag: codec.decode(segment.buf[slice(*places[tag])]))
    finally:
        segment.close()
        segment.unlink()
    await _time_redis(environment, data, codec)


def _segment(data: Mapping[str, bytes]) -> tuple[SharedMemory, dict[str, tuple[int, int]]]:
    segment = SharedMemory(create=True, size=sum(map(len, data.values())))
    places, at = {}, 0
    for tag, each in data.items():
        segment.buf[at : at + len(each)] = each
        places[tag] = (at, at := at + len(each))
    return segment, places


def _time(name: str, tags: list[str], read: Callable[[str], object]) -> None:
    assert all(read(tag) is not None for tag in tags)
    best = min(_round(tags, read) for _ in range(5))
    print(f"{name:>40} {best / len(tags) * 1e6:8.2f} µs", flush=True)


def _round(tags: list[str], read: Callable[[str], object]) -> float:
    began = time.thread_time()
    for tag in tags:
        read(tag)
    return time.thread_time() - began


async def _time_redis(environment: Environment, data: Mapping[str, bytes], codec: Codec[Any]) -> None:
    tags = [f"sketch:{tag}" for tag in data]
    async with redis.asyncio.from_url(environment.settings.redis_url, socket_timeout=10) as client:
        await client.mset(dict(zip(tags, data.values(), strict=True)))
        for together in (1, 32):
            began = time.thread_time()
            for at in range(0, len(tags), together):
                for each in await client.mget(tags[at : at + together]):
                    assert codec.decode(each) is not None
            cpu = (time.thread_time() - began) / len(tags)
            print(f"{f'Redis, {together} at a time':>40} {cpu * 1e6:8.2f} µs of this process", flush=True)


def _print(title: str, outcomes: Mapping[int, Outcome]) -> None:
    columns = {str(number): each for number, each in outcomes.items()}
    rows: dict[str, Callable[[Outcome], str]] = {
        "requests/s": lambda each: f"{each.rate:,.0f}",
        "p99, ms": lambda each: f"{1000 * each.p99:.1f}",
        "failed": lambda each: str(each.failed),
        "CPU per request, µs": lambda each: f"{1e6 * each.cpu:.1f}",
        "transactions of PostgreSQL per 1,000": lambda each: f"{each.transactions:.1f}",
        "commands of Redis per 1,000": lambda each: f"{each.commands:.1f}",
        "records found in L1": lambda each: f"{each.found:.1%}",
        "memory of all processes, MB": lambda each: f"{each.memory / 1e6:.0f}",
        "L1 of all workers, MB": lambda each: f"{each.cached / 1e6:.1f}",
    }
    print_columns(title, columns, rows, corner="workers")


if __name__ == "__main__":
    main()
