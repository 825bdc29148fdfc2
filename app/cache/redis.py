"""L2: the cache in Redis that all instances share, used only while it is known to be consistent."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain
from math import inf
from secrets import token_hex
from time import perf_counter
from typing import Any, Final, NamedTuple, TypeVar

from redis.exceptions import NoScriptError
from structlog import get_logger

from app.cache.clock import monotonic
from app.cache.codec import CODEC_VERSION
from app.cache.failures import FAILURES, NotAsked, interrupted, only_failures, refusal
from app.cache.open_topology import open_topology
from app.cache.scripts import FILL, LEASE, REMOVE, Script, as_eval
from app.cache.start_problem import reported_start_problem
from app.cache.subscription import Subscription
from app.cache.topology import BufferedResponse, Command, Topology
from app.errors import Unavailable
from app.observability.metrics import CACHE_ERRORS, CACHE_REFUSED_FILLS, CACHE_SECONDS, CACHE_TRUSTED
from app.settings import Settings

log = get_logger(__name__)

# As many tags as Redis removes in one command well within its time-out.
PORTION: Final = 1000

_NOT_PERMITTED: Final = "NOPERM"
_LEASE_SUFFIX: Final = b":lease"
_OPERATIONS: Final = ("get", "lease", "fill", "remove", "publish", "identify")
# Removals and messages are tried again where a connection broke: both are idempotent.
TRIES: Final = 2

T = TypeVar("T")


class Fill(NamedTuple):
    tag: str
    token: str
    data: bytes
    seconds: float


@asynccontextmanager
async def open_redis(settings: Settings) -> AsyncIterator["SharedCache"]:
    """Opens also while Redis is down."""
    topology = open_topology(settings)
    shared = SharedCache(topology, settings)
    try:
        answered = await shared.identify() is not None
        if answered:
            with suppress(*FAILURES), only_failures():
                await topology.make_ready(settings.min_redis_connections)
        async with reported_start_problem("REDIS_URL", settings, answered=answered):
            yield shared
    finally:
        with suppress(*FAILURES), only_failures():
            await topology.close()


class SharedCache:
    """Readers never see an error: an operation that fails or times out is a miss, and counted.

    Not trusted until a look has found the outbox empty. `distrust_count` counts how often trust was lost;
    `trust` is given the count from before the look, so that a later loss of trust is not overlooked. `epoch` is part of every key: a Redis that has become another
    process starts empty under a higher one. `valid_until`: until then all writers are known to remove
    from this Redis, under this epoch.
    """

    def __init__(self, topology: Topology, settings: Settings) -> None:
        self.client: Any = topology.client
        self.epoch = 0
        self.distrust_count = 0
        self.valid_until = inf
        self._trusted = False
        self.distrust_reason: str | None = "the outbox has not been looked at yet"
        self.refused: str | None = None  # the code with which Redis refused last, until it takes writes again
        self.on_change: Callable[[], None] = lambda: None
        self._topology = topology
        self._channel = topology.channel
        self._settings = settings
        self._holder = token_hex(8)
        self._leases = 0
        self._seconds = {name: CACHE_SECONDS.labels(name, "l2") for name in _OPERATIONS}
        self._errors = {name: CACHE_ERRORS.labels(name, "l2") for name in _OPERATIONS}
        self._refused = CACHE_REFUSED_FILLS.labels("l2")
        self._gauge = CACHE_TRUSTED.labels("l2")
        self._gauge.set(0)
        topology.changed = self._changed

    @property
    def trusted(self) -> bool:
        """Whether it may be read and filled at this moment."""
        return self._trusted and monotonic() < self.valid_until

    @property
    def identity(self) -> str | None:
        """Which server topology these are, and with which history; None while unknown."""
        return self._topology.identity

    @property
    def round_trips(self) -> int:
        return self._topology.round_trips

    @property
    def generation(self) -> str:
        """Under which all keys are at the moment: how values are written, and the epoch."""
        return f"{CODEC_VERSION}.{self.epoch}"

    # Reading and filling

    async def get_many(self, tags: Sequence[str]) -> dict[str, bytes]:
        groups = self._groups(tags)
        commands = [
            Command(self._key(group[0]), ("MGET", *map(self._key, group)), len(group)) for group in groups
        ]
        replies = await self._if_trusted("get", commands)
        return {tag: data for tag, data in _aligned(groups, replies) if data is not None}

    async def get_or_lease(self, tags: Sequence[str]) -> dict[str, bytes | str | None]:
        """Each tag's value, or the token of a lease to fill it with, or None where another reader holds it.

        One round trip; empty if Redis did not answer.
        """
        return await self._lease("get", tags, look=True)

    async def lease_many(self, tags: Sequence[str]) -> dict[str, Any]:
        """A token per tag, or None where another reader holds the lease, whatever the value is."""
        return await self._lease("lease", tags, look=False)

    async def _lease(
        self, operation: str, tags: Sequence[str], *, look: bool
    ) -> dict[str, bytes | str | None]:
        self._leases += 1
        token = f"{self._holder}:{self._leases}"
        milliseconds = round(self._settings.lease_lifetime * 1000)
        groups = self._groups(tags)
        commands = [
            self._script(LEASE, group, token, milliseconds, self._holder, int(look)) for group in groups
        ]
        replies = await self._if_trusted(operation, commands)
        return {
            tag: found if isinstance(found, bytes) else token if found else None
            for tag, found in _aligned(groups, replies)
        }

    async def fill_many(self, fills: Iterable[Fill]) -> set[str]:
        """Gives the tags whose value was not kept: their lease is gone, or Redis is."""
        wanted = {fill.tag: fill for fill in fills}
        held = [tag for tag, fill in wanted.items() if fill.token.startswith(self._holder)]
        groups = self._groups(held)
        commands = [
            self._script(FILL, group, *(word for tag in group for word in _filling(wanted[tag])))
            for group in groups
        ]
        replies = await self._if_trusted("fill", commands)
        refused = wanted.keys() - {tag for tag, kept in _aligned(groups, replies) if kept}
        self._refused.inc(len(refused))
        return refused

    # Removing and publishing

    async def remove(self, tags: Iterable[str]) -> bool:
        """Value and lease of each; False, and no trust any more, unless Redis confirms it."""
        # All are tried: where one process of a cluster is away, the others need not keep what is old.
        outcomes = [await self._confirmed("remove", self._removals(some)) for some in _portions(tags)]
        return all(outcomes)

    async def publish(self, message: bytes) -> bool:
        """Whether Redis has taken it; how many have received it is not known."""
        return (
            await self._attempt("publish", lambda: self._topology.publish(self._channel, message), TRIES)
            is not None
        )

    async def remove_and_publish(self, tags: Iterable[str], message: bytes) -> bool:
        """The message is sent only after all are removed: in one process by a script that ends with the first error, else after
        the reply to every removal was read.
        """
        ordered = list(tags)
        if self._topology.one_process and 0 < len(ordered) <= PORTION and self.refused != _NOT_PERMITTED:
            keys = self._pairs(ordered)
            command = Command(keys[0], ("EVALSHA", REMOVE.sha, len(keys), *keys, self._channel, message))
            if await self._confirmed("remove", [command]):
                return True
            if self.refused != _NOT_PERMITTED:
                return False
        # Also where scripts are not permitted: commands may be.
        if not await self.remove(ordered):
            return False
        distrust_count = self.distrust_count
        if not await self.publish(message):
            self.distrust("Redis did not confirm: publish")
        return distrust_count == self.distrust_count

    async def find(self, pattern: str) -> set[str]:
        """Tags of which a value or a lease is there; `*` is any text, `?` any character.

        Looks at every key, a thousand at a time. Refuses with Unavailable while Redis is away.
        """
        before, after = self._key("\0").split(b"\0")
        glob = re.sub(r"([\[\]\\^])", r"\\\1", pattern).encode(errors="surrogatepass")
        try:
            keys = [
                key async for key in self.client.scan_iter(match=before + glob + after + b"*", count=1000)
            ]
        except FAILURES as failure:
            raise Unavailable("Redis does not answer at the moment; please try again soon.") from failure
        return {
            key.removesuffix(_LEASE_SUFFIX)[len(before) : -len(after)].decode(errors="surrogatepass")
            for key in keys
        }

    @asynccontextmanager
    async def subscribe(self, channel: str | None = None) -> AsyncIterator[Subscription]:
        """Joined when it is entered; raises one of FAILURES when that does not work in time."""
        with only_failures():
            pubsub = await self._topology.pubsub()
        try:
            subscription = Subscription(pubsub)
            async with asyncio.timeout(self._settings.redis_connect_timeout + self._settings.redis_timeout):
                await subscription.join(channel or self._channel)
            yield subscription
        finally:
            with suppress(*FAILURES), only_failures():
                await pubsub.aclose()

    # L2 consistency

    def distrust(self, reason: str) -> None:
        """At once: no read that is under way brings a value from L2 any more."""
        self.distrust_count += 1
        self._holder = token_hex(8)  # leases from before are worth nothing
        self.distrust_reason = reason
        if self._trusted:
            self._trusted = False
            self._gauge.set(0)
            log.warning("l2_distrusted", reason=reason)

    def trust(self, since: int | None = None) -> bool:
        """Only after a look that found the outbox empty; `since` is the distrust count from before the look."""
        if since is not None and since != self.distrust_count:
            return False
        if not self._trusted:
            self._trusted, self.distrust_reason = True, None
            self._gauge.set(1)
            log.info("l2_trusted", epoch=self.epoch)
        return True

    async def identify(self) -> str | None:
        """The identity of the servers of the topology; None if one does not respond, or takes no writes."""
        identity = await self._attempt("identify", lambda: self._topology.identify(self._probe))
        if identity is not None:
            self.refused = None
        return identity

    async def reconnect(self) -> None:
        """Reopens connections before the next command: the address may lead to another server by now."""
        self._topology.reconnect()

    def _probe(self, name: str) -> list[Command]:
        """Looks for a value, takes a lease twice, reads and removes: readers and fills need no other commands."""
        tag = f"probe:{self._holder}:{name}"
        milliseconds = round(self._settings.lease_lifetime * 1000)
        lease = self._script(LEASE, [tag], self._holder, milliseconds, self._holder, 1)
        read = Command(lease.key, ("MGET", lease.key), 1)
        # Spelt out first: the script is known then, and by its digest needs no second round trip.
        return [as_eval(lease), lease, read, *self._removals([tag])]

    def _changed(self, reason: str) -> None:
        self.distrust(reason)
        self.on_change()

    # How it is asked

    def _key(self, tag: str) -> bytes:
        # In braces: on a cluster, a value and its lease live in one slot.
        return f"dno:{self.generation}:{{{tag}}}".encode(errors="surrogatepass")

    def _pairs(self, tags: Iterable[str]) -> list[bytes]:
        """Value and lease of each tag."""
        return [key for tag in tags for value in (self._key(tag),) for key in (value, value + _LEASE_SUFFIX)]

    def _groups(self, tags: Sequence[str]) -> list[list[str]]:
        groups = self._topology.group_by_slot([self._key(tag) for tag in tags]) if tags else []
        return [[tags[index] for index in group] for group in groups]

    def _script(self, script: Script, tags: list[str], *arguments: bytes | str | int) -> Command:
        keys = self._pairs(tags)
        return Command(keys[0], ("EVALSHA", script.sha, len(keys), *keys, *arguments), len(tags))

    def _removals(self, tags: Iterable[str]) -> list[Command]:
        groups = self._groups(list(tags))
        return [Command(self._key(group[0]), ("DEL", *self._pairs(group))) for group in groups]

    async def _if_trusted(self, operation: str, commands: Sequence[Command]) -> list[BufferedResponse]:
        if not self.trusted or not commands:
            return []
        distrust_count = self.distrust_count
        replies = await self._attempt(operation, lambda: self._run(commands))
        return replies if replies is not None and distrust_count == self.distrust_count else []

    async def _confirmed(self, operation: str, commands: Sequence[Command]) -> bool:
        if not commands:
            return True
        distrust_count = self.distrust_count
        if await self._attempt(operation, lambda: self._run(commands), TRIES) is None:
            self.distrust(f"Redis did not confirm: {operation}")
        # Distrust that arose meanwhile may mean that another process, or another epoch, has answered.
        return distrust_count == self.distrust_count

    async def _attempt(self, operation: str, work: Callable[[], Awaitable[T]], tries: int = 1) -> T | None:
        """None if Redis did not do it in time; while its circuit breaker is open no request is sent.

        More than one of `tries` is for what has to be done: it helps where a connection broke.
        """
        started = perf_counter()
        try:
            while True:
                try:
                    return await work()
                except FAILURES as failure:
                    tries -= 1
                    if tries <= 0 or not interrupted(failure):
                        self._failed(operation, failure)
                        return None
        finally:
            self._seconds[operation].observe(perf_counter() - started)

    async def _run(self, commands: Sequence[Command]) -> list[BufferedResponse]:
        try:
            return await self._topology.run(commands)
        except NoScriptError:
            return await self._topology.run([as_eval(command) for command in commands])

    def _failed(self, operation: str, failure: BaseException) -> None:
        log.debug("l2_failed", operation=operation, failure=repr(failure))
        if not isinstance(failure, NotAsked):
            self._errors[operation].inc()
        if (code := refusal(failure)) is not None:
            # Readers of what is there would not notice: only writes are refused.
            self.refused = code
            if self._trusted:
                self.distrust(f"Redis refuses: {operation} ({code})")
        elif self._topology.unresponsive and self._trusted:
            # What was removed while we could not ask, we cannot know.
            self.distrust(f"Redis failed again and again: {type(failure).__name__}")


def _portions(tags: Iterable[str]) -> list[list[str]]:
    ordered = list(tags)
    return [ordered[start : start + PORTION] for start in range(0, len(ordered), PORTION)]


def _filling(fill: Fill) -> tuple[str, bytes, int]:
    return fill.token, fill.data, max(1, round(fill.seconds * 1000))


def _aligned(groups: list[list[str]], replies: list[BufferedResponse]) -> Iterator[tuple[str, Any]]:
    """Nothing where there was no reply."""
    return zip(chain.from_iterable(groups), chain.from_iterable(replies), strict=False)
