"""Stages "look up" and "store": a stored response is found by the same request, until its tags are invalidated."""

from starlette.types import Scope

from app.cache.read_set import ReadSet
from app.cache.responses import ResponseKey
from app.http.request_state import request_state
from app.observability import metrics
from app.observability.operation_names import OperationNames
from app.resources import resources_of
from schema.http.stages.look_up import look_up_response, response_key
from schema.http.stages.store import store_clock, store_response
from tests.unit.schema.stages.conftest import NewRequest

BODY = b'{"query":"{a}"}'
count = OperationNames(metrics.OPERATIONS).count("stages", "success", known=True)


def key_of(scope: Scope, body: bytes = BODY) -> ResponseKey:
    return response_key(scope, body, anonymous_reading=True)


def reads(*tags: str) -> ReadSet:
    read_set = ReadSet()
    for tag in tags:
        read_set.add(tag)
    return read_set


def store(scope: Scope, read_set: ReadSet, since: int | None = None) -> None:
    since = store_clock(scope) if since is None else since
    key = key_of(scope)
    wanted = resources_of(scope).responses.is_wanted(key, read_set)
    store_response(scope, key, b"{}", "application/json", read_set, since, count, wanted=wanted)


def test_a_stored_response_is_found_by_the_same_request_only(new_request: NewRequest) -> None:
    store(new_request(), reads("dno:1"))
    found = look_up_response(new_request(), key_of(new_request()))
    assert found is not None
    response, counted = found
    assert response.body == b"{}"
    assert counted is count
    assert look_up_response(new_request(), key_of(new_request(), b'{"query":"{b}"}')) is None
    as_get = new_request("GET", (), b"query={a}")
    assert look_up_response(as_get, key_of(as_get, b"")) is None


def test_an_invalidation_during_the_execution_keeps_the_response_out(new_request: NewRequest) -> None:
    scope = new_request()
    since = store_clock(scope)
    resources_of(scope).memory.invalidate(["dno:1"])
    store(scope, reads("dno:1"), since)
    assert look_up_response(scope, key_of(scope)) is None
    store(scope, reads("dno:1"))
    assert look_up_response(scope, key_of(scope)) is not None
    resources_of(scope).memory.invalidate(["dno:1"])
    assert look_up_response(scope, key_of(scope)) is None


def test_a_response_without_tags_is_not_stored(new_request: NewRequest) -> None:
    scope = new_request()
    store(scope, reads())
    assert look_up_response(scope, key_of(scope)) is None


def test_a_get_that_has_the_current_version_gets_304(new_request: NewRequest) -> None:
    def get(*headers: tuple[bytes, bytes]) -> Scope:
        return new_request("GET", headers, b"query={a}")

    since = store_clock(get())
    store_response(
        get(), key_of(get(), b""), b"{}", "application/json", reads("a"), since, count, wanted=True
    )
    first = look_up_response(get(), key_of(get(), b""))
    assert first is not None
    etag = dict(first[0].headers)[b"etag"]
    again = get((b"if-none-match", etag))
    found = look_up_response(again, key_of(again, b""))
    assert found is not None
    assert (found[0].status, found[0].body) == (304, b"")


def test_a_key_does_not_depend_on_the_address(new_request: NewRequest) -> None:
    one, other = new_request(), new_request()
    request_state(other).address = "198.51.100.9"
    assert key_of(one) == key_of(other)
