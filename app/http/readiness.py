"""Readiness: does each resource answer?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from time import monotonic
from typing import Any, Final

import msgspec
import structlog

from app.cache.failures import FAILURES, refusal
from app.cache.memory import Memory
from app.cache.redis import SharedCache
from app.cache.validity import Validity
from app.db.followed_rows import fetch_status
from app.db.pool import Pool
from app.settings import Settings

log = structlog.get_logger("health")

# After so many intervals without a pass, and not before so many seconds, the followed database counts as not followed.
_MISSED_PASSES: Final = 4
_LONGEST_PASS: Final = 120.0


class State(StrEnum):
    """DEGRADED answers, but slower or only in part; DOWN does not."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


class Finding(msgspec.Struct, frozen=True):
    status: State
    detail: str | None = None


Check = Callable[[], Awaitable[Finding]]


class Report(msgspec.Struct, frozen=True):
    status: State
    resources: Mapping[str, Finding]

    @property
    def code(self) -> int:
        return 503 if self.status is State.DOWN else 200


class Readiness:
    """Checks all resources concurrently, each within `timeout`; a report is cached for `fresh_for` seconds.

    The whole is DOWN, which takes the instance out of a load balancer, only when it cannot serve:
    while it starts or stops, and when nothing is left to answer from. An outage of PostgreSQL
    alone does not: all instances share it, cached reads are still answered, and taking all instances out
    would end those as well. So of the `sources` of answers one is enough.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        sources: Sequence[str],
        *,
        timeout: float = 1,
        fresh_for: float = 0.5,
    ) -> None:
        self._checks = checks
        self._sources = sources
        self._timeout = timeout
        self._fresh_for = fresh_for
        self._running: asyncio.Task[Report] | None = None
        self._until = 0.0
        self.stopping = False

    async def report(self) -> Report:
        if self._running is None or (self._running.done() and monotonic() > self._until):
            self._running = asyncio.create_task(self._ask_all())
        # Shielded: one caller that leaves must not take the answer from the others.
        found = await asyncio.shield(self._running)
        return Report(State.DOWN, found.resources) if self.stopping else found

    async def _ask_all(self) -> Report:
        findings = await asyncio.gather(*(self._ask(check) for check in self._checks.values()))
        resources = dict(zip(self._checks, findings, strict=True))
        self._until = monotonic() + self._fresh_for
        return Report(self._whole(resources), resources)

    async def _ask(self, check: Check) -> Finding:
        try:
            async with asyncio.timeout(self._timeout):
                return await check()
        except TimeoutError:
            return Finding(State.DOWN, f"no answer within {self._timeout:g} s")
        except Exception as error:
            # The address or the driver's message may contain what must not be public.
            log.warning("a resource does not answer", error=repr(error))
            return Finding(State.DOWN, "no answer")

    def _whole(self, resources: Mapping[str, Finding]) -> State:
        states = [finding.status for finding in resources.values()]
        if all(resources[source].status is State.DOWN for source in self._sources):
            return State.DOWN
        return State.UP if all(state is State.UP for state in states) else State.DEGRADED


def readiness_of(
    pool: Pool,
    shared: SharedCache,
    memory: Memory,
    settings: Settings,
    session_client: Any = None,
    validity: Validity | None = None,
) -> Readiness:
    """What the server answers from: PostgreSQL and Redis are sources, memory only makes it faster.

    `session_client`: of the Redis that holds sessions, checked if it is another server than the cache.
    `validity` gives the reason why caches are not used.
    """
    checks: dict[str, Check] = {
        "postgres": partial(_postgres, pool),
        "redis": partial(_redis, shared, validity),
        "memory": partial(_memory, memory, settings, validity),
    }
    if settings.follow_database_url:
        checks["followed"] = partial(_followed, pool, settings)
    if session_client not in (None, shared.client):
        checks["sessions"] = partial(_sessions, session_client)
    return Readiness(checks, sources=("postgres", "redis"))


async def _postgres(pool: Pool) -> Finding:
    takes_writes, missing = await pool.probe()
    if not takes_writes:
        return Finding(State.DEGRADED, "answers, but takes no writes")
    if missing:
        # Without its operators nothing can be answered from it.
        state = State.DOWN if "dnos" in missing else State.DEGRADED
        return Finding(state, f"tables are missing or may not be read: {', '.join(missing)}")
    if pool.lacked_something():
        return Finding(
            State.DEGRADED, "statements fail: a table, a column, a function, a type or a right is missing"
        )
    return Finding(State.UP)


async def _redis(shared: SharedCache, validity: Validity | None) -> Finding:
    # Not PING: a server that answers reads and refuses writes is no L2, and no place for sessions.
    if await shared.identify() is None:
        if shared.refused is not None:
            return Finding(State.DEGRADED, f"refuses writes ({shared.refused})")
        return Finding(State.DOWN, "no answer")
    if not shared.trusted:
        return Finding(
            State.DEGRADED, (validity and validity.failed_proof) or "missed changes are caught up on"
        )
    return Finding(State.UP)


async def _memory(memory: Memory, settings: Settings, validity: Validity | None) -> Finding:
    if memory.enabled or not settings.memory_cache:
        return Finding(State.UP)
    return Finding(State.DEGRADED, (validity and validity.reason) or "off until changes are received again")


async def _sessions(client: Any) -> Finding:
    # A write, for the same reason.
    try:
        await client.set("dno:probe", b"", ex=10)
    except FAILURES as failure:
        if (code := refusal(failure)) is None:
            raise
        return Finding(State.DEGRADED, f"refuses writes ({code})")
    return Finding(State.UP)


async def _followed(pool: Pool, settings: Settings) -> Finding:
    last = await fetch_status(pool)
    if last is None or last["finished_ago"] is None:
        return Finding(State.DEGRADED, (last and last["problem"]) or "no pass has ended yet")
    if last["problem"] is not None:
        return Finding(State.DEGRADED, last["problem"])
    if last["finished_ago"] > max(_MISSED_PASSES * settings.follow_interval, _LONGEST_PASS):
        return Finding(State.DEGRADED, f"the last pass ended {last['finished_ago']:.0f} s ago")
    return Finding(State.UP, f"{last['set_aside']:,} rows set aside" if last["set_aside"] else None)
