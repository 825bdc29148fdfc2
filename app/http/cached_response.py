"""A response in L1, with what was made of it for HTTP."""

from app.http.buffered_response import BufferedResponse
from app.observability.operation_names import NameCount


class CachedResponse:
    """`count`: where requests with it are counted. `etag` and `reply`, the response to a POST, are made once."""

    __slots__ = ("body", "count", "etag", "media_type", "reply")

    def __init__(self, body: bytes, media_type: str, count: NameCount | None) -> None:
        self.body = body
        self.media_type = media_type
        self.count = count
        self.etag: str | None = None
        self.reply: BufferedResponse | None = None
