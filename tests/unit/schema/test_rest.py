"""The REST API over HTTP, with results of its two operations that the test gives."""

import json
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from app.cache.memory import Memory
from app.cache.read_set import ReadSet
from app.cache.responses import Responses
from app.domain.account import ANONYMOUS, Principal, Role
from app.errors import AppError
from app.http.edge_headers import EdgeHeaders
from app.http.errors import respond
from app.http.request_state import RequestState
from app.settings import Settings
from schema.execution.operation import Answer
from schema.http.request import ResultKind
from schema.http.rest import Rest

YEAR = "/api/v1/dnos/netze-a/2025"
QUESTION = "/api/v1/query/natural"
JSON = {"content-type": "application/json"}


class Server:
    def __init__(self, **changed: Any) -> None:
        self.settings = msgspec.structs.replace(Settings(), **changed)
        self.body = b'{"data":{"dno":{"slug":"netze-a"}}}'
        self.principal = ANONYMOUS
        self.ran: list[tuple[Any, ...]] = []
        self.during: Any = lambda: None
        self.memory = Memory(2**20, 60)
        self.memory.switch_on()
        self.resources: Any = SimpleNamespace(
            settings=self.settings,
            memory=self.memory,
            responses=Responses(self.memory, on=True),
            edge=EdgeHeaders(self.settings),
        )
        runner: Any = SimpleNamespace(run_operation=self._run)
        self.app = Starlette(
            routes=Rest(self.settings, runner).routes,
            exception_handlers={AppError: lambda request, error: respond(request.scope, error)},
        )

    async def _run(self, request: Any, scope: Any, operation: Any, *, own: bool) -> Any:
        self.ran.append((request, scope, operation, own))
        self.during()
        read_set = ReadSet()
        read_set.add("dno:1")
        return Answer(self.body), ResultKind.COMPLETE, SimpleNamespace(read_set=read_set)

    async def _call(self, scope: Any, receive: Any, send: Any) -> None:
        state = RequestState(self.resources, principal=self.principal, request_id="request-1")
        scope["state"] = {"resources": self.resources, "request": state}
        await self.app(scope, receive, send)

    async def get(self, path: str = YEAR, **headers: str) -> httpx.Response:
        return await self._request("GET", path, headers=headers)

    async def ask(self, content: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
        return await self._request("POST", QUESTION, content=content, headers=headers or JSON)

    async def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self._call)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, **options)


@pytest.fixture
def server() -> Server:
    return Server()


async def test_a_year_is_the_data_of_an_operation_without_its_envelope(server: Server) -> None:
    response = await server.get()
    assert (response.status_code, response.content) == (200, b'{"slug":"netze-a"}')
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"].startswith("public, max-age=")
    assert response.headers["etag"]
    [(request, scope, operation, own)] = server.ran
    assert (request.query, request.operation_name, request.extensions) == (None, "dnoYear", {})
    assert request.variables == {"slug": "netze-a", "year": 2025, "publication": None}
    assert (operation.name, scope["path"], own) == ("dnoYear", YEAR, True)


async def test_a_year_is_cached_until_its_records_change(server: Server) -> None:
    first = await server.get()
    again = await server.get()
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert len(server.ran) == 1
    server.memory.invalidate(["dno:1"])
    await server.get()
    assert len(server.ran) == 2


async def test_a_change_during_the_execution_keeps_the_response_out_of_the_cache(server: Server) -> None:
    server.during = lambda: server.memory.invalidate(["dno:1"])
    await server.get()
    await server.get()
    assert len(server.ran) == 2


async def test_years_and_roles_have_responses_of_their_own(server: Server) -> None:
    await server.get()
    await server.get("/api/v1/dnos/netze-a/2024")
    await server.get("/api/v1/dnos/netze-b/2025")
    server.principal = Principal(role=Role.EDITOR)
    await server.get()
    assert len(server.ran) == 4


async def test_a_client_that_has_the_current_version_gets_304(server: Server) -> None:
    first = await server.get()
    again = await server.get(**{"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_an_operator_that_does_not_exist_is_not_found_and_not_cached(server: Server) -> None:
    server.body = b'{"data":{"dno":null}}'
    for _ in range(2):
        response = await server.get()
        assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
        assert response.headers["cache-control"] == "no-store"
        problem = response.json()
        assert (problem["detail"], problem["code"]) == ("There is no operator 'netze-a'.", "NOT_FOUND")
        assert problem["requestId"] == "request-1"
    assert len(server.ran) == 2


async def test_an_error_of_the_operation_becomes_a_problem_with_its_limit(server: Server) -> None:
    extensions = {"code": "LIMIT_EXCEEDED", "limit": "LIMIT_OBJECTS", "maximum": 7, "other": 1}
    errors = [{"message": "Too much.", "extensions": extensions}, {"message": "x", "extensions": {}}]
    server.body = json.dumps({"data": None, "errors": errors}).encode()
    response = await server.get()
    assert response.status_code == 400
    problem = response.json()
    assert (problem["detail"], problem["code"]) == ("Too much.", "LIMIT_EXCEEDED")
    assert (problem["limit"], problem["maximum"]) == ("LIMIT_OBJECTS", 7)
    assert "other" not in problem


async def test_a_question_is_answered_and_not_cached(server: Server) -> None:
    server.body = b'{"data":{"naturalQuery":{"answer":"x"}}}'
    for _ in range(2):
        response = await server.ask(b'{"query": "netze a", "today": "2025-01-01"}')
        assert (response.status_code, response.content) == (200, b'{"answer":"x"}')
        assert response.headers["content-type"] == "application/json"
        assert response.headers["cache-control"] == "no-store"
    request, _, operation, own = server.ran[0]
    assert request.variables == {"query": "netze a", "today": "2025-01-01"}
    assert (request.operation_name, operation.name, own) == ("naturalQuery", "naturalQuery", True)
    assert len(server.ran) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is not valid JSON"),
        (b"[" * 5000, "it is nested too deeply"),
        (b"[]", "the whole has another type than it may have, or a value that is not known"),
    ],
)
async def test_a_question_that_is_no_object_is_rejected(server: Server, content: bytes, reason: str) -> None:
    response = await server.ask(content)
    assert response.status_code == 400
    assert response.json()["code"] == "BAD_USER_INPUT"
    assert response.json()["detail"].startswith("The request's body must be a JSON object: ")
    if content != b"[" * 5000:
        assert response.json()["detail"] == f"The request's body must be a JSON object: {reason}."
    assert server.ran == []


async def test_a_question_must_be_json(server: Server) -> None:
    assert (await server.ask(b'{"query": "x"}', {"content-type": "text/plain"})).status_code == 415


async def test_the_methods_of_each_path(server: Server) -> None:
    assert (await server._request("POST", YEAR)).status_code == 405
    assert (await server._request("GET", QUESTION)).status_code == 405
    assert (await server._request("HEAD", YEAR)).status_code == 200


async def test_without_anonymous_reading_credentials_are_required_even_for_cached_years() -> None:
    server = Server(anonymous_reading=False)
    user = Principal(role=Role.VIEWER, api_key_id=UUID(int=1))
    server.principal = user
    assert (await server.get()).status_code == 200
    server.principal = ANONYMOUS
    assert (await server.get()).status_code == 401
    assert (await server.ask(b'{"query": "x"}')).status_code == 401


async def test_the_description_is_cacheable_and_needs_no_credentials() -> None:
    server = Server(anonymous_reading=False)
    response = await server.get("/api/v1/openapi.json")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.json()["openapi"] == "3.1.0"
    assert response.headers["etag"]
    assert "max-age=" in response.headers["cache-control"]


async def test_limits_of_the_settings_do_not_apply_to_the_documents_of_rest() -> None:
    server = Server(limit_depth=1, limit_fields=1)
    assert (await server.get()).status_code == 200
