"""Commands in the documentation exist, with their options."""

import importlib.util
import re
from collections.abc import Iterator
from typing import Any

import typer.main

from app.cli.main import app
from tests.architecture.repository import ROOT, name, tracked

PAGES = tracked("README.md") + tracked("docs/*.md")
DNO = typer.main.get_command(app)


def snippets() -> Iterator[tuple[str, str]]:
    """The lines of code spans and code blocks."""
    for page in PAGES:
        for block, span in re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", page.read_text(), flags=re.DOTALL):
            yield from (
                (name(page), line.strip().removeprefix("$ ")) for line in (block or span).splitlines()
            )


def test_every_make_target_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {
        (page, found[1])
        for page, line in snippets()
        if (found := re.match(r"(?:[A-Z]+=\S+ )*make ([a-z-]+)", line))
    }
    assert {(page, target) for page, target in named if target not in targets} == set()


def test_every_dno_command_and_option_exists():
    wrong = [(page, line, fault) for page, line in snippets() if (fault := _fault(line))]
    assert wrong == []


def test_every_module_that_is_run_with_python_m_exists():
    named = {
        (page, found[1]) for page, line in snippets() if (found := re.search(r"python3? -m ([\w.]+)", line))
    }
    assert {(page, module) for page, module in named if not importlib.util.find_spec(module)} == set()


def test_an_unknown_command_or_option_is_detected():
    assert _fault("dno serve --workers 4") is None
    assert _fault("DATABASE_URL=… dno user list") is None
    assert _fault("dno sing") == "sing"
    assert _fault("dno user greet") == "greet"
    assert _fault("dno serve --loudly") == "--loudly"


def _fault(line: str) -> str | None:
    """The first unknown word of a `dno` command line."""
    found = re.match(r"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?dno( .*)?$", line)
    if found is None:
        return None
    command: Any = DNO
    for word in re.split(r"[|<>&;#]", found[1] or "")[0].split():
        if word.startswith("--"):
            if word.partition("=")[0] not in _options(command):
                return word
        elif hasattr(command, "commands") and re.fullmatch(r"[a-z0-9-]+", word):
            if word not in command.commands:
                return word
            command = command.commands[word]
    return None


def _options(command: Any) -> set[str]:
    return {
        "--help",
        *(option for parameter in command.params for option in parameter.opts + parameter.secondary_opts),
    }
