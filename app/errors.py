"""Errors that clients see. app/error_table.py has what each code means in HTTP and on a WebSocket.

A class of its own is only for what other code catches; everything else is an AppError with its code.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum


class Code(StrEnum):
    """For programs: `extensions.code` in GraphQL, `code` elsewhere."""

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
    """A request that is not fulfilled, with the reason.

    `message` is for people; `field` is the path of the input field at fault; `headers` are those of an HTTP response
    with it; `details` are further facts for `extensions`.
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
    """An argument or a value that is not valid; payloads of mutations report it as INVALID."""

    code = Code.BAD_USER_INPUT


class Unauthenticated(AppError):
    code = Code.UNAUTHENTICATED


class Unavailable(AppError):
    """A server that the answer depends on is away for the moment; the request may be repeated."""

    code = Code.UNAVAILABLE


class TooMany(AppError):
    """More than a rate limit allows; `retry_after` is in seconds."""

    code = Code.RATE_LIMITED

    def __init__(self, message: str, *, retry_after: float, **details: object) -> None:
        super().__init__(message, **details)  # type: ignore[arg-type]
        self.retry_after = retry_after


class Overloaded(TooMany):
    """This server has no capacity left."""

    code = Code.OVERLOADED


class LimitExceeded(AppError):
    """More than one operation may do; `details` name the limit's setting and its value."""

    code = Code.LIMIT_EXCEEDED


class DeadlineExceeded(AppError):
    code = Code.DEADLINE_EXCEEDED


class CannotStart(Exception):
    """One sentence for operators: why the server does not start, and what to do."""


def quoted(text: str, most: int = 80) -> str:
    """What a client sent, as it may be shown to it: shortened, and without characters that cannot be seen."""
    return "'" + "".join(c if c.isprintable() else "\ufffd" for c in text[:most]) + "'"
