"""What the middleware has found out about the head of a request, cached for requests that begin with the same bytes."""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from starlette.types import Message, Scope

from app.cache.memory import Entry, Memory
from app.cache.responses import Made, ResponseKey
from app.http.buffered_response import BufferedResponse
from app.limits.rate_limiter.policy import Policy, Verdict
from app.observability.operation_names import NameCount
from app.seen_once import SeenOnce

# Headers that each response sets itself.
PER_RESPONSE = frozenset(
    (
        b"date",
        b"x-request-id",
        b"ratelimit",
        b"ratelimit-policy",
        b"content-length",
        b"content-type",
        b"content-encoding",
        b"content-language",
        b"cache-control",
        b"etag",
        b"retry-after",
        b"www-authenticate",
        b"allow",
        b"set-cookie",
        b"connection",
        b"transfer-encoding",
        # For caches at the edge: app/http/edge_headers.py.
        b"cdn-cache-control",
        b"surrogate-control",
        b"cache-tag",
        b"edge-cache-tag",
        b"surrogate-key",
        b"xkey",
        b"cache-groups",
    )
)
OVERHEAD = 2000
# A head that is longer than this is rarely sent twice.
MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 16 * 1024
# Number of heads recorded as seen once: those that differ each time are not worth caching.
MAX_SEEN_HEADS = 10_000


class Handler(Protocol):
    """The endpoint for which the head was cached."""

    def find_cached_response(
        self, head: "CachedRequestHead", body: bytes
    ) -> tuple[BufferedResponse, NameCount] | None:
        """A response that is cached and valid, and where it is counted."""

    def key_of(self, head: "CachedRequestHead", body: bytes) -> ResponseKey:
        """Of the response to this request."""

    def respond_with(
        self, head: "CachedRequestHead", entry: Entry | Made
    ) -> tuple[BufferedResponse, NameCount] | None:
        """The same of a valid response that is given; None if it has to be encoded first."""

    def refuse(self, head: "CachedRequestHead", body: bytes, request_id: bytes) -> BufferedResponse | None:
        """The response to a request that cannot be executed for lack of capacity; None if there may be some."""

    async def execute_request(
        self,
        key: ResponseKey,
        head: "CachedRequestHead",
        body: bytes,
        address: str | None,
        request_id: str,
        verdict: Verdict,
        *,
        waits: bool,
    ) -> tuple[BufferedResponse, Verdict]:
        """The response and the rate limiter's latest verdict. Raises nothing: every error becomes a response.

        `address` is None where it is part of the head's key. `waits`: for an equal request that is being executed.
        """


class CachedRequestHead:
    """What does not depend on the body, the time and the state of the limits.

    `budget` None: the limit of the connection's address. `lines` are the headers that middleware adds to every response.
    """

    __slots__ = (
        "budget",
        "handler",
        "head",
        "key_id",
        "length",
        "lines",
        "media_type",
        "refusal",
        "route",
        "scope",
    )

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
        key_id: UUID | None,
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
        self.refusal: Any = None  # prepared by the handler


class Terms(NamedTuple):
    """For how long a cached head is valid: until when, and which tags must not have changed."""

    until: float
    tags: tuple[str, ...]


class RequestHeadCache:
    """Cached heads by their bytes."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._seen = SeenOnce(MAX_SEEN_HEADS)

    def get(self, key: Hashable) -> CachedRequestHead | None:
        entry = self._memory.get(key)
        return entry.value if entry is not None else None

    def candidate(self, key: Hashable, length: int, *, direct: bool) -> "HeadCandidate":
        return HeadCandidate(self._memory, key, length, direct=direct, again=self._seen.seen_before(key))


class HeadCandidate:
    """A head that the endpoint may cache.

    Created before anything is read for the request, the caller's rights included: an invalidation from then on keeps
    the head out of the cache. `direct`: the connection's address is the client's. `again`: this head came before.
    """

    __slots__ = ("_key", "_length", "_memory", "_since", "again", "direct")

    def __init__(self, memory: Memory, key: Hashable, length: int, *, direct: bool, again: bool) -> None:
        self.direct = direct
        self.again = again
        self._memory = memory
        self._key = key
        self._length = length
        self._since = memory.now()

    def hook(self, head: CachedRequestHead, terms: Terms) -> Callable[[Message], None]:
        """Caches the head when the response starts: by then all middleware has added its headers to it."""

        def keep(message: Message) -> None:
            head.lines = b"".join(
                [b"%s: %s\r\n" % header for header in message["headers"] if header[0] not in PER_RESPONSE]
            )
            self._memory.keep(
                self._key,
                head,
                size=2 * self._length + len(head.lines) + OVERHEAD,
                tags=terms.tags,
                until=terms.until,
                since=self._since,
                answer=True,
            )

        return keep


def length_of(scope: Scope) -> int | None:
    """The length of the body; None where the head alone does not state it, or requests more than a response (Expect, Upgrade)."""
    length: int | None = None
    # A long body is counted with all others that are held, by the middleware that does so.
    for name, value in scope["headers"]:
        if name in (b"expect", b"transfer-encoding", b"upgrade"):
            return None
        if name == b"content-length":
            if length is not None or not value.isdigit():
                return None
            length = int(value)
            if length > MAX_BODY_BYTES:
                return None
    if scope["method"] == "POST":
        return length
    return 0 if scope["method"] == "GET" and length is None else None
