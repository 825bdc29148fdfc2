"""Several processes that share one port: those that end are replaced, and all can be restarted without interruption."""

import asyncio
import os
import signal
import subprocess
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from socket import socket

import structlog

from app.child_process import end_with_parent, module_command, module_environment
from app.errors import CannotStart
from app.server.accept_balancing import WIDTH, AcceptShares
from app.server.listening_socket import stop_accepting
from app.settings import Settings, as_environment

# The pause before a fallen worker is replaced doubles from the first to the last of these.
_FIRST_PAUSE, _LAST_PAUSE = 0.1, 30.0
# A worker that lived this long did not fall because of its start.
_LONG_LIFE = 60.0
# What a worker gets beyond the deadlines that it keeps by itself.
_EXTRA_TIME = 5.0

log = structlog.get_logger(__name__)


class Worker:
    """One process, and the pipe on which it reports that it is ready."""

    def __init__(self, process: Process, ready: asyncio.StreamReader) -> None:
        self.pid = process.pid
        self.since = time.monotonic()
        self.ended = asyncio.create_task(process.wait())
        self._process = process
        self._ready = ready
        self._is_ready_reported = False

    async def ready(self, within: float) -> bool:
        """False if it ended before, or takes too long."""
        try:
            self._is_ready_reported = bool(await asyncio.wait_for(self._ready.read(1), within))
        except TimeoutError:
            self._is_ready_reported = False
        return self._is_ready_reported

    def send_signal(self, number: signal.Signals) -> None:
        if not self.ended.done():
            # A worker that is still importing has no signal handler yet; one may just have ended.
            with suppress(ProcessLookupError):
                self._process.send_signal(number if self._is_ready_reported else signal.SIGKILL)

    async def stop(self, number: signal.Signals, within: float) -> None:
        self.send_signal(number)
        await asyncio.wait([self.ended], timeout=within)
        self.send_signal(signal.SIGKILL)
        await self.ended


class Workers:
    """All accept from one socket: a connection in its queue belongs to no process yet, so none is lost with a worker."""

    def __init__(self, settings: Settings, listener: socket, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._listener = listener
        self._environment = {**environment, **as_environment(settings)}
        self._slots: list[Worker] = []
        self._all: set[Worker] = set()
        self._renewal = asyncio.Event()
        self._stop_signal = signal.SIGINT
        self._shares_file = tempfile.TemporaryFile()  # noqa: SIM115 - the workers' as long as they live
        self._shares_file.truncate(WIDTH * settings.workers)
        self._shares = AcceptShares(self._shares_file.fileno(), settings.workers, 0)
        for slot in range(settings.workers):
            self._shares.withdraw(slot)  # until it takes connections

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Until SIGTERM or Ctrl-C; refuses with CannotStart if the first workers do not get ready."""
        serving = asyncio.create_task(self._serve(on_ready))
        with self._hearing(serving):
            try:
                await asyncio.wait([serving])
            finally:
                # Before any worker leaves; each takes what is in the queue until then.
                stop_accepting(self._listener)
                self._listener.close()
                within = self._settings.stop_timeout + _EXTRA_TIME
                await asyncio.gather(*(worker.stop(self._stop_signal, within) for worker in self._all))
                self._shares_file.close()
        if not serving.cancelled():
            serving.result()

    def roll(self) -> None:
        """Renews all, or all once more if that is under way: the code may be another by now."""
        self._renewal.set()

    async def _serve(self, on_ready: Callable[[], None]) -> None:
        workers = [await self._start(slot) for slot in range(self._settings.workers)]
        if not all(await asyncio.gather(*map(self._is_ready, workers))):
            raise CannotStart("The workers did not start; why stands above.")
        self._slots = workers
        on_ready()
        async with asyncio.TaskGroup() as tasks:
            for slot in range(len(workers)):
                tasks.create_task(self._keep(slot))
            tasks.create_task(self._renew_when_asked())

    async def _keep(self, slot: int) -> None:
        pause = _FIRST_PAUSE / 2
        while True:
            worker = self._slots[slot]
            status = await asyncio.shield(worker.ended)
            if self._slots[slot] is not worker:
                continue  # renewed: it was stopped on purpose
            pause = (
                _FIRST_PAUSE if time.monotonic() - worker.since > _LONG_LIFE else min(2 * pause, _LAST_PAUSE)
            )
            self._shares.withdraw(slot)
            log.error("a worker fell and is replaced", pid=worker.pid, status=status, pause=pause)
            await asyncio.sleep(pause)
            while self._slots[slot] is worker and not await self._replace(slot):
                pause = min(2 * pause, _LAST_PAUSE)
                await asyncio.sleep(pause)

    async def _replace(self, slot: int) -> bool:
        """False if no process can be started: the other workers go on meanwhile."""
        fallen = self._slots[slot]
        try:
            new = await self._start(slot)
        except CannotStart as error:
            log.error("a worker is not replaced yet", error=str(error))
            return False
        if self._slots[slot] is not fallen:  # renewed meanwhile
            await new.stop(signal.SIGKILL, _EXTRA_TIME)
            return True
        self._slots[slot] = new
        if not await self._is_ready(new):
            await new.stop(signal.SIGKILL, _EXTRA_TIME)  # if it hangs; it is replaced as one that fell
        return True

    async def _renew_when_asked(self) -> None:
        while True:
            await self._renewal.wait()
            self._renewal.clear()
            await self._renew()

    async def _renew(self) -> None:
        """The new one serves before the old one leaves."""
        for slot in range(len(self._slots)):
            try:
                new = await self._start(slot)
            except CannotStart as error:
                log.error("no new worker can be started: the old ones stay", error=str(error))
                return
            if not await self._is_ready(new):
                await new.stop(signal.SIGKILL, _EXTRA_TIME)
                log.error("a new worker was not ready in time: the old ones stay", pid=new.pid)
                return
            old, self._slots[slot] = self._slots[slot], new
            await old.stop(signal.SIGTERM, self._settings.stop_timeout + _EXTRA_TIME)
        log.info("all workers are renewed", pids=[worker.pid for worker in self._slots])

    async def _start(self, slot: int) -> Worker:
        """Raises CannotStart, as when there are too many processes or open files."""
        try:
            return await self._start_process(slot)
        except (OSError, subprocess.SubprocessError) as error:
            raise CannotStart(f"The process of a worker cannot be started: {error}.") from None

    async def _start_process(self, slot: int) -> Worker:
        reading, writing = os.pipe()
        files = (self._listener.fileno(), writing, self._shares_file.fileno())
        try:
            process = await asyncio.create_subprocess_exec(
                *module_command("app.cli.worker"),
                *map(str, (*files, self._settings.workers, slot)),
                env=module_environment(self._environment),
                pass_fds=files,
                start_new_session=True,  # Ctrl-C comes from us, in order
                preexec_fn=end_with_parent(signal.SIGINT),
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        ready = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(ready), os.fdopen(reading, "rb")
        )
        worker = Worker(process, ready)
        self._all.add(worker)
        worker.ended.add_done_callback(lambda _: self._all.discard(worker))
        return worker

    async def _is_ready(self, worker: Worker) -> bool:
        return await worker.ready(self._settings.start_timeout + _EXTRA_TIME)

    @contextmanager
    def _hearing(self, serving: "asyncio.Task[None]") -> Iterator[None]:
        loop = asyncio.get_running_loop()

        def leave(number: signal.Signals) -> None:
            if serving.cancelled():  # the second signal
                for worker in self._all:
                    worker.send_signal(number)
            self._stop_signal = number
            serving.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, leave, number)
        loop.add_signal_handler(signal.SIGHUP, self.roll)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.remove_signal_handler(number)
