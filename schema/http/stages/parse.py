"""Stage "parse": reads the body of an HTTP request, and the GraphQL request or batch in it."""

from starlette.requests import ClientDisconnect, Request
from starlette.types import Scope

from schema.http.request import GraphQLRequest, read_body, read_graphql_request

Parsed = GraphQLRequest | tuple[GraphQLRequest, ...]


async def receive_body(request: Request) -> bytes:
    """Raises ClientDisconnect. Most bodies arrive in one piece."""
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    body: bytes = message.get("body", b"")
    return body + await request.body() if message.get("more_body", False) else body


def parse_request(scope: Scope, body: bytes, max_batch: int, media_type: str | None = None) -> Parsed:
    """A tuple is a batch. `media_type`: that of the response, if the headers have been checked before."""
    if media_type is not None and scope["method"] == "POST":
        return read_body(body, media_type, max_batch)
    return read_graphql_request(
        scope["method"], scope["headers"], scope["query_string"], body, batch=max_batch
    )
