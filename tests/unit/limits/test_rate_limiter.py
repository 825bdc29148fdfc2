"""Decisions of an instance without Redis, with a clock that stands still; with Redis: tests/integration/http."""

from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from app.domain.account import ANONYMOUS, Principal, Role
from app.limits.rate_limiter.limiter import RateLimiter
from app.limits.rate_limiter.policy import Policy, Verdict
from app.settings import Settings

MINUTE, DAY = 60.0, 86400.0


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        for module in ("gcra", "limiter"):
            monkeypatch.setattr(f"app.limits.rate_limiter.{module}.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def limiter_of(**settings: float) -> RateLimiter:
    """One anonymous request every ten seconds, ten of them at once."""
    defaults = {"rate_limit_anonymous": 10, "rate_limit_window": 100.0, "rate_limit_cost": 100}
    return RateLimiter(lambda: None, Settings(**{**defaults, **settings}))  # type: ignore[arg-type]


def parts(verdict: Verdict | None) -> tuple[Policy, bool, int, float]:
    assert verdict is not None
    return verdict.policy, verdict.allowed, verdict.remaining, verdict.retry_after


async def test_requests_are_allowed_up_to_the_limit_and_then_rejected(clock: Clock) -> None:
    limiter = limiter_of()
    policy = limiter.anonymous
    verdicts = [await limiter.take("a") for _ in range(10)]
    assert [parts(verdict) for verdict in verdicts] == [
        (policy, True, remaining, 0.0) for remaining in range(9, -1, -1)
    ]
    assert parts(await limiter.take("a")) == (policy, False, 0, 10.0)
    assert (policy.by_local.value, policy.refused["local"].value) == (10, 1)
    assert (policy.by_grant.value, policy.by_redis.value) == (0, 0)
    assert parts(limiter.try_take("b")) == (policy, True, 9, 0.0)
    assert REGISTRY.get_sample_value("dno_rate_limit_local") == 1


async def test_a_rejection_holds_for_the_grant_time_without_a_new_decision(clock: Clock) -> None:
    limiter = limiter_of(rate_limit_grant=4)
    policy = limiter.anonymous
    assert limiter.refused("a") is None
    for _ in range(11):
        await limiter.take("a")
    for seconds in (0, 3):
        clock.now = 1000 + seconds
        assert parts(limiter.refused("a")) == (policy, False, 0, 4 - seconds)
        assert parts(limiter.try_take("a")) == (policy, False, 0, 4 - seconds)
    assert (policy.refused["local"].value, policy.refused["grant"].value) == (1, 2)
    clock.now = 1004
    assert limiter.refused("a") is None
    assert parts(limiter.try_take("a")) == (policy, False, 0, 6.0)
    assert policy.refused["local"].value == 2
    clock.now = 1008
    assert parts(limiter.try_take("a")) == (policy, False, 0, 2.0)
    assert parts(limiter.refused("a")) == (policy, False, 0, 2.0), "no longer than the wait itself"


async def test_only_the_rejection_of_a_single_unit_is_remembered(clock: Clock) -> None:
    limiter = limiter_of()
    for _ in range(9):
        await limiter.take("a")
    assert parts(await limiter.take("a", 2)) == (limiter.anonymous, False, 0, 10.0)
    assert limiter.refused("a") is None
    assert (await limiter.take("a")).allowed


async def test_a_request_never_weighs_more_than_the_limit(clock: Clock) -> None:
    limiter = limiter_of()
    assert parts(await limiter.take("a", 1000)) == (limiter.anonymous, True, 0, 0.0)


async def test_each_policy_has_its_own_limit(clock: Clock) -> None:
    limiter = limiter_of(rate_limit_api_key=3)
    assert parts(await limiter.take("key", 2, limiter.api_key)) == (limiter.api_key, True, 1, 0.0)
    assert parts(limiter.try_take("key", 1, limiter.api_key)) == (limiter.api_key, True, 0, 0.0)
    assert parts(limiter.try_take("key", 1, limiter.api_key))[:2] == (limiter.api_key, False)
    assert parts(await limiter.charge("other", 300, limiter.api_key)) == (limiter.api_key, True, 1, 0.0)
    assert parts(limiter.owe("third", 2, limiter.api_key)) == (limiter.api_key, True, 1, 0.0)


async def test_a_limit_of_zero_allows_everything_and_counts_nothing(clock: Clock) -> None:
    limiter = limiter_of(rate_limit_anonymous=0, rate_limit_messages=0)
    policy = limiter.anonymous
    for verdict in (limiter.try_take("a"), await limiter.take("a", 5)):
        assert parts(verdict) == (policy, True, 0, 0.0)
    limiter.give_back("a", policy)
    assert limiter.owe("a", 3) is None
    assert limiter.meter() is None
    assert not limiter._buckets


async def test_a_cost_is_charged_beyond_the_request_itself(clock: Clock) -> None:
    limiter = limiter_of()
    await limiter.take("a")
    assert await limiter.charge("a", 0) is None
    assert await limiter.charge("a", 100) is None
    assert parts(await limiter.charge("a", 101)) == (limiter.anonymous, True, 8, 0.0)
    assert parts(await limiter.charge("a", 400)) == (limiter.anonymous, True, 5, 0.0)


async def test_a_unit_that_is_given_back_can_be_taken_again(clock: Clock) -> None:
    limiter = limiter_of()
    limiter.give_back("unknown", limiter.anonymous)
    for _ in range(5):
        await limiter.take("a")
    limiter.give_back("a", limiter.anonymous)
    assert (await limiter.take("a")).remaining == 5
    assert "unknown" not in limiter._buckets


async def test_a_debt_is_charged_to_its_key_only(clock: Clock) -> None:
    limiter = limiter_of()
    await limiter.take("b")
    assert parts(limiter.owe("a", 3)) == (limiter.anonymous, True, 7, 0.0)
    assert parts(limiter.owe("a", 1000)) == (limiter.anonymous, True, 0, 0.0)
    assert parts(await limiter.take("a")) == (limiter.anonymous, False, 0, 40.0), "of the window at most"
    assert (await limiter.take("b")).remaining == 8


async def test_the_key_that_came_first_is_forgotten_when_there_are_too_many(clock: Clock) -> None:
    limiter = limiter_of(max_rate_limit_keys=2)
    for key in "aabbc":
        await limiter.take(key)
    assert list(limiter._buckets) == ["b", "c"]
    assert (await limiter.take("b")).remaining == 7


async def test_messages_of_a_socket_have_a_limit_of_their_own(clock: Clock) -> None:
    meter = limiter_of(rate_limit_messages=2).meter()
    assert meter is not None
    assert [meter.take() for _ in range(3)] == [0, 0, 50]


async def test_closing_a_limiter_that_was_not_used_does_nothing() -> None:
    await limiter_of().close()


def test_the_policies_have_the_limits_and_windows_of_the_settings() -> None:
    limiter = RateLimiter(
        lambda: None,
        Settings(
            rate_limit_window=30,
            rate_limit_anonymous=1,
            rate_limit_api_key=2,
            rate_limit_sign_in=3,
            rate_limit_sign_in_account=4,
            rate_limit_sign_in_window=50,
            rate_limit_messages=5,
            max_language_model_calls=9,
            max_language_model_calls_per_caller=7,
        ),
    )
    found = {
        (policy.name, policy.limit, policy.window)
        for policy in (
            limiter.anonymous,
            limiter.api_key,
            limiter.sign_in,
            limiter.sign_in_account,
            limiter.messages,
            limiter.model_calls,
            limiter.model_anonymous,
            limiter.model_caller,
        )
    }
    assert found == {
        ("anonymous", 1, 30),
        ("api-key", 2, 30),
        ("sign-in", 3, 50),
        ("sign-in-account", 4, 50),
        ("messages", 5, 30),
        ("language-model", 9, DAY),
        ("language-model-anonymous", 5, DAY),
        ("language-model-caller", 7, DAY),
    }


def test_a_request_counts_against_its_api_key_its_user_or_its_address() -> None:
    limiter = limiter_of()
    key_id, user_id = uuid4(), uuid4()
    key = Principal(role=Role.VIEWER, name="key", api_key_id=key_id)
    user = Principal(role=Role.VIEWER, name="user", user_id=user_id)
    assert limiter.subject(key, "192.0.2.1") == (f"key:{key_id}", limiter.api_key)
    assert limiter.subject(user, "192.0.2.1") == (f"user:{user_id}", limiter.api_key)
    assert limiter.subject(ANONYMOUS, "192.0.2.1") == ("192.0.2.1", limiter.anonymous)
