"""Keeps jobs running beside the requests: starts them, restarts those that failed, stops them in order."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

import structlog

from app.db.pool import in_job
from app.errors import AppError
from app.jobs.backoff import Backoff
from app.observability.metrics import JOB_FAILURES

log = structlog.get_logger(__name__)


class Job(Protocol):
    """A job that returns is done; one that raises is started again. Where it has an `async def
    close(self)`, that is called after its last run, to bring home what it still holds.
    """

    async def run(self) -> None: ...


class Supervisor:
    """Stops in reverse order, all together within `stop_timeout` seconds."""

    def __init__(self, jobs: Sequence[Job], *, stop_timeout: float) -> None:
        self._jobs = jobs
        self._stop_timeout = stop_timeout
        self._running: list[tuple[Job, asyncio.Task[None]]] = []

    async def __aenter__(self) -> Self:
        self._running = [
            (job, asyncio.create_task(_keep_running(job), name=_name(job))) for job in self._jobs
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        deadline = asyncio.get_running_loop().time() + self._stop_timeout
        while self._running:
            # A share for each, so that one that hangs takes nothing from those after it.
            share = (deadline - asyncio.get_running_loop().time()) / len(self._running)
            await _stop(*self._running.pop(), within=share)


async def _keep_running(job: Job) -> None:
    in_job.set(True)
    JOB_FAILURES.labels(_name(job))  # from zero, so that Prometheus sees the first one as an increase
    backoff = Backoff(shortest=0.1, longest=10)
    while True:
        with backoff.reset_after(60):
            try:
                return await job.run()
            except (OSError, AppError) as failure:
                _count_failure(job, failure)
            except Exception as error:
                _count_failure(job, error, exc_info=True)
        await backoff.wait()


def _count_failure(job: Job, error: Exception, *, exc_info: bool = False) -> None:
    """A server that is away needs no traceback; an error of ours does."""
    JOB_FAILURES.labels(_name(job)).inc()
    log.warning("job_fell", job=_name(job), error=repr(error), exc_info=exc_info)


async def _stop(job: Job, task: asyncio.Task[None], *, within: float) -> None:
    try:
        async with asyncio.timeout(within):
            while not task.done():
                # Not once: a library may take one cancellation for a failure of its connection.
                task.cancel()
                await asyncio.wait([task], timeout=0.2)
            if close := getattr(job, "close", None):
                await close()
    except TimeoutError:
        log.warning("job_did_not_stop", job=_name(job), waited=round(within, 1))
    except Exception:
        log.exception("job_did_not_close", job=_name(job))


def _name(job: Job) -> str:
    return type(job).__name__
