"""A refusal as GraphQL tells it; anything else logged whole and shown as one sentence."""

import re
from collections.abc import Sequence
from typing import Any

import structlog
from graphql import GraphQLError

from app.error_table import INTERNAL_MESSAGE
from app.errors import AppError, BadInput, Code, LimitExceeded
from app.observability import metrics

log = structlog.get_logger("graphql")

# Of one answer, and of one message.
MOST_ERRORS, MOST_LETTERS = 50, 1000

# Where in a variable the library found a value of another type: it says so nowhere but in its sentence.
_WRONG_VALUE = re.compile(r"Variable '\$(\w+)' has invalid value(?: at ([\w.\[\]]+))?:")
# How it shows such a value: as Python would write it.
_VALUE_SHOWN = re.compile(r"(?:[,;] found|(?P<stop>\.) Found|(?P<value> value)): .*\Z", re.DOTALL)
_NOT_NULL = re.compile(r"(type '[\w\[\]!]+' not to be) None\b")
_ENUM_VALUE = re.compile(r"Value .* does not exist in ", re.DOTALL)


def formatted(
    errors: Sequence[GraphQLError], request_id: str, code: str | None = None
) -> list[dict[str, Any]]:
    """`code` is for errors that bring none: those of a document that was not executed.

    Bounded in number and length: one wrong value can be found in thousands of places.
    """
    shown = [_formatted(error, request_id, code) for error in errors[:MOST_ERRORS]]
    if len(errors) > MOST_ERRORS:
        message = f"There are {len(errors)} errors; the first {MOST_ERRORS} are listed."
        shown.append(
            {
                "message": message,
                "extensions": {"code": LimitExceeded.code, "limit": "ERRORS", "maximum": MOST_ERRORS},
            }
        )
    return shown


def forget_frames(errors: Sequence[BaseException]) -> None:
    """To be called once they have been formatted: a traceback holds frames that hold the error again,
    and with it the document, the context and all that was loaded, until a garbage collection.
    """
    unseen = list(errors)
    seen: set[int] = set()
    while unseen:
        error = unseen.pop()
        seen.add(id(error))
        error.__traceback__ = None
        causes = (getattr(error, "original_error", None), error.__cause__, error.__context__)
        unseen += [cause for cause in causes if cause is not None and id(cause) not in seen]


def _formatted(error: GraphQLError, request_id: str, code: str | None) -> dict[str, Any]:
    shown: dict[str, Any] = dict(error.formatted)
    cause = _cause(error)
    if isinstance(cause, AppError):
        shown["message"] = cause.message
        extensions = {"code": cause.code, **cause.details}
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
    """The client knows what it has sent, and the sentence before says where it stands."""
    message = _NOT_NULL.sub(r"\1 null", message)
    found = _WRONG_VALUE.match(message)
    if found is None:
        return message
    said = _ENUM_VALUE.sub("The value does not exist in ", message[found.end() :], count=1)
    return message[: found.end()] + _VALUE_SHOWN.sub(lambda shown: f"{shown['value'] or ''}.", said, count=1)


def _short(message: str) -> str:
    return message if len(message) <= MOST_LETTERS else f"{message[:MOST_LETTERS]}…"


def _field(error: GraphQLError) -> dict[str, list[str]]:
    """Named like the `field` of a payload's error: in `$input` it is the same path."""
    found = _WRONG_VALUE.match(error.message)
    return {} if found is None else {"field": re.findall(r"\w+", f"{found[1]} {found[2] or ''}")}


def _cause(error: GraphQLError) -> BaseException | None:
    cause: BaseException | None = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause
