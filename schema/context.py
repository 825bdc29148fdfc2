"""What resolvers share during one operation: resources, principal, loaders, read set, work budget."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias, TypeVar

import strawberry
from aiodataloader import DataLoader
from starlette.datastructures import Headers

from app.cache.clock import monotonic
from app.cache.read_set import ReadSet
from app.db.one_entry import OneEntryWork, write_one_entry
from app.db.unit_of_work import OutcomeUnknown, UnitOfWork, write
from app.domain import clock, tags
from app.domain.account import ANONYMOUS, Principal
from app.errors import AppError, Code
from app.failpoints import FailPoint, reach
from app.limits.cancellation import shield_once
from app.limits.work_budget import WorkBudget
from app.resources import Resources
from loaders.registry import Loaders

T = TypeVar("T")


class Context:
    """`address`, `headers` and `set_cookies` are for signing in; authorization uses the principal."""

    def __init__(
        self,
        resources: Resources,
        *,
        principal: Principal = ANONYMOUS,
        address: str = "",
        headers: Sequence[tuple[bytes, bytes]] = (),
        request_id: str = "",
        budget: WorkBudget | None = None,
    ) -> None:
        self.resources = resources
        self.budget = budget or WorkBudget(resources.settings)
        self.principal = principal
        self.address = address
        self._headers = headers
        self.request_id = request_id
        self.read_set = ReadSet()
        self.loaders = Loaders(resources.read_through, self.read_set)
        self.set_cookies: list[str] = []
        self.tasks: dict[Any, asyncio.Task[Any]] = {}
        self.outcome: asyncio.Future[Any] | None = None  # of the mutation that a plan has run
        self.level_loaders: dict[Any, DataLoader[Any, Any]] = {}  # by batch field and arguments

    @property
    def headers(self) -> Headers:
        return Headers(raw=list(self._headers))

    async def run_once(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of `work`, which runs once per operation for each key, and completes even if a caller is cancelled."""
        task: asyncio.Task[T] | None = self.tasks.get(key)
        if task is None:
            task = self.tasks[key] = asyncio.create_task(work())
            # Marks an exception as retrieved: all callers may have been cancelled.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    def cancel(self) -> None:
        """Cancels tasks of an operation that ended early."""
        for task in self.tasks.values():
            task.cancel()

    def today(self) -> date:
        """The day in Germany; the read set expires at midnight there."""
        now = datetime.now(clock.GERMANY)
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), clock.GERMANY)
        self.read_set.change_at(monotonic() + (midnight - now).total_seconds())
        return now.date()

    async def current_principal(self) -> Principal:
        """The principal with its current role: it may have changed since the request began, for instance while queued."""
        return await self.resources.authenticator.renewed(self.principal)

    async def write(
        self, change: Callable[[UnitOfWork], Awaitable[T]], *, one_entry: bool = False
    ) -> tuple[T, UnitOfWork]:
        """One transaction; `change` may run twice. Reads that begin after it, on any instance, return what it wrote.

        Rolled back if the caller's role was revoked or lowered while the transaction waited for locks. Once the
        commit has begun, a deadline or a disconnect takes effect only after the invalidation. If the outcome of
        the commit is unknown, the caches are invalidated as well, so that no read returns the old value.

        `one_entry`: the change locks and saves one entry, which is written by one statement if possible.
        """
        latest: UnitOfWork | None = None

        async def change_and_check(work: UnitOfWork) -> T:
            nonlocal latest
            latest = work
            result = await change(work)
            if not isinstance(work, OneEntryWork):
                await self._check_role()
            return result

        async def write_and_invalidate() -> tuple[T, UnitOfWork]:
            pool = self.resources.pool
            try:
                if one_entry:
                    result, work = await write_one_entry(
                        pool, self.principal, change_and_check, self._check_role
                    )
                else:
                    result, work = await write(pool, self.principal, change_and_check)
            except OutcomeUnknown as unknown:
                await self.resources.invalidator.invalidate(tags.of_all(unknown.events))
                raise
            except Exception:
                if latest is not None and latest.committing:
                    await self.resources.invalidator.invalidate(tags.of_all(latest.events))
                raise
            reach(FailPoint.AFTER_COMMIT, self.resources.settings.fail_point)
            # Acknowledges its events, so that the relay only publishes them.
            await self.resources.invalidator.invalidate(
                tags.of_all(work.events), [event.id for event in work.events if event.id]
            )
            return result, work

        with self.resources.write_priority if one_entry else nullcontext():
            written = await shield_once(
                write_and_invalidate(), begun=lambda: latest is not None and latest.committing
            )
        self.loaders.clear()
        return written

    async def _check_role(self) -> None:
        """Raises FORBIDDEN if the caller's role is lower than at the beginning of the request."""
        if not (await self.current_principal()).role.includes(self.principal.role):
            raise AppError("Your role has changed meanwhile; please try again.", Code.FORBIDDEN)


Info: TypeAlias = strawberry.Info[Context, None]
