"""The schema as an ASGI app: GraphQL over HTTP."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from math import inf
from time import monotonic, perf_counter
from typing import Any

from graphql import GraphQLError, OperationType
from graphql.execution.values import VariableValues
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.auth.roles import require_reader
from app.cache.memory import Entry
from app.cache.responses import Asked, Kept
from app.domain import tags
from app.domain.account import ANONYMOUS, Principal
from app.errors import DeadlineExceeded, Forbidden, Refusal
from app.http.errors import NotAcceptable, respond
from app.http.media_type import prefers_page
from app.http.middleware.rate_limit import refusal
from app.http.middleware.rate_limiter import Verdict
from app.http.pages import graphiql_page
from app.http.protocol import Terms
from app.http.request import (
    GraphQLRequest,
    ResultKind,
    mutation_over_get,
    read_graphql_request,
    shows_intent,
    status_for,
)
from app.http.revalidation import all_of, give_again, header
from app.http.slots import Slots
from app.observability import costs, metrics
from app.observability.counting import Count, Counts, Timings
from app.resources import Resources
from app.settings import Settings
from schema.context import Context
from schema.execution.documents import Cost, Documents, Operation, RefusedDocument
from schema.execution.operation import Answer, Executions, write_errors
from schema.execution.persisted import Persisted
from schema.root import schema
from schema.transport.connections import Connections

ROUTE = "/graphql"
LONGEST_NAME = 60  # of an operation, in metrics
_operations = Counts(metrics.OPERATIONS)
_seconds = {
    kind: Timings(metrics.OPERATION_SECONDS, kind) for kind in ("query", "mutation", "subscription", "none")
}


class GraphQLEndpoint:
    """One road for all: what was asked before is answered from memory, the rest is read and executed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._documents = Documents(schema, settings)
        self._persisted = Persisted(settings)
        self._executions = Executions(schema)
        self._slots = Slots(
            settings.operations_most,
            settings.operations_waiting,
            settings.operations_patience,
            settings.operations_soon,
        )
        self._connections = Connections(schema, settings, self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._connections.converse(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except Refusal as refused:
            response = respond(scope, refused)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method in ("GET", "HEAD") and _wants_page(request):
            return graphiql_page()
        body = await _body(request)
        resources: Resources = request.scope["state"]["resources"]
        asked = _asked(request, body, anonymous_reading=self._settings.anonymous_reading)
        since = resources.responses.now()
        entry = resources.responses.get(asked)
        if entry is not None:
            _offer(request.scope, entry)
            return give_again(request, entry.value, entry.until)
        self._slots.knock()
        return await self._respond_anew(request, body, asked, since)

    async def _respond_anew(self, request: Request, body: bytes, asked: Asked, since: int) -> Response:
        scope = request.scope
        read = read_graphql_request(
            request.method, scope["headers"], scope["query_string"], body, batch=self._settings.request_batch
        )
        if not isinstance(read, GraphQLRequest):
            return await self._respond_to_batch(read, scope)
        if (stream := await self._connections.stream(read, scope)) is not None:
            return stream
        answer, kind, context = await self.run(read, scope)
        response = _response(answer, status_for(kind, read.media_type), read.media_type)
        if context is None or kind is not ResultKind.COMPLETE or not answer.repeatable:
            return response
        kept = Kept(answer.body, response.headers["content-type"], answer.count)
        context.resources.responses.keep(asked, kept, context.read_set, since)
        if request.method == "POST":
            return response
        until = context.read_set.until if context.read_set.uncacheable is None else 0
        return give_again(request, kept, until)

    async def _respond_to_batch(self, requests: tuple[GraphQLRequest, ...], scope: Scope) -> Response:
        await self._take(len(requests) - 1, scope)
        answers = [await self._answer_one_of_many(request, scope) for request in requests]
        whole = Answer(b"[" + b",".join(answer.body for answer in answers) + b"]")
        whole.cookies = [cookie for answer in answers for cookie in answer.cookies]
        return _response(whole, 200, requests[0].media_type)

    async def _answer_one_of_many(self, request: GraphQLRequest, scope: Scope) -> Answer:
        """What refuses one operation of a batch leaves the others alone."""
        try:
            return await self.answer(request, scope)
        except Refusal as refused:
            return _refusal(refused, scope["state"].get("request_id", ""))

    async def operation(self, request: GraphQLRequest, scope: Scope) -> Operation:
        """Refuses with RefusedDocument."""
        shared = scope["state"]["resources"].shared
        document = self._documents.get(await self._persisted.text(request, shared))
        await self._persisted.keep(request, shared)
        return document.operation(request.operation_name)

    async def admit(
        self, operation: Operation, given: dict[str, Any], scope: Scope
    ) -> tuple[VariableValues, Cost]:
        """Refuses with RefusedDocument, too, or because it costs too much."""
        settings = self._settings
        variables = operation.variables(
            given, most=settings.limit_variable_values, hide_suggestions=not settings.introspection
        )
        cost = operation.cost(variables, self._settings.limit_cost)
        await self._charge(cost.requested, scope)
        return variables, cost

    async def answer(self, request: GraphQLRequest, scope: Scope) -> Answer:
        """One that will not be kept."""
        return (await self.run(request, scope))[0]

    async def run(
        self, request: GraphQLRequest, scope: Scope, own: Operation | None = None
    ) -> tuple[Answer, ResultKind, Context | None]:
        """`own`: an operation of this server, which no client wrote and no list needs to name."""
        request_id: str = scope["state"].get("request_id", "")
        began = perf_counter()
        spent = costs.begin()
        operation: Operation | None = None
        context: Context | None = None
        try:
            operation = own or await self.operation(request, scope)
            _check_method(operation, scope)
            self._check_reader(operation, scope)
            variables, cost = await self.admit(operation, request.variables, scope)
            context = self.context(scope)
            spent.took("read", perf_counter() - began)
            answer = await self._execute(operation, variables, request.variables, context, cost)
            kind = ResultKind.PARTIAL if answer.errors else ResultKind.COMPLETE
        except RefusedDocument as refused:
            answer = write_errors(refused.errors, request_id, refused.code)
            kind = ResultKind.REFUSED
        except Refusal:
            _count(operation, "error").value += 1
            raise
        answer.count = _count(operation, "error" if answer.errors else "success")
        answer.count.value += 1
        answer.repeatable = operation is not None and operation.type is OperationType.QUERY
        self._note_time(operation, perf_counter() - began, spent)
        return answer, kind, context

    async def _execute(
        self, operation: Operation, variables: Any, given: dict[str, Any], context: Context, cost: Cost
    ) -> Answer:
        """Once it is its turn. What still runs at the deadline is cancelled, its statements too."""
        deadline, spent = self._settings.operation_deadline, costs.current()
        began = perf_counter()
        async with self._slots:
            admitted = perf_counter()
            try:
                async with asyncio.timeout(deadline):
                    with operation.span(given):
                        return await self._executions.run(operation, variables, given, context, cost)
            except TimeoutError:
                sentence = f"The operation took longer than {deadline:g} seconds; please ask for less."
                return _refusal(DeadlineExceeded(sentence), context.request_id)
            finally:
                if spent is not None:
                    spent.took("wait", admitted - began)
                    spent.took("execute", perf_counter() - admitted)

    def _check_reader(self, operation: Operation, scope: Scope) -> None:
        """Whoever is unknown may always sign in, and see what could be asked; a write asks for its own role."""
        if operation.type is not OperationType.MUTATION and not operation.introspects:
            principal: Principal = scope["state"].get("principal", ANONYMOUS)
            require_reader(principal, anonymous_reading=self._settings.anonymous_reading)

    def _note_time(self, operation: Operation | None, seconds: float, spent: costs.Costs) -> None:
        _seconds[operation.type.value if operation else "none"].observe(seconds)
        if costs.is_slow(self._settings, seconds):
            costs.slow_operation(
                seconds,
                spent,
                operation=operation.name if operation else None,
                document=operation.document.hash if operation else None,
            )

    async def _charge(self, cost: int, scope: Scope) -> None:
        """What is worth several requests draws on the limit like several."""
        state = scope["state"]
        limiter = state["resources"].limiter
        key, policy = limiter.subject(state.get("principal", ANONYMOUS), state["address"])
        _heed(await limiter.charge(key, cost, policy), state)

    async def _take(self, requests: int, scope: Scope) -> None:
        if requests:
            state = scope["state"]
            limiter = state["resources"].limiter
            key, policy = limiter.subject(state.get("principal", ANONYMOUS), state["address"])
            _heed(await limiter.take(key, requests, policy), state)

    def context(self, scope: Scope) -> Context:
        state = scope["state"]
        principal: Principal = state.get("principal", ANONYMOUS)
        return Context(
            state["resources"],
            principal=principal,
            address=state.get("address", ""),
            headers=Headers(scope=scope),
            request_id=state.get("request_id", ""),
        )


def _heed(verdict: Verdict | None, state: dict[str, Any]) -> None:
    if verdict is not None:
        state["verdict"] = verdict
        if not verdict.allowed:
            raise refusal(verdict)


def _refusal(refused: Refusal, request_id: str) -> Answer:
    return write_errors([GraphQLError(refused.message, original_error=refused)], request_id, refused.code)


def _wants_page(request: Request) -> bool:
    query_string = request.scope["query_string"]
    if b"query=" in query_string or b"extensions=" in query_string:
        return False
    return prefers_page(header(request.scope, b"accept"))


async def _body(request: Request) -> bytes:
    """Most bodies come in one piece."""
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    body: bytes = message.get("body", b"")
    return body + await request.body() if message.get("more_body", False) else body


def _asked(request: Request, body: bytes, *, anonymous_reading: bool) -> Asked:
    scope = request.scope
    principal: Principal = scope["state"].get("principal", ANONYMOUS)
    # Anybody is as good as a VIEWER, or gets nothing that was answered to one.
    may_read = anonymous_reading or not principal.anonymous
    return Asked(
        principal.role.value if may_read else "",
        request.method,
        all_of(scope, b"accept"),
        all_of(scope, b"content-type"),
        scope["query_string"],
        body,
        content_encoding=all_of(scope, b"content-encoding"),
    )


def _check_method(operation: Operation, scope: Scope) -> None:
    if operation.type is OperationType.SUBSCRIPTION:
        raise NotAcceptable("A subscription needs a WebSocket, or a request that accepts text/event-stream.")
    if operation.type is not OperationType.MUTATION:
        return
    if scope["method"] != "POST":
        raise mutation_over_get()
    if not shows_intent(scope["headers"]):
        raise Forbidden(
            "A mutation needs the content type application/json, or the header X-Requested-With or "
            "Apollo-Require-Preflight, so that no foreign page can send it."
        )


def _response(answer: Answer, status: int, media_type: str) -> Response:
    response = Response(
        answer.body,
        status,
        {"vary": "accept", "cache-control": "no-store"},
        media_type=f"{media_type}; charset=utf-8",
    )
    for cookie in answer.cookies:
        response.headers.append("set-cookie", cookie)
    return response


def _offer(scope: Scope, entry: Entry) -> None:
    """The same request, sent once more to the byte, may take the early exit."""
    state = scope["state"]
    offer = state.get("offer")
    principal: Principal = state.get("principal", ANONYMOUS)
    if (
        offer is None
        or principal.session_id is not None
        or any(name in (b"cookie", b"x-request-id") for name, _ in scope["headers"])
    ):
        return
    kept: Kept = entry.value
    key_id = principal.api_key_id
    offer.take_up(
        scope,
        kept.body,
        Terms(
            until=min(entry.until, _until(principal)),
            tags=(*entry.tags, *_rights(principal)),
            method=scope["method"],
            route=ROUTE,
            counted=kept.count,
            budget=None if key_id is None else state["resources"].limiter.subject(principal, ""),
            key_id=key_id,
        ),
    )


def _rights(principal: Principal) -> Iterator[str]:
    """What a key may do changes with the key, and with whoever made it."""
    if principal.api_key_id is not None:
        yield tags.api_key(principal.api_key_id)
    if principal.created_by is not None:
        yield tags.user(principal.created_by)


def _until(principal: Principal) -> float:
    if principal.expires_at is None:
        return inf
    return monotonic() + (principal.expires_at - datetime.now(UTC)).total_seconds()


def _count(operation: Operation | None, outcome: str) -> Count:
    if operation is None:
        return _operations["none", outcome]
    return _operations[(operation.name or operation.type.value)[:LONGEST_NAME], outcome]
