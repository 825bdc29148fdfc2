"""An AppError as an HTTP response; any other exception as INTERNAL_SERVER_ERROR without details."""

from collections.abc import Mapping

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from app.error_table import ERRORS, INTERNAL_MESSAGE, headers_of
from app.errors import AppError, Code, Overloaded
from app.http.content_negotiation import JSON, PROBLEM, preferred, prefers_page
from app.http.request_state import joined_header, request_state
from app.observability import metrics

log = structlog.get_logger("http")

# From zero: in a counter that begins with the first error, Prometheus sees no increase.
for _code in Code:
    metrics.ERRORS.labels(_code)


def respond(scope: Scope, error: AppError, headers: Mapping[str, str] | None = None) -> Response:
    """The error in the format of the path: GraphQL errors, or a problem by RFC 9457; for a browser a page."""
    all_headers = {"cache-control": "no-store", **headers_of(error), **(headers or {})}
    if scope["path"].rstrip("/").endswith("/graphql"):
        return _graphql(scope, error, all_headers)
    if prefers_page(joined_header(scope, b"accept")):
        return request_state(scope).resources.error_page(scope, error, all_headers)
    return _problem(scope, error, all_headers)


async def pace(scope: Scope, error: BaseException) -> None:
    """Waits until the refusal of a request for lack of capacity may be sent; other errors do not wait."""
    if isinstance(error, Overloaded):
        await request_state(scope).resources.refusals.turn()


def respond_unexpected(scope: Scope, error: BaseException) -> Response:
    """Nothing of the error itself goes outside; the log has it whole, under the same request id."""
    log.error("unexpected error", path=scope["path"], exc_info=error)
    return respond(scope, AppError(INTERNAL_MESSAGE))


def respond_http(scope: Scope, error: HTTPException) -> Response:
    """Starlette's own: no such path, no such method."""
    detail = error.detail if error.status_code < 500 else INTERNAL_MESSAGE
    code = _OF_STARLETTE.get(error.status_code, Code.INTERNAL_SERVER_ERROR)
    return respond(scope, AppError(detail, code), error.headers)


# Where several codes have one status, the first of the table.
_OF_STARLETTE: Mapping[int, Code] = {row.status: code for code, row in reversed(tuple(ERRORS.items()))}


def _graphql(scope: Scope, error: AppError, headers: Mapping[str, str]) -> Response:
    metrics.ERRORS.labels(error.code).inc()
    extensions = {"code": error.code, **error.details, **_request_id(scope)}
    body = {"errors": [{"message": error.message, "extensions": extensions}]}
    accept = joined_header(scope, b"accept")
    return Response(
        msgspec.json.encode(body),
        ERRORS[error.code].status,
        dict(headers),
        media_type=f"{preferred(accept) or JSON}; charset=utf-8",
    )


def _problem(scope: Scope, error: AppError, headers: Mapping[str, str]) -> Response:
    status = ERRORS[error.code].status
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status,
        "detail": error.message,
        "code": error.code,
        **({"argument": ".".join(error.field)} if error.field else {}),
        **error.details,
        **_request_id(scope),
    }
    return Response(msgspec.json.encode(body), status, dict(headers), media_type=PROBLEM)


def _request_id(scope: Scope) -> dict[str, str]:
    name = request_state(scope).request_id
    return {"requestId": name} if name else {}
