"""Commands whose standard input or output the caller has closed, or whose terminal has another encoding."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.server_process import DNO, ENVIRONMENT

CONSUMPTION = ("--year", "2025", "--dno", "netze-a", "--voltage-level", "ms")


def run(
    redirection: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *DNO, *arguments],
        env={**ENVIRONMENT, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("redirection", "arguments", "sentence"),
    [
        (">&-", ("export-schema",), "Standard output is closed, and nothing can be written to it."),
        ("<&-", ("import", "tariffs", "-"), "Standard input is closed, and nothing can be read from it."),
        (
            "<&-",
            ("atypical-use", "-", *CONSUMPTION),
            "Standard input is closed, and nothing can be read from it.",
        ),
    ],
)
def test_a_command_that_needs_a_closed_stream_ends_with_one_sentence(
    redirection: str, arguments: tuple[str, ...], sentence: str
) -> None:
    ended = run(redirection, *arguments)
    assert (ended.returncode, ended.stdout, ended.stderr.decode()) == (1, b"", f"{sentence}\n")


def test_closed_streams_do_not_matter_where_they_are_not_needed(tmp_path: Path) -> None:
    schema = tmp_path / "schema.graphql"
    ended = run("<&- >&-", "export-schema", str(schema))
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert "type Query" in schema.read_text(encoding="utf-8")


@pytest.mark.parametrize("closed", ["<&- >&-", "<&- >&- 2>&-"])
def test_no_file_or_connection_takes_the_number_of_a_closed_stream(closed: str) -> None:
    code = (
        "import os, sys; from app.cli import standard_streams; standard_streams.prepare();"
        " opened = os.open('/', os.O_RDONLY); sys.exit(0 if opened > 2 else 3)"
    )
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", DNO[0], "-c", code]
    assert subprocess.run(shell, env=ENVIRONMENT, timeout=60, check=False).returncode == 0


def test_characters_that_the_terminal_cannot_show_end_no_command() -> None:
    """JSON is UTF-8 in each terminal."""
    code = (
        "from app.cli import standard_streams as s; s.prepare(); s.print_row(('1 \\u2013 2', 'é'));"
        " s.print_json({'place': 'Łódź'}); s.print_row(('end',))"
    )
    written = subprocess.run(
        [DNO[0], "-c", code],
        env={**ENVIRONMENT, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout
    text, line, end = written.splitlines()
    assert (text.decode("latin-1"), end) == ("1 ? 2\té", b"end")
    assert json.loads(line.decode("utf-8")) == {"place": "Łódź"}


def test_lines_are_written_to_a_file_together(tmp_path: Path) -> None:
    """Reports have tens of thousands of them."""
    code = (
        "import os, sys; from app.cli import standard_streams as s; s.prepare();"
        " [s.print_json({'line': n}) or s.print_row(('line', str(n))) for n in range(9)];"
        " sys.exit(os.fstat(1).st_size)"
    )
    buffered = {name: value for name, value in ENVIRONMENT.items() if name != "PYTHONUNBUFFERED"}
    with (tmp_path / "lines").open("wb") as lines:
        subprocess.run([DNO[0], "-c", code], env=buffered, stdout=lines, timeout=60, check=True)
    assert (tmp_path / "lines").read_bytes().startswith(b'{"line":0}\nline\t0\n{"line":1}\n')


def test_the_schema_is_written_and_compared_in_utf_8(tmp_path: Path) -> None:
    schema = tmp_path / "schema.graphql"
    latin = {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    assert run("", "export-schema", str(schema), environment=latin).returncode == 0
    assert "§ 14a" in schema.read_text(encoding="utf-8")
    assert run("", "export-schema", environment=latin).stdout == schema.read_bytes()
    assert run("", "export-schema", "--check", str(schema), environment=latin).returncode == 0
