"""Limits hold across processes, cost few round trips, and work while Redis is away."""

import asyncio
import math
import sys
import time

import pytest
from prometheus_client import REGISTRY

from app.limits.rate_limiter.limiter import RateLimiter
from app.limits.rate_limiter.policy import Verdict
from tests.integration.http.conftest import Limiters
from tests.servers import PrivateValkey
from tests.waiting import until

HOUR = 3600.0


async def take_until_rejected(limiter: RateLimiter, key: str, most: int = 1000) -> int:
    for taken in range(most):
        if not (await limiter.take(key)).allowed:
            return taken
    return most


async def test_exactly_the_limit_is_allowed(limiters: Limiters, redis_url: str) -> None:
    limiter = limiters(redis_url, rate_limit_anonymous=60, rate_limit_window=HOUR)
    verdicts = [await limiter.take("a") for _ in range(61)]
    assert [verdict.allowed for verdict in verdicts] == [True] * 60 + [False]
    assert [verdict.remaining for verdict in verdicts[:3]] == [59, 58, 57]
    assert 59 < verdicts[-1].retry_after <= 60


async def test_several_processes_together_never_exceed_the_limit(limiters: Limiters, redis_url: str) -> None:
    """Also while each holds units in advance, with concurrent requests on all of them."""
    several = [
        limiters(redis_url, rate_limit_anonymous=500, rate_limit_window=HOUR, rate_limit_grant=30)
        for _ in range(4)
    ]
    taken = await asyncio.gather(*(take_until_rejected(limiter, "a") for limiter in several))
    assert sum(taken) <= 500
    assert sum(taken) >= 480


async def test_unused_units_are_returned(limiters: Limiters, redis_url: str) -> None:
    """Units that one process took in advance and did not use are soon available to another."""
    first = limiters(redis_url, rate_limit_anonymous=100, rate_limit_window=HOUR, rate_limit_grant=0.05)
    second = limiters(redis_url, rate_limit_anonymous=100, rate_limit_window=HOUR)
    used = sum([(await first.take("a")).allowed for _ in range(20)])
    await until(lambda: not first._granted)
    await until(lambda: not first._pending and (not first._sender or first._sender.done()))
    assert used + await take_until_rejected(second, "a") == 100


async def test_a_frequent_key_is_mostly_decided_without_a_round_trip(
    limiters: Limiters, redis_url: str
) -> None:
    limiter = limiters(redis_url, rate_limit_anonymous=1_000_000)
    at_once = 0
    for _ in range(5000):
        verdict = limiter.try_take("a")
        at_once += verdict is not None
        if verdict is None:
            await limiter.take("a")
        if at_once % 100 == 99:
            await asyncio.sleep(0)
    assert at_once > 4900


async def test_a_key_used_once_takes_nothing_in_advance(limiters: Limiters, redis_url: str) -> None:
    limiter = limiters(redis_url)
    await limiter.take("a")
    assert limiter.try_take("a") is None


async def test_concurrent_takes_share_one_round_trip(limiters: Limiters, redis_url: str) -> None:
    limiter = limiters(redis_url)
    await limiter.take("warm")
    client = limiter._redis._client()
    before = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"]
    await asyncio.gather(*(limiter.take(f"key {n % 40}") for n in range(100)))
    assert (await client.info("commandstats"))["cmdstat_evalsha"]["calls"] - before == 1


async def test_a_weight_counts_as_so_many_requests(limiters: Limiters, redis_url: str) -> None:
    limiter = limiters(redis_url, rate_limit_anonymous=10, rate_limit_window=HOUR, rate_limit_cost=100)
    assert (await limiter.take("a")).remaining == 9
    assert await limiter.charge("a", 100) is None
    charged = await limiter.charge("a", 450)
    assert charged is not None
    assert charged.remaining == 5
    refused = await limiter.charge("a", 1000)
    assert refused is not None
    assert not refused.allowed
    assert (await limiter.take("a")).allowed


async def test_a_limit_of_zero_means_unlimited(limiters: Limiters, redis_url: str) -> None:
    limiter = limiters(redis_url, rate_limit_anonymous=0)
    verdicts = [limiter.try_take("a") for _ in range(1000)]
    assert all(verdict is not None and verdict.allowed for verdict in verdicts)
    assert verdicts[0] is not None
    assert verdicts[0].headers == []
    assert limiter._redis._client() is not None
    assert await limiter._redis._client().dbsize() == 0


async def test_sign_in_has_a_limit_of_its_own(limiters: Limiters, redis_url: str) -> None:
    limiter = limiters(redis_url)
    verdicts = [await limiter.take("signin:a@example.org", 1, limiter.sign_in) for _ in range(6)]
    assert [verdict.allowed for verdict in verdicts] == [True] * 5 + [False]
    assert verdicts[-1].policy.name == "sign-in"


async def test_the_headers_are_those_of_the_draft(limiters: Limiters, redis_url: str) -> None:
    limiter = limiters(redis_url, rate_limit_anonymous=2)
    first, _, refused = [await limiter.take("a") for _ in range(3)]
    assert first.headers == [
        (b"ratelimit-policy", b'"anonymous";q=2;w=60'),
        (b"ratelimit", b'"anonymous";r=1;t=30'),
    ]
    assert refused.header_bytes == (
        b'ratelimit-policy: "anonymous";q=2;w=60\r\nratelimit: "anonymous";r=0;t=30\r\nretry-after: 30\r\n'
    )


async def test_the_reset_time_is_that_of_the_next_unit(limiters: Limiters, redis_url: str) -> None:
    """Not the time until the whole quota is available: so since the tenth version of the draft."""
    limiter = limiters(redis_url, rate_limit_anonymous=30)
    verdicts = [await limiter.take("a") for _ in range(10)]
    assert verdicts[-1].headers[1] == (b"ratelimit", b'"anonymous";r=20;t=2')


async def test_a_rejected_caller_is_rejected_again_without_redis(limiters: Limiters, redis_url: str) -> None:
    limiter = limiters(redis_url, rate_limit_anonymous=1, rate_limit_window=HOUR)
    await limiter.take("a")
    assert not (await limiter.take("a")).allowed
    verdict = limiter.try_take("a")
    assert verdict is not None
    assert not verdict.allowed


async def test_a_frozen_redis_costs_one_timeout_and_no_request(
    limiters: Limiters, valkey: PrivateValkey
) -> None:
    limiter = limiters(
        valkey.url,
        rate_limit_anonymous=10,
        rate_limit_window=HOUR,
        redis_timeout=0.5,
        breaker_timeout=0.2,
        rate_limit_grant=0,
    )
    await limiter.take("a")
    valkey.pause()
    began = time.monotonic()
    verdicts: list[Verdict] = list(await asyncio.gather(*(limiter.take("a") for _ in range(5))))
    assert time.monotonic() - began < 5
    assert all(verdict.allowed for verdict in verdicts)
    # From here on no caller waits, not even for the attempts to reconnect.
    verdicts += [verdict for _ in range(10) if (verdict := limiter.try_take("a")) is not None]
    assert [verdict.allowed for verdict in verdicts] == [True] * 10 + [False] * 5
    valkey.resume()
    await until(lambda: limiter.try_take("other") is None)
    assert (await limiter.take("a")).remaining < 10


async def test_a_caller_during_the_timeout_does_not_wait_for_a_second_one(
    limiters: Limiters, valkey: PrivateValkey
) -> None:
    limiter = limiters(valkey.url, redis_timeout=0.5)
    await limiter.take("a")
    valkey.pause()
    began = time.monotonic()
    first = asyncio.create_task(limiter.take("a"))
    while not limiter._pending:
        await asyncio.sleep(0)
    while limiter._pending:
        await asyncio.sleep(0)
    second = asyncio.create_task(limiter.take("b"))
    assert (await first).allowed
    assert (await second).allowed
    assert time.monotonic() - began < 5


async def test_flushed_scripts_are_loaded_again(limiters: Limiters, valkey: PrivateValkey) -> None:
    limiter = limiters(valkey.url, rate_limit_grant=0, rate_limit_window=HOUR)
    await limiter.take("a")
    valkey.command("SCRIPT", "FLUSH")
    assert (await limiter.take("a")).remaining == 58


async def test_the_number_of_keys_is_bounded(limiters: Limiters, redis_url: str) -> None:
    limiter = limiters(redis_url, max_rate_limit_keys=10)
    await asyncio.gather(*(limiter.take(f"{n}") for n in range(200)))
    assert len(limiter._buckets) == 10


async def test_a_cancelled_caller_does_not_cancel_others(limiters: Limiters, redis_url: str) -> None:
    limiter = limiters(redis_url)
    leaving = asyncio.create_task(limiter.take("a"))
    staying = asyncio.create_task(limiter.take("a"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).allowed


async def test_messages_of_a_socket_are_limited_without_redis(limiters: Limiters, redis_url: str) -> None:
    limiter = limiters(redis_url, rate_limit_messages=3, rate_limit_window=HOUR)
    meter = limiter.meter()
    assert meter is not None
    assert [meter.take() for _ in range(3)] == [0, 0, 0]
    assert 1199 < meter.take() <= 1200
    assert limiters(redis_url, rate_limit_messages=0).meter() is None


async def test_limiters_of_two_processes_share_the_limit(limiters: Limiters, redis_url: str) -> None:
    """Two real processes, both requesting as fast as they can."""
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", TAKING_PROCESS, redis_url, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    outputs = await asyncio.gather(*(process.communicate() for process in processes))
    taken = sum(int(output) for output, _ in outputs)
    assert 280 <= taken <= 300


TAKING_PROCESS = """
import asyncio, sys
from redis.asyncio import Redis
from app.limits.rate_limiter.limiter import RateLimiter
from app.settings import Settings

async def main():
    client = Redis.from_url(sys.argv[1])
    limiter = RateLimiter(
        lambda: client, Settings(rate_limit_anonymous=300, rate_limit_window=3600, redis_timeout=5)
    )
    taken = 0
    for _ in range(40):
        verdicts = await asyncio.gather(*(limiter.take("shared") for _ in range(25)))
        taken += sum(verdict.allowed for verdict in verdicts)
    await limiter.close()
    await client.aclose()
    print(taken)

asyncio.run(main())
"""


async def test_a_debt_is_charged_whatever_remains_but_never_more_than_a_window(
    limiters: Limiters, redis_url: str
) -> None:
    limiter, other = (limiters(redis_url, rate_limit_anonymous=60, rate_limit_window=HOUR) for _ in range(2))
    for _ in range(50):
        await limiter.take("a")
    left = limiter.owe("a", 30)
    assert left is not None
    assert left.remaining == 0
    refused = await limiter.take("a")
    assert not refused.allowed
    assert 20 * 60 < refused.retry_after <= 21 * 60  # one unit per minute, and twenty are missing
    for _ in range(5):
        limiter.owe("a", 1_000_000)
    # On every instance, and as long as the bucket is overdrawn.
    worst = await other.take("a")
    while worst.retry_after < 59 * 60:
        await asyncio.sleep(0.01)
        worst = await other.take("a")
    assert worst.retry_after <= HOUR + 61


async def test_a_debt_is_charged_on_this_instance_while_redis_is_away(limiters: Limiters) -> None:
    limiter = limiters("redis://127.0.0.1:1", rate_limit_anonymous=60, rate_limit_window=HOUR)
    assert (await limiter.take("a")).allowed
    limiter.owe("a", 80)
    refused = await limiter.take("a")
    assert not refused.allowed
    assert refused.retry_after > 60


async def test_without_a_limit_no_debt_is_charged(limiters: Limiters, redis_url: str) -> None:
    assert limiters(redis_url, rate_limit_anonymous=0).owe("a", 80) is None


# A key is used often, and no unit is refilled meanwhile.
OFTEN = {"rate_limit_window": HOUR, "rate_limit_grant": HOUR, "redis_timeout": 5.0}


async def settled(limiter: RateLimiter) -> None:
    """Until nothing is requested of Redis."""
    await until(lambda: not limiter._pending and (not limiter._sender or limiter._sender.done()))


async def test_a_single_process_counts_every_unit_once(limiters: Limiters, redis_url: str) -> None:
    """Whether a unit was granted in advance, taken in a round trip, or requested while others were left."""
    limiter = limiters(redis_url, rate_limit_anonymous=60, **OFTEN)
    policy = limiter.anonymous
    for taken in range(1, 61):
        verdict = await limiter.take("a")
        assert (verdict.policy, verdict.allowed, verdict.retry_after) == (policy, True, 0.0)
        assert verdict.remaining == 60 - taken
        await settled(limiter)
    assert policy.by_grant.value > 30
    assert policy.by_grant.value + policy.by_redis.value == 60
    assert policy.by_local.value == 0
    refused = await limiter.take("a")
    assert (refused.policy, refused.allowed, refused.remaining) == (policy, False, 0)
    assert policy.refused["redis"].value == 1
    assert not (await limiter.take("a")).allowed
    assert (policy.refused["redis"].value, policy.refused["grant"].value) == (1, 1)


async def test_no_more_is_said_to_be_left_than_the_limit(limiters: Limiters, redis_url: str) -> None:
    """Also after a busy caller has paused, while units of its are held beside a bucket that has filled up again."""
    limiter = limiters(redis_url, rate_limit_anonymous=100, **OFTEN)
    for _ in range(20):
        await limiter.take("a")
        await settled(limiter)
    held = limiter._buckets["a"].tokens
    assert held > 1
    await limiter._redis._client().delete("dno:rate:a")  # as it is once it is full
    remaining = []
    for _ in range(held):
        remaining.append((await limiter.take("a")).remaining)
        await settled(limiter)
    assert max(remaining) == 100


async def test_portions_in_advance_double_up_to_the_limit_while_a_key_is_used_often(
    limiters: Limiters, redis_url: str
) -> None:
    limiter = limiters(redis_url, rate_limit_anonymous=400, **OFTEN)
    granted = []
    for _ in range(6):
        await limiter.take("a")
        await settled(limiter)
        bucket = limiter._buckets["a"]
        granted.append((bucket.portion, bucket.tokens, bucket.low))
        bucket.tokens = 0
    assert granted == [(0, 0, 0), (1, 1, 0), (2, 2, 1), (4, 4, 2), (8, 8, 4), (16, 16, 8)]
    bucket.portion = 300
    await limiter.take("a")
    assert bucket.portion == 400
    # After a pause as long as the grant time, the portion stays as it is.
    bucket.portion, bucket.asked, bucket.tokens = 3, bucket.asked - HOUR, 0
    await limiter.take("a")
    assert bucket.portion == 3


async def test_the_next_portion_is_requested_once_before_the_current_one_is_used_up(
    limiters: Limiters, redis_url: str
) -> None:
    limiter = limiters(redis_url, rate_limit_anonymous=1000, **OFTEN)
    for _ in range(2):
        await limiter.take("a")
    bucket = limiter._buckets["a"]
    bucket.portion, bucket.tokens, bucket.low = 8, 6, 4
    assert [limiter.try_take("a") is not None for _ in range(2)] == [True] * 2
    assert not limiter._pending
    assert not bucket.asking
    assert [limiter.try_take("a") is not None for _ in range(4)] == [True] * 4
    assert limiter._pending["a"].wanted == 16
    assert bucket.asking
    assert limiter.try_take("a") is None
    await settled(limiter)
    assert (bucket.tokens, bucket.low, bucket.asking) == (16, 8, False)


async def test_a_take_beyond_the_units_in_advance_uses_these_too(limiters: Limiters, redis_url: str) -> None:
    limiter = limiters(redis_url, rate_limit_anonymous=20, **OFTEN)
    for _ in range(6):
        await limiter.take("a")
        await settled(limiter)
    assert limiter._buckets["a"].tokens > 0
    last = await limiter.take("a", 14)
    assert (last.allowed, last.remaining) == (True, 0)


async def test_closing_returns_the_units_that_were_not_used(limiters: Limiters, redis_url: str) -> None:
    first, second = (limiters(redis_url, rate_limit_anonymous=100, **OFTEN) for _ in range(2))
    for key in ("a", "b"):
        for _ in range(12):
            await first.take(key)
        assert first._buckets[key].tokens > 0
    await first.close()
    assert first._sender is not None
    assert first._sender.done()
    assert not first._granted
    assert [(await second.take(key)).remaining for key in ("a", "b")] == [87, 87]


async def test_a_forgotten_key_returns_its_unused_units(limiters: Limiters, redis_url: str) -> None:
    first, second = (
        limiters(
            redis_url,
            rate_limit_anonymous=100,
            max_rate_limit_keys=1,
            **OFTEN,
        )
        for _ in range(2)
    )
    for _ in range(12):
        await first.take("a")
    await settled(first)
    first.give_back("a", first.anonymous)
    await first.take("b")  # in the same round trip
    await settled(first)
    assert list(first._buckets) == ["b"]
    assert "a" not in first._granted
    assert (await second.take("a")).remaining == 88


async def test_portions_are_returned_only_while_they_are_not_used(limiters: Limiters, redis_url: str) -> None:
    limiter = limiters(redis_url, rate_limit_anonymous=100, **OFTEN)
    for key in ("used", "unused"):
        for _ in range(12):
            await limiter.take(key)
    assert limiter._sweep is not None
    limiter._return_unused()  # both are seen for the first time
    assert set(limiter._granted) == {"used", "unused"}
    assert limiter.try_take("used") is not None
    limiter._return_unused()
    assert set(limiter._granted) == {"used"}
    assert (limiter._buckets["unused"].tokens, limiter._buckets["unused"].portion) == (0, 0)
    assert limiter._sweep is not None
    await settled(limiter)
    assert (await limiter.take("unused")).remaining == 87


async def test_a_unit_that_is_given_back_is_available_to_all_instances(
    limiters: Limiters, redis_url: str
) -> None:
    first, second = (
        limiters(redis_url, rate_limit_anonymous=20, rate_limit_window=HOUR, redis_timeout=5)
        for _ in range(2)
    )
    first.give_back("a", first.anonymous)  # unknown
    assert not first._pending
    for _ in range(3):
        await first.take("a")
    units = first._buckets["a"].tokens
    first.give_back("a", first.anonymous)
    await settled(first)
    assert (await second.take("a")).remaining == 17 - units


async def test_a_debt_is_paid_from_the_units_in_advance_first(limiters: Limiters, redis_url: str) -> None:
    limiter, other = (limiters(redis_url, rate_limit_anonymous=100, **OFTEN) for _ in range(2))
    for _ in range(12):
        await limiter.take("a")
    await settled(limiter)
    units = limiter._buckets["a"].tokens
    assert units > 1
    paid = limiter.owe("a", 1)
    assert paid is not None
    assert (paid.policy, paid.allowed, paid.remaining, paid.retry_after) == (limiter.anonymous, True, 87, 0.0)
    assert not limiter._pending
    owed = limiter.owe("a", units + 4)
    assert owed is not None
    assert (owed.policy, owed.allowed, owed.remaining, owed.retry_after) == (
        limiter.anonymous,
        True,
        83 - units,
        0.0,
    )
    assert limiter._buckets["a"].tokens == 0
    assert limiter._pending["a"].owed == 5
    await settled(limiter)
    assert (await other.take("a")).remaining == owed.remaining - 1


async def test_keys_in_redis_have_a_prefix_and_a_bounded_length(limiters: Limiters, redis_url: str) -> None:
    limiter = limiters(redis_url, redis_timeout=5)
    for key in ("a", "b" * 100, "c" * 101, "d" * 101):
        assert (await limiter.take(key)).remaining == 59
    names = {name.decode() for name in await limiter._redis._client().keys("*")}
    assert {"dno:rate:a", "dno:rate:" + "b" * 100} < names
    assert sorted(len(name) for name in names) == [10, 41, 41, 109]


async def test_the_script_is_loaded_once_and_again_after_an_outage(
    limiters: Limiters, valkey: PrivateValkey
) -> None:
    limiter = limiters(valkey.url, redis_timeout=2, breaker_timeout=0.1)

    async def calls(command: str) -> int:
        found = await limiter._redis._client().info("commandstats")
        return int(found.get(f"cmdstat_{command}", {"calls": 0})["calls"])

    for _ in range(3):
        await limiter.take("a")
    assert await calls("script|load") == 1
    assert await calls("eval") == 0
    valkey.pause()
    assert (await limiter.take("b")).allowed
    assert REGISTRY.get_sample_value("dno_rate_limit_local") == 1
    valkey.resume()
    await until(lambda: limiter.try_take("c") is None)
    assert REGISTRY.get_sample_value("dno_rate_limit_local") == 0
    assert await calls("script|load") == 2
    assert await calls("eval") == 0


async def test_after_a_failure_redis_is_tried_again_after_a_pause_and_by_one_request_at_a_time(
    limiters: Limiters, valkey: PrivateValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = limiters(valkey.url, redis_timeout=0.1, breaker_timeout=HOUR)
    await limiter.take("a")
    valkey.pause()
    assert (await limiter.take("a")).allowed
    assert 0 < limiter._retry_at - time.monotonic() <= HOUR
    assert limiter.try_take("a") is not None
    assert not limiter._pending
    with monkeypatch.context() as patched:
        due = limiter._retry_at
        patched.setattr("app.limits.rate_limiter.limiter.monotonic", lambda: due)
        for _ in range(2):
            assert limiter.try_take("a") is not None
            assert limiter._retry_at == math.inf
    assert list(limiter._pending) == ["a"]
    await until(lambda: limiter._retry_at < math.inf)
    assert not limiter._redis_available
    valkey.resume()

    def is_available() -> bool:
        if limiter._retry_at < math.inf:
            limiter._retry_at = 0  # the attempt before has timed out
        limiter.try_take("a")
        return limiter._redis_available

    await until(is_available)


async def test_requests_that_wait_when_redis_fails_are_decided_by_their_own_weight(
    limiters: Limiters,
) -> None:
    limiter = limiters("redis://127.0.0.1:1", rate_limit_anonymous=10, rate_limit_window=HOUR)
    takes = [asyncio.create_task(limiter.take("a", weight)) for weight in (3, 4, 5)]
    await asyncio.sleep(0)
    limiter.owe("b", 4)
    first, second, third = await asyncio.gather(*takes)
    assert [(verdict.allowed, verdict.remaining) for verdict in (first, second, third)] == [
        (True, 7),
        (True, 3),
        (False, 0),
    ]
    assert (await limiter.take("b")).remaining == 5


async def test_a_round_trip_that_is_cancelled_is_decided_on_this_instance(
    limiters: Limiters, valkey: PrivateValkey
) -> None:
    limiter = limiters(
        valkey.url,
        rate_limit_window=HOUR,
        rate_limit_grant=HOUR,
        redis_timeout=HOUR,
        redis_connect_timeout=HOUR,
    )
    for _ in range(2):
        await limiter.take("a")
    valkey.pause()
    try:
        waiting = asyncio.create_task(limiter.take("b"))
        await asyncio.sleep(0)
        limiter._request_ahead("a", limiter._buckets["a"])
        assert set(limiter._pending) == {"a", "b"}
        await until(lambda: not limiter._pending)
        sender = limiter._sender
        assert sender is not None
        sender.cancel()
        verdict = await waiting
        assert (verdict.allowed, verdict.remaining) == (True, 59)
        await asyncio.wait([sender])
        assert sender.cancelled()
        assert not limiter._buckets["a"].asking
        assert not limiter._redis_available
    finally:
        valkey.resume()


async def test_units_that_are_given_back_and_taken_in_one_round_trip_all_count(
    limiters: Limiters, redis_url: str
) -> None:
    limiter = limiters(redis_url, rate_limit_anonymous=20, **OFTEN)
    for _ in range(6):
        await limiter.take("a")
        await settled(limiter)
    assert limiter._buckets["a"].tokens > 0
    for _ in range(2):
        limiter.give_back("a", limiter.anonymous)
    last = await limiter.take("a", 15)
    assert (last.allowed, last.remaining) == (True, 1)
    for _ in range(2):
        limiter.give_back("a", limiter.anonymous)
    limiter.owe("a", 1)
    limiter.owe("a", 1)
    await settled(limiter)
    assert (await limiter.take("a")).remaining == 0


async def test_a_bucket_that_a_clock_ahead_has_left_is_empty_for_two_windows_at_most(
    limiters: Limiters, redis_url: str
) -> None:
    """As after a fail-over to a server whose clock is right, or with a window that was longer before."""
    limiter = limiters(redis_url, rate_limit_anonymous=60, rate_limit_window=60.0)
    await limiter.take("a")
    client = limiter._redis._client()
    [name] = await client.keys("dno:rate:a")
    await client.set(name, f"{(time.time() + 10 * HOUR) * 1e6:.0f}")
    verdict = await limiter.take("a")
    assert not verdict.allowed
    assert 60 < verdict.retry_after <= 61
    assert await client.pttl(name) <= 120_000


@pytest.mark.parametrize("text", [None, "", "no number", "nan", "inf", "\xff\x00"])
async def test_what_is_no_bucket_in_redis_counts_as_a_full_one_and_is_replaced(
    limiters: Limiters, redis_url: str, text: str | None
) -> None:
    """One that another program has written; None: a list. The other buckets are still counted in Redis."""
    limiter = limiters(redis_url, rate_limit_anonymous=60, rate_limit_window=HOUR)
    await limiter.take("b")
    client = limiter._redis._client()
    await (client.rpush("dno:rate:a", "x") if text is None else client.set("dno:rate:a", text))
    verdicts = await asyncio.gather(limiter.take("a"), limiter.take("b"))
    assert limiter._redis_available
    assert verdicts[1].remaining == 58
    if text == "inf":  # as after a clock that was ahead
        assert not verdicts[0].allowed
    else:
        assert verdicts[0].remaining == 59
        assert float(await client.get("dno:rate:a")) > time.time() * 1e6


async def test_an_error_of_redis_that_only_names_another_one_is_no_full_bucket(
    limiters: Limiters, valkey: PrivateValkey
) -> None:
    """The message names the user."""
    valkey.command("ACL", "SETUSER", "WRONGTYPE", "on", ">secret", "~*", "&*", "+@all", "-get")
    limiter = limiters(f"redis://WRONGTYPE:secret@127.0.0.1:{valkey.port}", rate_limit_window=HOUR)
    await limiter.take("a")
    assert not limiter._redis_available
