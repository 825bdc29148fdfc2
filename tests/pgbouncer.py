"""PgBouncer between the tests and their PostgreSQL."""

import os
import pwd
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from app.child_process import Child
from app.dev.postgres import ACCOUNT, free_port
from tests.servers import wait_until_listening

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
        wait_until_listening(self.port, self._child, self._folder / "pgbouncer.log")

    def stop(self) -> None:
        self._child.stop(5)


def _account() -> "pwd.struct_passwd | None":
    return pwd.getpwnam(ACCOUNT) if os.geteuid() == 0 else None
