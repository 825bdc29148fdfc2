"""`dno serve`: starts databases, migrates, starts the server, and stops all of it in order."""

import asyncio
import errno
import gc
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import msgspec
import uvloop

from app.cache.start_problem import start_problem
from app.cli import console, service_manager, starter
from app.cli.migrate import bring_up_to_date
from app.cli.reload import changes
from app.dev.stack import open_stack
from app.errors import CannotStart
from app.observability import exposition, logs, traces
from app.server.accept_balancing import AcceptShares
from app.server.uvicorn_server import serve
from app.server.workers import Workers
from app.settings import Settings


def run(settings: Settings, *, reload: bool = False) -> None:
    started_at = time.monotonic()
    logs.configure(settings)
    logs.report_ignored_errors()
    with _exit_on_signal(), listen(settings) as listener, open_stack(settings) as stack:
        notes = asyncio.run(prepare(stack.settings))

        def on_ready() -> None:
            port = listener.getsockname()[1]
            console.print_summary(stack, port, notes, time.monotonic() - started_at)
            service_manager.notify_ready()

        if stack.settings.workers > 1 or reload:
            _run_workers(stack.settings, listener, on_ready, reload=reload)
        else:
            run_application(stack.settings, listener, on_ready=on_ready)


def run_application(
    settings: Settings,
    listener: socket.socket,
    *,
    on_ready: Callable[[], None],
    shares: AcceptShares | None = None,
) -> None:
    """The server itself, in this process; `shares` where it is one of several."""
    # Imports leave no garbage behind; looking for it takes a tenth of the start.
    gc.disable()
    from app.main import create_app  # the supervisor of workers does not need it

    gc.enable()
    with traces.open_tracing(settings):
        _run_on_uvloop(serve(create_app(settings), settings, listener, on_ready=on_ready, shares=shares))


@contextmanager
def listen(settings: Settings) -> Iterator[socket.socket]:
    """From here on the kernel queues connections: none is refused during the start."""
    host, port = settings.host, settings.port
    try:
        family = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][
            0
        ]
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except (socket.gaierror, UnicodeError):  # also a name that has no form in DNS
        raise CannotStart(f"There is no address {host} to listen on: correct --host.") from None
    except OSError as error:
        advice = (
            "choose one above 1023"
            if error.errno == errno.EACCES
            else "stop what listens there, or choose another"
        )
        raise CannotStart(
            f"Port {port} of {host} cannot be had ({os.strerror(error.errno or 0)}): {advice} with --port."
        ) from None
    with listener:
        listener.setblocking(False)
        yield listener


async def prepare(settings: Settings) -> list[str]:
    """Migrates the database and fills an empty one; returns what was done."""
    notes = [*await bring_up_to_date(settings), *await _redis_problems(settings)]
    if not settings.starter or settings.follow_database_url:
        return notes
    return [*notes, *await starter.load_into_empty(settings)]


async def _redis_problems(settings: Settings) -> list[str]:
    """Redis is not needed for the start, so what is wrong with it would go unnoticed."""
    separate = settings.session_redis_url not in ("", settings.redis_url)
    sessions = [msgspec.structs.replace(settings, redis_url=settings.session_redis_url)] if separate else []
    problems = await asyncio.gather(*map(start_problem, [settings, *sessions]))
    effects = (
        "Until it can be used, reads go to PostgreSQL and each process limits its clients on its own"
        + ("." if separate else "; sign-in fails."),
        "Until it can be used, sign-in fails.",
    )
    return [f"{problem} {effect}" for problem, effect in zip(problems, effects, strict=False) if problem]


def _run_workers(
    settings: Settings, listener: socket.socket, on_ready: Callable[[], None], *, reload: bool
) -> None:
    with tempfile.TemporaryDirectory(prefix="dno-metrics-") as folder:
        exposition.prepare_folder(Path(folder))
        workers = Workers(settings, listener, {**os.environ, exposition.FOLDER: folder})
        asyncio.run(_reloading(workers, on_ready) if reload else workers.run(on_ready))


async def _reloading(workers: Workers, on_ready: Callable[[], None]) -> None:
    async def watch() -> None:
        async for path in changes():
            console.print_note(f"{path.name} has changed: renewing …")
            workers.roll()

    watching = asyncio.create_task(watch())
    try:
        await workers.run(on_ready)
    finally:
        watching.cancel()


def _run_on_uvloop(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, suppress(asyncio.CancelledError):
        runner.run(work)  # cancelled by a signal before the server was ready


@contextmanager
def _exit_on_signal() -> Iterator[None]:
    """SIGTERM and SIGHUP, too, then run the clean-up that stops the databases in order."""

    def exit_(number: int, _: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, exit_) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
