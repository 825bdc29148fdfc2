"""An answer given again: to a GET with its ETag, and with how long others may keep it."""

from math import ceil, inf
from time import monotonic

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from app.cache.responses import Kept, etag
from app.domain.account import ANONYMOUS
from app.settings import Settings


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first of that name; all are found in one walk over them."""
    state = scope["state"]
    named: dict[bytes, bytes] | None = state.get("named_headers")
    if named is None:
        named = state["named_headers"] = dict(reversed(scope["headers"]))
    return named.get(name)


def all_of(scope: Scope, name: bytes) -> bytes:
    """All of that name as one, b"" if there is none: a second line may say something else than the first."""
    first = header(scope, name)
    if first is None or len(scope["state"]["named_headers"]) == len(scope["headers"]):
        return first or b""
    return b",".join(value for other, value in scope["headers"] if other == name)


def give_again(request: Request, kept: Kept, until: float) -> Response:
    """A GET may be kept by others, too, for as long as what it was read from may be kept here."""
    if request.method == "POST":
        headers = {"vary": "accept", "cache-control": "no-store"}
        return Response(kept.body, 200, headers, media_type=kept.media_type)
    if kept.etag is None:
        kept.etag = etag(kept.body)
    headers = {
        "vary": "accept, authorization, cookie",
        "etag": kept.etag,
        "cache-control": _cache_control(request, until),
    }
    if kept.etag in (header(request.scope, b"if-none-match") or b"").decode("latin-1"):
        return Response(b"", 304, headers)
    return Response(kept.body, 200, headers, media_type=kept.media_type)


def _cache_control(request: Request, until: float) -> str:
    state = request.scope["state"]
    settings: Settings = state["resources"].settings
    lifetime = min(until - monotonic(), settings.http_lifetime) if until != inf else settings.http_lifetime
    if lifetime < 1:
        return "no-cache"
    public = state.get("principal", ANONYMOUS).anonymous and settings.anonymous_reading
    return f"{'public' if public else 'private'}, max-age={ceil(lifetime) - 1 or 1}, must-revalidate"
