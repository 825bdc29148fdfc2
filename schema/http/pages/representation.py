"""What a client gets of a page: its language, its encoding, and the headers that describe them."""

from gzip import compress
from typing import Final

from starlette.types import Scope

from app.http.buffered_response import BufferedResponse
from app.http.cached_response import CachedResponse
from app.http.content_negotiation import accepted_encodings
from app.http.request_state import joined_header
from app.observability.operation_names import NameCount
from app.web.language import Language, split_path
from app.web.policy import PAGE_POLICY

HTML: Final = "text/html; charset=utf-8"
_VARY: Final = b"accept-encoding, authorization, cookie"
# Where the client's preference decides, and not the address.
_VARY_BY_LANGUAGE: Final = b"accept-encoding, accept-language, authorization, cookie"
# Browsers revalidate by ETag, so that a correction is in the next view of the page.
_CACHE_CONTROL: Final = b"no-cache"
_GZIP_LEVEL: Final = 6


def accepts_gzip(scope: Scope) -> bool:
    return "gzip" in accepted_encodings(joined_header(scope, b"accept-encoding").decode("latin-1"))


def represent(
    body: bytes, language: Language, *, gzip: bool, count: NameCount | None = None, media_type: str = HTML
) -> CachedResponse:
    """The body as it is stored and sent, compressed for clients that accept it."""
    headers = [(b"content-language", language.encode())]
    if gzip:
        body = compress(body, _GZIP_LEVEL, mtime=0)
        headers.append((b"content-encoding", b"gzip"))
    return CachedResponse(body, media_type, count, headers, _CACHE_CONTROL)


def with_page_headers(scope: Scope, response: BufferedResponse) -> BufferedResponse:
    kept = [header for header in response.headers if header[0] != b"vary"]
    vary = _VARY if split_path(scope["path"]).language else _VARY_BY_LANGUAGE
    headers = [*kept, (b"vary", vary), (b"content-security-policy", PAGE_POLICY.encode())]
    return BufferedResponse(response.status, headers, response.body)
