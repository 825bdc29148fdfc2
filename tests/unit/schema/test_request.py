"""GraphQL-over-HTTP, request by request."""

import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.error_table import ERRORS, headers_of
from app.errors import AppError
from app.http.content_negotiation import GRAPHQL_RESPONSE, JSON
from schema.http.request import GraphQLRequest, ResultKind, read_graphql_request, shows_intent, status_for

POST = [(b"content-type", b"application/json")]
QUERY = "{ __typename }"


def read(body: object, headers: list[tuple[bytes, bytes]] = POST, **options: Any) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_graphql_request("POST", headers, b"", data, **options)


def get(**parameters: str) -> Any:
    return read_graphql_request("GET", [], urlencode(parameters).encode(), b"")


def refused(status: int, call: Any, *arguments: Any, **options: Any) -> AppError:
    with pytest.raises(AppError) as caught:
        call(*arguments, **options)
    assert ERRORS[caught.value.code].status == status
    return caught.value


def test_a_post_is_read() -> None:
    request = read(
        {"query": QUERY, "variables": {"a": [1, 2.5, None]}, "operationName": "A", "extensions": {"b": {}}}
    )
    assert request == GraphQLRequest(QUERY, {"a": [1, 2.5, None]}, "A", {"b": {}}, JSON)


def test_null_is_the_same_as_absent_and_unknown_members_are_ignored() -> None:
    absent = read({"query": QUERY})
    assert absent == read(
        {"query": QUERY, "variables": None, "operationName": None, "extensions": None, "x": 1}
    )
    assert (absent.variables, absent.extensions, absent.operation_name) == ({}, {}, None)


def test_a_get_is_read() -> None:
    request = get(query=QUERY, variables='{"a": 1}', operationName="A", extensions='{"b": 2}')
    assert request == GraphQLRequest(QUERY, {"a": 1}, "A", {"b": 2}, JSON)
    assert get(query=QUERY, operationName="", variables="", extensions="") == get(query=QUERY)
    assert get(query=QUERY, operationName="null").operation_name == "null"


def test_characters_beyond_latin_1_are_decoded() -> None:
    assert read({"query": '{ __type(name: "Run🏃Swim🏊") { name } }'}).query.count("🏊") == 1
    assert get(query="# ü\n{ a }").query == "# ü\n{ a }"


@pytest.mark.parametrize("bad", [{"obj": "ect"}, 0, False, ["array"], None, ""])
def test_a_query_is_a_string(bad: object) -> None:
    assert refused(400, read, {"query": bad}).code == "BAD_USER_INPUT"


@pytest.mark.parametrize("name", ["variables", "extensions"])
@pytest.mark.parametrize("bad", ["string", 0, False, ["array"]])
def test_variables_and_extensions_are_maps(name: str, bad: object) -> None:
    refused(400, read, {"query": QUERY, name: bad})
    refused(400, get, query=QUERY, **{name: json.dumps(bad)})


@pytest.mark.parametrize("bad", [{"obj": "ect"}, 0, False, ["array"]])
def test_an_operation_name_is_a_string(bad: object) -> None:
    refused(400, read, {"query": QUERY, "operationName": bad})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \n",
        b"null",
        b'"text"',
        b'{ "not a JSON',
        b"{}",
        b'{"qeury": "{ a }"}',
        b'{"query": "\xff"}',
        b'{"query": "\\ud800"}',
        b"\xff\xfe{\x00",
        b'{"query": "{ a }", "variables": ' + b"[" * 100_000,
        b'{"query": "{ a }", "variables": {"a": 1e999}}x',
    ],
)
def test_a_malformed_body_is_rejected(body: bytes) -> None:
    refused(400, read, body)


def test_a_byte_order_mark_is_ignored() -> None:
    assert read(b"\xef\xbb\xbf" + json.dumps({"query": QUERY}).encode()).query == QUERY


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/json",
        b"application/json; charset=utf-8",
        b"Application/JSON;charset=UTF-8",
        b'application/json; charset="utf-8"; x=y',
    ],
)
def test_json_in_utf_8_is_accepted(content_type: bytes) -> None:
    assert read({"query": QUERY}, [(b"content-type", content_type)]).query == QUERY


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-type", b"text/plain;charset=UTF-8")],
        [(b"content-type", b"application/x-www-form-urlencoded")],
        [(b"content-type", b"multipart/form-data; boundary=x")],
        [(b"content-type", b"application/jsonx")],
        [(b"content-type", b"application/json; charset=utf-16")],
        [*POST, (b"content-encoding", b"gzip")],
    ],
)
def test_other_content_is_rejected(headers: list[tuple[bytes, bytes]]) -> None:
    refusal = refused(415, read, {"query": QUERY}, headers)
    assert headers_of(refusal)["accept"] == "application/json"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_other_methods_are_rejected_with_the_allowed_ones(method: str) -> None:
    with pytest.raises(AppError) as caught:
        read_graphql_request(method, POST, b"", b'{"query":"{a}"}')
    assert ERRORS[caught.value.code].status == 405
    assert headers_of(caught.value)["allow"] == "DELETE, GET, HEAD, POST, PUT"


def test_a_client_that_accepts_neither_gets_406() -> None:
    refused(406, read, {"query": QUERY}, [*POST, (b"accept", b"text/html")])
    split = [*POST, (b"accept", b"text/html"), (b"accept", b"application/graphql-response+json")]
    assert read({"query": QUERY}, split).media_type == GRAPHQL_RESPONSE


def test_batches_are_off_and_bounded_when_on() -> None:
    batch = [{"query": QUERY}, {"query": "{ a }"}]
    refused(400, read, batch)
    assert [request.query for request in read(batch, batch=2)] == [QUERY, "{ a }"]
    refused(400, read, batch, batch=1)
    refused(400, read, [], batch=2)
    refused(400, read, [{"query": QUERY}, 7], batch=2)
    refused(400, read, [{"query": QUERY}, {}], batch=2)


def test_a_persisted_document_needs_no_query() -> None:
    digest = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38"
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
    assert read({"extensions": extensions}).sha256 == digest
    assert get(extensions=json.dumps(extensions)).query is None
    assert read({"documentId": "sha256:abc"}).document_id == "sha256:abc"
    assert read({"query": QUERY, "extensions": {"persistedQuery": "nonsense"}}).sha256 is None


def test_a_parameter_given_twice_is_rejected() -> None:
    with pytest.raises(AppError, match="query is given twice"):
        read_graphql_request("GET", [], b"query={a}&query={b}", b"")


@pytest.mark.parametrize(
    ("kind", "json_status", "graphql_status"),
    [
        (ResultKind.COMPLETE, 200, 200),
        (ResultKind.PARTIAL, 200, 294),
        (ResultKind.REJECTED, 200, 400),
        (ResultKind.UNREADABLE, 400, 400),
    ],
)
def test_the_status_is_that_of_the_media_type(
    kind: ResultKind, json_status: int, graphql_status: int
) -> None:
    assert status_for(kind, JSON) == json_status
    assert status_for(kind, GRAPHQL_RESPONSE) == graphql_status


def test_a_form_of_another_site_is_rejected_without_a_preflight_header() -> None:
    assert not shows_intent([(b"content-type", b"text/plain")])
    assert not shows_intent([(b"content-type", b"text/plain; x=application/json")])
    assert shows_intent(POST)
    assert shows_intent([(b"content-type", b"multipart/form-data"), (b"apollo-require-preflight", b"true")])


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["query", "variables", "operationName", "extensions", "documentId", "x"])
bodies = st.binary(max_size=200) | st.dictionaries(names, values).map(lambda body: json.dumps(body).encode())
header_names = st.sampled_from([b"content-type", b"accept", b"content-encoding", b"x"])
header_values = st.binary(max_size=60) | st.sampled_from(
    [
        b"application/json",
        b"application/json;charset=utf-8",
        b"application/graphql-response+json;q=0.5",
        b"*/*",
    ]
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT"]),
    st.lists(st.tuples(header_names, header_values), max_size=5),
    st.binary(max_size=200),
    bodies,
    st.integers(0, 3),
)
def test_any_request_is_read_or_rejected(
    method: str, headers: list[tuple[bytes, bytes]], query_string: bytes, body: bytes, batch: int
) -> None:
    for given_headers in (headers, [*POST, *headers]):
        found: Any = ()
        with suppress(AppError):
            found = read_graphql_request(method, given_headers, query_string, body, batch=batch)
        for request in found if isinstance(found, tuple) else (found,):
            assert isinstance(request.variables, dict)
            assert isinstance(request.extensions, dict)
