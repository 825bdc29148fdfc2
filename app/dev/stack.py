"""The databases that nobody installed: PostgreSQL and Valkey from wheels, under one lock."""

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

# How long the databases of a killed server may take to end.
_LAST_BREATH = 15


@dataclass(frozen=True)
class Stack:
    """What runs, and the settings that lead there."""

    settings: Settings
    postgres: Postgres | None = None
    valkey: Valkey | None = None


@contextmanager
def open_stack(settings: Settings) -> Iterator[Stack]:
    """Starts what `settings` gives no address of; stops it in the end."""
    if settings.database_url and settings.redis_url:
        yield Stack(settings)
        return
    folder = Path(settings.local_folder).absolute()
    with ExitStack() as running:
        try:
            lock = running.enter_context(_alone(folder))
            password = _password(folder)
        except OSError as error:
            raise CannotStart(
                f"The folder {folder} cannot be used ({error.strerror}): give it to this user, or set LOCAL_FOLDER to another."
            ) from None
        postgres = valkey = None
        if not settings.database_url:
            postgres = Postgres(folder, password, keeps_open=[lock], deadline=settings.start_deadline)
            running.callback(postgres.stop)
            postgres.start()
            settings = msgspec.structs.replace(settings, database_url=postgres.url())
        if not settings.redis_url:
            valkey = Valkey(folder, password, keeps_open=[lock], deadline=settings.start_deadline)
            running.callback(valkey.stop)
            valkey.start()
            settings = msgspec.structs.replace(settings, redis_url=valkey.url)
        yield Stack(settings, postgres, valkey)


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """Holds the lock of `folder`, as do the databases: who gets it knows that none of them runs any more."""
    folder.mkdir(parents=True, exist_ok=True)
    # Root lends PostgreSQL an account, which must be able to walk through.
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(lock, folder)
        yield lock
    finally:
        os.close(lock)


def _take(lock: int, folder: Path) -> None:
    until = time.monotonic() + _LAST_BREATH
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            holder = int(os.pread(lock, 20, 0) or 0)
        if holder and _lives(holder):
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


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _password(folder: Path) -> str:
    """Made once; whoever can read it owns the data anyway."""
    path = folder / "password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text()
