"""uvicorn's protocol with an early exit: a request that came before, to the byte, and whose answer still holds.

It is the same road, left early. On its first way through, such a request passed every middleware;
what they wrote into the answer is kept with it, and what differs from one answer to the next (date,
request id, what is left of the limit) is written anew. The rate limiter decides each time, without
waiting, or the request takes the whole road; so it does when the answer or its caller's rights have
changed, for both are entries of the one memory that every change evicts from.
"""

from collections.abc import Iterable
from time import perf_counter
from typing import Any, NamedTuple

from starlette.types import Message, Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.cache.memory import Memory
from app.http.middleware import metrics, request_id
from app.http.middleware.answering import at_beginning
from app.http.middleware.rate_limiter import Policy, RateLimiter
from app.http.read_patience import ReadPatience
from app.http.write_patience import WritePatience
from app.observability.counting import Count

# Written anew into each answer.
VARYING = frozenset((b"date", b"x-request-id", b"ratelimit", b"ratelimit-policy"))
UNREPEATABLE = frozenset((b"set-cookie", b"connection", b"transfer-encoding"))
STATUSES = frozenset((200, 304))
OVERHEAD = 300
# A request that is longer than this is rarely sent twice.
LONGEST = 16 * 1024


class Terms(NamedTuple):
    """Under which a request may be answered early: until when, and what must not have changed.

    `budget` None: its connection's address pays.
    """

    until: float
    tags: tuple[str, ...]
    method: str
    route: str
    counted: Count
    budget: tuple[str, Policy] | None
    key_id: Any


class Known(NamedTuple):
    """An answer but for its varying lines."""

    status_line: bytes
    lines: bytes
    body: bytes
    status: int
    terms: Terms


class Offer:
    """A request's chance to be answered early next time; whoever answers it takes it up.

    Made before anything is read for the request, its caller's rights included: what changes from then
    on is nothing that the answer may rest on.
    """

    __slots__ = ("_memory", "_since", "raw")

    def __init__(self, raw: bytes, memory: Memory) -> None:
        self.raw = raw
        self._memory = memory
        self._since = memory.now()

    def withdraw(self) -> None:
        self.raw = b""

    def take_up(self, scope: Scope, body: bytes, terms: Terms) -> None:
        """Once all middleware has said what the answer's head is, that head is kept with the body."""

        def begin(message: Message) -> None:
            if self.raw and message["status"] in STATUSES:
                self._keep(message["status"], message["headers"], body, terms)

        at_beginning(scope, begin)

    def _keep(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes, terms: Terms) -> None:
        kept = [(name.lower(), value) for name, value in headers if name.lower() not in VARYING]
        if any(name in UNREPEATABLE for name, _ in kept):
            return
        lines = b"".join(b"%s: %s\r\n" % header for header in kept)
        known = Known(STATUS_LINE[status], lines, b"" if status == 304 else body, status, terms)
        self._memory.keep(
            self.raw,
            known,
            # With the body, though the whole answer has it, too: that one may be pushed out first.
            size=len(self.raw) + len(lines) + len(body) + OVERHEAD,
            tags=terms.tags,
            until=terms.until,
            since=self._since,
        )


class EarlyExit(ReadPatience, WritePatience, HttpToolsProtocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        resources: Any = self.app_state["resources"]
        self._memory: Memory = resources.memory
        self._limiter: RateLimiter = resources.limiter
        self._uses = resources.key_uses
        self._addresses = resources.addresses
        self._address: str | None = None
        self._active = 0.0
        self._mid_message = False
        self._raw: bytes | None = None
        self._offer: Offer | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # Behind a proxy one connection speaks for many, so each request must say for whom.
        self._address = self._addresses.of_peer(self.client[0] if self.client else None)

    def data_received(self, data: bytes) -> None:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        at_rest = not self._mid_message and (cycle is None or cycle.response_complete)
        if at_rest and self._answer(data):
            return
        self._raw = data if at_rest and len(data) <= LONGEST and self._address is not None else None
        super().data_received(data)
        if self._offer is not None and self._mid_message:
            self._offer.withdraw()  # there is more to come: this was not the whole of it
        self._raw = self._offer = None

    def _answer(self, data: bytes) -> bool:
        entry = self._memory.get(data)
        if entry is None or self._address is None or self.flow.write_paused:
            return False
        default = self.server_state.default_headers
        if len(default) != 1:  # we are leaving, and every answer must say so
            return False
        began = perf_counter()
        known: Known = entry.value
        terms = known.terms
        key, policy = terms.budget or (self._address, self._limiter.anonymous)
        verdict = self._limiter.try_take(key, 1, policy)
        if verdict is None or not verdict.allowed:
            return False
        self.transport.write(
            b"%sdate: %s\r\n%sx-request-id: %s\r\n%s\r\n%s"
            % (
                known.status_line,
                default[0][1],
                known.lines,
                request_id.new(),
                verdict.header_bytes,
                known.body,
            )
        )
        if terms.key_id is not None:
            self._uses.note(terms.key_id)
        self.server_state.total_requests += 1
        self._stay_alive()
        metrics.note(terms.method, terms.route, known.status, perf_counter() - began)
        terms.counted.value += 1
        return True

    def _stay_alive(self) -> None:
        """The timer looks when it fires, so that not every answer has to wind it up again."""
        self._active = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._wind_up(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        left = self._active + self.timeout_keep_alive - self.loop.time()
        if left > 0.001 and not self.transport.is_closing():
            self._wind_up(left)
        else:
            super().timeout_keep_alive_handler()

    def _wind_up(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    # The whole road, watched

    def on_message_begin(self) -> None:
        self._mid_message = True
        if self._offer is not None:
            self._offer.withdraw()  # a second request in what came at once
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._mid_message = False
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        before = self.cycle
        super().on_headers_complete()
        if (
            self._raw is not None
            and self.cycle is not before
            and self.cycle.keep_alive
            and self._offer is None
            and self.scope["method"] != "HEAD"
        ):
            self._offer = Offer(self._raw, self._memory)
            self.scope["state"]["offer"] = self._offer
