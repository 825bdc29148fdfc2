"""Which media type an answer takes, from what the client accepts."""

from collections.abc import Iterator
from functools import lru_cache

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"
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


def accepts_stream(accept: bytes | None) -> bool:
    """Only for clients that name text/event-stream: wildcards do not select it."""
    if accept is None or b"event-stream" not in accept[:MAX_ACCEPT_BYTES].lower():
        return False
    return any(
        name == EVENT_STREAM and q > 0 for name, q in _ranges(accept[:MAX_ACCEPT_BYTES].decode("latin-1"))
    )


def _rank(media_type: str, ranges: list[tuple[str, float]]) -> tuple[float, bool, int] | None:
    """The most specific range that covers the type decides, even if it excludes it (q=0)."""
    family = media_type.partition("/")[0]
    for name in (media_type, f"{family}/*", "*/*"):
        for place, (range_name, q) in enumerate(ranges):
            if range_name == name:
                return (q, name == media_type, -place) if q > 0 else None
    return None


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        given = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
        if given.get("charset", "utf-8").strip('"') in ("utf-8", "utf8") and name:
            yield name, _quality(given.get("q", "1"))


def _quality(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
