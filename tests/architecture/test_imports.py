"""Imports follow the layers; modules have specific names and docstrings."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.architecture.repository import ROOT, name, tracked

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "base", "misc"}

SOURCES = [
    path for path in tracked("*.py") if path.relative_to(ROOT).parts[0] in ("app", "loaders", "schema")
]


def test_every_import_goes_down_the_layers():
    """The contracts are in pyproject.toml."""
    found = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout


def test_an_upward_import_inside_a_function_is_detected(tmp_path):
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


def test_commands_load_no_calendars_of_holidays_before_one_of_them_needs_these():
    """They are those of all countries, a quarter of the start of every command and of the supervisor of workers."""
    code = "import sys, app.cli.main; print([name for name in sys.modules if name.startswith('holidays')])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_the_documented_layers_are_those_of_the_contracts():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    section = (ROOT / "docs/architecture.md").read_text().partition("## Layers")[2]
    documented = section.split("```")[1].strip().splitlines()
    assert documented == contracts[0]["layers"]


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


def test_every_module_has_a_docstring():
    undocumented = [
        name(path)
        for path in SOURCES
        if path.name != "__init__.py" and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert undocumented == []


def test_no_module_has_an_unspecific_name():
    unspecific = [
        name(path) for path in tracked() if FORBIDDEN_NAMES & {path.stem, *path.relative_to(ROOT).parts[:-1]}
    ]
    assert unspecific == []


def test_no_source_text_is_evaluated():
    evaluated = [
        f"{name(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name) and node.id in ("eval", "exec", "compile", "__import__")
    ]
    assert evaluated == []
