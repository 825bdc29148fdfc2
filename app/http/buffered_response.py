"""A whole answer before middleware has seen it: a status, headers of its own, and a body."""

from collections.abc import Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Headers = Sequence[tuple[bytes, bytes]]


class BufferedResponse:
    """Its headers are those that differ between responses: length, media type, for how long it is valid.

    An ASGI application, too; unlike Starlette's Response it is made of bytes that are ready.
    """

    __slots__ = ("_lines", "body", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes, lines: bytes | None = None) -> None:
        """`lines`: as below, if they are there already; they are all that the fast path needs of the headers."""
        self.status = status
        self.headers = headers
        self.body = body
        self._lines = lines

    @classmethod
    def of(cls, response: Response) -> "BufferedResponse":
        return cls(response.status_code, response.raw_headers, bytes(response.body))

    @property
    def lines(self) -> bytes:
        """The headers as lines of HTTP/1.1, but for `vary`, which middleware may have added to."""
        if self._lines is None:
            self._lines = b"".join(
                [b"%s: %s\r\n" % header for header in self.headers if header[0] != b"vary"]
            )
        return self._lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": [*self.headers]})
        await send({"type": "http.response.body", "body": self.body})
