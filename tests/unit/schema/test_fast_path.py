"""Cached request heads: which are cached, with what, for how long, and how requests with them are answered."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from starlette.types import Scope

from app.cache.clock import monotonic
from app.domain import tags
from app.domain.account import ANONYMOUS, Principal, Role
from app.errors import TooMany
from app.http.cached_request_head import CachedRequestHead
from app.http.content_negotiation import GRAPHQL_RESPONSE
from app.http.request_state import request_state
from tests.unit.schema.endpoint_client import COMPLETE, KEY, PARTIAL, POST, Endpoint, Header, accept, body_of


@pytest.fixture
async def endpoint() -> Endpoint:
    return Endpoint()


def candidate(
    endpoint: Endpoint, scope: Scope, *, direct: bool = True
) -> Callable[[], CachedRequestHead | None]:
    """As the server does for a head that came before."""
    endpoint.resources.heads.candidate("head", 100, direct=direct)
    request_state(scope).head_candidate = endpoint.resources.heads.candidate("head", 100, direct=direct)
    return lambda: endpoint.resources.heads.get("head")


def with_length(body: bytes, *headers: Header) -> tuple[Header, ...]:
    return (POST, (b"content-length", b"%d" % len(body)), *headers)


async def cached_head(
    endpoint: Endpoint, *headers: Header, principal: Principal = ANONYMOUS, direct: bool = True
) -> CachedRequestHead | None:
    body = body_of(COMPLETE)
    scope = endpoint.scope("POST", *with_length(body, *headers), principal=principal)
    found = candidate(endpoint, scope, direct=direct)
    await endpoint.call(scope, body)
    return found()


async def test_a_head_that_came_before_is_cached_with_what_was_found_out(endpoint: Endpoint) -> None:
    head = await cached_head(endpoint, accept(GRAPHQL_RESPONSE))
    assert head is not None
    assert head.length == len(body_of(COMPLETE))
    assert (head.media_type, head.route) == (GRAPHQL_RESPONSE, "/graphql")
    assert (head.budget, head.key_id) == (None, None)
    assert head.scope["client"] is None
    state = request_state(head.scope)
    assert (state.address, state.principal) == ("203.0.113.7", ANONYMOUS)
    assert (state.request_id, state.verdict, state.head_candidate) == ("", None, None)


async def test_a_head_that_came_once_is_not_cached(endpoint: Endpoint) -> None:
    body = body_of(COMPLETE)
    scope = endpoint.scope("POST", *with_length(body))
    request_state(scope).head_candidate = endpoint.resources.heads.candidate("head", 100, direct=True)
    await endpoint.call(scope, body)
    assert endpoint.resources.heads.get("head") is None


@pytest.mark.parametrize(
    "header",
    [
        (b"cookie", b"a=b"),
        (b"x-request-id", b"1"),
        (b"accept", b"application/json, text/event-stream"),
        (b"transfer-encoding", b"chunked"),
    ],
)
async def test_a_head_whose_responses_differ_is_not_cached(endpoint: Endpoint, header: Header) -> None:
    assert await cached_head(endpoint, header) is None


async def test_the_head_of_a_session_is_not_cached(endpoint: Endpoint) -> None:
    session = Principal(role=Role.VIEWER, user_id=UUID(int=1), session_id="1")
    assert await cached_head(endpoint, principal=session) is None


async def test_the_head_of_a_key_draws_on_the_budget_of_the_key(endpoint: Endpoint) -> None:
    for direct in (True, False):
        head = await cached_head(endpoint, principal=KEY, direct=direct)
        assert head is not None
        assert head.budget == endpoint.limiter.subject(KEY, "203.0.113.7")
        assert head.key_id == KEY.api_key_id
        assert request_state(head.scope).principal == KEY


async def test_the_head_of_a_client_behind_a_proxy_draws_on_the_budget_of_its_address(
    endpoint: Endpoint,
) -> None:
    head = await cached_head(endpoint, direct=False)
    assert head is not None
    assert head.budget == endpoint.limiter.subject(ANONYMOUS, "203.0.113.7")


@pytest.mark.parametrize("tag", [tags.api_key(UUID(int=1)), tags.user(UUID(int=2))])
async def test_the_head_of_a_key_is_valid_until_the_key_or_its_creator_changes(
    endpoint: Endpoint, tag: str
) -> None:
    assert await cached_head(endpoint, principal=KEY) is not None
    endpoint.resources.memory.invalidate([tag])
    assert endpoint.resources.heads.get("head") is None


async def test_the_head_of_a_key_expires_with_the_key(endpoint: Endpoint) -> None:
    expiring = msgspec.structs.replace(KEY, expires_at=datetime.now(UTC) + timedelta(seconds=1000))
    assert await cached_head(endpoint, principal=expiring) is not None
    until = endpoint.resources.memory.get("head").until
    assert 0 < until - monotonic() <= 1000
    expired = msgspec.structs.replace(KEY, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    endpoint = Endpoint()
    assert await cached_head(endpoint, principal=expired) is None


async def test_the_head_of_an_anonymous_client_does_not_expire(endpoint: Endpoint) -> None:
    await cached_head(endpoint)
    assert endpoint.resources.memory.get("head").until > monotonic() + 1


async def execute(
    endpoint: Endpoint, head: CachedRequestHead, body: bytes, address: str | None = "198.51.100.9"
) -> tuple[Any, Any]:
    key, policy = endpoint.limiter.subject(ANONYMOUS, "x")
    verdict = await endpoint.limiter.take(key, 1, policy)
    handler = head.handler
    return await handler.execute_request(
        handler.key_of(head, body), head, body, address, "request-2", verdict, waits=True
    )


async def test_a_request_with_a_cached_head_is_answered_like_any_other(endpoint: Endpoint) -> None:
    head = await cached_head(endpoint, accept(GRAPHQL_RESPONSE))
    assert head is not None
    response, verdict = await execute(endpoint, head, body_of(PARTIAL))
    assert (response.status, dict(response.headers)[b"content-type"]) == (
        294,
        f"{GRAPHQL_RESPONSE}; charset=utf-8".encode(),
    )
    assert verdict.remaining == endpoint.settings.rate_limit_anonymous - 1
    introspection = body_of("{ __schema { queryType { name } } }")
    assert head.handler.find_cached_response(head, introspection) is None
    first, _ = await execute(endpoint, head, introspection)
    found = head.handler.find_cached_response(head, introspection)
    assert found is not None
    assert found[0].body == first.body
    assert (
        await endpoint.call(
            endpoint.scope("POST", *with_length(body_of(COMPLETE), accept(GRAPHQL_RESPONSE))), introspection
        )
    ).body == first.body


async def test_a_request_with_the_cached_head_of_a_key_has_the_rights_of_the_key() -> None:
    endpoint = Endpoint(anonymous_reading=False)
    head = await cached_head(endpoint, principal=KEY)
    assert head is not None
    response, _ = await execute(endpoint, head, body_of(PARTIAL))
    assert json.loads(response.body)["data"] == {"__typename": "Query", "node": None}


async def test_errors_of_a_request_with_a_cached_head_become_responses(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = await cached_head(endpoint)
    assert head is not None
    refused, _ = await execute(endpoint, head, b"{")
    error = json.loads(refused.body)["errors"][0]
    assert (refused.status, error["extensions"]["requestId"]) == (400, "request-2")
    monkeypatch.setattr(endpoint.resources.responses, "now", lambda: 1 / 0)
    failed, _ = await execute(endpoint, head, body_of(COMPLETE))
    error = json.loads(failed.body)["errors"][0]
    assert (failed.status, error["extensions"]) == (
        500,
        {"code": "INTERNAL_SERVER_ERROR", "requestId": "request-2"},
    )


async def test_a_batch_with_a_cached_head_is_charged_to_the_address_it_came_from() -> None:
    endpoint = Endpoint(max_batch_operations=3)
    batch = json.dumps([{"query": COMPLETE}] * 3).encode()
    head = await cached_head(endpoint)
    assert head is not None
    for address, charged in (("198.51.100.9", "198.51.100.9"), (None, "203.0.113.7")):
        key, policy = endpoint.limiter.subject(ANONYMOUS, charged)
        before = await endpoint.limiter.take(key, 1, policy)
        response, verdict = await execute(endpoint, head, batch, address)
        assert len(json.loads(response.body)) == 3
        assert verdict.remaining == before.remaining - 2
        assert (await endpoint.limiter.take(key, 1, policy)).remaining == before.remaining - 3


async def test_a_full_queue_rejects_requests_with_and_without_a_cached_head() -> None:
    endpoint = Endpoint(max_operations=1, max_queued_operations=1)
    head = await cached_head(endpoint)
    assert head is not None
    queue = endpoint.app._admission._limiter
    async with queue:
        waiting = asyncio.create_task(queue.__aenter__())
        await asyncio.sleep(0)
        with pytest.raises(TooMany):
            queue.reject_if_full()
        response = await endpoint.post(COMPLETE + " ")
        assert (response.status, response.codes) == (503, ["OVERLOADED"])
        on_fast_path, _ = await execute(endpoint, head, body_of(COMPLETE + " "))
        assert on_fast_path.status == 503
        waiting.cancel()
