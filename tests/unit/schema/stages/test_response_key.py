"""The key of a cached response holds everything that the response depends on: each part has a test of its own."""

from typing import Any
from uuid import UUID

import pytest

from app.cache.responses import ResponseKey
from app.domain.account import Principal, Role
from schema.http.stages.look_up import response_key
from tests.unit.schema.stages.conftest import NewRequest

USER = Principal(role=Role.VIEWER, user_id=UUID(int=1))
EDITOR = Principal(role=Role.EDITOR, user_id=UUID(int=1))
HEADERS = (
    (b"accept", b"application/json"),
    (b"content-type", b"application/json"),
    (b"content-encoding", b"identity"),
    (b"user-agent", b"one"),
)


def key(
    new_request: NewRequest,
    body: bytes = b'{"query":"{a}"}',
    *,
    anonymous_reading: bool = True,
    **changed: Any,
) -> ResponseKey:
    request = {"method": "POST", "headers": HEADERS, "query_string": b"a=b", **changed}
    return response_key(new_request(**request), body, anonymous_reading=anonymous_reading)


def replaced(name: bytes, value: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((each, value if each == name else old) for each, old in HEADERS)


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "GET"},
        {"body": b'{"query":"{b}"}'},
        {"query_string": b"a=c"},
        {"principal": EDITOR},
        {"headers": replaced(b"accept", b"application/graphql-response+json")},
        {"headers": replaced(b"content-type", b"text/plain")},
        {"headers": replaced(b"content-encoding", b"gzip")},
        {"headers": (*HEADERS, (b"accept", b"text/html"))},
        {"headers": (*HEADERS, (b"content-type", b"text/plain"))},
        {"headers": (*HEADERS, (b"content-encoding", b"gzip"))},
        {"headers": HEADERS[1:]},
        {"anonymous_reading": False},
    ],
)
def test_requests_that_differ_in_one_part_have_different_keys(
    new_request: NewRequest, changed: dict[str, Any]
) -> None:
    assert key(new_request) == key(new_request)
    assert key(new_request) != key(new_request, **changed)


def test_a_value_does_not_move_from_one_part_of_the_key_to_another(new_request: NewRequest) -> None:
    as_type = key(new_request, headers=((b"content-type", b"x"),))
    assert as_type != key(new_request, headers=((b"accept", b"x"),))
    assert as_type != key(new_request, headers=((b"content-encoding", b"x"),))


def test_readers_of_one_role_share_their_responses(new_request: NewRequest) -> None:
    assert key(new_request, principal=USER) == key(new_request)
    assert key(new_request, headers=replaced(b"user-agent", b"two")) == key(new_request)


def test_without_anonymous_reading_a_reader_with_credentials_has_the_same_key_as_with_it(
    new_request: NewRequest,
) -> None:
    assert key(new_request, principal=USER, anonymous_reading=False) == key(new_request, principal=USER)
