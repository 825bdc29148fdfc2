"""Stage "store": puts a cacheable response into L1 under its key, tagged with its read set."""

from starlette.types import Scope

from app.cache.read_set import ReadSet
from app.cache.responses import ResponseKey
from app.http.cached_response import CachedResponse
from app.observability.operation_names import NameCount
from app.resources import resources_of


def store_clock(scope: Scope) -> int:
    """Must be read before execution: a response is not stored if its data was invalidated after this."""
    return resources_of(scope).responses.now()


def store_response(
    scope: Scope,
    key: ResponseKey,
    body: bytes,
    media_type: str,
    read_set: ReadSet,
    since: int,
    count: NameCount | None = None,
    *,
    wanted: bool,
) -> CachedResponse:
    """The response in the form of a cached one. `since`: from store_clock(). `wanted`: whether it is stored."""
    cached = CachedResponse(body, media_type, count)
    resources = resources_of(scope)
    if scope["method"] != "POST":
        cached.edge = resources.edge.describe(read_set)
    if wanted:
        resources.responses.store(key, cached, read_set, since)
    return cached
