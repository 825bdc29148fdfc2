"""`dno starter`: loads the starter data."""

import os

from app.cli import console
from app.cli.databases import with_databases
from app.cli.import_data import summary
from app.cli.import_output import failures, progress_bar
from app.importers.load import Kind, Report
from app.importers.starter import load_starter
from app.settings import Settings, read_settings


def starter_command() -> None:
    """Load the figures that the project brings along: 109 operators and what they published.

    The server does so itself when it finds a database without operators. Loading them again adds what is
    missing and keeps what people have verified or corrected. Sources and doubts: app/starter/README.md.
    """
    with progress_bar() as on_progress, failures():

        async def work(settings: Settings) -> dict[Kind, Report]:
            return await load_starter(
                settings.database_url,
                on_progress=on_progress,
                only_if_empty=False,
                deadline=settings.import_timeout,
            )

        reports = with_databases(read_settings(os.environ), work)
    for kind, report in reports.items():
        console.out.print(f"{kind}: {summary(report)}", markup=False)


async def load_into_empty(settings: Settings) -> list[str]:
    """Returns what was done, in sentences: nothing if the database has operators already."""
    reports = await load_starter(settings.database_url, deadline=settings.import_timeout)
    if not reports:
        return []
    entries = sum(report.inserted for kind, report in reports.items() if kind is not Kind["REGISTRY"])
    return [
        f"The starter data was loaded: {reports[Kind['REGISTRY']].inserted} operators, {entries} entries."
    ]
