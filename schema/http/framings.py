"""How the results of an open operation are written into one response: as server-sent events, or as parts of a multipart response."""

from types import SimpleNamespace
from typing import Protocol

from app.http.content_negotiation import EVENT_STREAM, SUBSCRIPTION_PARTS, StreamType
from app.observability import metrics
from app.observability.counting import Count


class Framing(Protocol):
    """`opening` is sent with the head, `keep_alive` while there is nothing to send, `end` last."""

    content_type: str
    route: SimpleNamespace  # the duration of an open stream is no response time, so metrics count it apart
    opening: bytes
    keep_alive: bytes
    end: bytes

    def result(self, body: bytes) -> bytes:
        """A response of the operation, with data, errors or both."""

    def failure(self, body: bytes) -> bytes:
        """The errors, as a response without data, with which the stream ends."""

    @property
    def delivered(self) -> Count: ...


class ServerSentEvents:
    """graphql-sse in its distinct connections mode."""

    content_type = EVENT_STREAM
    route = SimpleNamespace(path="/graphql (event stream)")
    opening = keep_alive = b":\n\n"
    end = b"event: complete\ndata:\n\n"
    delivered = Count(metrics.CHANGES_SENT, "event stream")

    def result(self, body: bytes) -> bytes:
        return b"event: next\ndata: %s\n\n" % body

    failure = result


class SubscriptionParts:
    """Apollo's protocol for subscriptions over HTTP, version 1.0.

    Clients read a part once the boundary behind it has arrived, so each is sent with it. JSON has no line breaks in strings,
    so no result contains the boundary.
    """

    content_type = 'multipart/mixed; boundary="graphql"; subscriptionSpec="1.0"'
    route = SimpleNamespace(path="/graphql (multipart)")
    opening = b"\r\n--graphql"
    keep_alive = b"\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql"
    end = b"--\r\n"
    delivered = Count(metrics.CHANGES_SENT, "multipart")

    def result(self, body: bytes) -> bytes:
        return self._part(b'{"payload":%s}' % body)

    def failure(self, body: bytes) -> bytes:
        return self._part(b'{"payload":null,%s' % body[1:])

    def _part(self, body: bytes) -> bytes:
        return b"\r\ncontent-type: application/json\r\n\r\n%s\r\n--graphql" % body


FRAMINGS: dict[StreamType, Framing] = {
    EVENT_STREAM: ServerSentEvents(),
    SUBSCRIPTION_PARTS: SubscriptionParts(),
}
