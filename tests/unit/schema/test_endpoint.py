"""The GraphQL endpoint without databases: status, media type, headers, caching, cached heads, metrics and charges."""

import json
from typing import Any

import pytest
from prometheus_client import REGISTRY
from starlette.responses import PlainTextResponse

from app.errors import Unauthenticated
from app.http.content_negotiation import EVENT_STREAM, GRAPHQL_RESPONSE, JSON, SUBSCRIPTION_PARTS
from app.http.request_state import request_state
from app.observability import counting
from schema.http.framings import FRAMINGS
from tests.unit.schema.endpoint_client import COMPLETE, KEY, PARTIAL, POST, Endpoint, accept, body_of

SUBSCRIPTION = "subscription { dataChanged { kind } }"


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


async def test_a_browser_gets_the_page_also_for_a_link_with_a_query_which_is_not_executed(
    endpoint: Endpoint,
) -> None:
    html = accept("text/html,*/*;q=0.8")

    async def media_type(method: str, query_string: bytes) -> str:
        response = await endpoint.call(endpoint.scope(method, html, POST, query_string=query_string))
        return str(response.headers["content-type"].partition(";")[0])

    assert await media_type("GET", b"") == "text/html"
    assert await media_type("HEAD", b"a=b") == "text/html"
    assert await media_type("GET", b"query=%7B__typename%7D") == "text/html"
    assert await media_type("GET", b"query=mutation%7BsignOut%7Berrors%7Bcode%7D%7D%7D") == "text/html"
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
        "A subscription needs a WebSocket, or a request that accepts text/event-stream or multipart/mixed;subscriptionSpec=1.0.",
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
    return REGISTRY.get_sample_value("dno_graphql_operations_total", labels) or 0.0


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


# Event streams


@pytest.mark.parametrize(
    ("query", "media_types", "streams"),
    [
        (COMPLETE, "text/event-stream", True),
        (COMPLETE, "application/json, text/event-stream", False),
        (COMPLETE, "application/json", False),
        (SUBSCRIPTION, "text/event-stream", True),
        (SUBSCRIPTION, "application/json, text/event-stream", True),
        (SUBSCRIPTION, "application/json", False),
        (SUBSCRIPTION, 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0",application/json', True),
        (SUBSCRIPTION, "multipart/mixed;deferSpec=20220824,application/json", False),
        ("{ nothing }", "text/event-stream", False),
    ],
)
async def test_the_response_is_a_stream_if_the_client_and_the_operation_ask_for_one(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, query: str, media_types: str, streams: bool
) -> None:
    opened: list[tuple[Any, ...]] = []

    def open_stream(*arguments: Any) -> Any:
        opened.append(arguments)
        return PlainTextResponse("a stream")

    monkeypatch.setattr(endpoint.app._connections, "open_stream", open_stream)
    scope = endpoint.scope("POST", POST, accept(media_types))
    response = await endpoint.call(scope, body_of(query))
    assert (response.body == b"a stream") is streams
    for request, operation, its_scope, framing in opened:
        assert framing is FRAMINGS[SUBSCRIPTION_PARTS if "multipart" in media_types else EVENT_STREAM]
        assert (request.query, its_scope) == (query, scope)
        assert operation.document.text == query


async def test_a_batch_is_never_a_stream() -> None:
    endpoint = Endpoint(max_batch_operations=2)
    scope = endpoint.scope("POST", POST, accept("text/event-stream"))
    response = await endpoint.call(scope, b"[" + body_of(COMPLETE) + b"]")
    assert response.json[0]["data"] == {"__typename": "Query"}
