"""`dno migrate`: waits for the database, then brings it up to date."""

import asyncio

import asyncpg

from app.cli import console
from app.db.migrate import migrate
from app.db.pool import UNREACHABLE, address
from app.dev.stack import open_stack
from app.errors import CannotStart
from app.settings import Settings

_NO_WAITING_HELPS = (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError)
_BETWEEN_TRIES = 0.2


def run(settings: Settings) -> list[str]:
    with open_stack(settings, join=True) as stack:
        return asyncio.run(bring_up_to_date(stack.settings)) or ["The database is up to date."]


async def bring_up_to_date(settings: Settings) -> list[str]:
    """What was done, in sentences. Refuses with CannotStart when the database stays away."""
    url, where = settings.database_url, address(settings.database_url)
    try:
        async with asyncio.timeout(settings.start_deadline):
            applied = await _migrate_when_reachable(url, settings.database_connect_timeout)
    except TimeoutError:
        raise CannotStart(
            f"PostgreSQL does not answer at {where}: start it, or correct DATABASE_URL."
        ) from None
    except asyncpg.InvalidCatalogNameError:
        raise CannotStart(f"There is no database {where}: create it, or correct DATABASE_URL.") from None
    except asyncpg.InvalidAuthorizationSpecificationError:
        raise CannotStart(
            f"PostgreSQL at {where} refuses this user: correct the user or the password in DATABASE_URL."
        ) from None
    except asyncpg.PostgresError as error:
        raise CannotStart(f"PostgreSQL at {where} could not be brought up to date: {error}.") from error
    return [f"The database was brought to version {applied[-1]}."] if applied else []


async def _migrate_when_reachable(url: str, connect_timeout: float) -> list[str]:
    waiting = False
    while True:
        try:
            return await migrate(url, connect_timeout=connect_timeout)
        except _NO_WAITING_HELPS:
            raise
        except UNREACHABLE:
            if not waiting:
                console.say(f"Waiting for PostgreSQL at {address(url)} …")
            waiting = True
            await asyncio.sleep(_BETWEEN_TRIES)
