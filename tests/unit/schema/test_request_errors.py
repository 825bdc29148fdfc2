"""Each rejected GraphQL request gets its code and its text."""

from typing import Any
from urllib.parse import urlencode

import pytest

from app.errors import AppError, Code
from app.http.content_negotiation import EVENT_STREAM, GRAPHQL_RESPONSE, JSON, SUBSCRIPTION_PARTS
from schema.http.request import (
    GraphQLRequest,
    mutation_over_get,
    read_body,
    read_graphql_request,
    read_payload,
    shows_intent,
    wanted_stream,
)

Headers = list[tuple[bytes, bytes]]
POST: Headers = [(b"content-type", b"application/json")]
# The object around it and the number in it are levels, too.
NESTED = "[" * 62 + "1" + "]" * 62
TOO_NESTED = "[" * 64 + "1" + "]" * 64
ENDLESS = b"[" * 100_000


def of_post(body: bytes, headers: Headers = POST, batch: int = 0) -> Any:
    return read_graphql_request("POST", headers, b"", body, batch=batch)


def of_get(query_string: bytes) -> Any:
    return read_graphql_request("GET", [], query_string, b"")


def text_of(call: Any, *arguments: Any) -> str:
    with pytest.raises(AppError) as caught:
        call(*arguments)
    assert caught.value.code is Code.BAD_USER_INPUT
    return caught.value.message


NO_QUERY = "The request has no query: it must be a string that holds a GraphQL document."
EMPTY = "The request's body is empty; it must be a JSON object with a query."
NO_JSON = "The request's body is not valid JSON."
OTHER_TYPE = (
    "The request is no GraphQL request: {} has another type than it may have, or a value that is not known."
)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", EMPTY),
        (b" \r\n\t", EMPTY),
        (b"\xef\xbb\xbf", EMPTY),
        (b"{", NO_JSON),
        (b'{"query": "\xff"}', NO_JSON),
        (b"null", OTHER_TYPE.format("the whole")),
        (b'{"query": 1}', OTHER_TYPE.format("`query`")),
        (b'{"query": "{a}", "variables": []}', OTHER_TYPE.format("`variables`")),
        (b'{"query": "{a}", "operationName": {}}', OTHER_TYPE.format("`operationName`")),
        (b'{"documentId": 1}', OTHER_TYPE.format("`documentId`")),
        (b'{"query": "{a}", "variables": {"v": ' + ENDLESS, "The request's body is nested too deeply."),
        (b"{}", NO_QUERY),
        (b'{"query": ""}', NO_QUERY),
        (b'{"extensions": {"other": 1}}', NO_QUERY),
        (b'[{"query": "{a}"}]', "A request holds one operation: batches are switched off here."),
    ],
)
def test_a_rejected_body_gets_a_text_that_states_the_cause(body: bytes, text: str) -> None:
    assert text_of(of_post, body) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"[", NO_JSON),
        (b" [1]", OTHER_TYPE.format("`[0]`")),
        (b'[{"query": 1}]', OTHER_TYPE.format("`[0].query`")),
        (b"[]", "A batch holds from 1 to 2 operations."),
        (b'[{"query":"{a}"},{"query":"{b}"},{"query":"{c}"}]', "A batch holds from 1 to 2 operations."),
        (b'[{"query":"{a}"},{}]', NO_QUERY),
    ],
)
def test_a_rejected_batch_gets_a_text_that_states_the_cause(body: bytes, text: str) -> None:
    assert text_of(of_post, body, POST, 2) == text


def test_a_batch_over_the_limit_is_rejected_with_the_limit() -> None:
    with pytest.raises(AppError) as caught:
        of_post(b"[]", POST, 7)
    assert caught.value.details == {"limit": 7}


def test_a_batch_may_hold_one_operation_and_as_many_as_the_limit() -> None:
    assert [each.query for each in of_post(b'[{"query":"{a}"}]', POST, 2)] == ["{a}"]
    two = b' \n[{"query":"{a}", "variables": {"v": 1}, "operationName": "A"}, {"query":"{b}"}]'
    first, second = of_post(two, [*POST, (b"accept", GRAPHQL_RESPONSE.encode())], 2)
    assert first == GraphQLRequest("{a}", {"v": 1}, "A", {}, GRAPHQL_RESPONSE)
    assert second == GraphQLRequest("{b}", {}, None, {}, GRAPHQL_RESPONSE)


@pytest.mark.parametrize(
    ("query_string", "text"),
    [
        (b"query=\xff", "The query string cannot be read."),
        (b"&".join(b"x%d=1" % number for number in range(51)), "The query string cannot be read."),
        (b"", NO_QUERY),
        (b"query=", NO_QUERY),
        (b"query={a}&query={a}", "The parameter query is given twice."),
        (b"query={a}&operationName=&operationName=", "The parameter operationName is given twice."),
        (b"documentId=a&documentId=a", "The parameter documentId is given twice."),
        (b"query={a}&variables={}&variables={}", "The parameter variables is given twice."),
        (b"query={a}&extensions={}&extensions={}", "The parameter extensions is given twice."),
        (b"query={a}&variables={", "The parameter variables must be a JSON object: it is not valid JSON."),
        (
            b"query={a}&extensions=1",
            "The parameter extensions must be a JSON object: the whole has another type than it may have, "
            "or a value that is not known.",
        ),
    ],
)
def test_a_rejected_query_string_gets_a_text_that_states_the_cause(query_string: bytes, text: str) -> None:
    assert text_of(of_get, query_string) == text


def test_a_query_string_may_hold_fifty_parameters_and_others_than_those_of_graphql_may_be_repeated() -> None:
    others = b"&x=1&x=2" + b"".join(b"&y%d=" % number for number in range(47))
    assert of_get(b"query={a}" + others).query == "{a}"


def test_a_get_names_a_persisted_document() -> None:
    assert of_get(b"documentId=abc") == GraphQLRequest(None, {}, None, {}, JSON, "abc")
    assert of_get(b"query={a}&documentId=") == GraphQLRequest("{a}", {}, None, {}, JSON, None)
    with_all = of_get(
        urlencode({"query": "{a}", "variables": "null", "extensions": "null", "documentId": "d"}).encode()
    )
    assert with_all == GraphQLRequest("{a}", {}, None, {}, JSON, "d")


def nested_in(name: str, value: str) -> bytes:
    return b'{"query": "{a}", "%s": {"v": %s}}' % (name.encode(), value.encode())


def nested_in_query_string(name: str, value: str) -> bytes:
    return urlencode({"query": "{a}", name: f'{{"v": {value}}}'}).encode()


@pytest.mark.parametrize("name", ["variables", "extensions"])
def test_variables_and_extensions_may_nest_64_levels(name: str) -> None:
    assert getattr(of_post(nested_in(name, NESTED)), name)["v"]
    assert getattr(of_get(nested_in_query_string(name, NESTED)), name)["v"]
    text = f"`{name}` is nested too deeply; at most 64 levels are allowed."
    refused = nested_in(name, TOO_NESTED)
    assert text_of(of_post, refused) == text
    assert text_of(of_post, b'[{"query": "{a}"},' + refused + b"]", POST, 2) == text
    assert text_of(read_payload, refused) == text
    assert text_of(of_get, nested_in_query_string(name, TOO_NESTED)) == text


def test_many_brackets_that_do_not_nest_are_accepted() -> None:
    flat = "[" + ",".join(["[]"] * 200) + "]"
    assert len(of_post(nested_in("variables", flat)).variables["v"]) == 200
    assert len(of_get(nested_in_query_string("variables", flat)).variables["v"]) == 200


def test_empty_texts_are_the_same_as_absent() -> None:
    request = of_post(b'{"query": "", "operationName": "", "documentId": "d"}')
    assert request == GraphQLRequest(None, {}, None, {}, JSON, "d")
    persisted = of_post(b'{"query": "", "extensions": {"persistedQuery": {"sha256Hash": 1}}}')
    assert persisted == GraphQLRequest(None, {}, None, {"persistedQuery": {"sha256Hash": 1}}, JSON)
    assert persisted.sha256 is None


def test_a_message_of_a_socket_is_read_as_one_operation() -> None:
    payload = b'{"query": "{a}", "variables": {"v": 1}, "operationName": "A", "extensions": {"e": 1}}'
    assert read_payload(payload) == GraphQLRequest("{a}", {"v": 1}, "A", {"e": 1}, JSON)
    assert text_of(read_payload, b'[{"query": "{a}"}]') == OTHER_TYPE.format("the whole")


def test_a_checked_head_gives_its_media_type_to_all_operations_of_the_body() -> None:
    one = read_body(b'{"query": "{a}"}', GRAPHQL_RESPONSE, 0)
    assert one == GraphQLRequest("{a}", {}, None, {}, GRAPHQL_RESPONSE)


def refusal_of(method: str, headers: Headers) -> AppError:
    with pytest.raises(AppError) as caught:
        read_graphql_request(method, headers, b"query={a}", b'{"query": "{a}"}')
    return caught.value


def test_another_method_is_named_in_the_error() -> None:
    refused = refusal_of("X" * 30, POST)
    assert (refused.code, refused.headers) == (
        Code.METHOD_NOT_ALLOWED,
        {"allow": "DELETE, GET, HEAD, POST, PUT"},
    )
    assert refused.message == f"GraphQL is asked by GET or POST, not by {'X' * 20}."


def test_head_is_read_like_get() -> None:
    assert read_graphql_request("HEAD", [], b"query={a}", b"") == of_get(b"query={a}")


def test_a_mutation_by_get_is_rejected_with_the_method_to_use() -> None:
    refused = mutation_over_get()
    assert (refused.code, refused.headers) == (Code.METHOD_NOT_ALLOWED, {"allow": "POST"})
    assert refused.message == "A mutation needs POST: a GET must change nothing."


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_client_that_accepts_no_media_type_is_refused_with_both(method: str) -> None:
    refused = refusal_of(method, [*POST, (b"accept", b"text/html")])
    assert refused.code is Code.NOT_ACCEPTABLE
    assert refused.message == (
        "Answers come as application/graphql-response+json or application/json; the request accepts neither."
    )


def test_errors_for_a_client_that_accepts_only_an_event_stream_are_json() -> None:
    headers = [*POST, (b"accept", b"text/event-stream")]
    assert of_post(b'{"query": "{a}"}', headers).media_type == JSON


CONTENT = "A POST needs the header Content-Type: application/json, in UTF-8."


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ([], CONTENT),
        ([(b"content-type", b"")], CONTENT),
        ([(b"x-content-type", b"application/json")], CONTENT),
        ([(b"content-type", b"text/plain")], CONTENT),
        ([(b"content-type", b"application/json; charset=latin-1")], CONTENT),
        ([(b"content-type", b'application/json; x=y; charset = "utf-16"')], CONTENT),
        ([*POST, (b"content-type", b"text/plain")], CONTENT),
        ([(b"content-type", b"application/json; charset")], CONTENT),
        ([*POST, (b"content-encoding", b"gzip")], "The request's body must not be compressed."),
    ],
)
def test_other_content_is_rejected_with_what_is_needed(headers: Headers, text: str) -> None:
    refused = refusal_of("POST", headers)
    assert (refused.code, refused.message) == (Code.UNSUPPORTED_MEDIA_TYPE, text)


@pytest.mark.parametrize(
    "content_type",
    [
        b" application/json ; charset = utf-8",
        b"application/json;charset=utf8",
        b"application/json;charset=US-ASCII",
        b"APPLICATION/JSON",
        b"application/json; version=utf-16",
        b'application/json; charset="UTF-8" ',
    ],
)
def test_json_in_a_subset_of_utf_8_is_accepted(content_type: bytes) -> None:
    assert of_post(b'{"query": "{a}"}', [(b"content-type", content_type)]).query == "{a}"


@pytest.mark.parametrize("encoding", [b"", b"identity"])
def test_a_body_without_compression_is_accepted(encoding: bytes) -> None:
    assert of_post(b'{"query": "{a}"}', [*POST, (b"content-encoding", encoding)]).query == "{a}"


def test_content_headers_do_not_apply_to_get() -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-encoding", b"gzip")]
    assert read_graphql_request("GET", headers, b"query={a}", b"").query == "{a}"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "header",
    [
        (b"content-type", b"application/json"),
        (b"content-type", b"Application/JSON; charset=utf-8"),
        (b"x-requested-with", b"x"),
        (b"apollo-require-preflight", b"x"),
        (b"graphql-require-preflight", b"x"),
    ],
)
def test_each_header_that_needs_a_preflight_shows_intent(header: tuple[bytes, bytes]) -> None:
    assert shows_intent([header])
    assert shows_intent([(b"content-type", b"text/plain"), header])
    assert not shows_intent([(header[0], b"")])
    assert not shows_intent([(b"other", header[1])])


def test_no_headers_show_no_intent() -> None:
    assert not shows_intent([])


@pytest.mark.parametrize(
    ("accept", "query", "subscription"),
    [
        (b"text/event-stream", EVENT_STREAM, EVENT_STREAM),
        (b"text/event-stream, application/json", None, EVENT_STREAM),
        (b"application/json", None, None),
        (b"text/event-stream;q=0, text/html", None, None),
        (b"*/*", None, None),
        (b"multipart/mixed;subscriptionSpec=1.0", SUBSCRIPTION_PARTS, SUBSCRIPTION_PARTS),
        (
            b'Multipart/Mixed; boundary="graphql"; SubscriptionSpec="1.0", application/json',
            None,
            SUBSCRIPTION_PARTS,
        ),
        (b"multipart/mixed;subscriptionSpec=2.0, application/json", None, None),
        (b"multipart/mixed, application/json", None, None),
        (b"multipart/*, application/json", None, None),
        (b"multipart/mixed;subscriptionSpec=1.0, text/event-stream", SUBSCRIPTION_PARTS, SUBSCRIPTION_PARTS),
        (b"multipart/mixed;subscriptionSpec=1.0;q=0.5, text/event-stream", EVENT_STREAM, EVENT_STREAM),
    ],
)
def test_a_response_is_a_stream_only_if_the_client_names_one(
    accept: bytes, query: str | None, subscription: str | None
) -> None:
    headers = [(b"accept", accept)]
    assert wanted_stream(headers, subscribes=False) == query
    assert wanted_stream(headers, subscribes=True) == subscription
    assert wanted_stream([], subscribes=True) is None
