"""Runs the tests of each mutant in a child process that is forked after pytest has collected all tests.

The child exchanges the code of the mutated function, runs the tests that reach the line, and ends at the first
failure. PostgreSQL and Valkey are started once, in the parent.
"""

import asyncio
import ctypes
import os
import select
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import CodeType, FunctionType

import msgspec
import psutil
import pytest
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings

from tests import conftest
from tests.mutation.coverage_map import CoverageMap
from tests.mutation.live_code import NotApplicable, Place, changes, exchange, functions_by_place
from tests.mutation.mutants import Mutant
from tests.mutation.results import Outcome
from tests.servers import DATABASE, PASSWORD, Valkey, clone, private_folder

PR_SET_CHILD_SUBREAPER = 36
SECONDS_AT_LEAST = 10.0  # for one test: the machine may be busy
SLOWER = 8.0  # as many times as long as in the recorded run


# One failing example is enough, however large.
hypothesis_settings.register_profile(
    "mutation",
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    database=None,
    report_multiple_bugs=False,
)


class Killer(msgspec.Struct, frozen=True):
    """The first test that failed."""

    test: str
    timed_out: bool


class Runner:
    """A pytest plugin in place of the ordinary loop over tests."""

    def __init__(
        self,
        mutants: Sequence[Mutant],
        tests: CoverageMap,
        *,
        seconds_of_tests: float,
        finished: Callable[[Mutant, Outcome], None],
    ) -> None:
        hypothesis_settings.load_profile("mutation")
        self._mutants = mutants
        self._map = tests
        self._budget = seconds_of_tests
        self._finished = finished
        self._killers: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)  # by file and function
        self._items: dict[str, pytest.Item] = {}
        self._functions: dict[Place, list[FunctionType]] = {}
        self._passing: set[str] = set()  # without a mutant
        self._failing: set[str] = set()  # without a mutant, too

    @property
    def files(self) -> list[str]:
        """The files that have the tests."""
        tests = {test for mutant in self._mutants for test in self._tests_of(mutant)}
        return sorted({test.partition("::")[0] for test in tests})

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._items = {item.nodeid: item for item in session.items}
        self._functions = functions_by_place({str(Path(mutant.file).absolute()) for mutant in self._mutants})
        with ExitStack() as servers:
            if not all(test.startswith("tests/unit/") for test in self._items):
                _share_servers(session.config, servers)
            known = {child.pid for child in psutil.Process().children(recursive=True)}
            for mutant in self._mutants:
                self._finished(mutant, self._outcome(session, mutant, known))
        return True

    def _outcome(self, session: pytest.Session, mutant: Mutant, servers: set[int]) -> Outcome:
        tests = self._tests_of(mutant)
        if not tests:
            # The process of the tests has already run what runs at import: the mutant cannot change its result.
            at_import = self._map.runs_only_at_import(mutant.file, mutant.line, mutant.function_line)
            return Outcome("not applicable" if at_import else "uncovered")
        try:
            changed = changes(Path(mutant.file).absolute(), mutant.source)
        except NotApplicable:
            return Outcome("not applicable")
        if not any(place in self._functions for place, _ in changed):
            return Outcome("not applicable")
        killer = self._run(session, changed, tests, servers)
        if killer is None:
            return Outcome("survived", tests=len(tests))
        if killer.test == "not applicable":
            return Outcome("not applicable")
        if killer.test in tests and killer.test not in self._passing:
            if self._run(session, [], [killer.test], servers) is not None:
                print(f"fails without a mutant, left out: {killer.test}", flush=True)
                self._failing.add(killer.test)
                return self._outcome(session, mutant, servers)
            self._passing.add(killer.test)
        self._killers[mutant.file, mutant.function_line][killer.test] += 1
        return Outcome("timed out" if killer.timed_out else "killed", test=killer.test)

    def _tests_of(self, mutant: Mutant) -> list[str]:
        """The tests that kill most mutants of the function first, then unit tests, those of the package, quick ones."""
        killers = self._killers[mutant.file, mutant.function_line]
        package = Path(mutant.file).parent.name
        reached = self._map.tests_of(mutant.file, mutant.line, mutant.function_line)
        known = [
            test for test in reached if test in self._map.seconds and (not self._items or test in self._items)
        ]

        def order(test: str) -> tuple[int, bool, bool, bool, float]:
            module = Path(mutant.file).stem
            return (
                -killers[test],
                module not in test,
                not test.startswith("tests/unit/"),
                f"/{package}/" not in test,
                self._map.seconds[test],
            )

        chosen, seconds = [], 0.0
        for test in sorted(known, key=order):
            if test in self._failing:
                continue
            seconds += self._map.seconds[test]
            if chosen and seconds > self._budget:
                break
            chosen.append(test)
        return chosen

    def _run(
        self,
        session: pytest.Session,
        changed: list[tuple[Place, CodeType]],
        tests: list[str],
        servers: set[int],
    ) -> Killer | None:
        reading, writing = os.pipe()
        allowed = sum(self._seconds(test) for test in tests) + 30
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._run_child(session, changed, tests, writing)
        os.close(writing)
        try:
            return _answer(reading, allowed)
        finally:
            os.close(reading)
            _end(servers)

    def _seconds(self, test: str) -> float:
        return max(SECONDS_AT_LEAST, SLOWER * self._map.seconds.get(test, 0))

    def _run_child(
        self, session: pytest.Session, changed: list[tuple[Place, CodeType]], tests: list[str], writing: int
    ) -> None:
        """Never returns."""
        try:
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nothing, descriptor)
            try:
                exchange(self._functions, changed)
            except NotApplicable:
                _send(writing, Killer("not applicable", timed_out=False))
            session.config.pluginmanager.unregister(name="terminalreporter")
            session.config.pluginmanager.register(_FirstFailure(writing))
            items = [self._items[test] for test in tests]
            for item, following in zip(items, [*items[1:], None], strict=True):
                item.add_marker(pytest.mark.timeout(self._seconds(item.nodeid)), append=False)
                session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            _send(writing, None)
        except BaseException as error:
            _send(writing, Killer(f"the run ended with {type(error).__name__}", timed_out=False))
        finally:
            os._exit(0)


class _FirstFailure:
    def __init__(self, writing: int) -> None:
        self._writing = writing

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            _send(self._writing, Killer(report.nodeid, timed_out="Timeout (>" in report.longreprtext))


def _send(writing: int, killer: Killer | None) -> None:
    """Sends the result to the parent and ends this process."""
    os.write(writing, msgspec.json.encode(killer))
    os._exit(0)


def _answer(reading: int, seconds: float) -> Killer | None:
    until, answer = time.monotonic() + seconds, b""
    while select.select([reading], [], [], max(0.0, until - time.monotonic()))[0]:
        part = os.read(reading, 65536)
        if not part:
            break
        answer += part
        try:
            return msgspec.json.decode(answer, type=Killer | None)
        except msgspec.DecodeError:
            continue
    else:
        return Killer("all tests together", timed_out=True)
    return Killer("the process died", timed_out=False)


def _end(servers: set[int]) -> None:
    """All processes that the child has left, but not the servers of the run."""
    own = psutil.Process()
    while left := [each for each in own.children() if each.pid not in servers]:
        for each in left:
            each.send_signal(signal.SIGKILL)
        for each in left:
            try:
                os.waitpid(each.pid, 0)
            except ChildProcessError:
                continue


def _share_servers(config: pytest.Config, servers: ExitStack) -> None:
    """Starts both servers here; the fixtures of the children find them."""
    url = conftest._postgres_of_the_run(config)
    valkey = Valkey(servers.enter_context(private_folder()), PASSWORD, keeps=False)
    valkey.start()
    servers.callback(valkey.stop)
    cloned = asyncio.run(clone(url, f"{DATABASE}_mutants"))

    async def already_cloned(admin_url: str, name: str) -> str:
        return cloned

    class Shared:
        def __init__(self, *_: object, **__: object) -> None:
            self.url = valkey.url

        def start(self) -> None:
            """It is already running."""

        stop = start

        def command(self, *words: str) -> bytes:
            return valkey.command(*words)

        def __getattr__(self, name: str) -> object:
            return getattr(valkey, name)

    conftest.clone = already_cloned
    conftest.Valkey = Shared  # type: ignore[misc, assignment]
