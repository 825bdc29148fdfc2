"""Responses out of the cache: ETag, 304, and for how long other caches may keep them."""

from hashlib import blake2b
from math import ceil, inf

from starlette.types import Scope

from app.cache.clock import monotonic
from app.http.buffered_response import BufferedResponse
from app.http.cached_response import CachedResponse
from app.http.request_state import header, request_state


def etag(body: bytes) -> str:
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def is_current(scope: Scope, current: str) -> bool:
    """Whether the client has the version with this ETag, so that 304 is the answer."""
    return current in (header(scope, b"if-none-match") or b"").decode("latin-1")


def respond_from_cache(scope: Scope, kept: CachedResponse, until: float) -> BufferedResponse:
    """The response to a GET may also be stored by browsers and proxies, for as long as the records that it was read from are valid here."""
    if scope["method"] == "POST":
        if kept.reply is None:
            kept.reply = for_post(kept.body, kept.media_type)
        return kept.reply
    if kept.etag is None:
        kept.etag = etag(kept.body)
    headers = [
        (b"vary", b"accept, authorization, cookie"),
        (b"etag", kept.etag.encode()),
        (b"cache-control", _cache_control(scope, until)),
    ]
    if is_current(scope, kept.etag):
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
