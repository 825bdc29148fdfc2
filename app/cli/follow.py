"""`dno follow`: takes over what a dno-crawler database has, once or continuously, and lists what did not fit."""

import asyncio
import os
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from app.cli import console
from app.cli.databases import with_databases
from app.cli.standard_streams import print_json, print_row, standard_output
from app.db import followed_rows
from app.domain.set_aside import SetAside
from app.errors import AppError, CannotStart
from app.importers.follow.follower import FAILURES, one_pass
from app.importers.follow.passes import PassReport, problem_of
from app.importers.load import connect
from app.settings import Settings, read_settings

_PAGE: Final = 1_000


def follow_command(
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="URL",
            help="The crawler's PostgreSQL database. [FOLLOW_DATABASE_URL, which other users of this machine cannot see]",
            show_default=False,
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Compare everything once, and end.")] = False,
    every: Annotated[
        float | None,
        typer.Option(min=0.1, help="Seconds between two passes. [FOLLOW_INTERVAL: 30]", show_default=False),
    ] = None,
    set_aside: Annotated[
        bool,
        typer.Option(
            "--set-aside", help="List the rows that do not fit, with their reasons; nothing is read."
        ),
    ] = False,
    accept_deletions: Annotated[
        bool,
        typer.Option(
            "--accept-deletions",
            help="With --once: delete also where many rows are gone, as after a database was emptied.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Report as one JSON object per line, for programs.")
    ] = False,
) -> None:
    """Keep operators, tariffs and peak-load windows equal to those of a dno-crawler database.

    The crawler's database is only read: each pass is one read-only transaction. The first pass and one an hour compare everything;
    the others read what has changed. What does not fit is set aside with its reason. A correction that was made here stays until
    the crawler changes the figure; then the entry has the crawler's figure and is flagged, with both in its history.
    One process at a time makes passes; a server does so itself with FOLLOW_DATABASE_URL. docs/following.md explains it.

    Exit status: 0 done, 1 the database failed or something was refused, 2 wrong usage.
    """
    if accept_deletions and not once:
        raise typer.BadParameter("--accept-deletions needs --once.")
    overrides = {"follow_database_url": database, "follow_interval": every}
    settings = read_settings(os.environ, overrides)
    if set_aside:
        with_databases(settings, lambda ready: _list_set_aside(ready, as_json=as_json))
        return
    if not settings.follow_database_url:
        raise typer.BadParameter("--database or FOLLOW_DATABASE_URL must name the crawler's database.")

    async def work(ready: Settings) -> PassReport | None:
        if once:
            return await _once(ready, accept_deletions=accept_deletions)
        await _continuously(ready, as_json=as_json)
        return None

    report = with_databases(settings, work)
    if report is not None:
        _print(report, as_json=as_json)
        if report.problem:
            raise typer.Exit(1)


async def _once(settings: Settings, *, accept_deletions: bool) -> PassReport | None:
    try:
        return await one_pass(settings, full=True, accept_deletions=accept_deletions, wait_for_leader=True)
    except (AppError, CannotStart):
        raise
    except FAILURES as error:
        raise CannotStart(f"The pass ended early; the next one continues: {problem_of(error)}.") from error


async def _continuously(settings: Settings, *, as_json: bool) -> None:
    """Until it is interrupted. A failed pass is printed, and the next one continues."""
    began = datetime.now(UTC)
    while True:
        try:
            report = await one_pass(settings, since=began)
        except FAILURES as error:
            console.print_error(problem_of(error))
        else:
            if report is not None and (report.full or report.counts.handled or report.counts.deleted):
                _print(report, as_json=as_json)
        await asyncio.sleep(settings.follow_interval)


def _print(report: PassReport, *, as_json: bool) -> None:
    if as_json:
        print_json(report)
        standard_output().flush()
        return
    if report.problem:
        console.print_error(report.problem)
    console.out.print(summary(report), markup=False, soft_wrap=True)


def summary(report: PassReport) -> str:
    counts = report.counts
    parts = [f"{counts.added:,} added", f"{counts.changed:,} changed", f"{counts.deleted:,} deleted"]
    if counts.kept:
        parts.append(f"{counts.kept:,} kept as they are here")
    if counts.disputed:
        parts.append(f"{counts.disputed:,} flagged, because both have changed")
    if report.warnings:
        parts.append(f"{report.warnings:,} with unusual figures (dno check)")
    if report.set_aside:
        parts.append(f"{report.set_aside:,} rows set aside (dno follow --set-aside)")
    scope = f"Full comparison of {report.operators:,} operators" if report.full else "Changes"
    return f"{scope}: {', '.join(parts)}; {report.seconds:.2f} s."


async def _list_set_aside(settings: Settings, *, as_json: bool) -> None:
    """One line for each, separated by tabs."""
    after = ("", 0, "")
    async with connect(settings.database_url, deadline=settings.import_timeout) as connection:
        while rows := await followed_rows.fetch_set_aside(connection, after, _PAGE):
            for each in rows:
                if as_json:
                    print_json(each)
                else:
                    print_row(_cells(each))
            after = (rows[-1].source, rows[-1].source_id, rows[-1].part)


def _cells(each: SetAside) -> tuple[str, ...]:
    content = " ".join(f"{name}={value}" for name, value in each.content.items() if name != "id")
    shown = "".join(letter if letter.isprintable() else " " for letter in content)
    return each.source, str(each.source_id), each.reason, shown
