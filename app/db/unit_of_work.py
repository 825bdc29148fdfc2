"""One transaction with its history: the only way in which people's changes are written."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg
import msgspec

from app.db.pool import Connection, Pool
from app.db.revisions import revision
from app.domain.account import Principal
from app.domain.event import EntryChange, Event, Topic
from app.domain.plausibility import Doubt
from app.domain.revision import ChangeKind, Revision
from app.errors import Conflict, Invalid


class UnitOfWork:
    """`events` and `revision` (the last one) are known once the block has ended well."""

    def __init__(self, connection: Connection, principal: Principal) -> None:
        self.connection = connection
        self.principal = principal
        self.doubts: list[Doubt] = []
        self.events: list[Event] = []
        self.revision: Revision | None = None
        self.wrote_nothing = False  # said by who knows it; else it is looked up

    async def sign(self, kind: ChangeKind | None = None, reason: str | None = None) -> None:
        """Tells the triggers who writes and why. Statements that lock a row do it by themselves."""
        await self.connection.execute("SELECT sign($1, $2, $3)", self.principal.name, reason, kind)

    async def read_back(self) -> None:
        """What the triggers have made of this transaction so far."""
        rows = await self.connection.fetch(
            "SELECT o.id, topic, o.dno_id, o.year, o.changed_at, entries,"
            " r.id, r.entry_id, r.data_type, r.kind, r.version, r.changed_at, r.changed_by, r.reason, r.before, r.after"
            " FROM outbox o LEFT JOIN revisions r"
            " ON r.entry_id = (entries -> 0 ->> 'id')::uuid AND r.version = (entries -> 0 ->> 'version')::integer"
            " WHERE transaction = pg_current_xact_id() ORDER BY o.id"
        )
        self.events = [
            Event(number, Topic(topic), dno_id, year, at, msgspec.convert(entries, tuple[EntryChange, ...]))
            for number, topic, dno_id, year, at, entries, *_ in rows
        ]
        self.revision = next((revision(row[6:]) for row in reversed(rows) if row[6] is not None), None)


@asynccontextmanager
async def unit_of_work(pool: Pool, principal: Principal) -> AsyncIterator[UnitOfWork]:
    """Commits if the block ends well. A lost connection is Unavailable: the work may have happened."""
    async with pool.connection() as connection:
        with _refusals_of_a_write():
            async with connection.transaction():
                work = UnitOfWork(connection, principal)
                yield work
                if not work.wrote_nothing:
                    await work.read_back()


@contextmanager
def _refusals_of_a_write() -> Iterator[None]:
    """Rules stand in the database too, each constraint named after its rule."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise Conflict("Somebody else has just added the same.") from error
    except asyncpg.IntegrityConstraintViolationError as error:
        rule = (error.constraint_name or "a value is missing").replace("_", " ")
        raise Invalid(f"This breaks a rule: {rule}.") from error
    except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
        raise Conflict("Somebody else changes the same at this moment; please try again.") from error
    except asyncpg.DataError as error:
        raise Invalid("A value cannot be stored.") from error


def expect(current: int, expected: int | None) -> None:
    if expected not in (None, current):
        raise Conflict(
            f"The entry is at version {current} by now, not at {expected}.",
            field=("input", "expectedVersion"),
            current_version=current,
        )
