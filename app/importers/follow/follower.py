"""The job that follows a crawler's database: one pass after the other, by one instance at a time."""

import asyncio
from datetime import UTC, datetime
from typing import Final

import asyncpg
import structlog

from app.errors import AppError, CannotStart
from app.importers.follow.passes import PassReport, Request, problem_of, run_pass
from app.observability.metrics import FOLLOW_ENTRIES, FOLLOW_PASSES, FOLLOW_SECONDS, FOLLOW_SET_ASIDE
from app.settings import Settings

log = structlog.get_logger(__name__)

FOLLOW_PASSES.labels("failed")  # from zero, so that Prometheus sees the first one as an increase

# Of the interval: what must have passed since the last pass of any instance.
_SHARE: Final = 0.5
_PASS_TIMEOUT: Final = 900.0  # seconds for one pass; the next one continues

FAILURES: Final = (
    AppError,
    CannotStart,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a response that breaks off
    OSError,  # includes TimeoutError
)


class Follower:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._began = datetime.now(UTC)

    async def run(self) -> None:
        while self._settings.follow_database_url:
            await self._try()
            await asyncio.sleep(self._settings.follow_interval)

    async def _try(self) -> None:
        """A database that is away is no failure of the job: the next pass continues."""
        try:
            report = await one_pass(self._settings, since=self._began)
        except FAILURES as error:
            FOLLOW_PASSES.labels("failed").inc()
            log.warning("follow_failed", reason=problem_of(error))
        else:
            if report is not None:
                _note(report)


async def one_pass(
    settings: Settings,
    *,
    since: datetime | None = None,
    full: bool = False,
    accept_deletions: bool = False,
    wait_for_leader: bool = False,
) -> PassReport | None:
    """None if another process makes one, or has made one within half the interval. Raises one of FAILURES."""
    async with asyncio.timeout(_PASS_TIMEOUT):
        return await run_pass(
            Request(
                settings.follow_database_url,
                settings.database_url,
                settings.database_connect_timeout,
                every=0 if wait_for_leader else settings.follow_interval * _SHARE,
                since=since,
                full=full,
                accept_deletions=accept_deletions,
                wait_for_leader=wait_for_leader,
            )
        )


def _note(report: PassReport) -> None:
    FOLLOW_PASSES.labels("full" if report.full else "incremental").inc()
    FOLLOW_SECONDS.labels("full" if report.full else "incremental").observe(report.seconds)
    FOLLOW_SET_ASIDE.set(report.set_aside)
    counts = report.counts
    for change, count in (
        ("added", counts.added),
        ("changed", counts.changed),
        ("deleted", counts.deleted),
        ("disputed", counts.disputed),
    ):
        FOLLOW_ENTRIES.labels(change).inc(count)
    if report.problem:
        log.warning("follow_incomplete", reason=report.problem)
    if report.full or report.counts.handled or report.counts.deleted:
        log.info(
            "followed",
            full=report.full,
            added=counts.added,
            changed=counts.changed,
            deleted=counts.deleted,
            disputed=counts.disputed,
            set_aside=report.set_aside,
            unusual=report.warnings,
            seconds=round(report.seconds, 3),
        )
