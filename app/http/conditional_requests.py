"""An answer given again: to a GET with its ETag, and with how long others may keep it."""

from math import ceil, inf

from starlette.types import Scope

from app.cache.clock import monotonic
from app.cache.responses import CachedResponse, etag
from app.http.buffered_response import BufferedResponse
from app.http.request_state import request_state


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first of that name; all are found in one walk over them."""
    state = request_state(scope)
    named = state.headers
    if named is None:
        named = state.headers = dict(reversed(scope["headers"]))
    return named.get(name)


def all_of(scope: Scope, name: bytes) -> bytes:
    """All of that name as one, b"" if there is none: a second line may say something else than the first."""
    first = header(scope, name)
    named = request_state(scope).headers
    if first is None or named is None or len(named) == len(scope["headers"]):
        return first or b""
    return b",".join(value for other, value in scope["headers"] if other == name)


def respond_from_cache(scope: Scope, kept: CachedResponse, until: float) -> BufferedResponse:
    """A GET may be kept by others, too, for as long as what it was read from may be kept here."""
    if scope["method"] == "POST":
        if kept.reply is None:
            kept.reply = for_post(kept.body, kept.media_type)
        reply: BufferedResponse = kept.reply
        return reply
    if kept.etag is None:
        kept.etag = etag(kept.body)
    headers = [
        (b"vary", b"accept, authorization, cookie"),
        (b"etag", kept.etag.encode()),
        (b"cache-control", _cache_control(scope, until)),
    ]
    if kept.etag in (header(scope, b"if-none-match") or b"").decode("latin-1"):
        return BufferedResponse(304, headers, b"")
    headers += _content(kept.body, kept.media_type)
    return BufferedResponse(200, headers, kept.body)


def for_post(body: bytes, media_type: str, status: int = 200) -> BufferedResponse:
    headers = [(b"vary", b"accept"), (b"cache-control", b"no-store"), *_content(body, media_type)]
    return BufferedResponse(status, headers, body)


def _content(body: bytes, media_type: str) -> list[tuple[bytes, bytes]]:
    return [(b"content-length", b"%d" % len(body)), (b"content-type", media_type.encode())]


def _cache_control(scope: Scope, until: float) -> bytes:
    state = request_state(scope)
    settings = state.resources.settings
    lifetime = min(until - monotonic(), settings.http_lifetime) if until != inf else settings.http_lifetime
    if lifetime < 1:
        return b"no-cache"
    public = state.principal.anonymous and settings.anonymous_reading
    return b"%s, max-age=%d, must-revalidate" % (
        b"public" if public else b"private",
        ceil(lifetime) - 1 or 1,
    )
