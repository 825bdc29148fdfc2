"""`dno migrate`: waits for the database, then brings it up to date."""

import asyncio

import asyncpg

from app.cli import console
from app.db.address import address
from app.db.failures import Failure, failure_of
from app.db.migrate import broken_rules, migrate
from app.db.pooler import refuse_transaction_pooling
from app.db.start_errors import cannot_start, refuses_parameter
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
    waiting = _Waiting(url)
    try:
        async with asyncio.timeout(settings.start_timeout):
            applied = await waiting.migrate(settings.database_connect_timeout)
            broken = await broken_rules(url, connect_timeout=settings.database_connect_timeout)
    except TimeoutError:
        raise cannot_start(url, waiting.why or TimeoutError()) from None
    except asyncpg.PostgresError as error:
        if isinstance(error, _NO_WAITING_HELPS) or refuses_parameter(error):
            raise cannot_start(url, error) from None
        raise CannotStart(f"PostgreSQL at {where} could not be brought up to date: {error}.") from error
    news = [f"The database was brought to version {applied[-1]}."] if applied else []
    if broken:
        news.append(
            f"Rows written earlier do not keep these rules: {', '.join(broken)}. Exports leave them out;"
            " correct them, then run `dno migrate` again."
        )
    return news


class _Waiting:
    """`why` there is still something to wait for."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.why: BaseException | None = None

    async def migrate(self, connect_timeout: float) -> list[str]:
        while True:
            try:
                await refuse_transaction_pooling(self._url, within=connect_timeout)
                return await migrate(self._url, connect_timeout=connect_timeout)
            except _NO_WAITING_HELPS:
                raise
            except Exception as error:
                if refuses_parameter(error) or failure_of(error, broken=True) is Failure.MISTAKE:
                    raise
                if self.why is None:
                    console.say(f"Waiting for PostgreSQL at {address(self._url)} …")
                self.why = error
                await asyncio.sleep(_BETWEEN_TRIES)
