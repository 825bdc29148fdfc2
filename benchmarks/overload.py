"""More requests than the server can execute: goodput, latencies, the cost of refusals, memory, and recovery.

    python -m benchmarks.overload [--kinds points,lists,cold,documents,mix,cached] [--seconds 60] [--times 1,2,5,20]

The server has a core of its own; databases and load share the others. First the capacity of each kind is measured, in a
closed loop with 32 connections. Then clients send at a fixed rate, whatever the server responds (benchmarks/open_loop.py):
7/10 of the capacity, which is called normal, then multiples of it, then normal again. In the mixed kinds the first stream
stays at a third of its capacity, and only the second one is multiplied.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import asyncpg

from benchmarks import load, queries
from benchmarks.environment import Environment, run_in_environment
from benchmarks.load import SEPARATOR
from benchmarks.open_loop import Generator, Outcome, Phase, Stream, percentile
from benchmarks.queries import RequestSequence
from benchmarks.server import Server
from benchmarks.workloads import lists_that_never_repeat, popular_points

NO_CACHES: Mapping[str, object] = MappingProxyType({"entity_cache": False, "response_cache": False})
# So many clients of each stream; the server takes 3000 connections of one address.
CONNECTIONS = 1400
NORMAL, THIRD = 0.7, 1 / 3
WARMUP, CAPACITY_SECONDS, RECOVERY, REFUSING = 2.0, 3.0, 5.0, 4.0
# A generator that sends later than this for one request in a hundred is the limit itself.
LATE = 0.02
ROW = "{:>22} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>7} {:>8} {:>5} {:>5}"
HEAD = (
    "",
    "due/s",
    "answer/s",
    "p50 ms",
    "p99 ms",
    "refuse/s",
    "p50 ms",
    "p99 ms",
    "other",
    "unsent/s",
    "cpu",
    "MiB",
)


async def cold_lists(server: Server) -> RequestSequence:
    return queries.lists_that_never_repeat(await server.cursors())


class Load(NamedTuple):
    name: str
    prepare: Callable[[Server], Awaitable[RequestSequence]]
    renamed: bool = False


class Kind(NamedTuple):
    """`loads`: one, or a cheap and a dear one."""

    title: str
    loads: tuple[Load, ...]
    changed: Mapping[str, object]


POINTS, COLD = Load("points", popular_points), Load("lists", cold_lists)
KINDS = {
    "points": Kind("points without caches (W5)", (POINTS,), NO_CACHES),
    "lists": Kind(
        "lists of 20 to 60 that never repeat, records cached (W4)",
        (Load("lists", lists_that_never_repeat),),
        {"response_cache": False},
    ),
    "cold": Kind("the same lists without caches", (COLD,), NO_CACHES),
    "documents": Kind(
        "points without caches, each with a document of its own",
        (Load("documents", popular_points, renamed=True),),
        NO_CACHES,
    ),
    "mix": Kind("points and lists, both without caches", (POINTS, COLD), NO_CACHES),
    "cached": Kind(
        "points from cached responses, and lists that never repeat",
        (POINTS, Load("lists", lists_that_never_repeat)),
        {},
    ),
}


class Measured(NamedTuple):
    outcomes: dict[str, Outcome]
    cpu: float  # seconds of the server's processor, a second
    memory: int  # most resident bytes


class Trial:
    """One server under one kind of load."""

    def __init__(self, server: Server, generator: Generator, capacities: dict[str, float]) -> None:
        self._server = server
        self._generator = generator
        self._capacities = capacities
        self.best: dict[str, float] = {}

    async def phase(self, name: str, factors: dict[str, float], seconds: float) -> Measured:
        rates = {stream: factors[stream] * capacity for stream, capacity in self._capacities.items()}
        seen = [self._server.memory]
        watching = asyncio.create_task(self._watch(seen))
        before = self._server.cpu_seconds
        try:
            outcomes = await asyncio.to_thread(self._generator.run, Phase(seconds, rates))
        finally:
            watching.cancel()
        cpu = (self._server.cpu_seconds - before) / seconds
        for stream, outcome in outcomes.items():
            self.best[stream] = max(self.best.get(stream, 0), outcome.goodput)
            print(ROW.format(*_row(f"{name} {stream}", outcome), f"{cpu:.2f}", max(seen) >> 20), flush=True)
            if outcome.late > LATE:
                print(f"{'':>22} the generator did not keep up: p99 {outcome.late * 1000:.0f} ms late")
        return Measured(outcomes, cpu, max(seen))

    async def _watch(self, seen: list[int]) -> None:
        while True:
            await asyncio.sleep(0.25)
            seen.append(self._server.memory)


def _row(name: str, outcome: Outcome) -> tuple[str, ...]:
    refusals = outcome.statuses.get(503, 0)
    other = outcome.broken + sum(outcome.statuses.values()) - refusals - len(outcome.answered)
    times = [f"{1000 * percentile(outcome.answered, share):.1f}" for share in (0.5, 0.99)]
    waited = [f"{1000 * percentile(outcome.refused, share):.0f}" for share in (0.5, 0.99)]
    rates = [f"{count / outcome.seconds:.0f}" for count in (outcome.due, refusals, outcome.unsent)]
    return (name, rates[0], f"{outcome.goodput:.0f}", *times, rates[1], *waited, str(other), rates[2])


async def measure(environment: Environment, kind: Kind, folder: Path, arguments: argparse.Namespace) -> None:
    with environment.server(log_level="error", **kind.changed) as server:
        await server.until_ready()
        capacities, streams = {}, []
        for each in kind.loads:
            sequence = await each.prepare(server)
            await load.send(server.port, sequence, seconds=WARMUP)
            capacities[each.name] = (await load.send(server.port, sequence, seconds=CAPACITY_SECONDS)).rate
            file = folder / each.name
            file.write_bytes(SEPARATOR.join(sequence.in_order()))
            streams.append(Stream(each.name, str(file), CONNECTIONS, each.renamed))
        found = ", ".join(f"{capacity:.0f} {name} a second" for name, capacity in capacities.items())
        print(f"\n{kind.title}; capacity: {found}\n{ROW.format(*HEAD)}", flush=True)
        with Generator(server.port, streams) as generator:
            await _phases(Trial(server, generator, capacities), kind, arguments)


async def _phases(trial: Trial, kind: Kind, arguments: argparse.Namespace) -> None:
    first, *others = (each.name for each in kind.loads)
    changing = others[0] if others else first
    normal_factors = {first: THIRD, changing: THIRD} if others else {first: NORMAL}
    await trial.phase("warm-up", normal_factors, WARMUP)
    normal = await trial.phase("normal", normal_factors, arguments.seconds)
    over = [
        (times, await trial.phase(f"{times:g} ×", {**normal_factors, changing: times}, arguments.seconds))
        for times in arguments.times
    ]
    after = await trial.phase("afterwards", normal_factors, RECOVERY)
    for times, measured in over:
        _summary(trial, normal, times, measured, (first, changing))
    print(
        f"the last refusal afterwards: {max(each.last_refusal for each in after.outcomes.values()):.2f} s after the overload"
    )


def _summary(
    trial: Trial, normal: Measured, times: float, measured: Measured, streams: tuple[str, str]
) -> None:
    """Goodput against the best, p99 against normal, and the processor time of a refusal, as what answers do not explain."""
    for name in dict.fromkeys(streams):
        outcome, before = measured.outcomes[name], normal.outcomes[name]
        ratio = percentile(outcome.answered, 0.99) / (percentile(before.answered, 0.99) or 1)
        line = f"{times:g} × {name}: goodput {outcome.goodput / trial.best[name]:.0%} of the best, p99 {ratio:.2f} × normal"
        refusals = outcome.statuses.get(503, 0) / outcome.seconds
        if len(measured.outcomes) == 1 and refusals:
            per_answer = normal.cpu / before.goodput
            line += f", {max(0.0, measured.cpu - per_answer * outcome.goodput) / refusals * 1e6:.0f} µs of CPU per refusal"
        print(line)


async def cost_of_refusals(environment: Environment) -> None:
    """One operation may run, and it waits for a lock in PostgreSQL: every other request is refused."""
    changed = {**NO_CACHES, "max_operations": 1, "max_queued_operations": 0}
    with environment.server(log_level="error", **changed) as server:
        await server.until_ready()
        points = queries.popular_points()
        await load.send(server.port, points, seconds=WARMUP, connections=1)  # heads are cached
        blocking = await asyncpg.connect(environment.settings.database_url)
        try:
            async with blocking.transaction():
                await blocking.execute("LOCK TABLE netzentgelte_data IN ACCESS EXCLUSIVE MODE")
                idle = server.cpu_seconds
                await asyncio.sleep(REFUSING)
                before = server.cpu_seconds
                refused = await load.send(server.port, points, seconds=REFUSING, connections=128)
                spent = server.cpu_seconds - before - (before - idle)
        finally:
            await blocking.close()
    print(
        f"\nrefusals: {refused.rate:.0f} a second to 128 clients that send again at once,"
        f" {spent / refused.requests * 1e6:.0f} µs of CPU each, {spent / refused.seconds:.0%} of a processor"
    )


async def report(environment: Environment, arguments: argparse.Namespace) -> None:
    print(f"{environment.content}\n{await environment.about()}")
    await cost_of_refusals(environment)
    for name in arguments.kinds:
        await measure(environment, KINDS[name], environment.folder, arguments)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", default=",".join(KINDS), help="which of them (default: all)")
    parser.add_argument("--seconds", type=float, default=60, help="of one phase")
    parser.add_argument("--times", default="1,2,5,20", help="multiples of the capacity")
    arguments = parser.parse_args()
    arguments.kinds = arguments.kinds.split(",")
    arguments.times = [float(each) for each in arguments.times.split(",")]
    if unknown := set(arguments.kinds) - set(KINDS):
        parser.error(f"no such kind: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    run_in_environment(lambda environment: report(environment, arguments))


if __name__ == "__main__":
    main()
