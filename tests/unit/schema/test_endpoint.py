"""The GraphQL endpoint without databases: status, media type, headers, caching, cached heads, metrics and charges."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec
import pytest
from prometheus_client import REGISTRY
from starlette.types import Scope

from app.cache.clock import monotonic
from app.cache.memory import Memory
from app.cache.responses import Responses
from app.domain import tags
from app.domain.account import ANONYMOUS, Principal, Role
from app.errors import TooMany, Unauthenticated
from app.http.cached_request_head import CachedRequestHead, RequestHeadCache
from app.http.content_negotiation import GRAPHQL_RESPONSE, JSON
from app.http.request_state import RequestState, request_state
from app.limits.deadlines import Deadlines
from app.limits.rate_limiter.limiter import RateLimiter
from app.observability import counting
from app.settings import Settings
from schema.http.endpoint import GraphQLEndpoint
from schema.http.operation_runner import OperationRunner
from tests.waiting import COUNTED

POST = (b"content-type", b"application/json")
COMPLETE = "query Complete { __typename }"
PARTIAL = '{ __typename node(id: "x") { id } }'
KEY = Principal(role=Role.VIEWER, api_key_id=UUID(int=1), created_by=UUID(int=2))
Header = tuple[bytes, bytes]


def no_redis() -> Any:
    """The rate limiter counts in this process then."""
    raise ConnectionError


class Authenticator:
    """Renews principals, unless the test sets an error."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.renewals = 0

    async def renewed(self, principal: Principal, *, visit: bool = False) -> Principal:
        self.renewals += 1
        if self.error is not None:
            raise self.error
        return principal


class Response:
    def __init__(self, messages: list[Any]) -> None:
        start, *parts = messages
        self.status: int = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self.body = b"".join(part["body"] for part in parts)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.json["errors"]]


class Endpoint:
    """The endpoint, and a client that calls it as the server does."""

    def __init__(self, **changed: Any) -> None:
        self.settings = msgspec.structs.replace(Settings(), **COUNTED, **changed)
        memory = Memory(2**20, 60)
        memory.switch_on()
        self.authenticator = Authenticator()
        self.limiter = RateLimiter(no_redis, self.settings)
        self.resources: Any = SimpleNamespace(
            settings=self.settings,
            limiter=self.limiter,
            memory=memory,
            responses=Responses(memory, on=True),
            heads=RequestHeadCache(memory),
            deadlines=Deadlines(self.settings.operation_timeout, asyncio.get_running_loop()),
            authenticator=self.authenticator,
            read_through=None,
            shared=None,
        )
        self.app = GraphQLEndpoint(self.settings, OperationRunner(self.settings))

    def scope(
        self,
        method: str = "POST",
        *headers: Header,
        query_string: bytes = b"",
        principal: Principal = ANONYMOUS,
    ) -> Scope:
        state = RequestState(
            self.resources, address="203.0.113.7", principal=principal, request_id="request-1"
        )
        return {
            "type": "http",
            "method": method,
            "path": "/graphql",
            "headers": list(headers),
            "query_string": query_string,
            "client": ("203.0.113.7", 1),
            "state": {"resources": self.resources, "request": state},
        }

    async def call(self, scope: Scope, body: bytes = b"") -> Response:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                for hook in request_state(scope).hooks:
                    hook(message)
            sent.append(message)

        await self.app(scope, receive, send)
        return Response(sent)

    async def post(self, query: str, *headers: Header, **members: Any) -> Response:
        return await self.call(self.scope("POST", POST, *headers), body_of(query, **members))

    async def get(self, query: str, *headers: Header, method: str = "GET") -> Response:
        return await self.call(self.scope(method, *headers, query_string=b"query=" + quote(query).encode()))


def body_of(query: str, **members: Any) -> bytes:
    return json.dumps({"query": query, **members}).encode()


def accept(media_type: str) -> Header:
    return b"accept", media_type.encode()


@pytest.fixture
async def endpoint() -> Endpoint:
    return Endpoint()


# Status and headers


@pytest.mark.parametrize(
    ("query", "as_json", "as_graphql_response"),
    [(COMPLETE, 200, 200), (PARTIAL, 200, 294), ("{ nothing }", 200, 400), ("{", 200, 400)],
)
async def test_the_status_is_that_of_the_result_and_the_media_type(
    endpoint: Endpoint, query: str, as_json: int, as_graphql_response: int
) -> None:
    for media_type, status in ((JSON, as_json), (GRAPHQL_RESPONSE, as_graphql_response)):
        for response in (
            await endpoint.post(query, accept(media_type)),
            await endpoint.get(query, accept(media_type)),
        ):
            assert response.status == status
            assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
            assert int(response.headers["content-length"]) == len(response.body)
            assert ("errors" in response.json) is (query != COMPLETE)
            assert ("data" in response.json) is (query in (COMPLETE, PARTIAL))


async def test_only_complete_results_may_be_cached_by_others(endpoint: Endpoint) -> None:
    introspection = "{ __schema { queryType { name } } }"
    assert (await endpoint.get(introspection)).headers["cache-control"].startswith("public, max-age=")
    for query in (PARTIAL, "{ nothing }"):
        response = await endpoint.get(query)
        assert response.headers["cache-control"] == "no-store"
        assert "etag" not in response.headers


async def test_a_complete_response_is_stored_with_its_media_type_and_answers_the_same_request(
    endpoint: Endpoint,
) -> None:
    introspection = "query Names { __schema { queryType { name } } }"
    for media_type in (JSON, GRAPHQL_RESPONSE):
        first = await endpoint.get(introspection, accept(media_type))
        again = await endpoint.get(introspection, accept(media_type))
        assert (again.status, again.body) == (200, first.body)
        assert again.headers["content-type"] == f"{media_type}; charset=utf-8"
        assert again.headers["etag"] == first.headers["etag"]
    before = counted("Names", "success")
    await endpoint.get(introspection, accept(JSON))
    assert counted("Names", "success") == before  # a response out of the cache is counted where it is written


async def test_head_is_answered_without_a_stream(endpoint: Endpoint) -> None:
    both = accept("application/json, text/event-stream")
    response = await endpoint.get("subscription { dataChanged { kind } }", both, method="HEAD")
    assert response.codes == ["NOT_ACCEPTABLE"]
    only = accept("text/event-stream")
    assert (await endpoint.get(COMPLETE, only, method="HEAD")).headers["content-type"].startswith(JSON)


async def test_a_query_of_a_client_that_prefers_json_is_no_stream(endpoint: Endpoint) -> None:
    both = accept("application/json, text/event-stream")
    response = await endpoint.post(COMPLETE, both)
    assert response.json["data"] == {"__typename": "Query"}
    rejected = await endpoint.post("{ nothing }", both)
    assert rejected.headers["content-type"].startswith(JSON)
    assert rejected.codes == ["GRAPHQL_VALIDATION_FAILED"]


async def test_a_browser_gets_the_page_unless_it_sends_an_operation(endpoint: Endpoint) -> None:
    html = accept("text/html,*/*;q=0.8")

    async def media_type(method: str, query_string: bytes) -> str:
        response = await endpoint.call(endpoint.scope(method, html, POST, query_string=query_string))
        return str(response.headers["content-type"].partition(";")[0])

    assert await media_type("GET", b"") == "text/html"
    assert await media_type("HEAD", b"a=b") == "text/html"
    assert await media_type("GET", b"query=%7B__typename%7D") == JSON
    assert await media_type("GET", b"extensions=%7B%7D") == JSON
    assert await media_type("POST", b"") == JSON


async def test_a_client_that_disconnects_before_its_body_gets_no_response(endpoint: Endpoint) -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    await endpoint.app(endpoint.scope("POST", POST), receive, send)


async def test_errors_before_the_execution_have_their_status_and_are_not_cacheable(
    endpoint: Endpoint,
) -> None:
    response = await endpoint.call(endpoint.scope("POST", POST), b"{")
    assert (response.status, response.codes) == (400, ["BAD_USER_INPUT"])
    assert response.headers["cache-control"] == "no-store"
    assert response.json["errors"][0]["extensions"]["requestId"] == "request-1"


async def test_a_rejected_method_gets_an_error_that_names_what_to_use(endpoint: Endpoint) -> None:
    mutation = "mutation { signOut { errors { code } } }"
    by_get = await endpoint.get(mutation)
    assert (by_get.status, by_get.headers["allow"]) == (405, "POST")
    subscription = await endpoint.post("subscription { dataChanged { kind } }")
    assert (subscription.status, subscription.json["errors"][0]["message"]) == (
        406,
        "A subscription needs a WebSocket, or a request that accepts text/event-stream.",
    )


async def test_values_of_extensions_over_the_limit_are_rejected_with_it() -> None:
    endpoint = Endpoint(limit_variable_values=20)
    response = await endpoint.post(COMPLETE, extensions={"a": [1] * 30})
    [error] = response.json["errors"]
    assert error["message"] == "The request's extensions hold more than 20 values."
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "limit": 20, "requestId": "request-1"}
    assert (await endpoint.post(COMPLETE, extensions={"a": [1] * 5})).status == 200
    assert (
        "errors" in (await endpoint.post("query ($v: [Int]) { __typename }", variables={"v": [1] * 30})).json
    )


async def test_without_anonymous_reading_a_query_is_refused_and_an_operation_on_the_schema_is_not() -> None:
    endpoint = Endpoint(anonymous_reading=False)
    refused = await endpoint.post(PARTIAL)
    assert (refused.status, refused.codes) == (401, ["UNAUTHENTICATED"])
    assert (await endpoint.post("{ __schema { queryType { name } } }")).status == 200
    with_key = endpoint.scope("POST", POST, principal=KEY)
    assert (await endpoint.call(with_key, body_of(PARTIAL))).status == 200


# Batches


async def test_a_batch_has_one_response_in_its_order_with_the_errors_of_each(endpoint: Endpoint) -> None:
    endpoint = Endpoint(max_batch_operations=4)
    mutation = {"query": "mutation A { __typename } mutation B { __typename }", "operationName": "A"}
    body = json.dumps(
        [{"query": COMPLETE}, {"query": "{ nothing }"}, mutation, {"query": "{ t: __typename }"}]
    )
    scope = endpoint.scope("POST", POST, accept(GRAPHQL_RESPONSE), principal=KEY)
    response = await endpoint.call(scope, body.encode())
    assert response.status == 200
    assert response.headers["content-type"] == f"{GRAPHQL_RESPONSE}; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    one, two, three, four = response.json
    assert (one["data"], three["data"], four["data"]) == (
        {"__typename": "Query"},
        {"__typename": "Mutation"},
        {"t": "Query"},
    )
    assert two["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert endpoint.authenticator.renewals == 4
    verdict = request_state(scope).verdict
    assert verdict is not None
    assert verdict.remaining == endpoint.settings.rate_limit_api_key - 3


async def test_rights_that_end_during_a_batch_are_an_error_of_each_later_operation() -> None:
    endpoint = Endpoint(max_batch_operations=2)
    endpoint.authenticator.error = Unauthenticated("The key was revoked.")
    scope = endpoint.scope("POST", POST, principal=KEY)
    response = await endpoint.call(scope, json.dumps([{"query": COMPLETE}] * 2).encode())
    error = {"message": "The key was revoked.", "extensions": {"code": "UNAUTHENTICATED"}}
    assert response.json == [{"errors": [error]}] * 2


async def test_a_batch_over_the_limit_of_the_setting_is_rejected() -> None:
    endpoint = Endpoint(max_batch_operations=1)
    response = await endpoint.call(endpoint.scope("POST", POST), json.dumps([{"query": "{a}"}] * 2).encode())
    assert (response.status, response.codes) == (400, ["BAD_USER_INPUT"])


# Metrics


def counted(operation: str, outcome: str) -> float:
    counting.flush()
    labels = {"operation": operation, "outcome": outcome}
    return REGISTRY.get_sample_value("graphql_operations_total", labels) or 0.0


@pytest.mark.parametrize(
    ("query", "name", "outcome"),
    [
        ("query Counted { __typename }", "Counted", "success"),
        ('query Failed { node(id: "x") { id } }', "Failed", "error"),
        ("{ nothing }", "none", "error"),
        ("subscription Refused { dataChanged { kind } }", "Refused", "error"),
    ],
)
async def test_an_operation_is_counted_by_name_and_outcome(
    endpoint: Endpoint, query: str, name: str, outcome: str
) -> None:
    before = counted(name, outcome)
    await endpoint.call(endpoint.scope("POST", POST, principal=KEY), body_of(query))
    assert counted(name, outcome) == before + 1


# Cached heads


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
    return await head.handler.execute_request(head, body, address, "request-2", verdict)


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
    queue = endpoint.app._admission.queue_for(request_state(endpoint.scope()))
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
