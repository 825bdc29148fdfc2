"""Responses out of the cache: ETag, 304, and for how long other caches may keep them."""

from functools import lru_cache
from math import ceil, inf
from typing import Final

from starlette.types import Scope

from app.cache.clock import monotonic
from app.http.buffered_response import BufferedResponse, Headers
from app.http.cached_response import CachedResponse
from app.http.content_coding import Coding
from app.http.entity_tags import etag, known_tag, tag_of
from app.http.request_state import RequestState, accepted_coding, joined_header, request_state


def known_version(scope: Scope, current: str) -> str | None:
    """Which of the client's tags stands for the version with this ETag, in whatever coding, so that 304 is the answer."""
    known = known_tag(joined_header(scope, b"if-none-match"), current.encode(), accepted_coding(scope).coding)
    return None if known is None else known.decode("latin-1")


VARY: Final = b"accept, authorization, cookie"


def respond_from_cache(
    scope: Scope,
    kept: CachedResponse,
    until: float,
    cache_control: bytes | None = None,
    vary: bytes = VARY,
) -> BufferedResponse:
    """The response to a GET may also be stored by browsers and proxies, for as long as the records that it was read from are valid here.

    `cache_control`, `vary`: where they are not those of all responses.
    """
    coding = accepted_coding(scope).coding
    body = kept.encoded.get(coding)
    if body is None:  # not accepted, too short, or not made
        coding, body = None, kept.body
    if scope["method"] == "POST":
        reply = kept.replies.get(coding)
        if reply is None:
            reply = kept.replies[coding] = not_stored(body, kept.media_type, coding=coding)
        return reply
    if kept.etag is None:
        kept.etag = etag(kept.body).encode()
    control = cache_control or kept.cache_control or _cache_control(scope, until)
    known = known_tag(joined_header(scope, b"if-none-match"), kept.etag, coding)
    edge = request_state(scope).resources.edge
    if known is None and not edge.on:
        written = kept.written.get(coding)
        if written is not None and written[0] == control and written[1] is vary:
            return written[2]
    headers = [
        (b"vary", vary),
        (b"etag", known or tag_of(kept.etag, coding)),
        (b"cache-control", control),
        *edge.headers_for(scope, kept.edge),
    ]
    if known is not None:
        return BufferedResponse(304, headers, b"")
    headers += [(b"content-length", b"%d" % len(body)), *_content(kept.media_type, coding)]
    headers += kept.headers
    response = BufferedResponse(200, headers, body)
    kept.written[coding] = control, vary, response
    return response


def not_stored(
    body: bytes, media_type: str, status: int = 200, coding: Coding | None = None
) -> BufferedResponse:
    """A response that must not be cached. `coding`: that of the body."""
    headers, lines = _not_stored(media_type, coding)
    length = b"%d" % len(body)
    return BufferedResponse(
        status, (*headers, (b"content-length", length)), body, b"%scontent-length: %s\r\n" % (lines, length)
    )


@lru_cache(64)
def _not_stored(media_type: str, coding: Coding | None) -> tuple[Headers, bytes]:
    """The headers without the length, and their lines."""
    # As of cached responses to a GET: the fast path sends this Vary with later ones.
    headers = [(b"vary", VARY), (b"cache-control", b"no-store"), *_content(media_type, coding)]
    return headers, BufferedResponse(200, headers, b"").lines


def _content(media_type: str, coding: Coding | None) -> Headers:
    described = [(b"content-type", media_type.encode())]
    return described if coding is None else [*described, (b"content-encoding", coding.encode())]


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
