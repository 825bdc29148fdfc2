"""The schema as an ASGI app: GraphQL over HTTP."""

from time import perf_counter

from graphql import OperationType
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.domain.account import ANONYMOUS, Principal
from app.errors import Forbidden, Refusal
from app.http.errors import respond
from app.http.pages import graphiql_page
from app.http.request import (
    GraphQLRequest,
    ResultKind,
    mutation_over_get,
    read_graphql_request,
    shows_intent,
    status_for,
)
from app.observability import metrics
from app.resources import Resources
from app.settings import Settings
from schema.context import Context
from schema.execution.documents import Document, Documents, Operation, RefusedDocument
from schema.execution.operation import Answer, Executions, write_errors
from schema.root import schema


class GraphQLEndpoint:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._documents = Documents(
            schema, most=settings.documents_kept, most_letters=settings.document_letters_kept
        )
        self._executions = Executions(schema)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method == "GET" and _wants_page(request.headers, scope["query_string"]):
            await graphiql_page()(scope, receive, send)
            return
        try:
            body = await request.body()
            read = read_graphql_request(
                request.method,
                scope["headers"],
                scope["query_string"],
                body,
                batch=self._settings.request_batch,
            )
            if isinstance(read, GraphQLRequest):
                response = await self._respond(read, scope)
            else:
                response = await self._respond_to_batch(read, scope)
        except Refusal as refusal:
            response = respond(scope, refusal)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _respond(self, request: GraphQLRequest, scope: Scope) -> Response:
        answer, kind = await self._answer(request, scope)
        response = Response(
            answer.body,
            status_for(kind, request.media_type),
            {"vary": "accept"},
            media_type=f"{request.media_type}; charset=utf-8",
        )
        for cookie in answer.cookies:
            response.headers.append("set-cookie", cookie)
        return response

    async def _respond_to_batch(self, requests: tuple[GraphQLRequest, ...], scope: Scope) -> Response:
        answers = [await self._answer(request, scope) for request in requests]
        body = b"[" + b",".join(answer.body for answer, _ in answers) + b"]"
        return Response(body, 200, {"vary": "accept"}, media_type=f"{requests[0].media_type}; charset=utf-8")

    async def _answer(self, request: GraphQLRequest, scope: Scope) -> tuple[Answer, ResultKind]:
        state = scope["state"]
        request_id: str = state.get("request_id", "")
        began = perf_counter()
        operation: Operation | None = None
        try:
            document = self._document(request)
            operation = document.operation(request.operation_name)
            _check_method(operation, scope)
            context = self._context(scope)
            variables = operation.variables(request.variables)
            answer = await self._executions.run(operation, variables, request.variables, context)
            answer.cookies = context.set_cookies
            kind = ResultKind.PARTIAL if answer.errors else ResultKind.COMPLETE
        except RefusedDocument as refused:
            answer = write_errors(refused.errors, request_id, refused.code)
            kind = ResultKind.REFUSED
        type = operation.type.value if operation else "none"
        metrics.OPERATION_SECONDS.labels(type).observe(perf_counter() - began)
        metrics.OPERATIONS.labels(type, "error" if answer.errors else "success").inc()
        return answer, kind

    def _document(self, request: GraphQLRequest) -> Document:
        assert request.query is not None
        return self._documents.get(request.query)

    def _context(self, scope: Scope) -> Context:
        state = scope["state"]
        resources: Resources = state["resources"]
        principal: Principal = state.get("principal", ANONYMOUS)
        return Context(
            resources,
            principal=principal,
            address=state.get("address", ""),
            headers=Headers(scope=scope),
            request_id=state.get("request_id", ""),
        )


def _check_method(operation: Operation, scope: Scope) -> None:
    if operation.type is OperationType.MUTATION:
        if scope["method"] != "POST":
            raise mutation_over_get()
        if not shows_intent(scope["headers"]):
            raise Forbidden(
                "A mutation needs the content type application/json, or the header X-Requested-With or "
                "Apollo-Require-Preflight, so that no foreign page can send it."
            )


def _wants_page(headers: Headers, query_string: bytes) -> bool:
    return (
        b"query=" not in query_string
        and b"extensions=" not in query_string
        and "text/html" in headers.get("accept", "")
    )
