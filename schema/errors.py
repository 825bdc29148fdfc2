"""Formats errors for GraphQL responses: an AppError with its code, any other exception logged and without details."""

import re
from collections.abc import Sequence
from typing import Any

import structlog
from graphql import GraphQLError

from app.error_table import INTERNAL_MESSAGE
from app.errors import AppError, BadInput, Code, LimitExceeded
from app.observability import metrics

log = structlog.get_logger("graphql")

# Errors of one response, and characters of one message.
MAX_ERRORS, MAX_MESSAGE_LENGTH = 50, 1000

# graphql-core gives the path of an invalid variable value only in the message.
_WRONG_VALUE = re.compile(r"Variable '\$(\w+)' has invalid value(?: at ([\w.\[\]]+))?:")
# graphql-core appends such a value in Python's notation.
_SHOWN_VALUE = re.compile(r"(?:[,;] found|(?P<stop>\.) Found|(?P<value> value)): .*\Z", re.DOTALL)
_NOT_NULL = re.compile(r"(type '[\w\[\]!]+' not to be) None\b")
# At the start only: from each further "Value " the whole rest, which may be a megabyte, would be searched again.
_ENUM_VALUE = re.compile(r"\A Value .* does not exist in ", re.DOTALL)


def formatted(
    errors: Sequence[GraphQLError], request_id: str, code: str | None = None
) -> list[dict[str, Any]]:
    """`code` is that of errors without one: those of a document that was not executed.

    Bounded in number and length: one invalid value can cause thousands of errors.
    """
    shown = [_formatted(error, request_id, code) for error in errors[:MAX_ERRORS]]
    if len(errors) > MAX_ERRORS:
        message = f"There are {len(errors)} errors; the first {MAX_ERRORS} are listed."
        shown.append(
            {
                "message": message,
                "extensions": {"code": LimitExceeded.code, "limit": "ERRORS", "maximum": MAX_ERRORS},
            }
        )
    return shown


def forget_frames(errors: Sequence[BaseException]) -> None:
    """Breaks reference cycles of errors that have been formatted: a traceback refers to frames that refer to the error,
    and would keep the document, the context and loaded data in memory until a garbage collection.
    """
    pending = list(errors)
    seen: set[int] = set()
    while pending:
        error = pending.pop()
        seen.add(id(error))
        error.__traceback__ = None
        causes = (getattr(error, "original_error", None), error.__cause__, error.__context__)
        pending += [cause for cause in causes if cause is not None and id(cause) not in seen]


def _formatted(error: GraphQLError, request_id: str, code: str | None) -> dict[str, Any]:
    shown: dict[str, Any] = dict(error.formatted)
    cause = _cause(error)
    if isinstance(cause, AppError):
        shown["message"] = cause.message
        path = {"field": list(cause.field)} if cause.field else {}
        extensions = {"code": cause.code, **path, **cause.details}
    elif cause is None or code is not None:
        extensions = {"code": code or BadInput.code, **_field(error), **(error.extensions or {})}
    else:
        log.error("unexpected error", path=error.path, exc_info=cause)
        shown["message"] = INTERNAL_MESSAGE
        extensions = {"code": Code.INTERNAL_SERVER_ERROR, "requestId": request_id}
    metrics.ERRORS.labels(extensions["code"]).inc()
    shown["message"] = _short(_without_value(shown["message"]))
    shown["extensions"] = extensions
    return shown


def _without_value(message: str) -> str:
    """Removes the invalid value: the client has it, and the message still has its path."""
    message = _NOT_NULL.sub(r"\1 null", message)
    found = _WRONG_VALUE.match(message)
    if found is None:
        return message
    rest = _ENUM_VALUE.sub(" The value does not exist in ", message[found.end() :], count=1)
    return message[: found.end()] + _SHOWN_VALUE.sub(lambda shown: f"{shown['value'] or ''}.", rest, count=1)


def _short(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE_LENGTH else f"{message[:MAX_MESSAGE_LENGTH]}…"


def _field(error: GraphQLError) -> dict[str, list[str]]:
    """The path of the invalid value, in the form of `field` in errors of mutation payloads."""
    found = _WRONG_VALUE.match(error.message)
    return {} if found is None else {"field": re.findall(r"\w+", f"{found[1]} {found[2] or ''}")}


def _cause(error: GraphQLError) -> BaseException | None:
    cause: BaseException | None = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause
