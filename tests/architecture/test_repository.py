"""The repository contains no third-party code, no paths of a machine, pinned dependencies and valid links."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT, name, tracked

REGISTRIES = re.compile(
    r"\b(py[p]i|python[h]osted|npm[j]s|yarn[p]kg|crate[s]|golan[g]|deb\.debia[n]|ruby[g]ems)\.(org|com|io)\b",
    re.IGNORECASE,
)
# The workbench has its pages below /work.
MACHINE_PATHS = re.compile(
    r"(?<![\w.${}:-])/((root|home|Users)/\w|work/(main|wt|shared|\.library)\b)|(?<![\w.])/tmp/\w"
)
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def lines() -> Iterator[tuple[str, str]]:
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        yield from ((f"{name(path)}:{number}", line) for number, line in enumerate(text.splitlines(), 1))


@pytest.mark.parametrize("unwanted", [REGISTRIES, MACHINE_PATHS], ids=["registries", "machine paths"])
def test_no_file_contains_the_address_of_a_package_registry_or_a_path_of_a_machine(unwanted):
    assert [(where, line.strip()[:200]) for where, line in lines() if unwanted.search(line)] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_python_dependencies_are_pinned_by_hash_and_without_addresses(lock):
    requirements = lock.read_text().replace("\\\n", " ").splitlines()
    assert requirements
    for requirement in requirements:
        assert re.match(r"[a-z0-9.-]+(\[[a-z,]+\])?==\S+ ", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement
    assert not re.search(r"://| @ |--(extra-)?index|--find-links", lock.read_text())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_the_lock_file_contains_every_dependency_of_the_project(lock):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    runtime = project["project"]["dependencies"] + groups["build"]
    wanted = {"runtime": runtime, "development": runtime + groups["dev"], "mutation": groups["mutation"]}[
        lock.stem
    ]
    locked = {_normal(line) for line in lock.read_text().splitlines() if "==" in line}
    assert {_normal(requirement) for requirement in wanted} - locked == set()


@pytest.mark.parametrize("folder", ["app/web/graphiql", "tests/e2e/clients"])
def test_npm_packages_are_pinned_by_hash_and_without_addresses(folder):
    packages = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"]
    assert len(packages) > 1
    assert [path for path, package in packages.items() if path and not package.get("integrity")] == []
    assert [path for path, package in packages.items() if "resolved" in package] == []


def test_no_third_party_code_is_committed():
    """Bundles, minified files and large scripts are third-party code or build results."""
    foreign = [
        name(path)
        for path in tracked()
        if {"node_modules", "vendor", "third_party", "assets"} & set(path.parts)
        or path.name.endswith((".min.js", ".min.css", ".map", ".whl", ".jar"))
        or (path.suffix in (".js", ".jsx", ".mjs", ".css") and path.stat().st_size > 20_000)
    ]
    assert foreign == []


@pytest.mark.parametrize("page", tracked("*.md"), ids=name)
def test_links_have_existing_targets(page):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_code(page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in _anchors(linked)):
            broken.append(target)
    assert broken == []


def _normal(requirement: str) -> str:
    return re.split(r"[\s\[=<>~!;]", requirement)[0].lower().replace("_", "-")


def _without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
