"""Reads records through the caches: L1 (memory), then L2 (Redis), then PostgreSQL."""

import asyncio
from asyncio import Task
from collections.abc import Coroutine, Iterable, Sequence
from random import random
from typing import Any, Final, TypeVar

from structlog import get_logger

from app.cache.clock import monotonic
from app.cache.in_flight_reads import Fetch, InFlightRead, InFlightReads, Wait
from app.cache.memory import Entry, Memory
from app.cache.read_set import ReadSet
from app.cache.redis import Fill, SharedCache
from app.cache.region import Region
from app.cache.region_queue import RegionQueue
from app.caller_budgets import Budgets
from app.errors import AppError, Unavailable
from app.observability import operation_stats, traces
from app.settings import MINUTE, Settings

K = TypeVar("K")
V = TypeVar("V")

log = get_logger(__name__)

# Memory of a record as Python objects, as a multiple of its size as MessagePack (estimate).
WEIGHT: Final = 4

# Max. fills of L2 per minute and region for records whose keys clients can invent; the others are not stored.
OPEN_ENDED_FILLS: Final = 3000

# While another instance holds the lease, L2 is read again after these parts of `lease_timeout`: soon, then less often.
LEASE_WAITS: Final = (1 / 7, 2 / 7, 4 / 7)


class ReadThrough:
    """Misses of all requests in one event-loop tick are dispatched as one batch."""

    def __init__(self, memory: Memory, shared: SharedCache, pool: Any, settings: Settings) -> None:
        self._memory = memory
        self._shared = shared
        self._pool = pool
        self._settings = settings
        self._uses_memory = settings.entity_cache and settings.memory_cache
        self._in_flight = InFlightReads()
        self._pending: list[InFlightRead] = []
        self._queues: dict[Region[Any, Any], RegionQueue] = {}
        self._fills: list[Fill] = []
        self._open_ended = Budgets(OPEN_ENDED_FILLS, 10 * OPEN_ENDED_FILLS, MINUTE)
        self._filling = False
        self._tasks: set[Task[None]] = set()
        # Kept, because each get_running_loop() calls getpid().
        self.loop = asyncio.get_running_loop()

    async def get_many(self, region: Region[K, V], keys: Sequence[K], read_set: ReadSet) -> dict[K, V | None]:
        """A value for every key; None where no record exists. Does not yield to the event loop if L1 holds all of them."""
        found: dict[K, V | None] = {}
        missing: list[tuple[K, str]] = []
        absent = 0
        tags, until, tag_of = read_set.tags, read_set.until, region.tag
        get = self._memory.get
        for key in keys if self._uses_memory else ():
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
        queue = self._queue(region)
        queue.batches.observe(len(keys))
        if self._uses_memory:
            queue.memory.count(len(found), absent, len(missing))
        else:
            missing = [(key, tag_of(key)) for key in keys]
        if (stats := operation_stats.current()) is not None:
            stats.asked.append((region.name, len(keys)))
            stats.l1 += len(found)
        if missing:
            with traces.span("loader", region=region.name, keys=len(missing)):
                await self._get_from_below(region, missing, read_set, stats, found)
        return found

    def find(self, region: Region[K, V], key: K, read_set: ReadSet) -> Entry | None:
        """The record of one key if L1 holds it, for half of the time that `get_many` takes; None if `get_many` has to be asked."""
        if not self._uses_memory:
            return None
        tag = region.tag(key)
        entry = self._memory.get(tag)
        if entry is None:
            return None
        read_set.add(tag, entry.until)
        queue = self._queue(region)
        queue.batches.observe(1)
        queue.memory.count(1, entry.value is None, 0)
        if (stats := operation_stats.current()) is not None:
            stats.asked.append((region.name, 1))
            stats.l1 += 1
        return entry

    async def _get_from_below(
        self,
        region: Region[K, Any],
        missing: list[tuple[K, str]],
        read_set: ReadSet,
        stats: operation_stats.OperationStats | None,
        found: dict[K, Any],
    ) -> None:
        pending = len(self._pending)
        reads = [self._join(region, key, tag) for key, tag in missing]
        if stats is not None:
            stats.reads += len(self._pending) - pending
        await Wait(reads, self.loop).finished()
        if stats is not None:
            _count_layers(stats, reads)
        for read in reads:
            found[read.key] = read.result()
            read_set.add(read.tag, read.until)
            if read.fetched:
                read_set.fetched.add(read.tag)

    @property
    def fills_waiting(self) -> int:
        return len(self._fills)

    def detach(self, tags: Iterable[str]) -> None:
        """Later callers do not join reads of these tags that are in flight; they start new ones."""
        self._in_flight.detach(tags)

    async def close(self) -> None:
        """Waits for all tasks in flight; each is bounded by its own time-outs."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    # Dispatch

    def _join(self, region: Region[Any, Any], key: Any, tag: str) -> InFlightRead:
        read = self._in_flight.get(tag)
        if read is not None and (not read.dispatched or self._memory.received_all_since(read.since)):
            return read
        read = InFlightRead(region, key, tag, self._memory.now())
        self._in_flight.add(read)
        self._pending.append(read)
        if len(self._pending) == 1:
            # The task starts in the next tick: until then, further misses are added to the batch.
            self._start(self._dispatch(), self._pending)
        return read

    async def _dispatch(self) -> None:
        reads, self._pending = self._pending, []
        if self._settings.entity_cache and self._shared.trusted:
            await self._through_redis(reads)
        else:
            await self._to_postgres(reads)

    async def _through_redis(self, reads: list[InFlightRead]) -> None:
        waiting = await self._get_or_fetch(reads)
        for part in LEASE_WAITS:
            if waiting:
                await asyncio.sleep(part * self._settings.lease_timeout)
                # A lease that is gone without a value was removed by an invalidation: the read is leased and fetched here.
                waiting = await self._get_or_fetch(waiting)
        await self._to_postgres(waiting)

    async def _get_or_fetch(self, reads: list[InFlightRead]) -> list[InFlightRead]:
        """Resolves hits in L2 and fetches leased misses; returns the reads whose lease another instance holds."""
        held, leased = await self._get_from_redis(reads)
        if held:
            self._start(self._to_postgres(leased), leased)
        else:
            await self._to_postgres(leased)
        return held

    async def _get_from_redis(
        self, reads: list[InFlightRead]
    ) -> tuple[list[InFlightRead], list[InFlightRead]]:
        """Resolves hits in L2; returns the reads that another instance fetches, and those to be fetched here."""
        for read in reads:
            read.dispatched = True
            read.round_trips += 1
        with traces.span("redis", operation="get", keys=len(reads)):
            found = await self._shared.get_or_lease(_tags(reads))
        held: list[InFlightRead] = []
        leased: list[InFlightRead] = []
        unreadable: list[InFlightRead] = []
        for queue, together in self._by_queue(reads):
            resolved = absent = 0
            for read in together:
                data = found.get(read.tag, "")
                if data is None:
                    held.append(read)
                    queue.leases_refused.inc()
                elif isinstance(data, str):
                    read.token = data or None
                    leased.append(read)
                elif (decoded := queue.codec.decode(data)) is None:
                    unreadable.append(read)
                else:
                    resolved += 1
                    absent += decoded.value is None
                    self._resolve(read, decoded.value, monotonic() + decoded.seconds, decoded.size)
            queue.below.count(resolved, absent, len(together) - resolved)
        if unreadable:
            await self._lease(unreadable)
        return held, leased + unreadable

    async def _lease(self, reads: list[InFlightRead]) -> None:
        """For values that exist in L2 but cannot be used: undecodable or expired."""
        with traces.span("redis", operation="lease", keys=len(reads)):
            tokens = await self._shared.lease_many(_tags(reads))
        for read in reads:
            read.round_trips += 1
            read.token = tokens.get(read.tag)

    async def _to_postgres(self, reads: list[InFlightRead]) -> None:
        """The first region's statement runs in this task: another task would cost another event-loop tick."""
        queues: list[RegionQueue] = []
        for queue, together in self._by_queue(reads):
            queue.waiting += together
            if queue.statements < self._settings.max_statements_in_flight:
                queue.statements += 1
                queues.append(queue)
        for queue in queues[1:]:
            self._start(self._serve(queue), ())
        if queues:
            await self._serve(queues[0])

    async def _serve(self, queue: RegionQueue) -> None:
        """While statements run, further misses are queued for the next one."""
        try:
            while queue.waiting:
                reads = self._take_wanted(queue)
                try:
                    if reads:
                        await self._fetch(queue, reads)
                finally:
                    self._fail(reads, Unavailable("The server is stopping."))
        finally:
            queue.statements -= 1

    def _take_wanted(self, queue: RegionQueue) -> list[InFlightRead]:
        waiting, queue.waiting = queue.waiting, []
        for read in waiting:
            if not read.waiters:
                self._in_flight.close(read)
        return [read for read in waiting if read.waiters]

    async def _fetch(self, queue: RegionQueue, reads: list[InFlightRead]) -> None:
        keys = list(dict.fromkeys(read.key for read in reads))
        try:
            async with asyncio.timeout(None) as bound:
                fetch = Fetch(reads, self._in_flight, bound)
                for read in reads:
                    read.dispatched = True
                    read.fetch = fetch
                try:
                    with traces.span("postgres", region=queue.region.name, keys=len(keys)):
                        records = await queue.region.fetch(self._pool, keys)
                finally:
                    fetch.finished()
            for read in reads:
                self._resolve_fetched(queue, read, records.get(read.key))
        except Exception as error:
            if len(keys) == 1 or isinstance(error, AppError | TimeoutError):
                self._fail(reads, error)
            else:
                await self._fetch_apart(queue, keys, reads)

    async def _fetch_apart(self, queue: RegionQueue, keys: list[Any], reads: list[InFlightRead]) -> None:
        """Bisects the batch, so that a key on which the statement fails does not fail the keys of other requests."""
        for read in reads:
            read.fetch = None  # the failed one
        first = set(keys[: len(keys) // 2])
        await self._fetch(queue, [read for read in reads if read.key in first])
        await self._fetch(queue, [read for read in reads if read.key not in first])

    # Resolve and fill

    def _resolve_fetched(self, queue: RegionQueue, read: InFlightRead, value: Any) -> None:
        read.fetched = True
        seconds = self._lifetime(queue.region, value)
        until = monotonic() + seconds
        if not self._settings.entity_cache or seconds <= 0:
            read.resolve(value, until)
            self._in_flight.close(read)
            return
        data = queue.codec.encode(value, seconds)
        current = self._in_flight.get(read.tag) is read  # else an invalidation came between
        self._resolve(read, value, until, len(data))
        if (
            current
            and read.token is not None
            and len(self._fills) < self._settings.max_queued_fills
            and (not read.region.is_open_ended(value) or self._open_ended.take(read.region.name))
        ):
            self._fills.append(Fill(read.tag, read.token, data, seconds))
            if not self._filling:
                self._filling = True
                self._start(self._fill(), ())

    def _resolve(self, read: InFlightRead, value: Any, until: float, length: int) -> None:
        if self._uses_memory:
            self._memory.keep(
                read.tag,
                value,
                size=length * WEIGHT + len(read.tag),
                tags=(read.tag,),
                until=until,
                since=read.since,
                answer=read.region.is_open_ended(value),
            )
        read.resolve(value, until)
        self._in_flight.close(read)

    def _fail(self, reads: Iterable[InFlightRead], error: BaseException) -> None:
        for read in reads:
            if not read.resolved:
                read.fail(error)
                self._in_flight.close(read)

    def _lifetime(self, region: Region[Any, Any], value: Any) -> float:
        settings = self._settings
        seconds = settings.absent_lifetime if value is None else region.lifetime(settings, value)
        return seconds * (1 + settings.lifetime_jitter * (2 * random() - 1))  # noqa: S311 - not security-relevant

    async def _fill(self) -> None:
        """No reader waiters for it; what is to be filled meanwhile goes with the next round trip."""
        try:
            while self._fills:
                fills, self._fills = self._fills, []
                await self._shared.fill_many(fills)
        finally:
            self._filling = False

    # Queues and tasks

    def _queue(self, region: Region[Any, Any]) -> RegionQueue:
        queue = self._queues.get(region)
        if queue is None:
            queue = self._queues[region] = RegionQueue(region)
        return queue

    def _by_queue(self, reads: list[InFlightRead]) -> Iterable[tuple[RegionQueue, list[InFlightRead]]]:
        queues: dict[RegionQueue, list[InFlightRead]] = {}
        for read in reads:
            queues.setdefault(self._queue(read.region), []).append(read)
        return queues.items()

    def _start(self, work: Coroutine[Any, Any, None], reads: Sequence[InFlightRead]) -> None:
        task = self.loop.create_task(work, context=traces.detached())
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, reads))

    def _ended(self, task: Task[None], reads: Sequence[InFlightRead]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("read_failed", exc_info=error)
        if error is not None or task.cancelled():
            if reads is self._pending:  # cancelled before its first step: later misses must start another
                self._pending = []
            self._fail(reads, error or Unavailable("The server is stopping."))


def _count_layers(stats: operation_stats.OperationStats, reads: list[InFlightRead]) -> None:
    """Statements shared by several keys of one call count once."""
    if len(reads) == 1:  # most calls
        (read,) = reads
        from_postgres = read.fetch is not None
        stats.statements += from_postgres
        stats.round_trips += read.round_trips
        stats.postgres += from_postgres
        stats.l2 += not from_postgres
        return
    fetches: set[Any] = set()
    fetched = round_trips = 0
    for read in reads:
        if read.fetch is not None:
            fetches.add(read.fetch)
            fetched += 1
        if read.round_trips > round_trips:
            round_trips = read.round_trips
    stats.statements += len(fetches)
    stats.round_trips += round_trips
    stats.postgres += fetched
    stats.l2 += len(reads) - fetched


def _tags(reads: Iterable[InFlightRead]) -> list[str]:
    return list(dict.fromkeys(read.tag for read in reads))
