"""The fast path: a request whose head was received before, byte for byte, passes no middleware.

The response is the same. Earlier requests with this head have passed all middleware; what that found out and added is a
CachedRequestHead (app/http/cached_request_head.py), an entry of the one memory that every invalidation evicts from, so it
ends with its caller's rights. A response that is cached is written at once; otherwise the endpoint is called directly.
The rate limiter decides each time, without waiting, or the request takes the normal path.
"""

from collections.abc import Hashable
from time import perf_counter
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from app.cache.memory import Entry
from app.cache.responses import MAX_WAITS, InFlight, Made, ResponseKey
from app.http.buffered_response import BufferedResponse
from app.http.cached_request_head import MAX_HEAD_BYTES, CachedRequestHead, HeadCandidate
from app.http.client_address import LOCAL
from app.http.request_state import accepted_coding
from app.limits.rate_limiter.policy import Verdict
from app.middleware import metrics
from app.middleware.request_id import new_request_id
from app.observability import logs
from app.resources import Resources
from app.server.connection_timer import State
from app.server.error_responses import CONNECTION_CLOSE
from app.server.http_protocol import HttpProtocol

# A body from this length on is not copied behind its head: two buffers cost less than the copy.
MIN_SEPARATE_BYTES: Final = 8 * 1024


class FastPathProtocol(HttpProtocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        resources: Resources = self.app_state["resources"]
        self._heads = resources.heads
        self._responses = resources.responses
        self._limiter = resources.limiter
        self._uses = resources.api_key_usage
        self._pacer = resources.refusals
        self._priority = resources.write_priority

    def _head_candidate(self, head: bytes) -> HeadCandidate | None:
        if len(head) > MAX_HEAD_BYTES:
            return None
        return self._heads.candidate(self._key(head), len(head), direct=self._address is not None)

    def _key(self, head: bytes) -> Hashable:
        """Behind a proxy the peer is part of the key: headers of another peer must not stand for the same client."""
        return head if self._address is not None else (self._peer, head)

    def _respond_at_once(self, head: bytes, body: bytes) -> bool:
        cached_head = self._heads.get(self._key(head))
        if cached_head is None or len(body) != cached_head.length or self.flow.write_paused:
            return False
        if self.server_state.draining:
            return False  # each response has to close its connection
        began = perf_counter()
        if self._priority.may_begin():
            return self._begin_request(cached_head, body, began)
        self._wait_for_writes(head, body, cached_head, began)
        return True

    def _wait_for_writes(
        self, head: bytes, body: bytes, cached_head: CachedRequestHead, began: float
    ) -> None:
        def begin() -> bool:
            self._answering = None
            if self.transport.is_closing():
                self._done(cached_head, 499, began)
                return False
            current = self._heads.get(self._key(head))  # rights may have been revoked meanwhile
            if current is None or not self._begin_request(current, body, began):
                self._take_request(head, body)
            else:
                self._process_pipelined()
            return not self._ended  # else clients that only connect, ask and close could make all others wait

        self._answering = begin
        self.timer.enter(State.ANSWERING, self._answer_timeout)
        self._priority.wait(begin)

    def _begin_request(self, cached_head: CachedRequestHead, body: bytes, began: float) -> bool:
        found = cached_head.handler.find_cached_response(cached_head, body)
        payer, policy = cached_head.budget or (self._address or LOCAL, self._limiter.anonymous)
        verdict = self._limiter.try_take(payer, 1, policy)
        if verdict is None or not verdict.allowed:
            return False
        if cached_head.key_id is not None:
            self._uses.note(cached_head.key_id)
        name = new_request_id()
        if found is None:
            self._wait_or_execute(cached_head, body, verdict, name, began)
            return True
        response, counted = found
        self._write_response(response, cached_head, verdict, name)
        counted.value += 1
        self._done(cached_head, response.status, began)
        return True

    def _wait_or_execute(
        self,
        cached_head: CachedRequestHead,
        body: bytes,
        verdict: Verdict,
        name: bytes,
        began: float,
        waits: int = MAX_WAITS,
    ) -> None:
        """An equal request that is being executed is waited for without a task, and without a place among the operations that run.

        An encoded response takes a task, so those that accept one wait for it there.
        """
        handler = cached_head.handler
        key = handler.key_of(cached_head, body)
        equal = self._responses.in_flight(key) if waits else None
        if equal is not None and accepted_coding(cached_head.scope).coding is None:
            metrics.in_flight.value += 1

            def go_on(made: Made | Entry | None) -> None:
                self._answering = None
                metrics.in_flight.value -= 1
                if self.transport.is_closing():
                    self._done(cached_head, 499, began)
                elif made is None or (found := handler.respond_with(cached_head, made)) is None:
                    self._wait_or_execute(cached_head, body, verdict, name, began, waits - 1)
                else:
                    response, counted = found
                    self._write_response(response, cached_head, verdict, name)
                    counted.value += 1
                    self._done(cached_head, response.status, began)
                    self._process_pipelined()

            self._answering = go_on
            self.timer.enter(State.ANSWERING, self._answer_timeout)
            equal.add(go_on)
            return
        refusal = handler.refuse(cached_head, body, name)
        if refusal is not None:
            self._refuse(refusal, cached_head, verdict, name, began)
            return
        own = self._responses.begin(key)
        task = self._answering = self.loop.create_task(
            self._execute_on_fast_path(
                key, own, cached_head, body, verdict, name, began, waits=own is None and waits > 0
            )
        )
        self.tasks.add(task)  # it removes itself: a callback would cost a turn of the event loop
        self.timer.enter(State.ANSWERING, self._answer_timeout)

    def _refuse(
        self,
        response: BufferedResponse,
        cached_head: CachedRequestHead,
        verdict: Verdict,
        name: bytes,
        began: float,
    ) -> None:
        """At once, or when the pacer lets it: until then the connection counts as one whose request is being answered."""
        if self._pacer.may_send():
            self._write_response(response, cached_head, verdict, name)
            self._done(cached_head, response.status, began)
            self._process_pipelined()  # it may have waited for an equal request before
            return

        def send() -> None:
            self._answering = None
            if not self.transport.is_closing():
                self._write_response(response, cached_head, verdict, name)
            self._done(cached_head, response.status, began)
            self._process_pipelined()

        self._answering = send
        self.timer.enter(State.ANSWERING, self._answer_timeout)
        self._pacer.hold(send)

    async def _execute_on_fast_path(
        self,
        key: ResponseKey,
        own: InFlight | None,
        cached_head: CachedRequestHead,
        body: bytes,
        verdict: Verdict,
        name: bytes,
        began: float,
        *,
        waits: bool,
    ) -> None:
        """`own`: equal requests wait for this one."""
        request_id = name.decode()
        logs.request_id.set(request_id)
        metrics.in_flight.value += 1
        status = 499  # as in Metrics: the client disconnected before the response
        try:
            response, verdict = await cached_head.handler.execute_request(
                key, cached_head, body, self._address, request_id, verdict, waits=waits
            )
            if not self.transport.is_closing():
                status = response.status
                self._write_response(response, cached_head, verdict, name)
        except BaseException:
            self.transport.close()  # only at cancellation: no response can be sent any more
            raise
        finally:
            metrics.in_flight.value -= 1
            if self._answering is not None:
                self.tasks.discard(self._answering)
                self._answering = None
            self._done(cached_head, status, began)
            if own is not None:
                own.end()
            self._process_pipelined()

    def _write_response(
        self, response: BufferedResponse, cached_head: CachedRequestHead, verdict: Verdict, name: bytes
    ) -> None:
        date = self.server_state.default_headers[0][1]
        closes = self._last or self.server_state.draining
        head = b"%sdate: %s\r\n%s%sx-request-id: %s\r\n%s%s\r\n" % (
            STATUS_LINE[response.status],
            date,
            response.lines,
            cached_head.lines,
            name,
            verdict.header_bytes,
            CONNECTION_CLOSE if closes else b"",
        )
        if len(response.body) < MIN_SEPARATE_BYTES:
            self.transport.write(head + response.body)
        else:
            self.transport.writelines((head, response.body))
        if closes:
            self._close()

    def _done(self, cached_head: CachedRequestHead, status: int, began: float) -> None:
        self.server_state.total_requests += 1
        metrics.note(cached_head.scope["method"], cached_head.route, status, perf_counter() - began)
        if self.flow.write_paused or self.transport.is_closing():
            self._settle()
        else:
            self._bytes = 0
            self.timer.enter(State.IDLE, self._keep_alive)
