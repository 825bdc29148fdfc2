"""`dno migrate`: waits for the database, then applies migrations."""

import asyncio
from contextlib import nullcontext

import asyncpg

from app.cli import console
from app.db.address import address
from app.db.failures import is_lasting
from app.db.migrate import left_rows, migrate
from app.db.pooler import refuse_transaction_pooling
from app.db.start_errors import cannot_start, is_final
from app.dev.stack import Stack, open_stack
from app.errors import CannotStart
from app.settings import Settings

_RETRY_INTERVAL = 0.2
# Longer than a migration waits for a lock, so that what has queued behind it is answered in between.
_LOCK_RETRY_INTERVAL = 1.0


def run(settings: Settings) -> list[str]:
    # Redis takes no part: where PostgreSQL is given, nothing has to be started.
    with nullcontext(Stack(settings)) if settings.database_url else open_stack(settings, join=True) as stack:
        return asyncio.run(bring_up_to_date(stack.settings)) or ["The database is up to date."]


async def bring_up_to_date(settings: Settings) -> list[str]:
    """Returns what was done, in sentences. Raises CannotStart if the database stays unreachable."""
    url, where = settings.database_url, address(settings.database_url)
    migration = _RetriedMigration(url)
    try:
        async with asyncio.timeout(settings.start_timeout):
            applied = await migration.run(settings.database_connect_timeout)
            broken, decomposed, total = await left_rows(
                url, connect_timeout=settings.database_connect_timeout
            )
    except TimeoutError:
        if isinstance(migration.last_error, asyncpg.LockNotAvailableError):
            raise CannotStart(
                f"A migration of PostgreSQL at {where} needs tables that other transactions use: wait until downloads and"
                " backups have ended, or raise START_TIMEOUT."
            ) from None
        raise cannot_start(url, migration.last_error or TimeoutError()) from None
    except (ValueError, OSError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
        if is_final(url, error):
            # `from None`: what the driver quotes of a damaged address may be its password.
            raise cannot_start(url, error) from None
        if isinstance(error, asyncpg.PostgresError):
            raise CannotStart(f"PostgreSQL at {where} could not be brought up to date: {error}.") from error
        raise
    notes = [f"The database was brought to version {applied[-1]}."] if applied else []
    if broken:
        notes.append(
            f"Rows written earlier do not keep these rules, or the table belongs to another role: {', '.join(broken)}. Exports"
            " leave such rows out; correct them, or let the owner validate the rule, then run `dno migrate` again."
        )
    if decomposed:
        more = f" and {total - len(decomposed):,} more" if total > len(decomposed) else ""
        notes.append(
            f"The customer groups of these levies are stored decomposed (not NFC): {'; '.join(decomposed)}{more}."
            " See to it that a rate of the composed group with the right value holds on these days; enter it if there is none; then delete the one listed."
        )
    return notes


class _RetriedMigration:
    """Retries while PostgreSQL is unreachable; `last_error` is the reason of the latest retry."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.last_error: BaseException | None = None

    async def run(self, connect_timeout: float) -> list[str]:
        while True:
            try:
                await refuse_transaction_pooling(self._url, within=connect_timeout)
                return await migrate(self._url, connect_timeout=connect_timeout)
            except Exception as error:
                if is_final(self._url, error) or is_lasting(error, broken=True):
                    raise
                if self.last_error is None:
                    console.print_note(f"Waiting for PostgreSQL at {address(self._url)} …")
                self.last_error = error
                locked = isinstance(error, asyncpg.LockNotAvailableError)
                await asyncio.sleep(_LOCK_RETRY_INTERVAL if locked else _RETRY_INTERVAL)
