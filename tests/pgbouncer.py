"""PgBouncer between the tests and their PostgreSQL."""

import os
import pwd
import shutil
import signal
import socket
import time
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

    def __init__(self, folder: Path, database_url: str, *, pool_mode: str, ignored: str = IGNORED) -> None:
        assert PROGRAM
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
        )
        # It does not run as root, either.
        account = _account()
        self._child = Child(
            [PROGRAM, configuration], stop_signal=signal.SIGINT, log=folder / "pgbouncer.log", account=account
        )
        self._wait(folder)

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
