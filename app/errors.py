"""Errors that clients see. app/error_table.py maps each code to HTTP and WebSocket.

Only errors that other code catches have a class of their own; all others are an AppError with a code.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum


class Code(StrEnum):
    """Machine-readable: `extensions.code` in GraphQL, `code` elsewhere."""

    BAD_USER_INPUT = "BAD_USER_INPUT"
    CONFLICT = "CONFLICT"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    DOCUMENT_NOT_REGISTERED = "DOCUMENT_NOT_REGISTERED"
    FORBIDDEN = "FORBIDDEN"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    NOT_FOUND = "NOT_FOUND"
    NOT_IMPLEMENTED = "NOT_IMPLEMENTED"
    OPERATION_RESOLUTION_FAILURE = "OPERATION_RESOLUTION_FAILURE"
    OVERLOADED = "OVERLOADED"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    PERSISTED_QUERY_HASH_MISMATCH = "PERSISTED_QUERY_HASH_MISMATCH"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    RATE_LIMITED = "RATE_LIMITED"
    SLOW_SUBSCRIBER = "SLOW_SUBSCRIBER"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    UNAVAILABLE = "UNAVAILABLE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"


class AppError(Exception):
    """The reason why a request fails.

    `message`: human-readable. `field`: path of the invalid input field. `headers`: added to the HTTP response.
    `details`: further members of `extensions`.
    """

    code = Code.INTERNAL_SERVER_ERROR

    def __init__(
        self,
        message: str,
        code: Code | None = None,
        *,
        field: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        **details: object,
    ) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.field = tuple(field)
        self.headers = headers or {}
        self.details = details


class BadInput(AppError):
    """An invalid argument or value; payloads of mutations report it as INVALID."""

    code = Code.BAD_USER_INPUT


class Unauthenticated(AppError):
    code = Code.UNAUTHENTICATED


class Unavailable(AppError):
    """A server that the response depends on is not available; the request may be repeated."""

    code = Code.UNAVAILABLE


class TooMany(AppError):
    """A rate limit is exceeded; `retry_after` is in seconds."""

    code = Code.RATE_LIMITED

    def __init__(self, message: str, *, retry_after: float, **details: object) -> None:
        super().__init__(message, **details)  # type: ignore[arg-type]
        self.retry_after = retry_after


class Overloaded(TooMany):
    """This process has no capacity left."""

    code = Code.OVERLOADED


class LimitExceeded(AppError):
    """An operation exceeds a limit; `details` name its setting and its value."""

    code = Code.LIMIT_EXCEEDED


class DeadlineExceeded(AppError):
    code = Code.DEADLINE_EXCEEDED


class CannotStart(Exception):
    """Why the server does not start and how to fix it, in one sentence for operators."""


def quoted(text: str, max_length: int = 80) -> str:
    """Text of a client for use in a message: truncated, and without unprintable characters."""
    return "'" + "".join(c if c.isprintable() else "\ufffd" for c in text[:max_length]) + "'"
