"""A response in L1, with what was made of it for HTTP."""

from app.http.buffered_response import BufferedResponse, Headers
from app.observability.operation_names import NameCount


class CachedResponse:
    """`count`: where requests with it are counted. `etag` and `reply`, the response to a POST, are made once.

    `headers`: further ones that describe the body, of a response to a GET. `cache_control`: where it is not that of all
    responses.
    """

    __slots__ = ("body", "cache_control", "count", "etag", "headers", "media_type", "reply")

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
        self.etag: str | None = None
        self.reply: BufferedResponse | None = None
