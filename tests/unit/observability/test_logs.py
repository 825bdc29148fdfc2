"""Log records are complete, one line each, and hold no secret."""

import ctypes
import gc
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from app.errors import CannotStart
from app.observability import logs
from app.observability.operation_stats import OperationStats, is_slow, slow_operation
from app.settings import Settings


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def read(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_json_and_names_its_request(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"))
    with bound_contextvars(request_id="r-1"):
        structlog.get_logger("cache").info("filled", region="tariffs", keys=3)
        logging.getLogger("uvicorn.error").warning("from %s", "uvicorn")
    ours, uvicorns = read(capsys)
    assert (ours["event"], ours["region"], ours["keys"], ours["level"]) == ("filled", "tariffs", 3, "info")
    assert (ours["request_id"], uvicorns["request_id"]) == ("r-1", "r-1")
    assert uvicorns["event"] == "from uvicorn"
    assert uvicorns["logger"] == "uvicorn.error"


def test_secrets_are_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"))
    structlog.get_logger("x").info(
        "connecting to postgresql://dno:hunter2@db/dno",
        headers={"Authorization": "Bearer hunter2", "cookie": "dno_session=hunter2", "host": "a"},
        new_password="hunter2",
        detail="sent Bearer hunter2.hunter2 and dno_hunter2hunter2hunter2hunter2",
        urls=["redis://:hunter2@cache:6379/0"],
    )
    try:
        raise RuntimeError("redis://:hunter2@cache:6379 refused")
    except RuntimeError:
        logging.getLogger("redis").exception("lost %s", "rediss://user:hunter2@cache")
    text = capsys.readouterr().err
    assert "hunter2" not in text
    assert "RuntimeError" in text
    assert "@db/dno" in text


def test_a_terminal_gets_human_readable_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    logs.configure(Settings())
    structlog.get_logger("x").info("hello", password="hunter2")
    text = capsys.readouterr().err
    assert "hello" in text
    assert "hunter2" not in text
    assert not text.startswith("{")


CONTROLS = "\x00\x07\x08\t\n\r\x1b[31m\x1b]0;title\x07\x7f\x85\x9b31m\xad\u061c\u200b\u200f\u2028\u2029\u202e\u2066\ufeff\ud800\U000e0041"


class Odd:
    def __repr__(self) -> str:
        return f"Odd({CONTROLS})"


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_no_control_character_is_written(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    """Whichever value holds it, and whichever library logs: each record is one line without terminal escapes."""
    logs.configure(Settings(log_format=log_format))
    log = structlog.get_logger("x")
    log.info(
        f"event {CONTROLS}", path=f"/{CONTROLS}", agents=[CONTROLS], names={CONTROLS: CONTROLS}, odd=Odd()
    )
    log.warning(
        "failed",
        error=ValueError(CONTROLS),
        parts=(CONTROLS, {CONTROLS}),
        raw=CONTROLS.encode("utf-8", "replace"),
    )
    logging.getLogger("uvicorn.error").warning("from %s", CONTROLS)
    text = capsys.readouterr().err
    assert text.count("\n") == 3
    assert not any(
        control in text.replace("\n", "")
        for control in CONTROLS
        if not control.isalnum() and control not in "[]; "
    )
    assert "\\x1b[31m" in text
    assert "\\u202e" in text
    assert "Odd(" in text


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_an_error_whose_text_looks_like_a_record_forges_none(
    capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    forged = "2026-01-01 00:00:00 [error    ] forged"
    logs.configure(Settings(log_format=log_format))
    try:
        raise RuntimeError(f"first\n{forged}\r{forged}\x1b[2J")
    except RuntimeError as error:
        structlog.get_logger("x").error("unexpected error", exc_info=error)
    text = capsys.readouterr().err
    assert "RuntimeError: first" in text
    assert not any(line.startswith(forged[:10]) and "forged" in line for line in text.splitlines())
    assert "\x1b" not in text
    assert "\r" not in text


@contextmanager
def reported_ignored_errors() -> Iterator[None]:
    """Without garbage of earlier tests, which may warn as well."""
    hook = sys.unraisablehook
    gc.collect()
    gc.disable()
    logs.configure(Settings(log_format="json"))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        sys.unraisablehook = sys.__unraisablehook__
        logs.report_ignored_errors()
        try:
            yield
        finally:
            sys.unraisablehook = hook
            logging.captureWarnings(False)
            gc.enable()


def test_warnings_and_errors_without_a_caller_are_records(capsys: pytest.CaptureFixture[str]) -> None:
    """The interpreter writes both as plain text, with all that the error's text holds."""

    class Failing:
        def __del__(self) -> None:
            raise ValueError("Bearer hunter2hunter2\x1b[2J")

    with reported_ignored_errors():
        warnings.warn("deprecated\x1b", stacklevel=1)
        Failing()
    warned, failed = read(capsys)
    assert warned["level"] == "warning"
    assert "UserWarning: deprecated\\x1b" in str(warned["event"])
    assert (failed["event"], failed["level"]) == ("ignored_error", "error")
    assert str(failed["exception"]).endswith("ValueError: …\\x1b[2J")


def test_an_ignored_error_of_an_object_that_cannot_be_named_is_a_record(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Failing:
        def __call__(self) -> None:
            raise ValueError("the cause")

        def __repr__(self) -> str:
            raise RuntimeError("no name")

    with reported_ignored_errors():
        ctypes.CFUNCTYPE(None)(Failing())()
    (failed,) = read(capsys)
    assert failed["event"] == "ignored_error"
    assert str(failed["exception"]).endswith("ValueError: the cause")
    if sys.version_info < (3, 13):  # newer ones hand over no object, and lose the reason that would name it
        assert "Failing object at 0x" in str(failed["of"])
        assert "callback" in str(failed["reason"])


async def _work() -> None:
    pass


@pytest.mark.parametrize("names", [{}, {"__builtins__": {}}], ids=["with builtins", "without builtins"])
def test_coroutines_that_a_cancelled_task_leaves_are_not_reported(
    capsys: pytest.CaptureFixture[str], names: dict[str, Any]
) -> None:
    """Also when they are collected within code without builtins, such as that of a named tuple."""
    left = [_work()]
    drop: Callable[[list[Any]], None] = eval("lambda left: left.clear()", names)
    with reported_ignored_errors():
        drop(left)
    assert read(capsys) == []


def test_letters_of_all_languages_are_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"))
    structlog.get_logger("x").info("Überlandwerk Łódź 電力 🔌", name="Straße")
    (line,) = read(capsys)
    assert (line["event"], line["name"]) == ("Überlandwerk Łódź 電力 🔌", "Straße")


@pytest.mark.parametrize("setting", ["log_level", "log_format"])
def test_an_unknown_value_of_a_setting_prevents_the_start(setting: str) -> None:
    with pytest.raises(CannotStart, match=setting.upper()):
        logs.configure(Settings(**{setting: "loud"}))  # type: ignore[arg-type]


def test_a_slow_operation_is_logged_with_its_cost(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"))
    asked = [("tariffs", 40), ("tariffs", 10)]
    stats = OperationStats(statements=2, asked=asked, l2=48, postgres=2, execute_seconds=0.7)
    slow_operation(0.8, stats, operation="List", document="abc")
    (line,) = read(capsys)
    assert line["keys"] == {"tariffs": 50}
    assert line["layers"] == {"l1": 0, "l2": 48, "postgres": 2}
    assert line["steps"]["execute"] == 0.7
    assert (line["statements"], line["operation"], line["document"]) == (2, "List", "abc")


def test_the_threshold_of_slow_operations_is_a_setting_and_zero_turns_it_off() -> None:
    assert not is_slow(Settings(slow_operation_threshold=0.5), 0.4)
    assert is_slow(Settings(slow_operation_threshold=0.5), 0.5)
    assert not is_slow(Settings(slow_operation_threshold=0), 100)
