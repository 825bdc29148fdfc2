"""What all middleware has found out about one request's head, for the next request that begins with the same bytes."""

from collections.abc import Hashable
from typing import Any, NamedTuple, Protocol

from starlette.types import Scope

from app.cache.memory import Memory
from app.http.buffered_response import BufferedResponse
from app.http.response_start import on_response_start
from app.limits.rate_limiter import Policy
from app.observability.operation_names import NameCount
from app.seen_once import SeenOnce

# Each answer says these anew, by itself or through whoever writes it.
ANEW = frozenset(
    (
        b"date",
        b"x-request-id",
        b"ratelimit",
        b"ratelimit-policy",
        b"content-length",
        b"content-type",
        b"cache-control",
        b"etag",
        b"retry-after",
        b"www-authenticate",
        b"allow",
        b"set-cookie",
        b"connection",
        b"transfer-encoding",
    )
)
OVERHEAD = 2000
# A head that is longer than this is rarely sent twice.
LONGEST = 16 * 1024
LONGEST_BODY = 16 * 1024
# So many heads are remembered as seen once: those that differ each time are not worth keeping.
SEEN = 10_000


class Handler(Protocol):
    """Who answers where the passage leads: the endpoint that granted it."""

    def find(self, passage: "CachedRequestHead", body: bytes) -> tuple[BufferedResponse, NameCount] | None:
        """An answer that was given before and still holds, and where it is counted."""

    async def answer(
        self, passage: "CachedRequestHead", body: bytes, state: dict[str, Any]
    ) -> BufferedResponse:
        """Whatever happens becomes an answer."""


class CachedRequestHead:
    """Only a body, the time and the limit differ from here on.

    `budget` None: its connection's address pays. `lines` are the headers that middleware adds to every answer.
    """

    __slots__ = ("budget", "handler", "head", "key_id", "length", "lines", "media_type", "route", "scope")

    def __init__(
        self,
        handler: Handler,
        scope: Scope,
        head: str,
        *,
        length: int,
        media_type: str,
        route: str,
        budget: tuple[str, Policy] | None,
        key_id: Any,
    ) -> None:
        self.handler = handler
        self.scope = scope
        self.head = head
        self.length = length
        self.media_type = media_type
        self.route = route
        self.budget = budget
        self.key_id = key_id
        self.lines = b""


class Terms(NamedTuple):
    """For how long what was found out holds: until when, and what must not have changed."""

    until: float
    tags: tuple[str, ...]


class RequestHeadCache:
    """The passages by the heads that they were granted for."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._seen = SeenOnce(SEEN)

    def get(self, key: Hashable) -> CachedRequestHead | None:
        entry = self._memory.get(key)
        return entry.value if entry is not None else None

    def offer(self, key: Hashable, length: int, *, direct: bool) -> "HeadCandidate":
        return HeadCandidate(self._memory, key, length, direct=direct, again=self._seen.seen_before(key))


class HeadCandidate:
    """A head's chance to be known next time; whoever answers the request takes it up.

    Made before anything is read for the request, its caller's rights included: what changes from then
    on is nothing that the passage may rest on. `direct`: the connection's address is the caller's.
    `again`: this head came before.
    """

    __slots__ = ("_key", "_length", "_memory", "_since", "again", "direct")

    def __init__(self, memory: Memory, key: Hashable, length: int, *, direct: bool, again: bool) -> None:
        self.direct = direct
        self.again = again
        self._memory = memory
        self._key = key
        self._length = length
        self._since = memory.now()

    def accept(self, scope: Scope, passage: CachedRequestHead, terms: Terms) -> None:
        """Once all middleware has said what it adds to the answer, the passage is kept with it."""

        def begin(message: Any) -> None:
            passage.lines = b"".join(
                [b"%s: %s\r\n" % header for header in message["headers"] if header[0] not in ANEW]
            )
            self._memory.keep(
                self._key,
                passage,
                size=2 * self._length + len(passage.lines) + OVERHEAD,
                tags=terms.tags,
                until=terms.until,
                since=self._since,
                answer=True,
            )

        on_response_start(scope, begin)


def length_of(scope: Scope) -> int | None:
    """The length of the body; None where the head alone does not say it, or asks for more than an answer."""
    length: int | None = None
    # A long body is counted with all others that are held, by the middleware that does so.
    for name, value in scope["headers"]:
        if name in (b"expect", b"transfer-encoding", b"upgrade"):
            return None
        if name == b"content-length":
            if length is not None or not value.isdigit():
                return None
            length = int(value)
            if length > LONGEST_BODY:
                return None
    if scope["method"] == "POST":
        return length
    return 0 if scope["method"] == "GET" and length is None else None
