"""A response in L1, with what was made of it for HTTP."""

from app.http.buffered_response import BufferedResponse, Headers
from app.observability.operation_names import NameCount


class EdgeDescription:
    """The headers that name to caches at the edge what a response was read from. `changes`: as in its read set."""

    __slots__ = ("changes", "headers", "size")

    def __init__(self, headers: Headers, changes: float) -> None:
        self.headers = headers
        self.changes = changes
        self.size = sum(len(name) + len(value) for name, value in headers)


class CachedResponse:
    """`count`: where requests with it are counted. `etag` and `reply`, the response to a POST, are made once.

    `headers`: further ones that describe the body, of a response to a GET. `cache_control`: where it is not that of all
    responses. `edge`: None where no cache at the edge may store it.
    """

    __slots__ = ("body", "cache_control", "count", "edge", "etag", "headers", "media_type", "reply")

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
        self.etag: str | None = None
        self.reply: BufferedResponse | None = None

    @property
    def size(self) -> int:
        """Bytes that it takes beside the headers of all responses."""
        return len(self.body) + (self.edge.size if self.edge is not None else 0)
