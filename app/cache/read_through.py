"""The way a record is read: memory, then Redis, then PostgreSQL."""

import asyncio
from asyncio import Task
from collections.abc import Coroutine, Iterable, Sequence
from random import uniform
from typing import Any, Final, TypeVar

from structlog import get_logger

from app.cache.clock import monotonic
from app.cache.codec import Codec
from app.cache.in_flight_reads import Fetch, InFlightRead, InFlightReads, Wait
from app.cache.memory import Memory
from app.cache.read_set import ReadSet
from app.cache.redis import Fill, SharedCache
from app.cache.region import Region
from app.caller_budgets import Budgets
from app.errors import AppError, Unavailable
from app.observability import operation_stats as costs
from app.observability import traces
from app.observability.counting import Timings
from app.observability.metrics import (
    CACHE_HITS,
    CACHE_LEASE_REFUSALS,
    CACHE_MISSES,
    CACHE_NEGATIVE_HITS,
    LOADER_BATCH,
)
from app.settings import MINUTE, Settings

K = TypeVar("K")
V = TypeVar("V")

log = get_logger(__name__)

# A record as objects takes about so many times the bytes that it takes as MessagePack.
WEIGHT: Final = 4

# So many records of one region whose keys callers make up are put into Redis per minute; the others are not.
OPEN_ENDED: Final = 3000

# How a reader divides its patience while somebody else holds the lease: it looks early, then less often.
PATIENCE: Final = (1 / 7, 2 / 7, 4 / 7)


class ReadThrough:
    """All that is missed in one tick of the event loop goes down together, whoever missed it."""

    def __init__(self, memory: Memory, shared: SharedCache, pool: Any, settings: Settings) -> None:
        self._memory = memory
        self._shared = shared
        self._pool = pool
        self._settings = settings
        self._remembers = settings.entity_cache and settings.memory_cache
        self._flights = InFlightReads()
        self._boarding: list[InFlightRead] = []
        self._lanes: dict[Region[Any, Any], RegionQueue] = {}
        self._fills: list[Fill] = []
        self._open_ended = Budgets(OPEN_ENDED, 10 * OPEN_ENDED, MINUTE)
        self._filling = False
        self._tasks: set[Task[None]] = set()
        # Asked for once: each time it is, the kernel is asked which process this is.
        self._loop = asyncio.get_running_loop()

    async def get_many(self, region: Region[K, V], keys: Sequence[K], read_set: ReadSet) -> dict[K, V | None]:
        """A value for every key; None: there is none. Costs no turn of the loop if L1 knows them all."""
        found: dict[K, V | None] = {}
        missing: list[tuple[K, str]] = []
        absent = 0
        tags, until, tag_of = read_set.tags, read_set.until, region.tag
        get = self._memory.get if self._remembers else _nothing
        for key in keys:
            tag = tag_of(key)
            entry = get(tag)
            if entry is None:
                missing.append((key, tag))
                continue
            found[key] = entry.value
            tags.add(tag)
            if entry.until < until:
                until = entry.until
            if entry.value is None:
                absent += 1
        read_set.until = until
        lane = self._lane(region)
        lane.batches.observe(len(keys))
        if self._remembers:
            lane.memory.count(len(found), absent, len(missing))
        if (spent := costs.current()) is not None:
            spent.asked(region.name, len(keys))
            spent.found("l1", len(found))
        if missing:
            with traces.span("loader", region=region.name, keys=len(missing)):
                await self._get_from_below(region, missing, read_set, spent, found)
        return found

    async def _get_from_below(
        self,
        region: Region[K, Any],
        missing: list[tuple[K, str]],
        read_set: ReadSet,
        spent: costs.Costs | None,
        found: dict[K, Any],
    ) -> None:
        flights = [self._join(region, key, tag) for key, tag in missing]
        await Wait(flights, self._loop).over()
        if spent is not None:
            _note(spent, flights)
        for flight in flights:
            found[flight.key] = flight.result()
            read_set.add(flight.tag, flight.until)
            if flight.fetched:
                read_set.fetched.add(flight.tag)

    @property
    def fills_waiting(self) -> int:
        return len(self._fills)

    def detach(self, tags: Iterable[str]) -> None:
        """Whoever asks from now on gets a fetch that sets out from now on."""
        self._flights.detach(tags)

    async def close(self) -> None:
        """Waits for what is under way; all of it is bounded by time-outs of its own."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    # Going down

    def _join(self, region: Region[Any, Any], key: Any, tag: str) -> InFlightRead:
        flight = self._flights.get(tag)
        if flight is not None and (not flight.departed or self._memory.heard_all_since(flight.since)):
            return flight
        flight = InFlightRead(region, key, tag, self._memory.now())
        self._flights.add(flight)
        self._boarding.append(flight)
        if len(self._boarding) == 1:
            # Its first step is the next tick's: until then all others board.
            self._start(self._depart(), self._boarding)
        return flight

    async def _depart(self) -> None:
        flights, self._boarding = self._boarding, []
        if self._settings.entity_cache and self._shared.trusted:
            await self._through_redis(flights)
        else:
            await self._to_postgres(flights)

    async def _through_redis(self, flights: list[InFlightRead]) -> None:
        waiting = await self._set_out(flights)
        for part in PATIENCE:
            if waiting:
                await asyncio.sleep(part * self._settings.lease_timeout)
                # A lease that is gone without a value was taken away by a change: nothing is to be waited for.
                waiting = await self._set_out(waiting)
        await self._to_postgres(waiting)

    async def _set_out(self, flights: list[InFlightRead]) -> list[InFlightRead]:
        """Lands what L2 knows, fetches what it has a lease for; gives those whose lease somebody else has."""
        held, leased = await self._ask_redis(flights)
        if held:
            self._start(self._to_postgres(leased), leased)
        else:
            await self._to_postgres(leased)
        return held

    async def _ask_redis(self, flights: list[InFlightRead]) -> tuple[list[InFlightRead], list[InFlightRead]]:
        """Lands what L2 knows; gives those that somebody else fetches, and those that are to be fetched here."""
        for flight in flights:
            flight.departed = True
            flight.round_trips += 1
        with traces.span("redis", operation="get", keys=len(flights)):
            found = await self._shared.get_or_lease(_tags(flights))
        held: list[InFlightRead] = []
        leased: list[InFlightRead] = []
        unreadable: list[InFlightRead] = []
        for lane, together in self._by_lane(flights):
            landed = absent = 0
            for flight in together:
                data = found.get(flight.tag, "")
                if data is None:
                    held.append(flight)
                    lane.leases_refused.inc()
                elif isinstance(data, str):
                    flight.token = data or None
                    leased.append(flight)
                elif (decoded := lane.codec.decode(data)) is None:
                    unreadable.append(flight)
                else:
                    landed += 1
                    absent += decoded.value is None
                    self._land(flight, decoded.value, monotonic() + decoded.seconds, decoded.size)
            lane.below.count(landed, absent, len(together) - landed)
        if unreadable:
            await self._lease(unreadable)
        return held, leased + unreadable

    async def _lease(self, flights: list[InFlightRead]) -> None:
        """For what is there but of no use: another release's bytes, or expired ones."""
        with traces.span("redis", operation="lease", keys=len(flights)):
            tokens = await self._shared.lease_many(_tags(flights))
        for flight in flights:
            flight.round_trips += 1
            flight.token = tokens.get(flight.tag)

    async def _to_postgres(self, flights: list[InFlightRead]) -> None:
        """The first region's statement is this task's own work: a task more would be a tick more."""
        lanes: list[RegionQueue] = []
        for lane, together in self._by_lane(flights):
            lane.waiting += together
            if lane.in_flight < self._settings.max_statements_in_flight:
                lane.in_flight += 1
                lanes.append(lane)
        for lane in lanes[1:]:
            self._start(self._serve(lane), ())
        if lanes:
            await self._serve(lanes[0])

    async def _serve(self, lane: "RegionQueue") -> None:
        """While statements are under way, further misses gather for the next one."""
        try:
            while lane.waiting:
                flights = self._still_wanted(lane)
                try:
                    if flights:
                        await self._fetch(lane, flights)
                finally:
                    self._fail(flights, Unavailable("The server is stopping."))
        finally:
            lane.in_flight -= 1

    def _still_wanted(self, lane: "RegionQueue") -> list[InFlightRead]:
        waiting, lane.waiting = lane.waiting, []
        for flight in waiting:
            if not flight.waits:
                self._flights.close(flight)
        return [flight for flight in waiting if flight.waits]

    async def _fetch(self, lane: "RegionQueue", flights: list[InFlightRead]) -> None:
        keys = list(dict.fromkeys(flight.key for flight in flights))
        try:
            async with asyncio.timeout(None) as bound:
                fetch = Fetch(flights, self._flights, bound)
                for flight in flights:
                    flight.departed = True
                    flight.fetch = fetch
                try:
                    with traces.span("postgres", region=lane.region.name, keys=len(keys)):
                        records = await lane.region.fetch(self._pool, keys)
                finally:
                    fetch.over()
            for flight in flights:
                self._arrive(lane, flight, records.get(flight.key))
        except Exception as error:
            if len(keys) == 1 or isinstance(error, AppError | TimeoutError):
                self._fail(flights, error)
            else:
                await self._fetch_apart(lane, keys, flights)

    async def _fetch_apart(self, lane: "RegionQueue", keys: list[Any], flights: list[InFlightRead]) -> None:
        """One key that PostgreSQL cannot read must not spoil what strangers asked in the same tick."""
        for flight in flights:
            flight.fetch = None  # that one is over
        first = set(keys[: len(keys) // 2])
        await self._fetch(lane, [flight for flight in flights if flight.key in first])
        await self._fetch(lane, [flight for flight in flights if flight.key not in first])

    # Coming up

    def _arrive(self, lane: "RegionQueue", flight: InFlightRead, value: Any) -> None:
        flight.fetched = True
        seconds = self._lifetime(lane.region, value)
        until = monotonic() + seconds
        if not self._settings.entity_cache or seconds <= 0:
            flight.land(value, until)
            self._flights.close(flight)
            return
        data = lane.codec.encode(value, seconds)
        current = self._flights.get(flight.tag) is flight  # else a change has overtaken it
        self._land(flight, value, until, len(data))
        if (
            current
            and flight.token is not None
            and len(self._fills) < self._settings.max_queued_fills
            and (not flight.region.is_open_ended(value) or self._open_ended.take(flight.region.name))
        ):
            self._fills.append(Fill(flight.tag, flight.token, data, seconds))
            if not self._filling:
                self._filling = True
                self._start(self._fill(), ())

    def _land(self, flight: InFlightRead, value: Any, until: float, length: int) -> None:
        if self._remembers:
            self._memory.keep(
                flight.tag,
                value,
                size=length * WEIGHT + len(flight.tag),
                tags=(flight.tag,),
                until=until,
                since=flight.since,
                answer=flight.region.is_open_ended(value),
            )
        flight.land(value, until)
        self._flights.close(flight)

    def _fail(self, flights: Iterable[InFlightRead], error: BaseException) -> None:
        for flight in flights:
            flight.fail(error)
            self._flights.close(flight)

    def _lifetime(self, region: Region[Any, Any], value: Any) -> float:
        jitter = self._settings.lifetime_jitter
        seconds = self._settings.absent_lifetime if value is None else region.lifetime(self._settings, value)
        return seconds * uniform(1 - jitter, 1 + jitter)  # noqa: S311 - nobody gains by guessing it

    async def _fill(self) -> None:
        """No reader waits for it; what is to be filled meanwhile goes with the next round trip."""
        try:
            while self._fills:
                fills, self._fills = self._fills, []
                await self._shared.fill_many(fills)
        finally:
            self._filling = False

    # Keeping track

    def _lane(self, region: Region[Any, Any]) -> "RegionQueue":
        lane = self._lanes.get(region)
        if lane is None:
            lane = self._lanes[region] = RegionQueue(region)
        return lane

    def _by_lane(self, flights: list[InFlightRead]) -> Iterable[tuple["RegionQueue", list[InFlightRead]]]:
        lanes: dict[RegionQueue, list[InFlightRead]] = {}
        for flight in flights:
            lanes.setdefault(self._lane(flight.region), []).append(flight)
        return lanes.items()

    def _start(self, work: Coroutine[Any, Any, None], flights: Sequence[InFlightRead]) -> None:
        task = self._loop.create_task(work, context=traces.detached())
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, flights))

    def _ended(self, task: Task[None], flights: Sequence[InFlightRead]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("read_failed", exc_info=error)
        if error is not None or task.cancelled():
            self._fail(flights, error or Unavailable("The server is stopping."))


class RegionQueue:
    """What is under way for one region, and its counters: looking them up by label would cost more."""

    def __init__(self, region: Region[Any, Any]) -> None:
        self.region = region
        self.codec: Codec[Any] = Codec(region.type)
        self.waiting: list[InFlightRead] = []
        self.in_flight = 0
        self.batches = Timings(LOADER_BATCH, region.name)
        self.leases_refused = CACHE_LEASE_REFUSALS.labels(region.name)
        self.memory = Finds(region.name, "l1")
        self.below = Finds(region.name, "l2")


class Finds:
    """Hits, misses, and the hits that said "there is none"."""

    def __init__(self, region: str, layer: str) -> None:
        self._hits = CACHE_HITS.labels(region, layer)
        self._absent = CACHE_NEGATIVE_HITS.labels(region, layer)
        self._misses = CACHE_MISSES.labels(region, layer)

    def count(self, found: int, absent: int, missing: int) -> None:
        if found:
            self._hits.inc(found)
        if absent:
            self._absent.inc(absent)
        if missing:
            self._misses.inc(missing)


def _nothing(key: str) -> None:
    """L1 while it is switched off by a setting."""


def _note(spent: costs.Costs, flights: list[InFlightRead]) -> None:
    """What all keys of one call went through, they went through together."""
    fetches: set[Any] = set()
    fetched = round_trips = 0
    for flight in flights:
        if flight.fetch is not None:
            fetches.add(flight.fetch)
            fetched += 1
        if flight.round_trips > round_trips:
            round_trips = flight.round_trips
    spent.statements += len(fetches)
    spent.round_trips += round_trips
    if fetched:
        spent.found("postgres", fetched)
    if fetched < len(flights):
        spent.found("l2", len(flights) - fetched)


def _tags(flights: Iterable[InFlightRead]) -> list[str]:
    return list(dict.fromkeys(flight.tag for flight in flights))
