"""Responses in the content coding that their client accepts."""

from starlette.types import Scope

from app.http.buffered_response import BufferedResponse, Headers
from app.http.cached_response import CachedResponse
from app.http.compression import compressed
from app.http.compression_rule import may_be_compressed
from app.http.content_coding import Coding
from app.http.entity_tags import tag_of
from app.http.request_state import accepted_coding


async def encode_cached(scope: Scope, response: CachedResponse) -> None:
    """Makes the coding of a response that is the same for all callers of a role, unless there is one already."""
    choice = accepted_coding(scope)
    if choice.coding is not None and response.lacks(choice):
        await response.encode(choice.coding)


async def encode_response(scope: Scope, response: BufferedResponse) -> BufferedResponse:
    """The response to this request alone, encoded if it may be."""
    choice = accepted_coding(scope)
    if choice.coding is None or len(response.body) <= choice.minimum:
        return response
    if not may_be_compressed(scope, response.headers):
        return response
    body = await compressed(response.body, choice.coding)
    headers = [*encoded_headers(response.headers, choice.coding), (b"content-length", b"%d" % len(body))]
    return BufferedResponse(response.status, headers, body)


def encoded_headers(headers: Headers, coding: Coding) -> list[tuple[bytes, bytes]]:
    """Those of the encoded body, without its length."""
    kept = [
        (name, tag_of(value, coding) if name == b"etag" else value)
        for name, value in headers
        if name not in (b"content-length", b"accept-ranges")
    ]
    return [*kept, (b"content-encoding", coding.encode())]
