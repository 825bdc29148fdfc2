"""Responses out of the cache: ETag, 304, and for how long other caches may keep them."""

from hashlib import blake2b
from math import ceil, inf
from typing import Final

from starlette.types import Scope

from app.cache.clock import monotonic
from app.http.buffered_response import BufferedResponse
from app.http.cached_response import CachedResponse
from app.http.request_state import RequestState, header, request_state


def etag(body: bytes) -> str:
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def is_current(scope: Scope, current: str) -> bool:
    """Whether the client has the version with this ETag, so that 304 is the answer."""
    known = (header(scope, b"if-none-match") or b"").decode("latin-1")
    return current in known or known == "*"


_VARY: Final = b"accept, authorization, cookie"


def respond_from_cache(
    scope: Scope,
    kept: CachedResponse,
    until: float,
    cache_control: bytes | None = None,
    vary: bytes = _VARY,
) -> BufferedResponse:
    """The response to a GET may also be stored by browsers and proxies, for as long as the records that it was read from are valid here.

    `cache_control`, `vary`: where they are not those of all responses.
    """
    if scope["method"] == "POST":
        if kept.reply is None:
            kept.reply = for_post(kept.body, kept.media_type)
        return kept.reply
    if kept.etag is None:
        kept.etag = etag(kept.body)
    headers = [
        (b"vary", vary),
        (b"etag", kept.etag.encode()),
        (b"cache-control", cache_control or kept.cache_control or _cache_control(scope, until)),
        *request_state(scope).resources.edge.headers_for(scope, kept.edge),
    ]
    if is_current(scope, kept.etag):
        return BufferedResponse(304, headers, b"")
    headers += _content(kept.body, kept.media_type)
    headers += kept.headers
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
    return b"%s, max-age=%d, must-revalidate" % (_audience(state), ceil(lifetime) - 1 or 1)


def cache_control_until(scope: Scope, change: float) -> bytes:
    """For a response whose content changes at a known moment, on the clock of app/cache/clock.py.

    The client's own cache may store it until then, shared caches as long as any other response (docs/decisions/0049).
    """
    state = request_state(scope)
    lifetime, shared = int(change - monotonic()), int(state.resources.settings.http_lifetime)
    if lifetime < 1 or shared < 1:
        return b"no-cache"
    bound = b", s-maxage=%d" % shared if shared < lifetime else b""
    return b"%s, max-age=%d%s, must-revalidate" % (_audience(state), lifetime, bound)


def _audience(state: RequestState) -> bytes:
    public = state.principal.anonymous and state.resources.settings.anonymous_reading
    return b"public" if public else b"private"
