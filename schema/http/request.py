"""Reads the GraphQL request in an HTTP request, by the GraphQL-over-HTTP specification. Documents are not parsed here."""

from enum import Enum
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from app.errors import AppError, BadInput, Code
from app.http.content_negotiation import GRAPHQL_RESPONSE, JSON, StreamType, accepted_stream, preferred
from app.http.headers import Headers, joined
from app.http.json_body import MAX_LEVELS, UNREADABLE, nests_too_deeply, reason

Map = dict[str, Any]

ALLOWED = "DELETE, GET, HEAD, POST, PUT"
_JSON = JSON.encode()
BOM = b"\xef\xbb\xbf"
PARAMETERS = frozenset(("query", "operationName", "variables", "extensions", "documentId"))
# A page of another origin can set none of these without a CORS preflight.
PREFLIGHTED = frozenset((b"x-requested-with", b"apollo-require-preflight", b"graphql-require-preflight"))


class GraphQLRequest(msgspec.Struct, frozen=True):
    """`query` is None only if a persisted document is named instead."""

    query: str | None
    variables: Map
    operation_name: str | None
    extensions: Map
    media_type: str
    document_id: str | None = None

    @property
    def sha256(self) -> str | None:
        """The hash of an automatic persisted query; None if there is none or it is no string."""
        persisted = self.extensions.get("persistedQuery")
        digest = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
        return digest if isinstance(digest, str) else None


class ResultKind(Enum):
    """The outcome of an operation; its status depends on it."""

    COMPLETE = "data without errors"
    PARTIAL = "data, perhaps null, with errors"
    REJECTED = "no data: the document, the operation or the variables were rejected"
    UNREADABLE = "no GraphQL request at all"


def status_for(kind: ResultKind, media_type: str) -> int:
    """The HTTP status by the GraphQL-over-HTTP specification, unless an AppError has one of its own.

    With application/json every well-formed request gets 200, because another status may be that of a gateway. With
    application/graphql-response+json, 294 is "Partial Success". For documents that do not validate, the edition of
    September 2026 prefers 422 and the audits of graphql-http require 400; both are allowed, and 400 passes the audits.
    """
    if kind is ResultKind.UNREADABLE:
        return 400
    if media_type == JSON or kind is ResultKind.COMPLETE:
        return 200
    return 294 if kind is ResultKind.PARTIAL else 400


def read_graphql_request(
    method: str, headers: Headers, query_string: bytes, body: bytes, *, batch: int = 0
) -> GraphQLRequest | tuple[GraphQLRequest, ...]:
    """A tuple is a batch of at most `batch` operations. Raises AppError."""
    if method not in ("GET", "HEAD", "POST"):
        raise _not_allowed(f"GraphQL is asked by GET or POST, not by {method[:20]}.", allow=ALLOWED)
    media_type = accepted(headers)
    if method == "POST":
        check_content(headers)
        return read_body(body, media_type, batch)
    return _read_query_string(query_string, media_type)


def read_payload(payload: bytes) -> GraphQLRequest:
    """The operation in the payload of a WebSocket message. Raises BadInput."""
    return _request(_decode(payload), JSON)


def accepted(headers: Headers) -> str:
    """The media type of the response. Raises NOT_ACCEPTABLE."""
    accept = joined(headers, b"accept")
    media_type = preferred(accept) or (JSON if accepted_stream(accept) else None)
    if media_type is None:
        raise AppError(
            f"Answers come as {GRAPHQL_RESPONSE} or {JSON}; the request accepts neither.", Code.NOT_ACCEPTABLE
        )
    return media_type


def mutation_over_get() -> AppError:
    """The error for a mutation whose method is not POST."""
    return _not_allowed("A mutation needs POST: a GET must change nothing.", allow="POST")


def _not_allowed(message: str, *, allow: str) -> AppError:
    return AppError(message, Code.METHOD_NOT_ALLOWED, headers={"allow": allow})


def wanted_stream(headers: Headers, *, subscribes: bool) -> StreamType | None:
    """The kind of stream that the response is: if nothing else is accepted, or for a subscription that accepts it."""
    accept = joined(headers, b"accept")
    return accepted_stream(accept) if subscribes or preferred(accept) is None else None


def shows_intent(headers: Headers) -> bool:
    """Whether a page of another origin could send this only after a CORS preflight.

    Other requests may be forged (CSRF): an HTML form can post text/plain with the user's cookies.
    """
    for name, value in headers:
        if name == b"content-type" and _bare(value) == _JSON:
            return True
        if name in PREFLIGHTED and value:
            return True
    return False


class _Body(msgspec.Struct, rename="camel"):
    """Unknown members are ignored, as the specification requires; null is the same as absent."""

    query: str | None = None
    variables: Map | None = None
    operation_name: str | None = None
    extensions: Map | None = None
    document_id: str | None = None


_decode_one = msgspec.json.Decoder(_Body).decode
_decode_many = msgspec.json.Decoder(list[_Body]).decode
_decode_map = msgspec.json.Decoder(Map | None).decode


def read_body(body: bytes, media_type: str, batch: int) -> GraphQLRequest | tuple[GraphQLRequest, ...]:
    """The body of a POST whose headers have been checked. A tuple is a batch of at most `batch` operations."""
    body = body.removeprefix(BOM)
    if body[:1] == b"[" or body.lstrip()[:1] == b"[":
        return _read_batch(body, media_type, batch)
    return _request(_decode(body), media_type)


def _decode(body: bytes) -> _Body:
    try:
        read = _decode_one(body)
    except UNREADABLE as error:
        raise _unreadable(error, body) from None
    _check_levels(read, body)
    return read


def _check_levels(read: _Body, text: bytes) -> None:
    if text.count(b"[") + text.count(b"{") <= MAX_LEVELS:  # the common case, without a walk
        return
    for name, value in (("variables", read.variables), ("extensions", read.extensions)):
        if value and nests_too_deeply(value, text):
            raise BadInput(f"`{name}` is nested too deeply; at most {MAX_LEVELS} levels are allowed.")


def _read_batch(body: bytes, media_type: str, batch: int) -> tuple[GraphQLRequest, ...]:
    if not batch:
        raise BadInput("A request holds one operation: batches are switched off here.")
    try:
        operations = _decode_many(body)
    except UNREADABLE as error:
        raise _unreadable(error, body) from None
    for operation in operations:
        _check_levels(operation, body)
    if not 0 < len(operations) <= batch:
        raise BadInput(f"A batch holds from 1 to {batch} operations.", limit=batch)
    return tuple(_request(operation, media_type) for operation in operations)


def _read_query_string(query_string: bytes, media_type: str) -> GraphQLRequest:
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        raise BadInput("The query string cannot be read.") from None
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in PARAMETERS:
            if name in parameters:
                # Ambiguous: a proxy's cache may use the other one of the two.
                raise BadInput(f"The parameter {name} is given twice.")
            parameters[name] = value
    body = _Body(
        query=parameters.get("query") or None,
        variables=_map(parameters, "variables"),
        operation_name=parameters.get("operationName") or None,
        extensions=_map(parameters, "extensions"),
        document_id=parameters.get("documentId") or None,
    )
    return _request(body, media_type)


def _map(parameters: dict[str, str], name: str) -> Map | None:
    text = parameters.get(name)
    if not text:
        return None
    try:
        found: Map | None = _decode_map(text)
    except UNREADABLE as error:
        raise BadInput(f"The parameter {name} must be a JSON object: {reason(error)}.") from None
    if found and nests_too_deeply(found, text):
        raise BadInput(f"`{name}` is nested too deeply; at most {MAX_LEVELS} levels are allowed.")
    return found


def _request(body: _Body, media_type: str) -> GraphQLRequest:
    extensions = body.extensions or {}
    if not body.query and body.document_id is None and "persistedQuery" not in extensions:
        raise BadInput("The request has no query: it must be a string that holds a GraphQL document.")
    return GraphQLRequest(
        query=body.query or None,
        variables=body.variables or {},
        operation_name=body.operation_name or None,
        extensions=extensions,
        media_type=media_type,
        document_id=body.document_id,
    )


def _unreadable(error: Exception, body: bytes) -> BadInput:
    if not body.strip():
        return BadInput("The request's body is empty; it must be a JSON object with a query.")
    if isinstance(error, msgspec.ValidationError):
        return BadInput(f"The request is no GraphQL request: {reason(error)}.")
    if isinstance(error, RecursionError):
        return BadInput("The request's body is nested too deeply.")
    return BadInput("The request's body is not valid JSON.")


def check_content(headers: Headers) -> None:
    content_type = encoding = None
    for name, value in headers:
        if name == b"content-type":
            content_type = value
        elif name == b"content-encoding":
            encoding = value
    if content_type is None or not _is_json(content_type):
        raise AppError(
            "A POST needs the header Content-Type: application/json, in UTF-8.", Code.UNSUPPORTED_MEDIA_TYPE
        )
    if encoding not in (None, b"", b"identity"):
        raise AppError("The request's body must not be compressed.", Code.UNSUPPORTED_MEDIA_TYPE)


def _is_json(content_type: bytes) -> bool:
    if content_type == _JSON:
        return True
    if _bare(content_type) != _JSON:
        return False
    for parameter in content_type.lower().split(b";")[1:]:
        name, _, value = parameter.strip().partition(b"=")
        if name.strip() == b"charset" and value.strip(b'" ') not in (b"utf-8", b"utf8", b"us-ascii"):
            return False
    return True


def _bare(content_type: bytes) -> bytes:
    return content_type.partition(b";")[0].strip().lower()
