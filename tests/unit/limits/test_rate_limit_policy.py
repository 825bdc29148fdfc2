"""Rate limits by name, the headers of a verdict, and how decisions are counted."""

import pytest
from prometheus_client import REGISTRY

from app.limits.rate_limiter.buckets import Bucket, PendingRequest
from app.limits.rate_limiter.policy import Policy, Verdict
from app.observability import counting


def test_the_interval_is_the_time_of_one_unit() -> None:
    assert Policy("test", 10, 60.0).interval == 6
    assert Policy("test", 0, 60.0).interval == 0


def test_the_headers_name_the_policy_its_quota_and_its_window() -> None:
    policy = Policy("test", 10, 59.6)
    assert (policy.name, policy.limit, policy.window) == ("test", 10, 59.6)
    allowed = Verdict(policy, True, 7, 0.0)
    assert allowed.limit == 10
    assert allowed.headers == [
        (b"ratelimit-policy", b'"test";q=10;w=60'),
        (b"ratelimit", b'"test";r=7;t=6'),
    ]
    assert allowed.header_bytes == b'ratelimit-policy: "test";q=10;w=60\r\nratelimit: "test";r=7;t=6\r\n'
    rejected = Verdict(policy, False, 0, 33.2)
    assert rejected.headers[1] == (b"ratelimit", b'"test";r=0;t=34')
    assert rejected.header_bytes == (
        b'ratelimit-policy: "test";q=10;w=60\r\nratelimit: "test";r=0;t=34\r\nretry-after: 34\r\n'
    )


def test_without_a_limit_there_are_no_headers() -> None:
    unlimited = Verdict(Policy("test", 0, 60.0), True, 0, 0.0)
    assert unlimited.headers == []
    assert unlimited.header_bytes == b""


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [(0.0005, 1), (0.5, 1), (1.0009, 1), (1.002, 2), (2.0, 2), (60.5, 61)]
)
def test_the_wait_of_a_rejection_is_rounded_up_and_at_least_a_second(
    retry_after: float, seconds: int
) -> None:
    verdict = Verdict(Policy("test", 10, 60.0), False, 0, retry_after)
    assert verdict.headers[1][1] == b'"test";r=0;t=%d' % seconds


def test_units_that_are_available_at_once_have_no_reset_time() -> None:
    verdict = Verdict(Policy("test", 100_000, 60.0), True, 9, 5.0)
    assert verdict.headers[1][1] == b'"test";r=9;t=0'


def test_decisions_are_counted_by_policy_place_and_outcome() -> None:
    policy = Policy("counted", 10, 60.0)
    counts = {
        ("grant", "allowed"): policy.by_grant,
        ("redis", "allowed"): policy.by_redis,
        ("local", "allowed"): policy.by_local,
        **{(by, "refused"): count for by, count in policy.refused.items()},
    }
    for number, count in enumerate(counts.values(), 1):
        count.value += number
    counting.flush()
    found = {
        (by, outcome): REGISTRY.get_sample_value(
            "dno_rate_limit_decisions_total", {"policy": "counted", "by": by, "outcome": outcome}
        )
        for by in ("grant", "redis", "local")
        for outcome in ("allowed", "refused")
    }
    assert found == dict(zip(counts, range(1, 7), strict=True))


def test_a_request_to_redis_has_the_arguments_of_the_script() -> None:
    request = PendingRequest(Bucket(Policy("test", 10, 60.0)))
    assert list(request.arguments()) == [6e6, 10, 0, 0, 1, 0]
    request.wanted, request.owed, request.returned = 3, 4, 5
    request.waiting = [(1, None), (7, None)]  # type: ignore[list-item]
    assert list(request.arguments()) == [6e6, 10, 3, 4, 3, -5, 1, 7]


def test_a_new_bucket_is_full_and_holds_nothing_in_advance() -> None:
    bucket = Bucket(Policy("test", 10, 60.0))
    assert (bucket.remaining, bucket.tokens, bucket.seen, bucket.low, bucket.portion) == (10, 0, 0, 0, 0)
    assert (bucket.asking, bucket.meter, bucket.refused_until) == (False, None, 0.0)
