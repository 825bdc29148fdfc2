"""A response in L1, with what was made of it for HTTP."""

import asyncio
from collections.abc import Callable

from app.http.buffered_response import BufferedResponse, Headers
from app.http.compression import MAX_ON_LOOP, compress, is_compressible
from app.http.content_coding import Coding, CodingChoice
from app.observability.operation_names import NameCount


class EdgeDescription:
    """The headers that name to caches at the edge what a response was read from. `changes`: as in its read set."""

    __slots__ = ("changes", "headers", "size")

    def __init__(self, headers: Headers, changes: float) -> None:
        self.headers = headers
        self.changes = changes
        self.size = sum(len(name) + len(value) for name, value in headers)


class CachedResponse:
    """`count`: where requests with it are counted. `etag`, the one of the body as it is, is made once; likewise, for each content coding,
    `encoded`, the body, and `replies`, the response to a POST, and `written`, the latest one to a GET. All callers of a role get the same, so each coding of it may be
    made. `grown`: is called with the bytes that a coding takes in addition.

    `headers`: further ones that describe the body, of a response to a GET. `cache_control`: where it is not that of all
    responses. `edge`: None where no cache at the edge may store it.
    """

    __slots__ = (
        "_pending",
        "body",
        "cache_control",
        "compressible",
        "count",
        "edge",
        "encoded",
        "etag",
        "grown",
        "headers",
        "media_type",
        "replies",
        "written",
    )

    def __init__(
        self,
        body: bytes,
        media_type: str,
        count: NameCount | None,
        headers: Headers = (),
        cache_control: bytes | None = None,
    ) -> None:
        self.body = body
        self.media_type = media_type
        self.count = count
        self.headers = headers
        self.cache_control = cache_control
        self.edge: EdgeDescription | None = None
        self.etag: bytes | None = None
        self.compressible = is_compressible(media_type.encode())
        self.encoded: dict[Coding | None, bytes] = {}
        self.replies: dict[Coding | None, BufferedResponse] = {}
        self.written: dict[Coding | None, tuple[bytes, bytes, BufferedResponse]] = {}  # with what may differ
        self.grown: Callable[[CachedResponse, int], None] | None = None
        self._pending: dict[Coding, asyncio.Task[None]] = {}

    @property
    def size(self) -> int:
        """Bytes that it takes beside the headers of all responses."""
        edge = self.edge.size if self.edge is not None else 0
        return len(self.body) + edge + sum(map(len, self.encoded.values()))

    def lacks(self, choice: CodingChoice) -> bool:
        """Whether a client of this choice is to get a coding that is not made yet."""
        coding = choice.coding
        if coding is None or coding in self.encoded:
            return False
        return len(self.body) > choice.minimum and self.compressible

    async def encode(self, coding: Coding) -> None:
        """Once for all callers; a long body is compressed in a thread."""
        if coding in self.encoded:
            return
        if len(self.body) <= MAX_ON_LOOP:
            self._keep(coding, compress(self.body, coding))
            return
        if coding not in self._pending:
            self._pending[coding] = asyncio.ensure_future(self._encode_in_thread(coding))
        # Not cancelled with the one request for which it was begun.
        await asyncio.shield(self._pending[coding])

    async def _encode_in_thread(self, coding: Coding) -> None:
        try:
            self._keep(coding, await asyncio.to_thread(compress, self.body, coding))
        finally:
            del self._pending[coding]

    def _keep(self, coding: Coding, body: bytes) -> None:
        self.encoded[coding] = body
        if self.grown is not None:
            self.grown(self, len(body))
