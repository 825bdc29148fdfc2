"""Whole servers as operators start them: `dno serve` in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import psutil

from app.child_process import end_with_parent
from app.dev.postgres import free_port
from app.secret_files import SUFFIX
from app.settings import PREFIX, Settings

DNO = (sys.executable, "-m", "app.cli.main")
# Settings in the environment of the test run do not apply to these servers.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name.removeprefix(PREFIX).removesuffix(SUFFIX).lower() not in Settings.__struct_fields__
}


class ServerProcess:
    """`output` is all that it wrote; `family` all processes that it has started."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        arguments: Sequence[str] = (),
        code: Path | None = None,
        at: tuple[str, int] | None = None,
    ) -> None:
        """`code`: the tree to run instead of this one. `at`: the address, where it was agreed before."""
        self.host, self.port = at or ("127.0.0.1", free_port())
        self.url = f"http://{self.host}:{self.port}"
        self._log = folder / f"{self.host}-{self.port}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*DNO, "serve", "--port", str(self.port), *(("--host", at[0]) if at else ()), *arguments],
                env={**ENVIRONMENT, **environment},
                cwd=code,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent(signal.SIGTERM),
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def wait_until_ready(self, within: float = 40) -> None:
        """The listening socket queues connections from early on, so one request waits until the server is ready."""
        until = time.monotonic() + within
        while time.monotonic() < until and self.process.poll() is None:
            try:
                httpx.get(f"{self.url}/healthz", timeout=within).raise_for_status()
            except httpx.TransportError:  # not yet, or never: then the process ends
                time.sleep(0.02)
            else:
                self.wait_for("Ctrl-C stops it all")
                return
        raise AssertionError(f"the server did not start:\n{self.output}")

    def wait_for(self, pattern: str, within: float = 40) -> str:
        """The text that matched, once the server has written it."""
        until = time.monotonic() + within
        while not (found := re.search(pattern, self.output)):
            assert time.monotonic() < until, f"never wrote {pattern!r}:\n{self.output}"
            time.sleep(0.02)
        return found[0]

    @property
    def family(self) -> list[psutil.Process]:
        return [*psutil.Process(self.process.pid).children(recursive=True)]

    def stop(self, number: signal.Signals = signal.SIGTERM, within: float = 40) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the server did not stop:\n{self.output}") from None


def dno(
    *arguments: str, environment: Mapping[str, str] | None = None, stdin: str = "", code: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """A command that ends by itself."""
    return subprocess.run(
        [*DNO, *arguments],
        env={**ENVIRONMENT, "COLUMNS": "200", **(environment or {})},
        cwd=code,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
