"""One pass over the crawler's database: what changed there is taken over, in one snapshot and in batches.

A full comparison reads every row, and finds those that are gone. Any other pass reads the rows whose `updated_at` is later than
the latest one that was read, and those of transactions that were not finished then, however late they were committed; where rows
are missing then, the table is compared as a whole. What was handled is found by its
fingerprint, so that a pass that was interrupted continues with what is left.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from time import perf_counter
from typing import Final, TypeVar

import msgspec

from app.db import followed_operators, followed_rows, staging
from app.db.crawler_database import (
    OPERATORS,
    TARIFFS,
    WINDOWS,
    CannotFollow,
    Position,
    Snapshot,
    State,
    open_snapshot,
    shortened,
)
from app.db.followed_rows import LastPass
from app.db.pool import Connection, Row
from app.domain.revision import CRAWLER
from app.domain.set_aside import SetAside
from app.importers.follow.figures import Unfit
from app.importers.follow.levels import CRAWLER_LEVELS
from app.importers.follow.operators import Operator, Plan, plan, read_operator
from app.importers.follow.taking_over import RULE_BROKEN, Counts, TakingOver, broken_rule
from app.importers.garbage_collection import fewer_collections
from app.importers.load import connect
from app.importers.transaction import in_transaction

T = TypeVar("T")

LEADER: Final = "follow"
FULL_INTERVAL: Final = 3600.0  # seconds
# So many, and so large a share, are not deleted without `accept_deletions`.
_MANY: Final = 50
_LARGE_SHARE: Final = 0.2

_LOCK_TIMEOUT: Final = 60.0  # also for one statement


class PassReport(msgspec.Struct, frozen=True):
    """`full`: a full comparison. `seconds`: until everything was written. `problem`: what was not done, and why."""

    full: bool
    operators: int
    counts: Counts
    set_aside: int
    warnings: int
    seconds: float
    problem: str | None = None


class Request(msgspec.Struct, frozen=True):
    """`every`: seconds since the beginning of the last pass before there is another. `since`: a full comparison is due
    unless one began after this moment.
    """

    followed_url: str
    database_url: str
    connect_timeout: float
    every: float = 0
    since: datetime | None = None
    full: bool = False
    accept_deletions: bool = False
    wait_for_leader: bool = False


async def run_pass(request: Request) -> PassReport | None:
    """None if another process makes a pass, or has just made one.

    Raises Unavailable while the followed database does not answer, and CannotFollow if it cannot be taken over.
    """
    async with connect(request.database_url, deadline=_LOCK_TIMEOUT, name="dno-follow") as connection:
        if not await _lead(connection, wait=request.wait_for_leader):
            return None
        last = await followed_rows.fetch_last_pass(connection)
        if last.began_ago is not None and 0 <= last.began_ago < request.every:
            return None
        await followed_rows.begin_pass(connection)
        try:
            async with open_snapshot(
                request.followed_url, connect_timeout=request.connect_timeout
            ) as snapshot:
                with fewer_collections():
                    return await _Pass(connection, snapshot, last, request).run()
        except Exception as error:
            await _note(connection, error)
            raise


async def _lead(connection: Connection, *, wait: bool) -> bool:
    """Until the connection is closed, or lost with everything that it would write."""
    if wait:
        await connection.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", LEADER)
        return True
    leading: bool = await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", LEADER)
    return leading


async def _note(connection: Connection, error: Exception) -> None:
    with suppress(Exception):  # the error itself is raised
        await followed_rows.record_problem(connection, problem_of(error))


def problem_of(error: Exception) -> str:
    return str(error) or type(error).__name__


class _Pass:
    def __init__(self, connection: Connection, snapshot: Snapshot, last: LastPass, request: Request) -> None:
        self._connection = connection
        self._snapshot = snapshot
        self._last = last
        self._accepted = request.accept_deletions
        self._full = request.full or last.compare_next or _is_due(last, request.since)
        self._problems: list[str] = []
        self._compare_next = False
        self._unwritable: dict[int, str] = {}  # operators, and why

    async def run(self) -> PassReport:
        began = perf_counter()
        operators = await self._take_operators()
        state = await self._snapshot.fetch_state()
        positions = dict(self._last.positions)
        counts, sources = Counts(), []
        for source in (TARIFFS, WINDOWS):
            taking_over = TakingOver(self._connection, self._snapshot, source)
            sources.append(taking_over)
            since = self._since(source, state)
            if since is not None:
                await self._read(taking_over, since)
            if since is None or await self._has_lost_rows(source):
                await self._compare(taking_over)
            await self._delete_released(taking_over)
            if (latest := await self._snapshot.fetch_latest(source)) is not None:
                positions[source] = Position(latest, state)
            counts += taking_over.counts
            self._compare_next |= taking_over.has_left_some
        if self._full:
            await self._in_transaction(lambda: followed_operators.delete_gone(self._connection))
        problem = " ".join(self._problems) or None
        await followed_rows.finish_pass(
            self._connection,
            positions,
            compared=self._full,
            compare_next=self._compare_next or problem is not None,
            problem=problem,
        )
        seconds = perf_counter() - began
        aside = sum((await followed_rows.count_set_aside(self._connection)).values())
        warnings = sum([await each.count_warnings() for each in sources])
        return PassReport(self._full, operators, counts, aside, warnings, seconds, problem)

    def _since(self, source: str, state: State) -> Position | None:
        """None: all rows are read."""
        position = self._last.positions.get(source)
        if self._full or position is None or not state.continues(position.state):
            return None
        return position

    async def _read(self, taking_over: TakingOver, since: Position | None) -> None:
        async for rows in self._snapshot.read(taking_over.source, since, CRAWLER_LEVELS):
            await taking_over.take(rows)
            await asyncio.sleep(0)

    async def _compare(self, taking_over: TakingOver) -> None:
        """All rows, and those that are gone."""
        present = await self._snapshot.fetch_ids(taking_over.source)
        taking_over.present = frozenset(present)
        await self._read(taking_over, None)
        await self._release_gone(taking_over.source, present)

    async def _has_lost_rows(self, source: str) -> bool:
        """Every row that is there was handled by now."""
        handled = await followed_rows.count_handled(self._connection, source)
        return handled != await self._snapshot.count(source)

    async def _take_operators(self) -> int:
        """All of them in every pass: what the register has of them has no `updated_at`."""
        rows = await self._snapshot.fetch_operators()
        mapped = await followed_operators.fetch_mapped(self._connection)
        followed = {each.source_id for each in mapped if not each.gone}
        gone = followed - {row["id"] for row in rows}
        if not self._accepted and ((followed and not rows) or _are_many(len(gone), len(followed))):
            raise CannotFollow(_refused(len(gone), len(followed), "operators"))
        try:
            found = await self._in_transaction(lambda: self._write_operators(rows))
        except RULE_BROKEN:
            self._unwritable = await self._find_unwritable(rows)
            found = await self._in_transaction(lambda: self._write_operators(rows))
        # Rows of figures may belong to other operators now, without having changed themselves.
        self._full |= found.remapped
        return found.matched

    async def _find_unwritable(self, rows: Sequence[Row]) -> dict[int, str]:
        """Operators that break a rule of the database, by dividing; nothing is kept of the attempts."""
        try:
            await in_transaction(self._connection, lambda: self._write_operators(rows), keep=False)
        except RULE_BROKEN as error:
            if len(rows) == 1:
                return {rows[0]["id"]: broken_rule(error)}
            half = len(rows) // 2
            return await self._find_unwritable(rows[:half]) | await self._find_unwritable(rows[half:])
        return {}

    async def _write_operators(self, rows: Sequence[Row]) -> Plan:
        found, unfit = await self._planned(rows)
        if found.is_empty:
            await followed_rows.replace_set_aside(self._connection, OPERATORS, unfit)
            return found
        # Another import may be adding operators.
        await staging.one_import_at_a_time(self._connection)
        found, unfit = await self._planned(rows)
        await self._connection.execute("SELECT record_author($1, NULL, NULL)", CRAWLER)
        if found.new:
            await followed_operators.insert(self._connection, found.new)
        if found.changed:
            await followed_operators.update(self._connection, found.changed)
        if found.aliases:
            await followed_operators.add_aliases(self._connection, found.aliases, CRAWLER)
        await followed_operators.record(self._connection, found.mapped)
        await followed_rows.replace_set_aside(self._connection, OPERATORS, unfit)
        return found

    async def _planned(self, rows: Sequence[Row]) -> tuple[Plan, list[SetAside]]:
        operators: list[Operator] = []
        unfit: dict[int, list[Unfit]] = {}
        for row in rows:
            operator, reasons = read_operator(dict(row), self._snapshot.columns)
            if row["id"] in self._unwritable:
                operator, reasons = None, [Unfit("", self._unwritable[row["id"]])]
            unfit[row["id"]] = reasons
            if operator is not None:
                operators.append(operator)
        found = plan(
            operators,
            unfit.keys() - {operator.id for operator in operators},
            await followed_operators.fetch_own(self._connection),
            await followed_operators.fetch_mapped(self._connection),
        )
        for source_id, unmatched in found.unfit.items():
            unfit[source_id] += unmatched
        content = {row["id"]: row for row in rows}
        return found, [
            SetAside(OPERATORS, source_id, each.part, each.reason, shortened(content[source_id]))
            for source_id, reasons in unfit.items()
            for each in reasons
        ]

    async def _release_gone(self, source: str, present: Sequence[int]) -> None:
        gone, handled = await followed_rows.fetch_gone(self._connection, source, present)
        if not gone:
            return
        refused = _are_many(len(gone), handled) or (not present and handled > 1)
        if refused and not self._accepted:
            self._problems.append(_refused(len(gone), handled, f"rows of {source}"))
            return
        await self._in_transaction(lambda: followed_rows.forget_rows(self._connection, source, gone))

    async def _delete_released(self, taking_over: TakingOver) -> None:
        released = await taking_over.count_released()
        followed = await taking_over.count_followed() if released > _MANY else released
        if _are_many(released, followed) and not self._accepted:
            self._problems.append(_refused(released, followed, f"entries of {taking_over.source}"))
            return
        while released:
            released = await self._in_transaction(taking_over.delete_released)

    async def _in_transaction(self, work: Callable[[], Awaitable[T]]) -> T:
        return await in_transaction(self._connection, work)


def _is_due(last: LastPass, since: datetime | None) -> bool:
    if last.compared_at is None or last.compared_ago is None or last.compared_ago >= FULL_INTERVAL:
        return True
    return since is not None and last.compared_at < since


def _are_many(gone: int, followed: int) -> bool:
    return gone > _MANY and gone > _LARGE_SHARE * followed


def _refused(gone: int, followed: int, what: str) -> str:
    return (
        f"{gone:,} of {followed:,} {what} are not in the followed database any more: nothing of them was deleted here. If"
        " that is right, run dno follow --once --accept-deletions."
    )
