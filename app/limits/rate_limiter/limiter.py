"""How much each caller may still request, over all instances, mostly decided without waiting.

Redis holds one bucket per key (GCRA, in gcra.lua). All takes of one turn of the event loop
share one round trip. A key that is used again within a moment gets a portion in advance: taken
out of its bucket, so that the portions of all processes together never exceed the limit, and returned
when it is not used. Without Redis each instance allows the limit on its own.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from math import ceil, inf
from time import monotonic

import structlog

from app.domain.account import Principal
from app.limits.rate_limiter.buckets import Bucket, PendingRequest
from app.limits.rate_limiter.gcra import Gcra
from app.limits.rate_limiter.policy import Policy, Verdict
from app.limits.rate_limiter.redis_buckets import Client, RedisBuckets
from app.observability import metrics
from app.settings import DAY, Settings

log = structlog.get_logger("rate_limit")


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
        self._redis = RedisBuckets(client)
        self._timeout = settings.redis_timeout
        self._pause = max(settings.breaker_timeout, 0.1)
        self._cost = settings.rate_limit_cost
        self._max_keys = settings.max_rate_limit_keys
        self._grant = settings.rate_limit_grant
        # Not a dict: each look for its oldest passes all that were taken out before.
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._granted: dict[str, Bucket] = {}
        self._pending: dict[str, PendingRequest] = {}
        self._sender: asyncio.Task[None] | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._redis_available = True
        self._retry_at = 0.0

    # For callers

    def subject(self, principal: Principal, address: str) -> tuple[str, Policy]:
        """The key whose limit a request counts against; `address` is that of all anonymous callers that share one."""
        if principal.api_key_id is not None:
            return f"key:{principal.api_key_id}", self.api_key
        if principal.user_id is not None:
            return f"user:{principal.user_id}", self.api_key
        return address, self.anonymous

    def try_take(self, key: str, weight: int = 1, policy: Policy | None = None) -> Verdict | None:
        """Decides without waiting; None: a request to Redis is needed, see `take`."""
        policy = policy or self.anonymous
        if not policy.limit:
            return Verdict(policy, True, 0, 0.0)
        bucket = self._buckets.get(key)
        if bucket is None:
            return None if self._redis_available else self._decide_without_redis(key, weight, policy)
        tokens = bucket.tokens - weight
        if tokens >= 0:
            bucket.tokens = tokens
            if tokens < bucket.low and not bucket.asking:
                self._request_ahead(key, bucket)
            policy.by_grant.value += 1
            return Verdict(policy, True, bucket.remaining + tokens, 0.0)
        if bucket.refused_until and (refused := self.refused(key)) is not None:
            policy.refused["grant"].value += 1
            return refused
        return None if self._redis_available else self._decide_without_redis(key, weight, policy)

    def refused(self, key: str) -> Verdict | None:
        """A rejection of a moment ago that is still valid."""
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
        request = self._request(key, bucket)
        # What is left of a portion goes back first: it may be what this take lacks.
        request.returned += bucket.tokens
        bucket.tokens = 0
        request.waiting.append((weight, future))
        request.wanted = self._next_portion(bucket)
        return await future

    def give_back(self, key: str, policy: Policy) -> None:
        """One unit that was taken for what turned out to draw on no budget."""
        bucket = self._buckets.get(key)
        if not policy.limit or bucket is None:
            return  # forgotten meanwhile: it fills up again with time
        if self._redis_available:
            self._request(key, bucket).returned += 1
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
        if not self._redis_available:
            bucket.meter = bucket.meter or Gcra(policy)
            bucket.meter.owe(owed)
            return Verdict(policy, True, bucket.meter.left(), 0.0)
        if owed:
            self._request(key, bucket).owed += owed
            bucket.remaining = max(bucket.remaining - owed, 0)
        return Verdict(policy, True, bucket.remaining + bucket.tokens, 0.0)

    def meter(self) -> Gcra | None:
        """For the messages of one WebSocket; None where they are not limited."""
        return Gcra(self.messages) if self.messages.limit else None

    async def close(self) -> None:
        """Returns what was taken in advance, as far as Redis replies in time."""
        await self._finish_sending()  # what is being requested in advance is returned as well
        if self._sweep is not None:
            self._sweep.cancel()
        for key, bucket in list(self._granted.items()):
            self._give_back(key, bucket)
        await self._finish_sending()
        if self._sender is not None:
            self._sender.cancel()

    async def _finish_sending(self) -> None:
        if self._sender is not None:
            await asyncio.wait([self._sender], timeout=2 * self._timeout)

    # Portions in advance

    def _next_portion(self, bucket: Bucket) -> int:
        """Doubles while portions are used up quickly; a key that is requested once gets nothing in advance."""
        now = monotonic()
        quick = now - bucket.asked < self._grant
        bucket.asked = now
        if quick:
            bucket.portion = min(max(2 * bucket.portion, 1), bucket.policy.limit)
        return bucket.portion

    def _request_ahead(self, key: str, bucket: Bucket) -> None:
        if self._redis_available:
            bucket.asking = True
            self._request(key, bucket).wanted = self._next_portion(bucket)

    def _schedule_sweep(self) -> None:
        if self._granted and self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(self._grant, self._return_unused)

    def _return_unused(self) -> None:
        """Portions of which nothing was used since the last time are needed elsewhere."""
        self._sweep = None
        for key, bucket in list(self._granted.items()):
            if bucket.tokens == bucket.seen:
                self._give_back(key, bucket)
            bucket.seen = bucket.tokens
        self._schedule_sweep()

    def _give_back(self, key: str, bucket: Bucket) -> None:
        self._granted.pop(key, None)
        if bucket.tokens and self._redis_available:
            self._request(key, bucket).returned += bucket.tokens
        bucket.tokens = bucket.low = bucket.portion = 0

    # One round trip at a time; what is requested meanwhile is sent with the next

    def _bucket(self, key: str, policy: Policy) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._max_keys:
                self._give_back(*self._buckets.popitem(last=False))
            bucket = self._buckets[key] = Bucket(policy)
        return bucket

    def _request(self, key: str, bucket: Bucket) -> PendingRequest:
        request = self._pending.get(key)
        if request is None:
            request = self._pending[key] = PendingRequest(bucket)
            if self._sender is None or self._sender.done():
                self._sender = asyncio.get_running_loop().create_task(self._send_pending())
        return request

    async def _send_pending(self) -> None:
        while self._pending:
            pending, self._pending = self._pending, {}
            try:
                async with asyncio.timeout(self._timeout):
                    replies = await self._redis.send(pending)
                self._resolve(pending, replies)
            except Exception as error:
                # Of any kind: callers wait for a verdict, and requests must not fail because of the limiter.
                self._fall_back(pending, error)
            except asyncio.CancelledError as error:
                self._fall_back(pending, error)
                raise

    def _resolve(self, pending: dict[str, PendingRequest], replies: dict[str, list[int]]) -> None:
        self._note_available()
        for key, request in pending.items():
            left, granted, _, *waits = replies[key]
            self._store(key, request.bucket, left, granted)
            for (weight, future), wait in zip(request.waiting, waits, strict=True):
                if not future.done():
                    future.set_result(self._verdict(request.bucket, weight, wait / 1e6))
        self._schedule_sweep()

    def _store(self, key: str, bucket: Bucket, left: int, granted: int) -> None:
        bucket.asking = False
        bucket.remaining = left
        # A bucket that was dropped meanwhile keeps nothing; its portion fills up again with time.
        if granted and self._buckets.get(key) is bucket:
            bucket.tokens += granted
            bucket.low = granted // 2
            self._granted[key] = bucket

    def _verdict(self, bucket: Bucket, weight: int, wait: float) -> Verdict:
        policy = bucket.policy
        if not wait:
            policy.by_redis.value += 1
            return Verdict(policy, True, bucket.remaining + bucket.tokens, 0.0)
        policy.refused["redis"].value += 1
        return self._refuse(bucket, weight, wait)

    def _refuse(self, bucket: Bucket, weight: int, wait: float) -> Verdict:
        if weight == 1:
            # Repeated requests are rejected without a round trip.
            bucket.refused_until = monotonic() + min(wait, self._grant)
        return Verdict(bucket.policy, False, 0, wait)

    # Without Redis

    def _fall_back(self, pending: dict[str, PendingRequest], error: BaseException) -> None:
        if self._redis_available:
            log.warning("Redis is away; each instance limits on its own", error=repr(error))
            metrics.RATE_LIMIT_LOCAL.set(1)
        self._redis_available = False
        self._redis.forget_script()
        self._retry_at = monotonic() + self._pause
        # Those that were queued meanwhile have waited as long.
        later, self._pending = self._pending, {}
        for request in (*pending.values(), *later.values()):
            request.bucket.asking = False
            if request.owed:
                request.bucket.meter = request.bucket.meter or Gcra(request.bucket.policy)
                request.bucket.meter.owe(request.owed)
            for weight, future in request.waiting:
                if not future.done():
                    future.set_result(self._decide_locally(request.bucket, weight))

    def _decide_without_redis(self, key: str, weight: int, policy: Policy) -> Verdict:
        bucket = self._bucket(key, policy)
        if monotonic() >= self._retry_at and self._redis.configured:
            # No caller waits for this one: it only finds out whether Redis is available again.
            self._retry_at = inf
            self._request(key, bucket)
        return self._decide_locally(bucket, weight)

    def _decide_locally(self, bucket: Bucket, weight: int) -> Verdict:
        policy = bucket.policy
        meter = bucket.meter = bucket.meter or Gcra(policy)
        wait = meter.take(weight)
        if wait:
            policy.refused["local"].value += 1
            return self._refuse(bucket, weight, wait)
        policy.by_local.value += 1
        return Verdict(policy, True, meter.left(), 0.0)

    def _note_available(self) -> None:
        if not self._redis_available:
            log.info("Redis is back; limits hold over all instances again")
            metrics.RATE_LIMIT_LOCAL.set(0)
            self._redis_available = True
