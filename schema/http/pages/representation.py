"""What a client gets of a page: its language, and the headers that describe it."""

from typing import Final

from starlette.types import Scope

from app.http.buffered_response import BufferedResponse
from app.http.cached_response import CachedResponse
from app.observability.operation_names import NameCount
from app.web.language import Language, split_path
from app.web.policy import PAGE_POLICY

HTML: Final = "text/html; charset=utf-8"
_VARY: Final = b"authorization, cookie"
# Where the client's preference decides, and not the address.
_VARY_BY_LANGUAGE: Final = b"accept-language, authorization, cookie"
# Browsers revalidate by ETag, so that a correction is in the next view of the page.
_CACHE_CONTROL: Final = b"no-cache"


def represent(
    body: bytes, language: Language, count: NameCount | None = None, media_type: str = HTML
) -> CachedResponse:
    """The body as it is stored."""
    return CachedResponse(body, media_type, count, [(b"content-language", language.encode())], _CACHE_CONTROL)


def with_page_headers(scope: Scope, response: BufferedResponse) -> BufferedResponse:
    kept = [header for header in response.headers if header[0] != b"vary"]
    vary = _VARY if split_path(scope["path"]).language else _VARY_BY_LANGUAGE
    headers = [*kept, (b"vary", vary), (b"content-security-policy", PAGE_POLICY.encode())]
    return BufferedResponse(response.status, headers, response.body)
