"""A copy of the code with changes, and the number of changed files and lines."""

import difflib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.architecture.repository import ROOT

_PACKAGES = ("app", "loaders", "schema")
# Compiled modules are copied, and valid: copies have the times of their files. Not those that are being written now.
LEFT_OUT = shutil.ignore_patterns("node_modules", "*.pyc.*")


class Edit(NamedTuple):
    """`before` occurs in the file exactly once."""

    file: str
    before: str
    after: str


class Changed(NamedTuple):
    files: frozenset[str]  # changed or added
    lines: int  # in files that were there: replaced, added or removed


class ScratchTree:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for package in _PACKAGES:
            shutil.copytree(ROOT / package, folder / package, ignore=LEFT_OUT)

    def edit(self, *edits: Edit) -> None:
        for edit in edits:
            path = self.folder / edit.file
            text = path.read_text()
            assert text.count(edit.before) == 1, edit
            path.write_text(text.replace(edit.before, edit.after))

    def add(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            assert not path.exists(), name
            path.write_text(text)

    def changed(self) -> Changed:
        """Compared file by file with the original tree."""
        files: set[str] = set()
        lines = 0
        for path in (path for package in _PACKAGES for path in (self.folder / package).rglob("*")):
            name = str(path.relative_to(self.folder))
            if path.suffix not in {".py", ".sql"}:
                continue
            if not (ROOT / name).exists():
                files.add(name)
            elif (ROOT / name).read_bytes() != path.read_bytes():
                files.add(name)
                lines += _changed_lines((ROOT / name).read_text(), path.read_text())
        return Changed(frozenset(files), lines)


def _changed_lines(before: str, after: str) -> int:
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    return sum(max(b - a, d - c) for kind, a, b, c, d in matcher.get_opcodes() if kind != "equal")
