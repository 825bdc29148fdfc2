"""Stage "parse"."""

from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request

from app.errors import Code
from schema.http.request import GraphQLRequest
from schema.http.stages.parse import parse_request, receive_body
from tests.error_codes import raises_code
from tests.unit.schema.stages.conftest import NewRequest


def request_with(scope: Any, *messages: dict[str, Any]) -> Request:
    waiting = list(messages)

    async def receive() -> Any:
        return waiting.pop(0)

    return Request(scope, receive)


async def test_a_body_is_joined_from_its_pieces(new_request: NewRequest) -> None:
    whole = request_with(new_request(), {"type": "http.request", "body": b"{}"})
    assert await receive_body(whole) == b"{}"
    pieces = [{"type": "http.request", "body": piece, "more_body": True} for piece in (b'{"a"', b":1")]
    in_pieces = request_with(new_request(), *pieces, {"type": "http.request", "body": b"}"})
    assert await receive_body(in_pieces) == b'{"a":1}'


async def test_a_client_that_is_gone_sends_no_body(new_request: NewRequest) -> None:
    with pytest.raises(ClientDisconnect):
        await receive_body(request_with(new_request(), {"type": "http.disconnect"}))


def test_a_body_is_one_operation_or_a_batch(new_request: NewRequest) -> None:
    one = parse_request(new_request(), b'{"query":"{a}"}', 2)
    assert isinstance(one, GraphQLRequest)
    assert one.query == "{a}"
    batch = parse_request(new_request(), b'[{"query":"{a}"},{"query":"{b}"}]', 2)
    assert isinstance(batch, tuple)
    assert [each.query for each in batch] == ["{a}", "{b}"]
    with raises_code(Code.BAD_USER_INPUT):
        parse_request(new_request(), b'[{"query":"{a}"},{"query":"{b}"}]', 1)


def test_a_get_is_parsed_from_its_query_string(new_request: NewRequest) -> None:
    parsed = parse_request(new_request("GET", (), b"query={a}&operationName=A"), b"", 0)
    assert isinstance(parsed, GraphQLRequest)
    assert (parsed.query, parsed.operation_name) == ("{a}", "A")


def test_a_head_that_was_checked_before_is_not_checked_again(new_request: NewRequest) -> None:
    other = new_request("POST", ((b"content-type", b"text/plain"),))
    with raises_code(Code.UNSUPPORTED_MEDIA_TYPE):
        parse_request(other, b'{"query":"{a}"}', 0)
    parsed = parse_request(other, b'{"query":"{a}"}', 0, "application/json")
    assert isinstance(parsed, GraphQLRequest)
    assert parsed.media_type == "application/json"


async def test_a_request_without_a_body_has_an_empty_one(new_request: NewRequest) -> None:
    assert await receive_body(request_with(new_request(), {"type": "http.request"})) == b""
    more = [{"type": "http.request", "more_body": True}, {"type": "http.request", "body": b"{}"}]
    assert await receive_body(request_with(new_request(), *more)) == b"{}"
