"""Responds to a request without a cached response, for HTTP and the fast path: stages "execute", "store" and "write"."""

from starlette.types import Scope

from app.cache.responses import ResponseKey
from app.http.buffered_response import BufferedResponse
from app.http.conditional_requests import respond_from_cache
from app.http.encoded_response import encode_cached
from app.http.request_state import accepted_coding
from app.resources import resources_of
from app.settings import Settings
from schema.execution.documents import Operation, RejectedDocument
from schema.http.batch import BatchRunner
from schema.http.operation_runner import OperationRunner
from schema.http.request import GraphQLRequest, ResultKind, status_for
from schema.http.stages.parse import Parsed
from schema.http.stages.store import store_clock, store_response
from schema.http.stages.write import write_answer, write_batch


class UncachedRequests:
    def __init__(self, settings: Settings, runner: OperationRunner) -> None:
        self._runner = runner
        self._batches = BatchRunner(settings, runner)

    async def made_by_equal(self, key: ResponseKey, scope: Scope) -> BufferedResponse | None:
        """The response that an equal request, which is being executed at this moment, is given; None if there is none."""
        made = await resources_of(scope).responses.made_by_equal(key)
        if made is None:
            return None
        await encode_cached(scope, made.value)
        made.value.count.value += 1
        return respond_from_cache(scope, made.value, made.until)

    async def respond_uncached(
        self,
        key: ResponseKey,
        parsed: Parsed,
        scope: Scope,
        looked_up: Operation | RejectedDocument | None = None,
    ) -> BufferedResponse:
        """Raises AppError if nothing was executed. `looked_up`: the operation, if it has been looked up already."""
        if not isinstance(parsed, GraphQLRequest):
            answers = await self._batches.run_batch(parsed, scope)
            return write_batch(answers, f"{parsed[0].media_type}; charset=utf-8")
        with resources_of(scope).responses.executing(key):
            return await self._execute(key, parsed, scope, looked_up)

    async def _execute(
        self,
        key: ResponseKey,
        parsed: GraphQLRequest,
        scope: Scope,
        looked_up: Operation | RejectedDocument | None,
    ) -> BufferedResponse:
        since = store_clock(scope)
        answer, kind, context = await self._runner.run_operation(parsed, scope, looked_up)
        media_type = f"{parsed.media_type}; charset=utf-8"
        if context is None or kind is not ResultKind.COMPLETE or not answer.repeatable:
            return write_answer(answer, status_for(kind, parsed.media_type), media_type)
        read_set = context.read_set
        wanted = resources_of(scope).responses.is_wanted(key, read_set)
        if scope["method"] == "POST" and not wanted:
            return write_answer(answer, 200, media_type)
        cached = store_response(
            scope, key, answer.body, media_type, read_set, since, answer.count, wanted=wanted
        )
        if read_set.uncacheable is None and accepted_coding(scope).coding is not None:
            await encode_cached(scope, cached)
        return respond_from_cache(scope, cached, read_set.until if read_set.uncacheable is None else 0)
