"""Logs as lines: for people in a terminal, as JSON for machines; secrets and control characters never."""

import logging
import re
import sys
import warnings
from collections.abc import Iterable, Mapping, MutableMapping
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TextIO
from uuid import UUID

import msgspec
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from app.errors import CannotStart
from app.observability.printable import printable
from app.settings import Settings

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

REDACTED = "…"
SECRET_NAMES = re.compile(
    r"authorization|cookie|password|passwd|secret|token|api_?key|credential", re.IGNORECASE
)
URL_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*@")
BEARER = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]+|\bdno_[\w-]{20,}", re.IGNORECASE)
# What can hold no text of a client.
PLAIN = (bool, int, float, Decimal, UUID, date, datetime, type(None))
# What is worked out from an exception has a line for each call; the console indents them.
TRACEBACKS = ("exception", "stack")
LEVELS = ("debug", "info", "warning", "error", "critical")


# Each request runs in a context of its own, so it need not be cleared.
request_id: ContextVar[str] = ContextVar("request_id")


def configure(settings: Settings) -> None:
    """All loggers of the process end here, those of uvicorn and of libraries, too."""
    level = settings.log_level.lower()
    if level not in LEVELS:
        raise CannotStart(f"The setting LOG_LEVEL is wrong: it is none of {', '.join(LEVELS)}.")
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_request_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared[:-1],
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(settings)],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncpg_trek"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        # The program reports its start, its stop and migrations itself.
        logger.setLevel(logging.NOTSET if level == "debug" else logging.WARNING)


def report_ignored_errors() -> None:
    """What the interpreter would write to standard error as plain text becomes records: warnings, and errors that it
    ignores, as in `__del__`.

    Not of coroutines that were never awaited: a task that is cancelled before its first step leaves some, and each
    operation of which one field fails may cancel such tasks. Tests report an `await` that was forgotten.
    """
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    logging.captureWarnings(True)
    sys.unraisablehook = _report_ignored_error


def _report_ignored_error(ignored: "UnraisableHookArgs") -> None:
    # A coroutine that is collected within code without builtins (`namedtuple` generates such) cannot be warned about:
    # importing `warnings` fails with this KeyError. It is ignored like the warning.
    if isinstance(ignored.object, CoroutineType) and str(ignored.exc_value) == "'__import__'":
        return
    error = ignored.exc_value or ignored.exc_type()
    structlog.get_logger(__name__).error(
        "ignored_error",
        of=_name_of(ignored.object),
        reason=ignored.err_msg,
        exc_info=(ignored.exc_type, error, ignored.exc_traceback),
    )


def _name_of(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # else the record would be lost
        return object.__repr__(value)


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """By name where a value is named, by shape where it hides in a text."""
    for name, value in event.items():
        if name != "exc_info":  # the console's renderer works it out itself
            event[name] = _clean(name, value)
    return event


def _renderers(settings: Settings) -> Iterable[Processor]:
    console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    if settings.log_format not in ("auto", "console", "json"):
        raise CannotStart("The setting LOG_FORMAT is wrong: it is none of auto, console, json.")
    if console:
        # Without the values of local variables: they may be anything, secrets as well.
        return redact, structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=_write_traceback
        )
    return structlog.processors.format_exc_info, redact, structlog.processors.JSONRenderer(_json)


def _write_traceback(stream: TextIO, exc_info: ExcInfo) -> None:
    """Indented, so that no line of an error's text can pass for a record of its own."""
    text = StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    stream.writelines(f"\n  {_clean_text(line)}" for line in text.getvalue().strip("\n").split("\n"))


def _json(event: MutableMapping[str, Any], **_: object) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()


def _clean(name: str, value: Any) -> Any:
    if SECRET_NAMES.search(name):
        return REDACTED
    if isinstance(value, str):
        if name in TRACEBACKS:
            return "\n".join(map(_clean_text, value.split("\n")))
        return _clean_text(value)
    if isinstance(value, Mapping):
        return {_clean_text(str(inner)): _clean(str(inner), of) for inner, of in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean("", item) for item in value]
    return value if isinstance(value, PLAIN) else _clean_text(repr(value))


def _clean_text(text: str) -> str:
    text = printable(text)
    if "://" in text:
        text = URL_CREDENTIALS.sub(f"{REDACTED}@", text)
    return BEARER.sub(REDACTED, text)


def _add_request_id(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    if (name := request_id.get(None)) is not None:
        event.setdefault("request_id", name)
    return event
