"""An AppError as an HTTP response; any other exception as INTERNAL_SERVER_ERROR without details."""

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from app.errors import AppError, TooMany
from app.http.content_negotiation import JSON, preferred
from app.http.request_state import request_state
from app.observability import metrics

log = structlog.get_logger("http")

INTERNAL_ERROR = "Something went wrong on our side; it has been noted."
PROBLEM = "application/problem+json"

STATUSES: Mapping[str, int] = {
    "BAD_USER_INPUT": 400,
    "GRAPHQL_PARSE_FAILED": 400,
    "GRAPHQL_VALIDATION_FAILED": 400,
    "INVALID": 400,
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "RATE_LIMITED": 429,
    "INTERNAL_SERVER_ERROR": 500,
    "OVERLOADED": 503,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


class HttpError(AppError):
    """A refusal that only HTTP has: it brings its own status and headers."""

    status = 400
    headers: Mapping[str, str] = {}


class MethodNotAllowed(HttpError):
    code = "METHOD_NOT_ALLOWED"
    status = 405

    def __init__(self, message: str, *, allow: str) -> None:
        super().__init__(message)
        self.headers = {"allow": allow}


class NotAcceptable(HttpError):
    code = "NOT_ACCEPTABLE"
    status = 406


class TooLarge(HttpError):
    code = "PAYLOAD_TOO_LARGE"
    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request's body is larger than {limit} bytes.", limit=limit)


class UnsupportedMediaType(HttpError):
    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415
    headers: Mapping[str, str] = {"accept": "application/json"}


def status_of(refusal: AppError) -> int:
    return refusal.status if isinstance(refusal, HttpError) else STATUSES.get(refusal.code, 400)


def respond(scope: Scope, refusal: AppError, headers: Mapping[str, str] | None = None) -> Response:
    """The refusal in the shape that the path speaks: GraphQL's errors, or RFC 9457's problem."""
    all_headers = {"cache-control": "no-store", **_headers(refusal), **(headers or {})}
    write = _graphql if scope["path"].rstrip("/").endswith("/graphql") else _problem
    return write(scope, refusal, all_headers)


def respond_unexpected(scope: Scope, error: BaseException) -> Response:
    """Nothing of the error itself goes outside; the log has it whole, under the same request id."""
    log.error("unexpected error", path=scope["path"], exc_info=error)
    return respond(scope, _Unexpected(INTERNAL_ERROR))


def respond_http(scope: Scope, error: HTTPException) -> Response:
    """Starlette's own: no such path, no such method."""
    refusal = _Starlette(error.detail if error.status_code < 500 else INTERNAL_ERROR)
    refusal.status = error.status_code
    refusal.code = HTTPStatus(error.status_code).name
    return respond(scope, refusal, error.headers)


class _Unexpected(HttpError):
    code = "INTERNAL_SERVER_ERROR"
    status = 500


class _Starlette(HttpError):
    pass


def _headers(refusal: AppError) -> dict[str, str]:
    if isinstance(refusal, HttpError):
        return dict(refusal.headers)
    if isinstance(refusal, TooMany):
        return {"retry-after": str(max(1, ceil(refusal.retry_after - 0.001)))}
    return {"www-authenticate": 'Bearer realm="dno-api"'} if refusal.code == "UNAUTHENTICATED" else {}


def _graphql(scope: Scope, refusal: AppError, headers: Mapping[str, str]) -> Response:
    metrics.ERRORS.labels(refusal.code).inc()
    extensions = {"code": refusal.code, **refusal.details, **_request_id(scope)}
    body = {"errors": [{"message": refusal.message, "extensions": extensions}]}
    accept = next((value for name, value in scope["headers"] if name == b"accept"), None)
    return Response(
        msgspec.json.encode(body),
        status_of(refusal),
        dict(headers),
        media_type=f"{preferred(accept) or JSON}; charset=utf-8",
    )


def _problem(scope: Scope, refusal: AppError, headers: Mapping[str, str]) -> Response:
    status = status_of(refusal)
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": refusal.message,
        "code": refusal.code,
        **refusal.details,
        **_request_id(scope),
    }
    return Response(msgspec.json.encode(body), status, dict(headers), media_type=PROBLEM)


def _request_id(scope: Scope) -> dict[str, str]:
    name = request_state(scope).request_id
    return {"requestId": name} if name else {}
