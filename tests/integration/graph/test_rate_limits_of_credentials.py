"""Anonymous requests do not use up the rate limit of callers with credentials at the same address."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import httpx
import pytest

from app.cache.read_set import ReadSet
from app.db.pool import Pool
from app.domain.account import Role
from app.settings import Settings
from schema.queries.vocabulary import load_vocabulary
from tests import factories as make
from tests.integration.graph.running import Headers, Running, issue_key, running
from tests.waiting import PATIENT

READ = {"query": "{ coverage { totalDnos } }"}


@pytest.fixture
async def limited(settings: Settings, pool: Pool) -> AsyncIterator[Running]:
    # On a busy machine the limiter would otherwise fall back from Redis to empty local counters.
    limits = {"rate_limit_anonymous": 3, "rate_limit_api_key": 1000}
    async with running(settings, **limits, **PATIENT, warm_interval=0) as server:
        # Jobs of the start read the same; their statements must not be counted in the tests.
        await load_vocabulary(server.resources, ReadSet())
        yield server


def unknown_key() -> Headers:
    return {"authorization": f"Bearer dno_{secrets.token_urlsafe(32)}"}


def unknown_session() -> Headers:
    return {"authorization": f"Bearer {secrets.token_urlsafe(32)}"}


async def statuses(server: Running, *sent: Headers) -> list[int]:
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(limits=limits, timeout=30) as client:
        answers = await asyncio.gather(*(client.post(server.url, json=READ, headers=one) for one in sent))
    return [answer.status_code for answer in answers]


async def test_a_flood_of_anonymous_requests_does_not_limit_keys_and_sessions(
    limited: Running, pool: Pool
) -> None:
    _, key = await issue_key(pool, Role.VIEWER)
    user = await make.user(pool, "grace@example.org", Role.VIEWER)
    session = {"authorization": f"Bearer {await limited.resources.authenticator._sessions.start(user.id)}"}
    flood = await statuses(limited, *[{} for _ in range(20)])
    assert flood.count(429) >= 17
    for _ in range(5):  # the last times with a cached request head
        assert await statuses(limited, key, session, {}) == [200, 200, 429]


async def test_a_flood_of_invalid_credentials_does_not_limit_valid_ones(limited: Running, pool: Pool) -> None:
    _, key = await issue_key(pool, Role.VIEWER)
    flood = await statuses(
        limited, *[unknown_key() for _ in range(10)], *[unknown_session() for _ in range(10)]
    )
    assert set(flood) <= {401, 429}
    assert flood.count(429) >= 17
    assert await statuses(limited, key) == [200]


async def test_look_ups_of_invalid_keys_are_batched(limited: Running, pool: Pool) -> None:
    authenticator, used = limited.resources.authenticator, limited.resources.pool
    _, key = await issue_key(pool, Role.VIEWER)
    before = used.statements
    secrets_ = [unknown_key()["authorization"] for _ in range(2000)]
    found = await asyncio.gather(
        *(authenticator.principal(secret, None) for secret in (*secrets_, key["authorization"])),
        return_exceptions=True,
    )
    assert not isinstance(found[-1], BaseException)
    assert all(isinstance(one, Exception) for one in found[:-1])
    assert used.statements - before <= 10


async def test_an_invalid_key_that_is_repeated_costs_no_further_statement(
    limited: Running, pool: Pool
) -> None:
    wrong, used = unknown_key(), limited.resources.pool
    await statuses(limited, wrong)
    before = used.statements
    await statuses(limited, *[wrong] * 20)
    assert used.statements == before


async def test_malformed_credentials_are_not_looked_up(limited: Running, pool: Pool) -> None:
    before = limited.resources.pool.statements
    authorizations = ("Bearer dno_short", "Bearer x", "Basic YTpi", "Bearer " + "A" * 44)
    await statuses(limited, *[{"authorization": one} for one in authorizations])
    assert limited.resources.pool.statements == before


async def test_a_cancelled_look_up_does_not_cancel_that_of_another_request(
    limited: Running, pool: Pool
) -> None:
    """Both wait for the same read."""
    authenticator = limited.resources.authenticator
    _, key = await issue_key(pool, Role.VIEWER)
    cancelled = asyncio.create_task(authenticator.principal(key["authorization"], None))
    other = asyncio.create_task(authenticator.principal(key["authorization"], None))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert (await other).role is Role.VIEWER
