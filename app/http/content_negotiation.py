"""Which media type an answer takes, from what the client accepts."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"
StreamType = Literal["text/event-stream", "multipart/mixed;subscriptionspec=1.0"]
EVENT_STREAM: Final = "text/event-stream"
# Of Apollo's protocol; multipart/mixed alone is that of deferred parts of a response, which there are none of.
SUBSCRIPTION_PARTS: Final = "multipart/mixed;subscriptionspec=1.0"
PROBLEM = "application/problem+json"  # RFC 9457

# The longest Accept that is worth reading; browsers send a tenth of it.
MAX_ACCEPT_BYTES = 2000


def preferred(accept: bytes | None) -> str | None:
    """None means 406. A client that does not choose gets application/json.

    The highest q wins, then what is named outright, then what is named first.
    """
    # The rest is neither parsed nor part of the memoization key.
    return _preferred(accept[:MAX_ACCEPT_BYTES], _GRAPHQL) if accept else JSON


def preferred_of(accept: bytes | None, media_types: tuple[str, ...]) -> str | None:
    """The same among other media types; a client that does not choose gets the first."""
    return _preferred(accept[:MAX_ACCEPT_BYTES], media_types) if accept else media_types[0]


_GRAPHQL = (JSON, GRAPHQL_RESPONSE)


@lru_cache(1024)
def _preferred(accept: bytes, media_types: tuple[str, ...]) -> str | None:
    if not accept.strip():
        return media_types[0]
    best: tuple[float, bool, int] | None = None
    chosen: str | None = None
    ranges = list(_ranges(accept.decode("latin-1")))
    for media_type in media_types:
        rank = _rank(media_type, ranges)
        if rank is not None and (best is None or rank > best):
            best, chosen = rank, media_type
    return chosen


def prefers_page(accept: bytes | None) -> bool:
    """A browser that opens an address: it names text/html, and before or above any JSON."""
    if accept is None or b"text/html" not in accept:
        return False
    ranges = list(_ranges(accept[:MAX_ACCEPT_BYTES].decode("latin-1")))
    page = _rank("text/html", ranges)
    data = [_rank(kind, ranges) for kind in (JSON, GRAPHQL_RESPONSE)]
    return page is not None and all(rank is None or page > rank for rank in data)


def accepted_stream(accept: bytes | None) -> StreamType | None:
    """The kind of stream with the highest q, then the one that is named first. Only for clients that name one: wildcards select none."""
    if accept is None:
        return None
    text = accept[:MAX_ACCEPT_BYTES].lower()
    if b"event-stream" not in text and b"subscriptionspec" not in text:
        return None
    return _accepted_stream(text)


@lru_cache(256)
def _accepted_stream(accept: bytes) -> StreamType | None:
    found: list[tuple[float, StreamType]] = []
    for name, q, parameters in _parsed(accept.decode("latin-1")):
        if name == EVENT_STREAM:
            found.append((q, EVENT_STREAM))
        elif name == "multipart/mixed" and parameters.get("subscriptionspec", "").strip('"') == "1.0":
            found.append((q, SUBSCRIPTION_PARTS))
    best, stream = max(found, key=lambda each: each[0], default=(0.0, EVENT_STREAM))
    return stream if best > 0 else None


def _rank(media_type: str, ranges: list[tuple[str, float]]) -> tuple[float, bool, int] | None:
    """The most specific range that covers the type decides, even if it excludes it (q=0)."""
    family = media_type.partition("/")[0]
    for name in (media_type, f"{family}/*", "*/*"):
        for place, (range_name, q) in enumerate(ranges):
            if range_name == name:
                return (q, name == media_type, -place) if q > 0 else None
    return None


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for name, q, _ in _parsed(accept):
        yield name, q


def _parsed(accept: str) -> Iterator[tuple[str, float, dict[str, str]]]:
    """Media ranges with their quality and parameters."""
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        given = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
        if given.get("charset", "utf-8").strip('"') in ("utf-8", "utf8") and name:
            yield name, _quality(given.get("q", "1")), given


def _quality(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
