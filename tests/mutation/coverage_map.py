"""Which tests run which lines, and how long each takes: from one run of the suite with coverage contexts."""

import sqlite3
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

from coverage.numbits import numbits_to_nums

FOLDER = Path(".mutation")
DATA, TIMES, CONFIGURATION = FOLDER / "map.coverage", FOLDER / "map.xml", FOLDER / "coverage.ini"
TESTS = ["tests/unit", *(f"tests/integration/{part}" for part in ("auth", "cache", "graph", "http", "jobs"))]


def record(tests: list[str]) -> int:
    FOLDER.mkdir(exist_ok=True)
    CONFIGURATION.write_text(
        f"[run]\nsource = app,loaders,schema\nconcurrency = thread\ndata_file = {DATA.absolute()}\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-n",
        "2",
        "--dist",
        "loadfile",
    ]
    options = ["--cov", f"--cov-config={CONFIGURATION}", "--cov-context=test", "--cov-report="]
    return subprocess.run(
        [*command, *options, f"--junitxml={TIMES}", *(tests or TESTS)], check=False
    ).returncode


class CoverageMap:
    def __init__(self, files: set[str]) -> None:
        """`files` are relative to the root of the repository."""
        self._tests_by_line: dict[tuple[str, int], set[str]] = defaultdict(set)
        self._run_at_import: set[tuple[str, int]] = set()
        self.seconds = _seconds()
        with sqlite3.connect(DATA) as database:
            for path, context, bits in database.execute(
                "SELECT path, context, numbits FROM line_bits JOIN file ON file.id = file_id"
                " JOIN context ON context.id = context_id"
            ):
                file = next((file for file in files if path.endswith(f"/{file}")), None)
                if file is None:
                    continue
                lines = [(file, number) for number in numbits_to_nums(bits)]
                if not context:  # before the first test
                    self._run_at_import.update(lines)
                    continue
                test = context.partition("|")[0]
                for line in lines:
                    self._tests_by_line[line].add(test)

    def tests_of(self, file: str, line: int, function_line: int) -> set[str]:
        """Those that run the line."""
        return self._tests_by_line.get(self._recorded(file, line, function_line), set())

    def runs_only_at_import(self, file: str, line: int, function_line: int) -> bool:
        recorded = self._recorded(file, line, function_line)
        return recorded in self._run_at_import and recorded not in self._tests_by_line

    def _recorded(self, file: str, line: int, function_line: int) -> tuple[str, int]:
        """The line, or where it counts as part of a statement above, the line of that statement."""
        above = ((file, number) for number in range(line, function_line, -1))
        return next(
            (each for each in above if each in self._tests_by_line or each in self._run_at_import),
            (file, line),
        )


def _seconds() -> dict[str, float]:
    """By file and name of the test, as pytest names them; failed tests are left out."""
    seconds = {}
    for case in ElementTree.parse(TIMES).iter("testcase"):
        if case.find("failure") is None and case.find("error") is None and case.find("skipped") is None:
            seconds[_node_id(case)] = float(case.get("time", "0"))
    return seconds


def _node_id(case: ElementTree.Element) -> str:
    module = case.get("file") or ""
    inside = (
        (case.get("classname") or "").removeprefix(module.removesuffix(".py").replace("/", ".")).strip(".")
    )
    return "::".join(part for part in (module, inside.replace(".", "::"), case.get("name") or "") if part)
