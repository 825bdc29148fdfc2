"""A child process that never outlives the one that started it."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
# Where this process has the packages of the server from: a checkout, or a folder of the installed package.
_PACKAGES = Path(__file__).parents[1]


class Child:
    """Receives `stop_signal` when it is stopped, and also when its parent is killed."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        stop_signal: signal.Signals,
        log: Path,
        account: pwd.struct_passwd | None = None,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        keeps_open: Sequence[int] = (),
    ) -> None:
        self.log = log
        self._stop_signal = stop_signal
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd="/",
                env=environment,
                pass_fds=keeps_open,
                # Ctrl-C is for us; we stop our children in our own order.
                start_new_session=True,
                preexec_fn=end_with_parent(stop_signal),
                user=account and account.pw_uid,
                group=account and account.pw_gid,
                extra_groups=[] if account else None,
            )
        assert self._process.stdin is not None
        self._process.stdin.write(stdin)
        self._process.stdin.close()
        self._watcher = None if sys.platform == "linux" else _watch(self.pid, stop_signal)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def stop(self, within: float) -> None:
        if self._watcher:
            self._watcher.kill()
            self._watcher.wait()
        if not self.ended:
            self._process.send_signal(self._stop_signal)
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def module_command(module: str) -> tuple[str, ...]:
    """Runs a module of the server; the working directory, which may have packages of the same names, is not searched (-P)."""
    return sys.executable, "-P", "-m", module


def module_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Lets `module_command` find the packages that this process runs, before others of their names."""
    paths = [str(_PACKAGES), *filter(None, [environment.get("PYTHONPATH")])]
    return {**environment, "PYTHONPATH": os.pathsep.join(paths)}


def end_with_parent(stop_signal: signal.Signals) -> Callable[[], None]:
    """To be run in a new process before it executes the program: requests a signal from Linux at the end of the parent.

    The kernel means the thread that starts the child, so start children in the main thread.
    """
    if sys.platform != "linux":
        return lambda: None
    parent = os.getpid()
    prctl = ctypes.CDLL(None).prctl  # looked up now: after the fork there is no safe time for it

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(stop_signal))
        if os.getppid() != parent:  # gone before we could ask
            os._exit(1)

    return ask


def follow_parent(parent: int, stop_signal: signal.Signals) -> None:
    """Requests the same from within the new process, for one that was started without `end_with_parent`: such a start copies no
    page tables, which takes tens of milliseconds in a large process. Ends it if `parent` is gone already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(stop_signal))
    if os.getppid() != parent:
        os._exit(1)


def run(
    command: Sequence[str | Path], *, account: pwd.struct_passwd | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """A program that does one thing and ends."""
    return subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        timeout=120,
        preexec_fn=end_with_parent(signal.SIGKILL),
        user=account and account.pw_uid,
        group=account and account.pw_gid,
        extra_groups=[] if account else None,
    )


def _watch(pid: int, stop_signal: signal.Signals) -> "subprocess.Popen[bytes]":
    """Sends the signal when this process ends, where the kernel cannot: a shell waits for the end of its input."""
    return subprocess.Popen(
        ["/bin/sh", "-c", f"read -r _; kill -{int(stop_signal)} {pid}"],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
