"""Imports go down: from a room to a lower floor, never up and never to a neighbour."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.repository import ROOT, name, tracked

# From the top. A room may import from itself and from the floors below; the doors may import anything,
# and the ground floor is one room.
FLOORS = [
    ["app.main", "app.cli"],
    ["schema"],
    ["loaders"],
    ["app.resources"],
    ["app.http", "app.jobs", "app.importers", "app.dev"],
    ["app.auth", "app.interpreter", "app.language_model"],
    ["app.db", "app.cache", "app.broadcast"],
    ["app.domain"],
    [
        "app.settings",
        "app.errors",
        "app.observability",
        "app.failpoints",
        "app.deadlines",
        "app.cancellation",
        "app.budgets",
        "app.work_budget",
    ],
]
DOORS, GROUND = 0, len(FLOORS) - 1

# The same inside the graph; here neighbours may know each other.
STAIRS = [
    ["schema.rest"],
    ["schema.openapi", "schema.endpoint"],
    ["schema.root"],
    ["schema.queries", "schema.mutations", "schema.subscriptions"],
    ["schema.types"],
    ["schema.context"],
]

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "base", "misc"}

SOURCES = [
    path for path in tracked("*.py") if path.relative_to(ROOT).parts[0] in ("app", "loaders", "schema")
]


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Also those inside functions and under TYPE_CHECKING: knowing is knowing."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from app.db import accounts` names a module, `from app.errors import Refusal` does not.
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def place(wanted: str, floors: list[list[str]]) -> tuple[int, str] | None:
    """Floor and room, the ground being the highest number."""
    return next(
        (
            (floor, room)
            for floor, rooms in enumerate(floors)
            for room in rooms
            if wanted == room or wanted.startswith(f"{room}.")
        ),
        None,
    )


def looking_up(path: Path, floors: list[list[str]], *, neighbours: bool = False) -> list[str]:
    here = place(module(path), floors)
    if here is None:
        return []
    seen = []
    for imported, line in imports(path):
        there = place(imported, floors)
        if there is None or there[1] == here[1] or there[0] > here[0]:
            continue
        if there[0] == here[0] and (neighbours or here[0] in (DOORS, GROUND)):
            continue
        seen.append(
            f"{name(path)}:{line} imports {imported}, which is {'beside' if there[0] == here[0] else 'above'} it"
        )
    return seen


def test_nobody_looks_up_and_nobody_looks_sideways():
    assert [sight for path in SOURCES for sight in looking_up(path, FLOORS)] == []


def test_inside_the_graph_nobody_looks_up_either():
    assert [sight for path in SOURCES for sight in looking_up(path, STAIRS, neighbours=True)] == []


def test_every_module_has_its_floor():
    homeless = [
        name(path) for path in SOURCES if path.name != "__init__.py" and place(module(path), FLOORS) is None
    ]
    assert homeless == []


def test_the_server_imports_neither_tests_nor_benchmarks():
    strays = [
        f"{name(path)}:{line}"
        for path in SOURCES
        for imported, line in imports(path)
        if imported.split(".")[0] in ("tests", "benchmarks")
    ]
    assert strays == []


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


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from app.db.pool import Pool", []),
        ("from app.cache.memory import Memory", ["beside"]),
        ("def f():\n    import app.http.pages", ["above"]),
        ("import app.settings, asyncpg", []),
    ],
)
def test_a_look_up_is_seen_wherever_it_is_written(source, expected, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.house.test_imports.ROOT", tmp_path)
    monkeypatch.setattr("tests.house.repository.ROOT", tmp_path)
    path = tmp_path / "app" / "db" / "dnos.py"
    path.parent.mkdir(parents=True)
    path.write_text(source)
    seen = looking_up(path, FLOORS)
    assert [sight.split(" is ")[1].split()[0] for sight in seen] == expected
