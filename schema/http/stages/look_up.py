"""Stage "look up": finds a cached response to the same request, before parsing, since a hit needs no parsed body."""

from starlette.types import Scope

from app.cache.memory import Entry
from app.cache.responses import Made, ResponseKey, body_of, head_of
from app.http.buffered_response import BufferedResponse
from app.http.conditional_requests import respond_from_cache
from app.http.encoded_response import encode_cached
from app.http.request_state import accepted_coding, joined_header, request_state
from app.observability.operation_names import NameCount
from app.resources import resources_of


def response_key(scope: Scope, body: bytes, *, anonymous_reading: bool) -> ResponseKey:
    """The key of the response: everything that it depends on."""
    principal = request_state(scope).principal
    # Anonymous callers share the responses of a VIEWER only if anonymous reading is allowed.
    may_read = anonymous_reading or not principal.anonymous
    head = head_of(
        principal.role.value if may_read else "",
        scope["method"],
        joined_header(scope, b"accept"),
        joined_header(scope, b"content-type"),
        joined_header(scope, b"content-encoding"),
        body_of(scope["query_string"]),
    )
    return ResponseKey(head, body_of(body))


def look_up_response(
    scope: Scope, key: ResponseKey | tuple[str, bytes | str]
) -> tuple[BufferedResponse, NameCount] | None:
    """A cached response that is still valid, and the counter of its operation. None also if it has to be encoded first."""
    entry = resources_of(scope).responses.get(key)
    return None if entry is None else respond_with(scope, entry)


def respond_with(scope: Scope, entry: Entry | Made) -> tuple[BufferedResponse, NameCount] | None:
    """A response that is valid, for this request. None if it has to be encoded first."""
    kept, choice = entry.value, accepted_coding(scope)
    reply = kept.replies.get(choice.coding)
    if reply is not None and scope["method"] == "POST":
        return reply, kept.count
    if kept.lacks(choice):
        return None
    return respond_from_cache(scope, kept, entry.until), kept.count


async def look_up_encoded(scope: Scope, key: ResponseKey) -> tuple[BufferedResponse, NameCount] | None:
    """The same, encoded for the client."""
    entry = resources_of(scope).responses.get(key)
    if entry is None:
        return None
    await encode_cached(scope, entry.value)
    return respond_from_cache(scope, entry.value, entry.until), entry.value.count
