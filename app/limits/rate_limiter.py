"""How much each caller may still ask, over all instances, mostly decided without waiting.

Redis holds one bucket per key (GCRA, in rate_limit.lua). All takes of one turn of the event loop
share one round trip. A key that is asked for again within a moment gets a portion in advance: taken
out of its bucket, so that the portions of all processes together never exceed the limit, and given
back when it is not used. While Redis is away each instance allows the limit on its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from hashlib import blake2b
from itertools import chain, islice
from math import ceil, inf
from pathlib import Path
from time import monotonic
from typing import Any, cast

import structlog
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import NoScriptError

from app.domain.account import Principal
from app.observability import metrics
from app.observability.counting import Count
from app.settings import DAY, Settings

Client = Any  # redis.asyncio.Redis or RedisCluster: their stubs agree on nothing
Headers = list[tuple[bytes, bytes]]

SCRIPT = Path(__file__).with_name("rate_limit.lua").read_text()
PREFIX = "dno:rate:"
LONGEST_KEY = 100

log = structlog.get_logger("rate_limit")


class Policy:
    """So many units in so many seconds; a limit of 0 is none."""

    __slots__ = (
        "by_grant",
        "by_local",
        "by_redis",
        "header",
        "interval",
        "limit",
        "lines",
        "name",
        "refused",
        "state",
        "window",
    )

    def __init__(self, name: str, limit: int, window: float) -> None:
        self.name = name
        self.limit = limit
        self.window = window
        self.interval = window / limit if limit else 0.0
        # The parts of the headers that stay the same.
        self.header = f'"{name}";q={limit};w={round(window)}'.encode()
        self.state = f'"{name}";r='.encode()
        self.lines = b"ratelimit-policy: %s\r\nratelimit: %s" % (self.header, self.state)
        self.by_grant = Count(metrics.RATE_LIMIT, name, "grant", "allowed")
        self.by_redis = Count(metrics.RATE_LIMIT, name, "redis", "allowed")
        self.by_local = Count(metrics.RATE_LIMIT, name, "local", "allowed")
        self.refused = {
            by: Count(metrics.RATE_LIMIT, name, by, "refused") for by in ("grant", "redis", "local")
        }


class Verdict:
    """The headers are those of draft-ietf-httpapi-ratelimit-headers-10; made only when asked for.

    There `t` is the time until additional quota is made available. A bucket fills up unit by unit, so that is soon.
    """

    __slots__ = ("allowed", "policy", "remaining", "retry_after")

    def __init__(self, policy: Policy, allowed: bool, remaining: int, retry_after: float) -> None:
        self.policy = policy
        self.allowed = allowed
        self.remaining = remaining
        self.retry_after = retry_after

    @property
    def limit(self) -> int:
        return self.policy.limit

    @property
    def more_after(self) -> float:
        """Seconds until more may be asked than now, at the latest; of a refusal, until it is worth to try."""
        return self.policy.interval if self.allowed else self.retry_after

    @property
    def headers(self) -> Headers:
        """Retry-After is not among them: it belongs to the refusal, as with every other 429 or 503."""
        policy = self.policy
        if not policy.limit:
            return []
        state = b"%s%d;t=%d" % (policy.state, self.remaining, self._seconds())
        return [(b"ratelimit-policy", policy.header), (b"ratelimit", state)]

    @property
    def header_bytes(self) -> bytes:
        """All of them as lines of HTTP/1.1, for whoever writes an answer by hand."""
        policy = self.policy
        if not policy.limit:
            return b""
        seconds = self._seconds()
        lines = b"%s%d;t=%d\r\n" % (policy.lines, self.remaining, seconds)
        return lines if self.allowed else b"%sretry-after: %d\r\n" % (lines, seconds)

    def _seconds(self) -> int:
        # Less a thousandth, so that what rounding made of "1 s" does not become 2.
        return max(ceil(self.more_after - 0.001), 0 if self.allowed else 1)


class Meter:
    """GCRA in memory: for one socket's messages, and for every key while Redis is away."""

    __slots__ = ("_full", "_interval", "_window")

    def __init__(self, policy: Policy) -> None:
        self._interval = policy.interval
        self._window = policy.window
        self._full = 0.0

    def take(self, weight: int = 1) -> float:
        """The seconds to wait; 0 means that it was taken."""
        now = monotonic()
        after = max(self._full, now) + weight * self._interval
        over = after - now - self._window
        if over > self._interval / 10:
            return over
        self._full = after
        return 0.0

    def give_back(self, weight: int = 1) -> None:
        self._full -= weight * self._interval

    def owe(self, weight: int) -> None:
        now = monotonic()
        full = max(self._full, now)
        self._full = max(full, min(full + weight * self._interval, now + 2 * self._window))

    def left(self) -> int:
        free = monotonic() + self._window - max(self._full, monotonic())
        return max(int(free / self._interval + 0.1), 0) if self._interval else 0


class _Bucket:
    """What this process knows of one key."""

    __slots__ = (
        "asked",
        "asking",
        "low",
        "meter",
        "policy",
        "portion",
        "refused_until",
        "remaining",
        "seen",
        "tokens",
    )

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.tokens = 0  # granted in advance and not used yet
        self.seen = 0  # the tokens at the last sweep
        self.low = 0  # below this the next portion is asked for
        self.portion = 0
        self.asked = -inf  # when Redis was asked last
        self.asking = False
        self.remaining = policy.limit  # in Redis, as it said last
        self.refused_until = 0.0
        self.meter: Meter | None = None


class _Ask:
    """What one key wants of Redis in the next round trip."""

    __slots__ = ("bucket", "owed", "returned", "waiting", "wanted")

    def __init__(self, bucket: _Bucket) -> None:
        self.bucket = bucket
        self.waiting: list[tuple[int, asyncio.Future[Verdict]]] = []
        self.wanted = 0
        self.returned = 0
        self.owed = 0

    def arguments(self) -> Iterator[float]:
        """As rate_limit.lua reads them."""
        policy = self.bucket.policy
        weights = [-self.returned, *(weight for weight, _ in self.waiting)]
        return chain((policy.interval * 1e6, policy.limit, self.wanted, self.owed, len(weights)), weights)


class RateLimiter:
    """`client` gives the shared Redis client at this moment, or None where there is none."""

    def __init__(self, client: Callable[[], Client | None], settings: Settings) -> None:
        window = settings.rate_limit_window
        self.anonymous = Policy("anonymous", settings.rate_limit_anonymous, window)
        self.api_key = Policy("api-key", settings.rate_limit_api_key, window)
        self.sign_in = Policy("sign-in", settings.rate_limit_sign_in, settings.rate_limit_sign_in_window)
        self.sign_in_account = Policy(
            "sign-in-account", settings.rate_limit_sign_in_account, settings.rate_limit_sign_in_window
        )
        calls, own = settings.max_language_model_calls, settings.max_language_model_calls_per_caller
        self.model_calls = Policy("language-model", calls, DAY)
        self.model_anonymous = Policy("language-model-anonymous", ceil(calls / 2), DAY)
        self.model_caller = Policy("language-model-caller", own, DAY)
        self.messages = Policy("messages", settings.rate_limit_messages, window)
        self._client = client
        self._timeout = settings.redis_timeout
        self._pause = max(settings.breaker_timeout, 0.1)
        self._cost = settings.rate_limit_cost
        self._most = settings.max_rate_limit_keys
        self._grant = settings.rate_limit_grant
        self._buckets: dict[str, _Bucket] = {}
        self._granted: dict[str, _Bucket] = {}
        self._asks: dict[str, _Ask] = {}
        self._pump_task: asyncio.Task[None] | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._digest: str | None = None
        self._here = True
        self._try_again = 0.0

    # What callers use

    def subject(self, principal: Principal, address: str) -> tuple[str, Policy]:
        """Whose budget a request draws on; `address` stands for all anonymous callers that share one."""
        if principal.api_key_id is not None:
            return f"key:{principal.api_key_id}", self.api_key
        if principal.user_id is not None:
            return f"user:{principal.user_id}", self.api_key
        return address, self.anonymous

    def try_take(self, key: str, weight: int = 1, policy: Policy | None = None) -> Verdict | None:
        """Decides at once, or says None: Redis must be asked, by `take`."""
        policy = policy or self.anonymous
        if not policy.limit:
            return Verdict(policy, True, 0, 0.0)
        bucket = self._buckets.get(key)
        if bucket is None:
            return None if self._here else self._decide_alone(key, weight, policy)
        tokens = bucket.tokens - weight
        if tokens >= 0:
            bucket.tokens = tokens
            if tokens < bucket.low and not bucket.asking:
                self._ask_ahead(key, bucket)
            policy.by_grant.value += 1
            return Verdict(policy, True, bucket.remaining + tokens, 0.0)
        if bucket.refused_until and (refused := self.refused(key)) is not None:
            policy.refused["grant"].value += 1
            return refused
        return None if self._here else self._decide_alone(key, weight, policy)

    def refused(self, key: str) -> Verdict | None:
        """A refusal of a moment ago that still holds."""
        bucket = self._buckets.get(key)
        wait = bucket.refused_until - monotonic() if bucket is not None else 0.0
        return Verdict(bucket.policy, False, 0, wait) if bucket is not None and wait > 0 else None

    async def take(self, key: str, weight: int = 1, policy: Policy | None = None) -> Verdict:
        """Never raises and never waits longer than one time-out of Redis."""
        policy = policy or self.anonymous
        weight = min(weight, policy.limit)
        verdict = self.try_take(key, weight, policy)
        if verdict is not None:
            return verdict
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        bucket = self._bucket(key, policy)
        ask = self._ask(key, bucket)
        # What is left of a portion goes back first: it may be what this take lacks.
        ask.returned += bucket.tokens
        bucket.tokens = 0
        ask.waiting.append((weight, future))
        ask.wanted = self._next_portion(bucket)
        return await future

    def give_back(self, key: str, policy: Policy) -> None:
        """One unit that was taken for what turned out to draw on no budget."""
        bucket = self._buckets.get(key)
        if not policy.limit or bucket is None:
            return  # forgotten meanwhile: it fills up again with time
        if self._here:
            self._ask(key, bucket).returned += 1
        elif bucket.meter is not None:
            bucket.meter.give_back()

    async def charge(self, key: str, cost: int, policy: Policy | None = None) -> Verdict | None:
        """What an operation weighs beyond the one request that was taken before it was read."""
        weight = ceil(cost / self._cost) - 1
        return await self.take(key, weight, policy) if weight > 0 else None

    def owe(self, key: str, weight: int, policy: Policy | None = None) -> Verdict | None:
        """What has been used already, whatever is left; the caller waits until it is made good, a window more at most.

        Decides nothing and waits for nothing; gives what is left, as far as it is known here.
        """
        policy = policy or self.anonymous
        if not policy.limit:
            return None
        weight = min(weight, policy.limit)
        bucket = self._bucket(key, policy)
        granted = min(bucket.tokens, weight)
        bucket.tokens -= granted
        owed = weight - granted
        if not self._here:
            bucket.meter = bucket.meter or Meter(policy)
            bucket.meter.owe(owed)
            return Verdict(policy, True, bucket.meter.left(), 0.0)
        if owed:
            self._ask(key, bucket).owed += owed
            bucket.remaining = max(bucket.remaining - owed, 0)
        return Verdict(policy, True, bucket.remaining + bucket.tokens, 0.0)

    def meter(self) -> Meter | None:
        """For the messages of one WebSocket; None where they are not limited."""
        return Meter(self.messages) if self.messages.limit else None

    async def close(self) -> None:
        """Gives back what was taken in advance, as far as Redis hears it in time."""
        if self._sweep is not None:
            self._sweep.cancel()
        for key, bucket in list(self._granted.items()):
            self._give_back(key, bucket)
        if self._pump_task is not None:
            await asyncio.wait([self._pump_task], timeout=2 * self._timeout)
            self._pump_task.cancel()

    # Portions in advance

    def _next_portion(self, bucket: _Bucket) -> int:
        """Doubles while portions do not last; a key that is asked for once gets nothing in advance."""
        now = monotonic()
        quick = now - bucket.asked < self._grant
        bucket.asked = now
        if quick:
            bucket.portion = min(max(2 * bucket.portion, 1), bucket.policy.limit)
        return bucket.portion

    def _ask_ahead(self, key: str, bucket: _Bucket) -> None:
        if self._here:
            bucket.asking = True
            self._ask(key, bucket).wanted = self._next_portion(bucket)

    def _watch(self) -> None:
        if self._granted and self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(self._grant, self._take_stock)

    def _take_stock(self) -> None:
        """Portions of which nothing was used since the last time are needed elsewhere."""
        self._sweep = None
        for key, bucket in list(self._granted.items()):
            if bucket.tokens == bucket.seen:
                self._give_back(key, bucket)
            bucket.seen = bucket.tokens
        self._watch()

    def _give_back(self, key: str, bucket: _Bucket) -> None:
        self._granted.pop(key, None)
        if bucket.tokens and self._here:
            self._ask(key, bucket).returned += bucket.tokens
        bucket.tokens = bucket.low = bucket.portion = 0

    # One round trip at a time; what comes meanwhile gathers for the next

    def _bucket(self, key: str, policy: Policy) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._most:
                oldest = next(iter(self._buckets))
                self._give_back(oldest, self._buckets.pop(oldest))
            bucket = self._buckets[key] = _Bucket(policy)
        return bucket

    def _ask(self, key: str, bucket: _Bucket) -> _Ask:
        ask = self._asks.get(key)
        if ask is None:
            ask = self._asks[key] = _Ask(bucket)
            if self._pump_task is None or self._pump_task.done():
                self._pump_task = asyncio.get_running_loop().create_task(self._pump())
        return ask

    async def _pump(self) -> None:
        while self._asks:
            asks, self._asks = self._asks, {}
            try:
                async with asyncio.timeout(self._timeout):
                    answers = await self._round_trip(asks)
                self._settle(asks, answers)
            except Exception as error:
                # Whatever it was: callers wait for a verdict, and a limiter must not be what fails.
                self._lose(asks, error)
            except asyncio.CancelledError as error:
                self._lose(asks, error)
                raise

    async def _round_trip(self, asks: dict[str, _Ask]) -> dict[str, list[int]]:
        client = self._client()
        if client is None:
            raise ConnectionError("There is no Redis.")
        if isinstance(client, RedisCluster):
            # A script there may touch one slot only; the client sends to each node on its own.
            parts = await asyncio.gather(*(self._run(client, {key: ask}) for key, ask in asks.items()))
            return {key: answer for part in parts for key, answer in part.items()}
        return await self._run(client, asks)

    async def _run(self, client: Client, asks: dict[str, _Ask]) -> dict[str, list[int]]:
        names = [PREFIX + _short(key) for key in asks]
        arguments = [argument for ask in asks.values() for argument in ask.arguments()]
        if self._digest is None:
            self._digest = await cast("Awaitable[str]", client.script_load(SCRIPT))
        try:
            flat = await client.evalsha(self._digest, len(names), *names, *arguments)
        except NoScriptError:
            flat = await client.eval(SCRIPT, len(names), *names, *arguments)
        numbers = iter(flat)
        return {key: list(islice(numbers, 3 + len(ask.waiting))) for key, ask in asks.items()}

    def _settle(self, asks: dict[str, _Ask], answers: dict[str, list[int]]) -> None:
        self._back()
        for key, ask in asks.items():
            left, granted, _, *waits = answers[key]
            self._keep(key, ask.bucket, left, granted)
            for (weight, future), wait in zip(ask.waiting, waits, strict=True):
                if not future.done():
                    future.set_result(self._verdict(ask.bucket, weight, wait / 1e6))
        self._watch()

    def _keep(self, key: str, bucket: _Bucket, left: int, granted: int) -> None:
        bucket.asking = False
        bucket.remaining = left
        # A bucket that was dropped meanwhile keeps nothing; its portion fills up again with time.
        if granted and self._buckets.get(key) is bucket:
            bucket.tokens += granted
            bucket.low = granted // 2
            self._granted[key] = bucket

    def _verdict(self, bucket: _Bucket, weight: int, wait: float) -> Verdict:
        policy = bucket.policy
        if not wait:
            policy.by_redis.value += 1
            return Verdict(policy, True, bucket.remaining + bucket.tokens, 0.0)
        policy.refused["redis"].value += 1
        return self._refuse(bucket, weight, wait)

    def _refuse(self, bucket: _Bucket, weight: int, wait: float) -> Verdict:
        if weight == 1:
            # Whoever goes on asking is told the same without a round trip.
            bucket.refused_until = monotonic() + min(wait, self._grant)
        return Verdict(bucket.policy, False, 0, wait)

    # While Redis is away

    def _lose(self, asks: dict[str, _Ask], error: BaseException) -> None:
        if self._here:
            log.warning("Redis is away; each instance limits on its own", error=repr(error))
            metrics.RATE_LIMIT_LOCAL.set(1)
        self._here = False
        self._digest = None
        self._try_again = monotonic() + self._pause
        # Those that gathered meanwhile have waited enough as well.
        later, self._asks = self._asks, {}
        for ask in (*asks.values(), *later.values()):
            ask.bucket.asking = False
            if ask.owed:
                ask.bucket.meter = ask.bucket.meter or Meter(ask.bucket.policy)
                ask.bucket.meter.owe(ask.owed)
            for weight, future in ask.waiting:
                if not future.done():
                    future.set_result(self._decide_locally(ask.bucket, weight))

    def _decide_alone(self, key: str, weight: int, policy: Policy) -> Verdict:
        bucket = self._bucket(key, policy)
        if monotonic() >= self._try_again and self._client() is not None:
            # Nobody waits for this one: it only finds out whether Redis is back.
            self._try_again = inf
            self._ask(key, bucket)
        return self._decide_locally(bucket, weight)

    def _decide_locally(self, bucket: _Bucket, weight: int) -> Verdict:
        policy = bucket.policy
        meter = bucket.meter = bucket.meter or Meter(policy)
        wait = meter.take(weight)
        if wait:
            policy.refused["local"].value += 1
            return self._refuse(bucket, weight, wait)
        policy.by_local.value += 1
        return Verdict(policy, True, meter.left(), 0.0)

    def _back(self) -> None:
        if not self._here:
            log.info("Redis is back; limits hold over all instances again")
            metrics.RATE_LIMIT_LOCAL.set(0)
            self._here = True


def _short(key: str) -> str:
    """Nobody fills Redis with long names."""
    return key if len(key) <= LONGEST_KEY else blake2b(key.encode(), digest_size=16).hexdigest()
