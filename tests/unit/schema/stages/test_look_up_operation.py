"""The operation that a request names, in its text or in a registered document."""

import asyncio
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.errors import BadInput
from app.http.request_state import request_state
from app.limits.deadlines import Deadlines
from app.settings import Settings
from schema.execution.documents import Operation, RejectedDocument
from schema.http.operation_runner import OperationRunner
from schema.http.request import GraphQLRequest, ResultKind
from schema.http.stages.look_up_operation import OperationLookup
from schema.root import schema
from tests.unit.schema.stages.conftest import NewRequest

TWO = "query A { a: __typename } query B { b: __typename }"
DIGEST = sha256(TWO.encode()).hexdigest()


def request(
    query: str | None, operation_name: str | None = None, document_id: str | None = None
) -> GraphQLRequest:
    return GraphQLRequest(query, {}, operation_name, {}, "application/json", document_id)


@pytest.fixture
def registered(settings: Settings, tmp_path: Path) -> Settings:
    manifest = tmp_path / "documents.json"
    manifest.write_text(json.dumps({f"sha256:{DIGEST}": TWO}))
    return msgspec.structs.replace(settings, registered_documents=str(manifest))


def with_resources(new_request: NewRequest) -> Any:
    scope = new_request()
    resources: Any = request_state(scope).resources
    resources.shared = resources.read_through = None
    resources.deadlines = Deadlines(30, asyncio.get_running_loop())
    return scope


def test_a_text_is_looked_up_without_waiting(settings: Settings, registered: Settings) -> None:
    lookup = OperationLookup(schema, settings)
    for name in ("A", "B"):
        found = lookup.look_up_plain(request(TWO, name))
        assert found is not None
        assert found.name == name
    with pytest.raises(RejectedDocument):
        lookup.look_up_plain(request(TWO, "C"))
    with pytest.raises(RejectedDocument):
        lookup.look_up_plain(request(TWO))
    assert lookup.look_up_plain(request(None, "A", DIGEST)) is None
    assert OperationLookup(schema, registered).look_up_plain(request(TWO, "A")) is None


async def test_an_operation_of_a_registered_document_is_found_by_its_name(
    registered: Settings, new_request: NewRequest
) -> None:
    lookup, scope = OperationLookup(schema, registered), with_resources(new_request)
    for name in ("A", "B"):
        found = await lookup.look_up_operation(request(None, name, f"sha256:{DIGEST}"), scope)
        assert found.name == name
        assert lookup.is_registered(found)
        by_text = await lookup.look_up_or_reject(request(TWO, name), scope)
        assert by_text is found
    rejected = await lookup.look_up_or_reject(request("{ __typename }"), scope)
    assert isinstance(rejected, RejectedDocument)
    assert rejected.code == "DOCUMENT_NOT_REGISTERED"
    with pytest.raises(RejectedDocument):
        await lookup.look_up_operation(request("{ __typename }"), scope)


async def test_a_malformed_name_of_a_document_is_an_error_of_the_request(
    settings: Settings, new_request: NewRequest
) -> None:
    extensions = {"persistedQuery": {"version": 2, "sha256Hash": DIGEST}}
    malformed = GraphQLRequest(None, {}, None, extensions, "application/json")
    with pytest.raises(BadInput):
        await OperationLookup(schema, settings).look_up_or_reject(malformed, with_resources(new_request))


async def test_an_operation_that_was_looked_up_runs_without_its_text(
    settings: Settings, new_request: NewRequest
) -> None:
    runner, scope = OperationRunner(settings), with_resources(new_request)
    looked_up: Operation | None = runner.lookup.look_up_plain(request(TWO, "B"))
    answer, kind, _ = await runner.run_operation(request(None, "B"), scope, looked_up, own=True)
    assert json.loads(answer.body)["data"] == {"b": "Query"}
    assert kind is ResultKind.COMPLETE
    rejected = await runner.lookup.look_up_or_reject(request("{ nothing }"), scope)
    answer, kind, context = await runner.run_operation(request(None), scope, rejected)
    assert json.loads(answer.body)["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert (kind, context) == (ResultKind.REJECTED, None)
