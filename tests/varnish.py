"""Varnish with the files of deploy/varnish, in front of instances."""

import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx
import psutil

from app.child_process import Child
from tests.reverse_proxies import DEPLOY, Address, own_address

VARNISH: Final = shutil.which("varnishd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
_FILES: Final = DEPLOY / "varnish"
_START: Final = 60.0  # seconds: the configuration is compiled by a C compiler


_MODULES: Final = [
    *Path("/usr/lib").glob("*/varnish/vmods/libvmod_xkey.so"),
    *Path("/usr/lib/varnish/vmods").glob("libvmod_xkey.so"),
]
MISSING: Final = (
    "" if VARNISH and _MODULES else "varnish with vmod xkey (varnish, varnish-modules) is not installed"
)


class Varnish:
    """Starts empty. `url` is the same after a restart. `pids` are those of all its processes."""

    def __init__(self, folder: Path, instances: Sequence[Address], at: Address | None = None) -> None:
        self.at = at or own_address()
        self.url = f"http://{self.at}"
        self._folder = folder
        self.pids: list[int] = []
        self._log = folder / "varnish.log"
        self._configure(instances)
        self._child = self._start()

    def restart(self) -> None:
        """As after a crash: what was stored is lost."""
        self.stop()
        self._child = self._start()

    def stop(self) -> None:
        self._child.stop(10)

    @property
    def cpu_seconds(self) -> float:
        times = [psutil.Process(each).cpu_times() for each in self.pids]
        return float(sum(each.user + each.system for each in times))

    @property
    def _work(self) -> Path:
        return self._folder / "varnish"

    def _configure(self, instances: Sequence[Address]) -> None:
        shutil.copy(_FILES / "default.vcl", self._folder)
        text = (_FILES / "backends.vcl").read_text()
        for number, instance in enumerate(instances, 1):
            default = f'.host = "127.0.0.1";\n    .port = "800{number}";'
            assert default in text
            text = text.replace(default, f'.host = "{instance.host}";\n    .port = "{instance.port}";')
        (self._folder / "backends.vcl").write_text(text)

    def _start(self) -> Child:
        assert VARNISH
        shutil.rmtree(self._work, ignore_errors=True)
        command = [
            *(VARNISH, "-F", "-n", str(self._work), "-a", str(self.at), "-s", "malloc,64m", "-T", "none"),
            *("-j", "none", "-p", f"vcl_path={self._folder}", "-f", str(self._folder / "default.vcl")),
        ]
        child = Child(command, stop_signal=signal.SIGTERM, log=self._log)
        until = time.monotonic() + _START
        while True:
            assert not child.ended, self._log.read_text()
            try:
                # An instance may be away: then the status is 503.
                httpx.get(f"{self.url}/healthz", timeout=5)
            except httpx.TransportError:
                assert time.monotonic() < until, self._log.read_text()
                time.sleep(0.05)
            else:
                self.pids = [child.pid, *(each.pid for each in psutil.Process(child.pid).children())]
                return child
