"""Runs attacks one after the other beside a probe client, and measures what each costs."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from tests.hostile.attack import Attack, Target
from tests.hostile.cost import server_processes, use_of
from tests.hostile.probe_client import ProbeClient

MIB = 2**20
MAX_MEMORY_THAT_STAYS = 64 * MIB
MAX_DELAY = 0.25


@dataclass(frozen=True)
class Cost:
    """`p99` and `slowest`: what the attack added to the probe client's responses, in seconds; `stays`: bytes."""

    attack: Attack
    seconds: float
    cpu: float
    stays: int
    p99: float
    slowest: float
    failed: int
    error: str = ""

    @property
    def faults(self) -> list[str]:
        found = [self.error] if self.error else []
        if self.stays > MAX_MEMORY_THAT_STAYS:
            found.append(f"{self.stays / MIB:.0f} MiB stay")
        if self.slowest > MAX_DELAY:
            found.append(f"the probe client waits {self.slowest * 1000:.0f} ms longer")
        if self.failed:
            found.append(f"{self.failed} of the probe client's requests failed")
        return found


async def run_all(attacks: Sequence[Attack], target: Target, *, pause: float = 1.0) -> list[Cost]:
    """`pause`: seconds for which the probe client runs without load before each attack, and for which the server rests after it."""
    processes = server_processes(target.port)
    if not processes:
        raise SystemExit(f"No process of this user listens on port {target.port}.")
    await _probe_for(target, 3 * pause)  # so that the first attack does not pay for what is loaded once
    return [await run_one(attack, target, processes, pause) for attack in attacks]


async def run_one(attack: Attack, target: Target, processes: list[psutil.Process], pause: float) -> Cost:
    alone = await _probe_for(target, pause)
    before = use_of(processes)
    beside = ProbeClient(target)
    asking = asyncio.create_task(beside.run())
    loop = asyncio.get_running_loop()
    began, error = loop.time(), ""
    try:
        async with asyncio.timeout(target.seconds):
            await attack.act(target)
    except TimeoutError:
        pass  # it has had its time; what it cost until then is what is measured
    except Exception as failure:
        error = f"the attack itself failed: {failure!r}"
    seconds = loop.time() - began
    await asyncio.sleep(pause)
    await _end(asking)
    after = use_of(processes)
    return Cost(
        attack=attack,
        seconds=seconds,
        cpu=after.cpu - before.cpu,
        stays=max(0, after.memory - before.memory),
        p99=max(0.0, beside.percentile(0.99) - alone.percentile(0.5)),
        slowest=max(0.0, beside.percentile(1.0) - alone.percentile(0.5)),
        failed=beside.failed,
        error=error,
    )


async def _probe_for(target: Target, seconds: float) -> ProbeClient:
    probe = ProbeClient(target)
    asking = asyncio.create_task(probe.run())
    await asyncio.sleep(seconds)
    await _end(asking)
    return probe


async def _end(asking: "asyncio.Task[None]") -> None:
    asking.cancel()
    await asyncio.wait([asking])
    if not asking.cancelled():
        asking.result()


def table(costs: Sequence[Cost]) -> str:
    lines = [
        "| Kind | Attack | Seconds | CPU s | MiB that stay | Probe p99 + ms | Slowest + ms | |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    lines += [
        f"| {cost.attack.kind} | {cost.attack.name} | {cost.seconds:.1f} | {cost.cpu:.2f} | {cost.stays / MIB:.1f}"
        f" | {cost.p99 * 1000:.0f} | {cost.slowest * 1000:.0f} | {'; '.join(cost.faults) or 'ok'} |"
        for cost in costs
    ]
    return "\n".join(lines)
