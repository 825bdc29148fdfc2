"""PgBouncer between the tests and their PostgreSQL."""

import os
import pwd
import shutil
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from app.child_process import Child
from app.dev.postgres import ACCOUNT, free_port

PROGRAM = shutil.which(
    "pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin"
)
IGNORED = "statement_timeout, idle_in_transaction_session_timeout, lock_timeout, jit, work_mem"


class PgBouncer:
    """In front of the server of `database_url`; `url` leads through it."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        *,
        pool_mode: str,
        ignored: str = IGNORED,
        more: Sequence[str] = (),
    ) -> None:
        """`more`: further lines of its configuration."""
        assert PROGRAM
        self._folder = folder
        there = urlsplit(database_url)
        self.port = free_port()
        self.url = there._replace(netloc=f"{there.username}:{there.password}@127.0.0.1:{self.port}").geturl()
        users = folder / "users.txt"
        users.write_text(f'"{there.username}" "{there.password}"\n')
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(
            "[databases]\n"
            f"* = host=127.0.0.1 port={there.port}\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {users}\npool_mode = {pool_mode}\n"
            + (f"ignore_startup_parameters = {ignored}\n" if ignored else "")
            + "".join(f"{line}\n" for line in more)
        )
        self.start()

    def start(self) -> None:
        """Also again, at the same address."""
        assert PROGRAM
        # It does not run as root, either.
        self._child = Child(
            [PROGRAM, self._folder / "pgbouncer.ini"],
            stop_signal=signal.SIGINT,
            log=self._folder / "pgbouncer.log",
            account=_account(),
        )
        self._wait(self._folder)

    def stop(self) -> None:
        self._child.stop(5)

    def _wait(self, folder: Path) -> None:
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < until, (folder / "pgbouncer.log").read_text()
                assert not self._child.ended, (folder / "pgbouncer.log").read_text()
                time.sleep(0.02)


def _account() -> "pwd.struct_passwd | None":
    return pwd.getpwnam(ACCOUNT) if os.geteuid() == 0 else None
