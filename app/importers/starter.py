"""The starter data: figures of the project, loaded into an empty database."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from app.db import staging
from app.db.pool import Connection
from app.importers.aliases import load_aliases
from app.importers.checking import File, OnProgress
from app.importers.load import Kind, Report, check, connect, no_progress, write
from app.importers.transaction import in_transaction

FOLDER = Path(__file__).parents[1] / "starter"
FILES = {
    Kind["REGISTRY"]: ("registry.csv",),
    Kind["TARIFFS"]: ("tariffs.csv",),
    Kind["HLZF"]: ("hlzf.csv",),
    Kind["HOLIDAY_RULES"]: ("holiday_rules.csv",),
    Kind["PRICES"]: ("prices.csv",),
    Kind["LEVIES"]: ("levies.csv", "concession_fee.csv"),
    Kind["TIME_OF_USE"]: ("section14a.csv", "section14a_windows.csv"),
}


async def load_starter(
    database_url: str,
    *,
    on_progress: OnProgress = no_progress,
    only_if_empty: bool = True,
    deadline: float = 600,
) -> dict[Kind, Report]:
    """All in one transaction. Returns {} if the database has operators already.

    Of several instances that start together one loads, and the others wait for it.
    """
    async with connect(database_url, deadline=deadline) as connection:

        async def work() -> dict[Kind, Report]:
            await staging.one_import_at_a_time(connection)
            if only_if_empty and await staging.fetch_operators(connection):
                return {}
            return await _load(connection, on_progress)

        return await in_transaction(connection, work)


async def _load(connection: Connection, on_progress: OnProgress) -> dict[Kind, Report]:
    reports = {}
    for kind, names in FILES.items():
        with _opened(names) as files:
            checked = await check(connection, kind, files, on_progress=on_progress)
        assert not checked.problems, checked.problems
        reports[kind] = await write(connection, checked.source, "starter data", on_progress=on_progress)
    await load_aliases(connection)
    return reports


@contextmanager
def _opened(names: tuple[str, ...]) -> Iterator[list[File]]:
    with ExitStack() as stack:
        yield [File(name, stack.enter_context((FOLDER / name).open("rb"))) for name in names]
