"""The table of error codes: HTTP status, headers and WebSocket close code of each.

HTTP, REST, GraphQL, WebSocket, SSE and pages use it; docs/limits.md lists the codes for clients.
"""

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from types import MappingProxyType
from typing import NamedTuple

from websockets.frames import CloseCode

from app.errors import AppError, Code, TooMany

# The message for unexpected exceptions, which are logged with their traceback and the request id.
INTERNAL_MESSAGE = "Something went wrong on our side; it has been noted."


class Row(NamedTuple):
    status: HTTPStatus
    close_code: CloseCode = CloseCode.POLICY_VIOLATION
    headers: Mapping[str, str] = MappingProxyType({})


ERRORS: Mapping[Code, Row] = {
    Code.BAD_USER_INPUT: Row(HTTPStatus.BAD_REQUEST),
    Code.GRAPHQL_PARSE_FAILED: Row(HTTPStatus.BAD_REQUEST),
    Code.GRAPHQL_VALIDATION_FAILED: Row(HTTPStatus.BAD_REQUEST),
    Code.OPERATION_RESOLUTION_FAILURE: Row(HTTPStatus.BAD_REQUEST),
    Code.DOCUMENT_NOT_REGISTERED: Row(HTTPStatus.BAD_REQUEST),
    Code.PERSISTED_QUERY_NOT_FOUND: Row(HTTPStatus.BAD_REQUEST),
    Code.PERSISTED_QUERY_HASH_MISMATCH: Row(HTTPStatus.BAD_REQUEST),
    Code.LIMIT_EXCEEDED: Row(HTTPStatus.BAD_REQUEST),
    Code.SLOW_SUBSCRIBER: Row(HTTPStatus.BAD_REQUEST),
    Code.UNAUTHENTICATED: Row(
        HTTPStatus.UNAUTHORIZED, headers={"www-authenticate": 'Bearer realm="dno-api"'}
    ),
    Code.FORBIDDEN: Row(HTTPStatus.FORBIDDEN),
    Code.NOT_FOUND: Row(HTTPStatus.NOT_FOUND),
    Code.METHOD_NOT_ALLOWED: Row(HTTPStatus.METHOD_NOT_ALLOWED),
    Code.NOT_ACCEPTABLE: Row(HTTPStatus.NOT_ACCEPTABLE),
    Code.CONFLICT: Row(HTTPStatus.CONFLICT),
    Code.PAYLOAD_TOO_LARGE: Row(HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    Code.UNSUPPORTED_MEDIA_TYPE: Row(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, headers={"accept": "application/json"}
    ),
    Code.RATE_LIMITED: Row(HTTPStatus.TOO_MANY_REQUESTS, CloseCode.TRY_AGAIN_LATER),
    Code.INTERNAL_SERVER_ERROR: Row(HTTPStatus.INTERNAL_SERVER_ERROR, CloseCode.INTERNAL_ERROR),
    Code.NOT_IMPLEMENTED: Row(HTTPStatus.NOT_IMPLEMENTED),
    Code.OVERLOADED: Row(HTTPStatus.SERVICE_UNAVAILABLE, CloseCode.TRY_AGAIN_LATER),
    Code.UNAVAILABLE: Row(HTTPStatus.SERVICE_UNAVAILABLE, CloseCode.TRY_AGAIN_LATER),
    Code.DEADLINE_EXCEEDED: Row(HTTPStatus.GATEWAY_TIMEOUT, CloseCode.TRY_AGAIN_LATER),
}


def headers_of(error: AppError) -> dict[str, str]:
    """The headers of an HTTP response with this error."""
    headers = {**ERRORS[error.code].headers, **error.headers}
    if isinstance(error, TooMany):
        headers["retry-after"] = str(max(1, ceil(error.retry_after - 0.001)))
    return headers
