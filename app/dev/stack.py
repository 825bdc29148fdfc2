"""Embedded databases for development: PostgreSQL and Valkey from wheels, under one lock."""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.dev.postgres import Postgres
from app.dev.valkey import Valkey
from app.errors import CannotStart
from app.settings import Settings

# Seconds that the databases of a killed server may take to end.
_STOP_TIMEOUT = 15


@dataclass(frozen=True)
class Stack:
    """What runs, and the settings that lead there."""

    settings: Settings
    postgres: Postgres | None = None
    valkey: Valkey | None = None
    session_valkey: Valkey | None = None


@contextmanager
def open_stack(settings: Settings, *, join: bool = False) -> Iterator[Stack]:
    """Starts what `settings` gives no address of; stops it in the end.

    With `join`, the databases that a running server has started are good, too.
    """
    if settings.database_url and settings.redis_url:
        yield Stack(settings)
        return
    folder = Path(settings.local_folder).absolute()
    with ExitStack() as running:
        try:
            stack = _start(settings, folder, running, join=join)
        except OSError as error:
            raise CannotStart(
                f"The folder {folder} cannot be used ({os.strerror(error.errno or 0)}):"
                " make it writable for this user, or set LOCAL_FOLDER to another."
            ) from error
        yield stack


def _start(settings: Settings, folder: Path, running: ExitStack, *, join: bool) -> Stack:
    lock = running.enter_context(_open_lock(folder))
    if join and (found := _running(lock, folder, settings)):
        return Stack(found)
    _take(lock, folder)
    addresses = folder / "running"
    addresses.unlink(missing_ok=True)
    password = _password(folder)
    postgres = valkey = session_valkey = None
    keeps_sessions_apart = not settings.redis_url and not settings.session_redis_url
    if not settings.database_url:
        postgres = Postgres(
            folder,
            password,
            admin_password=_password(folder, "admin-password"),
            keeps_open=[lock],
            deadline=settings.start_timeout,
        )
        running.callback(postgres.stop)
        postgres.start()
        settings = msgspec.structs.replace(settings, database_url=postgres.url())
    if not settings.redis_url:
        valkey = Valkey(folder, password, keeps_open=[lock], deadline=settings.start_timeout)
        running.callback(valkey.stop)
        valkey.start()
        settings = msgspec.structs.replace(settings, redis_url=valkey.url)
    if keeps_sessions_apart:
        # What callers make the cache hold must not push out sessions.
        session_valkey = Valkey(
            folder,
            password,
            name="valkey-sessions",
            evicts=False,
            keeps_open=[lock],
            deadline=settings.start_timeout,
        )
        running.callback(session_valkey.stop)
        session_valkey.start()
        settings = msgspec.structs.replace(settings, session_redis_url=session_valkey.url)
    _write_secretly(
        addresses, f"{settings.database_url}\n{settings.redis_url}\n{settings.session_redis_url}\n"
    )
    running.callback(addresses.unlink, missing_ok=True)
    return Stack(settings, postgres, valkey, session_valkey)


@contextmanager
def _open_lock(folder: Path) -> Iterator[int]:
    folder.mkdir(parents=True, exist_ok=True)
    # Root lends PostgreSQL an account, which must be able to walk through.
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield lock
    finally:
        os.close(lock)


def _take(lock: int, folder: Path) -> None:
    """The databases hold it as well: a process that acquires it knows that none of them runs any more."""
    until = time.monotonic() + _STOP_TIMEOUT
    while not _try(lock):
        if holder := _holder(lock):
            raise CannotStart(
                f"A server is already running with the data in {folder} (process {holder}):"
                " stop it first, or set LOCAL_FOLDER to another folder for this one."
            )
        if time.monotonic() > until:
            raise CannotStart(
                f"The databases of the last start are still stopping in {folder}: try again in a moment."
            )
        time.sleep(0.02)
    os.truncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)


def _running(lock: int, folder: Path, settings: Settings) -> Settings | None:
    if _try(lock) or not _holder(lock):
        return None
    try:
        database_url, redis_url, session_redis_url = (
            (folder / "running").read_text(encoding="utf-8").split("\n")[:3]
        )
    except FileNotFoundError:
        raise CannotStart(
            f"A server is just starting with the data in {folder}: try again in a moment."
        ) from None
    return msgspec.structs.replace(
        settings,
        database_url=settings.database_url or database_url,
        redis_url=settings.redis_url or redis_url,
        session_redis_url=settings.session_redis_url or ("" if settings.redis_url else session_redis_url),
    )


def _try(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: int) -> int | None:
    """The process that took the lock, unless it is gone and only its databases are still ending."""
    pid = int(os.pread(lock, 20, 0) or 0)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return pid
    return pid or None


def _password(folder: Path, name: str = "password") -> str:
    """Created once; a process that can read it can read the data as well."""
    path = folder / name
    if not path.exists():
        _write_secretly(path, secrets.token_hex(32))
    return path.read_text(encoding="utf-8")


def _write_secretly(path: Path, text: str) -> None:
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(text, encoding="utf-8")
    unfinished.rename(path)
