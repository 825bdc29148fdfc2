"""The refusal of a request on the fast path while the server has no capacity: bytes that are prepared once per head."""

from copy import copy
from typing import NamedTuple

from app.errors import Code, Overloaded
from app.http.buffered_response import BufferedResponse
from app.http.cached_request_head import CachedRequestHead
from app.http.errors import respond
from app.http.request_state import request_state, with_state
from app.observability import metrics
from app.observability.counting import Count

# Stands for the request id in what is prepared.
_PLACE = "-request-id-"


class Refusal(NamedTuple):
    """`before` and `after`: the body around the request id. `lines`: the headers but for the length."""

    status: int
    lines: bytes
    before: bytes
    after: bytes

    def response(self, request_id: bytes) -> BufferedResponse:
        body = b"%s%s%s" % (self.before, request_id, self.after)
        lines = b"%scontent-length: %d\r\n" % (self.lines, len(body))
        return BufferedResponse(self.status, (), body, lines)


class Refusals:
    def __init__(self) -> None:
        self._count = Count(metrics.ERRORS, Code.OVERLOADED)

    def refuse(self, head: CachedRequestHead, error: Overloaded, request_id: bytes) -> BufferedResponse:
        """The same bytes as `respond` would make for this error, which always has the same text."""
        refusal: Refusal | None = head.refusal
        if refusal is None:
            refusal = head.refusal = _prepare(head, error)
        else:
            self._count.value += 1
        return refusal.response(request_id)


def _prepare(head: CachedRequestHead, error: Overloaded) -> Refusal:
    state = copy(request_state(head.scope))
    state.request_id = _PLACE
    response = BufferedResponse.of(respond(with_state(head.scope, state), error))
    before, _, after = response.body.partition(_PLACE.encode())
    lines = [
        line for line in response.lines.splitlines(keepends=True) if not line.startswith(b"content-length:")
    ]
    return Refusal(response.status, b"".join(lines), before, after)
