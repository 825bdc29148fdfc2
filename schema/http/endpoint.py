"""The schema as an ASGI app: GraphQL over HTTP."""

import asyncio
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime
from math import ceil, inf
from time import perf_counter
from typing import Any

from graphql import GraphQLError, OperationType
from graphql.execution.values import VariableValues
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth.roles import require_reader
from app.cache.clock import monotonic
from app.cache.responses import CachedResponse, ResponseKey, Responses, body_of, head_of
from app.domain import tags
from app.domain.account import ANONYMOUS, Principal
from app.errors import AppError, BadInput, DeadlineExceeded, Forbidden, LimitExceeded
from app.http.buffered_response import BufferedResponse
from app.http.cached_request_head import CachedRequestHead, HeadCandidate, Terms, length_of
from app.http.conditional_requests import all_of, for_post, header, respond_from_cache
from app.http.content_negotiation import accepts_stream, prefers_page
from app.http.errors import NotAcceptable, respond, respond_unexpected
from app.http.rate_limit import payer, refusal
from app.limits.concurrency_limiter import ConcurrencyLimiter, PreferredQueue
from app.limits.rate_limiter.policy import Policy, Verdict
from app.limits.work_budget import WorkBudget, step_by_step
from app.observability import metrics
from app.observability import operation_stats as costs
from app.observability.counting import Timings
from app.observability.operation_names import NameCount, OperationNames
from app.settings import Settings
from app.web.pages import graphiql_page
from schema.context import Context
from schema.execution.documents import Cost, Documents, Operation, RejectedDocument
from schema.execution.limits import count_values
from schema.execution.operation import Answer, Executions, write_errors
from schema.execution.persisted import Persisted
from schema.http.connections import Connections
from schema.http.request import (
    GraphQLRequest,
    ResultKind,
    accepted,
    mutation_over_get,
    read_body,
    read_graphql_request,
    shows_intent,
    status_for,
)
from schema.root import schema

ROUTE = "/graphql"
# Of the state, what is the same for all requests with one head.
REMEMBERED = ("resources", "address", "principal", "named_headers")
_operations = OperationNames(metrics.OPERATIONS)
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
        self._slots = ConcurrencyLimiter(
            settings.max_operations,
            settings.max_queued_operations,
            settings.max_queue_time,
            settings.target_service_time,
        )
        self._connections = Connections(schema, settings, self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._connections.converse(scope, receive, send)
            return
        request = Request(scope, receive)
        answer: ASGIApp
        try:
            answer = await self._respond(request)
        except AppError as refused:
            answer = respond(scope, refused)
        except ClientDisconnect:
            return
        await answer(scope, receive, send)

    async def _respond(self, request: Request) -> ASGIApp:
        scope = request.scope
        if scope["method"] in ("GET", "HEAD") and _wants_page(request):
            return graphiql_page()
        body = await _body(request)
        asked = ResponseKey(_head(scope, anonymous_reading=self._settings.anonymous_reading), body_of(body))
        known = _responses(scope).get(asked)
        if known is not None:
            answer = respond_from_cache(scope, known.value, known.until)
        else:
            self._line(scope["state"]).reject_if_full()
            read = self._read(body, scope)
            if isinstance(read, GraphQLRequest):
                stream = await self._connections.stream(read, scope)
                if stream is not None:
                    return stream
            answer = await self._respond_anew(asked, read, scope)
        self._cache_request_head(scope, asked.head)
        return answer

    def find_cached_response(
        self, head: CachedRequestHead, body: bytes
    ) -> tuple[BufferedResponse, NameCount] | None:
        scope = head.scope
        known = _responses(scope).get(ResponseKey(head.head, body_of(body)))
        return (
            (respond_from_cache(scope, known.value, known.until), known.value.count)
            if known is not None
            else None
        )

    async def execute_request(
        self, head: CachedRequestHead, body: bytes, state: dict[str, Any]
    ) -> BufferedResponse:
        scope = {**head.scope, "state": state}
        try:
            self._line(state).reject_if_full()
            read = self._read(body, scope, head.media_type)
            answer = await self._respond_anew(ResponseKey(head.head, body_of(body)), read, scope)
        except AppError as refused:
            answer = BufferedResponse.of(respond(scope, refused))
        except Exception as error:
            answer = BufferedResponse.of(respond_unexpected(scope, error))
        return answer

    def _line(self, state: dict[str, Any]) -> ConcurrencyLimiter | PreferredQueue:
        """Anonymous callers wait behind those with credentials, and those who prove to have had some."""
        known = "payer" in state or not state.get("principal", ANONYMOUS).anonymous
        return self._slots.preferred if known else self._slots

    def _cache_request_head(self, scope: Scope, head: str) -> None:
        """Lets the next request with the same head take the fast path."""
        state = scope["state"]
        candidate: HeadCandidate | None = state.get("candidate")
        principal: Principal = state.get("principal", ANONYMOUS)
        if candidate is None or not candidate.again or principal.session_id is not None:
            return
        length = length_of(scope)
        if length is None or _speaks_for_itself(scope):
            return
        cached = CachedRequestHead(
            self,
            {**scope, "client": None, "state": {name: state[name] for name in REMEMBERED if name in state}},
            head,
            length=length,
            media_type=accepted(scope["headers"]),
            route=ROUTE,
            budget=_budget(principal, state, direct=candidate.direct),
            key_id=principal.api_key_id,
        )
        candidate.accept(scope, cached, Terms(_until(principal), tuple(_rights(principal))))

    def _read(
        self, body: bytes, scope: Scope, media_type: str | None = None
    ) -> GraphQLRequest | tuple[GraphQLRequest, ...]:
        """`media_type` is known where the head has been found good before."""
        batch = self._settings.max_batch_operations
        if media_type is not None and scope["method"] == "POST":
            return read_body(body, media_type, batch)
        return read_graphql_request(
            scope["method"], scope["headers"], scope["query_string"], body, batch=batch
        )

    async def _respond_anew(
        self, asked: ResponseKey, read: GraphQLRequest | tuple[GraphQLRequest, ...], scope: Scope
    ) -> BufferedResponse:
        responses = _responses(scope)
        since = responses.now()
        if not isinstance(read, GraphQLRequest):
            return await self._respond_to_batch(read, scope)
        answer, kind, context = await self.run(read, scope)
        media_type = f"{read.media_type}; charset=utf-8"
        if context is None or kind is not ResultKind.COMPLETE or not answer.repeatable:
            return _reply(answer, status_for(kind, read.media_type), media_type)
        kept = CachedResponse(answer.body, media_type, answer.count)
        responses.keep(asked, kept, context.read_set, since)
        until = context.read_set.until if context.read_set.uncacheable is None else 0
        return respond_from_cache(scope, kept, until)

    async def _respond_to_batch(self, requests: tuple[GraphQLRequest, ...], scope: Scope) -> BufferedResponse:
        """All of its operations share one budget, as they share one answer."""
        await self._take(len(requests) - 1, scope)
        budget = WorkBudget(self._settings)
        answers = [await self._answer_one_of_many(request, scope, budget) for request in requests]
        whole = Answer(b"[" + b",".join(answer.body for answer in answers) + b"]")
        whole.cookies = [cookie for answer in answers for cookie in answer.cookies]
        return _reply(whole, 200, f"{requests[0].media_type}; charset=utf-8")

    async def _answer_one_of_many(self, request: GraphQLRequest, scope: Scope, budget: WorkBudget) -> Answer:
        """What refuses one operation of a batch leaves the others alone; each has the rights of its moment."""
        state = scope["state"]
        try:
            authenticator = state["resources"].authenticator
            state["principal"] = await authenticator.renewed(state.get("principal", ANONYMOUS))
            return (await self.run(request, scope, budget=budget))[0]
        except AppError as refused:
            return _refusal(refused, scope["state"].get("request_id", ""))

    async def operation(self, request: GraphQLRequest, scope: Scope) -> Operation:
        """Refuses with RejectedDocument."""
        state = scope["state"]
        shared = state["resources"].shared
        text = await self._persisted.text(request, shared)
        document = self._documents.get(text)
        await self._persisted.keep(request, text, shared, payer(state)[0])
        return document.operation(request.operation_name)

    def _operation_at_hand(self, request: GraphQLRequest) -> Operation | None:
        """What most requests bring along: a document, and no other name for it."""
        if not self._persisted.is_plain(request):
            return None
        assert request.query is not None
        return self._documents.get(request.query).operation(request.operation_name)

    async def admit(
        self, operation: Operation, given: dict[str, Any], scope: Scope
    ) -> tuple[VariableValues, Cost]:
        """Refuses with RejectedDocument, too, or because it costs too much."""
        settings = self._settings
        variables = operation.variables(
            given, most=settings.limit_variable_values, hide_suggestions=not settings.introspection
        )
        cost = operation.cost(variables, settings.limit_cost)
        if cost.requested > settings.rate_limit_cost:
            await self._charge(cost.requested, scope)
        return variables, cost

    async def answer_message(self, request: GraphQLRequest, scope: Scope) -> Answer:
        """One that will not be kept."""
        return (await self.run(request, scope))[0]

    def run(
        self,
        request: GraphQLRequest,
        scope: Scope,
        own: Operation | None = None,
        budget: WorkBudget | None = None,
    ) -> Awaitable[tuple[Answer, ResultKind, Context | None]]:
        """`own`: an operation of this server, which no client wrote and no list needs to name.

        `budget`: of several operations together.
        """
        budget = budget or WorkBudget(self._settings)
        return step_by_step(self._run(request, scope, own, budget), budget)

    async def _run(
        self, request: GraphQLRequest, scope: Scope, own: Operation | None, budget: WorkBudget
    ) -> tuple[Answer, ResultKind, Context | None]:
        paid, done_before = 0, budget.units if budget.cpu_time else 0
        request_id: str = scope["state"].get("request_id", "")
        began = perf_counter()
        spent = costs.begin()
        operation: Operation | None = None
        context: Context | None = None
        try:
            self._check_extensions(request)
            operation = own or self._operation_at_hand(request) or await self.operation(request, scope)
            _check_method(operation, scope)
            self._check_reader(operation, scope)
            variables, cost = await self.admit(operation, request.variables, scope)
            paid = cost.requested
            context = self.context(scope, budget)
            spent.took("read", perf_counter() - began)
            line = self._line(scope["state"])
            answer = await self._execute(operation, variables, request.variables, context, cost, line)
            kind = ResultKind.PARTIAL if answer.errors else ResultKind.COMPLETE
        except RejectedDocument as refused:
            answer = write_errors(refused.errors, request_id, refused.code)
            kind = ResultKind.REFUSED
        except AppError:
            self._count(operation, "error", scope, own).value += 1
            raise
        finally:
            seconds = perf_counter() - began
            if budget.may_be_worth(self._settings.rate_limit_cost, seconds):
                self.charge_work(budget.units - done_before, paid, scope)
        answer.count = self._count(operation, "error" if answer.errors else "success", scope, own)
        answer.count.value += 1
        answer.repeatable = operation is not None and operation.type is OperationType.QUERY
        self._note_time(operation, seconds, spent)
        return answer, kind, context

    async def _execute(
        self,
        operation: Operation,
        variables: Any,
        given: dict[str, Any],
        context: Context,
        cost: Cost,
        line: ConcurrencyLimiter | PreferredQueue,
    ) -> Answer:
        """Once it is its turn. What still runs at the deadline is cancelled, its statements too."""
        spent = costs.current()
        began = perf_counter()
        async with line:
            admitted = perf_counter()
            try:
                with context.resources.deadlines.begin(), operation.span(given):
                    return await self._executions.run(operation, variables, given, context, cost)
            except asyncio.CancelledError:
                context.cancel()
                raise
            except TimeoutError:
                context.cancel()
                seconds = self._settings.operation_timeout
                advice = "please ask for less"
                if operation.type is OperationType.MUTATION:
                    advice = "what of it was written is not said here: please look before you try again"
                sentence = f"The operation took longer than {seconds:g} seconds; {advice}."
                return _refusal(DeadlineExceeded(sentence), context.request_id)
            except LimitExceeded as exceeded:
                error = GraphQLError(exceeded.message, original_error=exceeded)
                raise RejectedDocument([error], exceeded.code) from None
            finally:
                if spent is not None:
                    spent.took("wait", admitted - began)
                    spent.took("execute", perf_counter() - admitted)

    def _check_reader(self, operation: Operation, scope: Scope) -> None:
        """Whoever is unknown may always sign in, and see what could be asked; a write asks for its own role."""
        if operation.type is not OperationType.MUTATION and not operation.introspects:
            principal: Principal = scope["state"].get("principal", ANONYMOUS)
            require_reader(principal, anonymous_reading=self._settings.anonymous_reading)

    def _count(
        self, operation: Operation | None, outcome: str, scope: Scope, own: Operation | None
    ) -> NameCount:
        """An anonymous caller's names are labels only if there is room, or if they are used often."""
        if operation is None:
            return _operations.count("none", outcome, known=True)
        principal: Principal = scope["state"].get("principal", ANONYMOUS)
        known = (
            operation.name is None
            or own is not None
            or not principal.anonymous
            or self._persisted.registers(operation.document.text)
        )
        count = operation.counts.get((outcome, known))
        if count is None:
            count = _operations.count(operation.label, outcome, known=known)
            operation.counts[outcome, known] = count
        return count

    def _check_extensions(self, request: GraphQLRequest) -> None:
        """Hardly anything is read of them, but they are held as long as the operation waits."""
        most = self._settings.limit_variable_values
        if request.extensions and count_values(request.extensions, most) > most:
            raise BadInput(f"The request's extensions hold more than {most} values.", limit=most)

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
        key, policy = payer(state)
        _heed(await state["resources"].limiter.charge(key, cost, policy), state)

    def charge_work(self, units: int, paid: int, scope: Scope, *, refuse: bool = False) -> None:
        """What was done is known only afterwards: what goes beyond what was paid draws on the limit, whatever is left.

        `refuse`: with TooMany if nothing is left then.
        """
        per_request = self._settings.rate_limit_cost
        requests = ceil(units / per_request) - max(ceil(paid / per_request), 1)
        if requests > 0:
            state = scope["state"]
            key, policy = payer(state)
            left = state["resources"].limiter.owe(key, requests, policy)
            if left is not None:
                state["verdict"] = left
                if refuse and not left.remaining:
                    raise refusal(Verdict(policy, False, 0, policy.window))

    async def _take(self, requests: int, scope: Scope) -> None:
        if requests:
            state = scope["state"]
            key, policy = payer(state)
            _heed(await state["resources"].limiter.take(key, requests, policy), state)

    def context(self, scope: Scope, budget: WorkBudget | None = None) -> Context:
        state = scope["state"]
        principal: Principal = state.get("principal", ANONYMOUS)
        return Context(
            state["resources"],
            principal=principal,
            address=state.get("address", ""),
            headers=scope["headers"],
            request_id=state.get("request_id", ""),
            budget=budget or WorkBudget(self._settings),
        )


def _heed(verdict: Verdict | None, state: dict[str, Any]) -> None:
    if verdict is not None:
        state["verdict"] = verdict
        if not verdict.allowed:
            raise refusal(verdict)


def _refusal(refused: AppError, request_id: str) -> Answer:
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


def _head(scope: Scope, *, anonymous_reading: bool) -> str:
    """All of a request's head that its answer depends on."""
    principal: Principal = scope["state"].get("principal", ANONYMOUS)
    # Anybody is as good as a VIEWER, or gets nothing that was answered to one.
    may_read = anonymous_reading or not principal.anonymous
    return head_of(
        principal.role.value if may_read else "",
        scope["method"],
        all_of(scope, b"accept"),
        all_of(scope, b"content-type"),
        all_of(scope, b"content-encoding"),
        body_of(scope["query_string"]),
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


def _reply(answer: Answer, status: int, media_type: str) -> BufferedResponse:
    reply = for_post(answer.body, media_type, status)
    if answer.cookies:
        reply.headers = [*reply.headers, *((b"set-cookie", cookie.encode()) for cookie in answer.cookies)]
    return reply


def _responses(scope: Scope) -> Responses:
    responses: Responses = scope["state"]["resources"].responses
    return responses


def _speaks_for_itself(scope: Scope) -> bool:
    """What says something else each time, or opens what stays open."""
    return accepts_stream(header(scope, b"accept")) or any(
        name in (b"cookie", b"x-request-id") for name, _ in scope["headers"]
    )


def _budget(principal: Principal, state: dict[str, Any], *, direct: bool) -> tuple[str, Policy] | None:
    """None: the address of the connection pays, whichever that is next time."""
    return None if direct and principal.anonymous else payer(state)


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
