"""uvicorn's protocol with a short road: a request whose head came before, to the byte, needs no second look at it.

It is the same road, cut short. On their way through, requests with this head passed every
middleware; what that found out and added is a Passage (app/http/passage.py), an entry of the one
memory that every change evicts from, so it ends with its caller's rights. An answer that still
holds is given at once; else the endpoint is asked, with nothing in between. The rate limiter
decides each time, without waiting, or the request takes the whole road.
"""

from asyncio import Task
from collections.abc import Hashable
from time import perf_counter
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.http.middleware import metrics, request_id
from app.http.middleware.client_address import LOCAL
from app.http.middleware.rate_limiter import RateLimiter, Verdict
from app.http.passage import LONGEST, Heads, Passage
from app.http.read_patience import ReadPatience
from app.http.reply import Reply
from app.http.write_patience import WritePatience
from app.observability import logs

END = b"\r\n\r\n"
# As much as may come behind a request that is still being answered before its sender has to wait.
MOST_BEHIND = 64 * 1024
LEAVE = b"connection: close\r\n"


class ShortRoad(ReadPatience, WritePatience, HttpToolsProtocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        resources: Any = self.app_state["resources"]
        self._heads: Heads = resources.heads
        self._limiter: RateLimiter = resources.limiter
        self._uses = resources.key_uses
        self._addresses = resources.addresses
        self._address: str | None = None
        self._peer: str | None = None
        self._active = 0.0
        self._mid_message = False
        self._head: bytes | None = None
        self._answering: Task[None] | None = None
        self._behind = b""
        self._last = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._peer = self.client[0] if self.client else None
        # None: a proxy's connection speaks for many, and each request's head says for whom.
        self._address = self._addresses.of_peer(self._peer)

    def data_received(self, data: bytes) -> None:
        if self._answering is not None:
            self._wait_behind(data)
            return
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        at_rest = not self._mid_message and (cycle is None or cycle.response_complete)
        if not at_rest:
            super().data_received(data)
            return
        end = data.find(END) + len(END)
        head = data[:end]
        if self._pass(self._key(head), data[end:]):
            return
        self._head = head if len(END) < end <= LONGEST else None
        super().data_received(data)
        self._head = None

    # The short road

    def _key(self, head: bytes) -> Hashable:
        """What one proxy says of its clients is not known from what another, or a stranger, says."""
        return head if self._address is not None else (self._peer, head)

    def _pass(self, key: Hashable, body: bytes) -> bool:
        passage = self._heads.get(key)
        if passage is None or len(body) != passage.length or self.flow.write_paused:
            return False
        if len(self.server_state.default_headers) != 1:  # we are leaving, and every answer must say so
            return False
        began = perf_counter()
        found = passage.handler.find(passage, body)
        payer, policy = passage.budget or (self._address or LOCAL, self._limiter.anonymous)
        verdict = self._limiter.try_take(payer, 1, policy)
        if verdict is None or not verdict.allowed:
            return False
        if passage.key_id is not None:
            self._uses.note(passage.key_id)
        name = request_id.new()
        if found is None:
            self._answer(passage, body, verdict, name)
            return True
        reply, counted = found
        self._write(reply, passage, verdict, name)
        counted.value += 1
        self._done(passage, reply.status, began)
        return True

    def _answer(self, passage: Passage, body: bytes, verdict: Verdict, name: bytes) -> None:
        task = self._answering = self.loop.create_task(self._answer_anew(passage, body, verdict, name))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer_anew(self, passage: Passage, body: bytes, verdict: Verdict, name: bytes) -> None:
        began = perf_counter()
        state = {**passage.scope["state"], "verdict": verdict, "request_id": name.decode()}
        if self._address is not None:
            state["address"] = self._address  # others may send the same head
        logs.request_id.set(state["request_id"])
        metrics.in_flight.value += 1
        status = 499  # as in Metrics: who goes away before the answer
        try:
            reply = await passage.handler.answer(passage, body, state)
            if not self.transport.is_closing():
                status = reply.status
                self._write(reply, passage, state["verdict"], name)
        except BaseException:
            self.transport.close()  # only when we are made to stop: there is nothing to be said any more
            raise
        finally:
            metrics.in_flight.value -= 1
            self._answering = None
            self._done(passage, status, began)
            self._go_on()

    def _write(self, reply: Reply, passage: Passage, verdict: Verdict, name: bytes) -> None:
        default = self.server_state.default_headers
        leaving = self._last or len(default) != 1
        self.transport.write(
            b"%sdate: %s\r\n%s%sx-request-id: %s\r\n%s%s\r\n%s"
            % (
                STATUS_LINE[reply.status],
                default[0][1],
                reply.lines,
                passage.lines,
                name,
                verdict.header_bytes,
                LEAVE if leaving else b"",
                reply.body,
            )
        )
        if leaving:
            self.transport.close()

    def _done(self, passage: Passage, status: int, began: float) -> None:
        self.server_state.total_requests += 1
        metrics.note(passage.scope["method"], passage.route, status, perf_counter() - began)
        if not self.transport.is_closing():
            self._stay_alive()

    def _wait_behind(self, data: bytes) -> None:
        """One answer after the other."""
        self._behind += data
        if len(self._behind) > MOST_BEHIND:
            self.flow.pause_reading()

    def _go_on(self) -> None:
        if self._behind and not self.transport.is_closing():
            data, self._behind = self._behind, b""
            self.flow.resume_reading()
            self.data_received(data)

    # How long a connection lives

    def _stay_alive(self) -> None:
        """The timer looks when it fires, so that not every answer has to wind it up again."""
        self._active = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._wind_up(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        if self._answering is not None:
            self._wind_up(self.timeout_keep_alive)
            return
        left = self._active + self.timeout_keep_alive - self.loop.time()
        if left > 0.001 and not self.transport.is_closing():
            self._wind_up(left)
        else:
            super().timeout_keep_alive_handler()

    def _wind_up(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def shutdown(self) -> None:
        if self._answering is None:
            super().shutdown()
        else:
            self._last = True

    def _was_answered_early(self) -> bool:
        return self._answering is not None or super()._was_answered_early()

    # The whole road, watched

    def on_message_begin(self) -> None:
        self._mid_message = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._mid_message = False
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        before = self.cycle
        super().on_headers_complete()
        if (
            self._head is not None
            and self.cycle is not before
            and self.cycle.keep_alive
            and self._is_whole(self._head)
        ):
            self.scope["state"]["offer"] = self._heads.offer(
                self._key(self._head), len(self._head), direct=self._address is not None
            )
        self._head = None  # what came at once may hold a second request

    def _is_whole(self, head: bytes) -> bool:
        """The parser has read each line of it, and no other: a line that ends otherwise may hide where it ends."""
        lines = len(self.headers) + 2
        return head.count(b"\r\n") == lines == head.count(b"\n")
