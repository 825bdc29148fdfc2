"""The outcomes of the mutants of each package, kept as JSON beside this file."""

import random
from pathlib import Path
from typing import Literal

import msgspec

from tests.mutation.mutants import Mutant

FOLDER = Path(__file__).with_name("results")
SEED = 11
State = Literal["killed", "timed out", "survived", "uncovered", "not applicable"]


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    state: State
    test: str = ""  # that failed first
    tests: int = 0  # that all passed


class Survivor(msgspec.Struct, omit_defaults=True):
    """A mutant that no test noticed, with the reason why that is accepted."""

    file: str
    line: int
    before: str
    after: str
    number: int = 0
    tests: int = 0  # that ran the line, all passing; 0 where none does in the process of the tests
    reason: str = ""


class PackageResult(msgspec.Struct):
    package: str
    commit: str
    seed: int
    mutants: int  # in the whole package
    tried: int = 0
    killed: int = 0
    timed_out: int = 0
    not_applicable: int = 0
    survivors: list[Survivor] = []

    def count(self, mutant: Mutant, outcome: Outcome, reasons: dict[tuple[str, str, str, int], str]) -> None:
        """`reasons` are those of an earlier run."""
        if outcome.state == "not applicable":
            self.not_applicable += 1
            return
        self.tried += 1
        self.killed += outcome.state == "killed"
        self.timed_out += outcome.state == "timed out"
        if outcome.state in ("survived", "uncovered"):
            name = (mutant.file, mutant.before, mutant.after, mutant.number)
            where = (mutant.file, mutant.line, mutant.before, mutant.after, mutant.number)
            self.survivors.append(Survivor(*where, outcome.tests, reasons.get(name, "")))


def sample(mutants: list[Mutant], size: int, seed: int) -> list[Mutant]:
    """A larger sample of the same seed begins with the smaller one."""
    shuffled = list(mutants)
    random.Random(seed).shuffle(shuffled)
    return shuffled[:size] if size else shuffled


def load(package: str) -> PackageResult:
    path = _path(package)
    if not path.exists():
        return PackageResult(package, "", SEED, 0)
    return msgspec.json.decode(path.read_bytes(), type=PackageResult)


def save(result: PackageResult) -> None:
    FOLDER.mkdir(exist_ok=True)
    _path(result.package).write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")


def _path(package: str) -> Path:
    return FOLDER / f"{package.replace('/', '.')}.json"
