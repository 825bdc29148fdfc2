"""The few ways to be refused, each with a code."""

from collections.abc import Sequence


def quoted(text: str, most: int = 80) -> str:
    """What a client sent, as it may be shown to it: not too long, and without characters that cannot be seen."""
    return "'" + "".join(c if c.isprintable() else "\ufffd" for c in text[:most]) + "'"


class AppError(Exception):
    """A request that is answered with "no", and why.

    `code` is what programs read, the message what people read; `field` is the path of the
    input field at fault, and `details` are further facts for `extensions`.
    """

    code = "INVALID"

    def __init__(self, message: str, *, field: Sequence[str] = (), **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.field = tuple(field)
        self.details = details


class BadInput(AppError):
    """An argument of a query that makes no sense."""

    code = "BAD_USER_INPUT"


class Invalid(AppError):
    """A value of a mutation that makes no sense."""

    code = "INVALID"


class NotFound(AppError):
    code = "NOT_FOUND"


class Conflict(AppError):
    """The row has moved on since the caller saw it; `details` contain the current version."""

    code = "CONFLICT"


class Unauthenticated(AppError):
    code = "UNAUTHENTICATED"


class Forbidden(AppError):
    code = "FORBIDDEN"


class Unavailable(AppError):
    """Something that the answer needs is away for the moment; trying again helps."""

    code = "UNAVAILABLE"


class TooMany(AppError):
    """More than a limit allows; `retry_after` is in seconds."""

    code = "RATE_LIMITED"

    def __init__(self, message: str, *, retry_after: float, **details: object) -> None:
        super().__init__(message, field=(), **details)
        self.retry_after = retry_after


class Overloaded(TooMany):
    """The server itself is full."""

    code = "OVERLOADED"


class LimitExceeded(AppError):
    """More than one operation may do; `details` name the limit's setting and its value."""

    code = "LIMIT_EXCEEDED"


class DeadlineExceeded(AppError):
    code = "DEADLINE_EXCEEDED"


class CannotStart(Exception):
    """One sentence for the person who starts the server: what is wrong, what to do."""
