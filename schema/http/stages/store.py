"""Stage "store": a response that may be cached goes into L1 under its key and its read set."""

from starlette.types import Scope

from app.cache.read_set import ReadSet
from app.cache.responses import ResponseKey
from app.http.cached_response import CachedResponse
from app.observability.operation_names import NameCount
from app.resources import resources_of


def store_clock(scope: Scope) -> int:
    """To be read before execution: an invalidation from then on keeps the response out of the cache."""
    return resources_of(scope).responses.now()


def store_response(
    scope: Scope,
    key: ResponseKey,
    body: bytes,
    media_type: str,
    read_set: ReadSet,
    since: int,
    count: NameCount | None = None,
) -> CachedResponse:
    """To be written like one out of the cache, whether it was stored or not. `since`: of store_clock()."""
    cached = CachedResponse(body, media_type, count)
    resources_of(scope).responses.keep(key, cached, read_set, since)
    return cached
