"""Imports go down the layers, and modules have names and docstrings that say what they are."""

import ast
import subprocess
import sys
from pathlib import Path

from tests.architecture.repository import ROOT, name, tracked

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "base", "misc"}

SOURCES = [
    path for path in tracked("*.py") if path.relative_to(ROOT).parts[0] in ("app", "loaders", "schema")
]


def test_every_import_goes_down_the_layers():
    """The contracts stand in pyproject.toml."""
    found = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout


def test_an_import_that_goes_up_is_seen_wherever_it_is_written(tmp_path):
    for path in (*tracked("*.py"), ROOT / "pyproject.toml"):
        relative = path.relative_to(ROOT)
        if relative.parts[0] in ("app", "loaders", "schema", "pyproject.toml"):
            (tmp_path / relative).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / relative).write_bytes(path.read_bytes())
    dnos = tmp_path / "app" / "db" / "dnos.py"
    dnos.write_text(dnos.read_text() + "\n\ndef f():\n    import app.web.pages\n")
    found = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1
    assert "app.db.dnos -> app.web.pages" in found.stdout


def test_imports_are_absolute():
    relative = [
        f"{name(path)}:{node.lineno}"
        for path in tracked("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_every_init_is_empty():
    assert [name(path) for path in tracked("*__init__.py") if path.read_text()] == []


def test_every_file_says_its_one_idea_in_its_first_line():
    silent = [
        name(path)
        for path in SOURCES
        if path.name != "__init__.py" and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_nothing_is_called_after_nothing():
    nameless = [
        name(path) for path in tracked() if FORBIDDEN_NAMES & {path.stem, *path.relative_to(ROOT).parts[:-1]}
    ]
    assert nameless == []
