"""`dno import`: imports files and prints a report, as tables or as JSON."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cli import console, import_register
from app.cli.databases import with_databases
from app.cli.import_output import failures, progress_bar
from app.cli.standard_streams import print_json, print_row, standard_input
from app.importers.checking import File
from app.importers.decimals import Decimal
from app.importers.encodings import Encoding
from app.importers.load import Kind, Report, import_files
from app.importers.problems import RowLocation, shown
from app.importers.records import Format, ReadOptions
from app.settings import Settings, read_settings

STDIN = "-"
# More rows are printed as lines: drawing a table takes longer than the import.
_MAX_TABLE_ROWS = 1_000


MASTR = "mastr"
ImportKind = StrEnum(  # type: ignore[misc]  # what files hold, and the register's export
    "ImportKind", {kind.name: kind.value for kind in Kind} | {MASTR.upper(): MASTR}, module=__name__
)


def import_command(
    kind: Annotated[ImportKind, typer.Argument(help="What the files hold.", show_default=False)],
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE",
            help="Files to import together; - is standard input. For mastr: a folder, or a ZIP file.",
        ),
    ],
    format: Annotated[
        Format | None,
        typer.Option("--format", help="How the files are written, if their beginning misleads."),
    ] = None,
    encoding: Annotated[
        Encoding | None, typer.Option("--encoding", help="Of text files, if it is not detected.")
    ] = None,
    separator: Annotated[
        str | None, typer.Option("--separator", help="One character between cells, or: tab.")
    ] = None,
    decimal: Annotated[
        Decimal | None, typer.Option("--decimal", help="Which of both separates decimals, also in 1.234.")
    ] = None,
    sheet: Annotated[str | None, typer.Option("--sheet", help="Which sheet of a workbook.")] = None,
    ignore_extra: Annotated[
        bool,
        typer.Option("--ignore-extra", help="Ignore columns that the import does not have, and name them."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and report what would change, without changing it.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace entries that people have verified or corrected, and final ones by preliminary ones, too.",
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse rows with unusual values instead of reporting them.")
    ] = False,
    skip_refused: Annotated[
        bool,
        typer.Option(
            "--skip-refused",
            help="Import the other entries if rows are refused. Rows that may be of the same entry as a refused one stay out, too.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Report as one JSON object per line, for programs.")
    ] = False,
) -> None:
    """Import operators, tariffs, peak-load windows, holiday rules, § 14a prices, prices of price sheets, levies or places: all of it,
    or nothing.

    Files are CSV, .xlsx or Parquet with a header, or JSON objects with the same names. How they are written is detected, and
    printed. Every row is checked, and
    every bad one is reported with its file, line, column, value and reason; then nothing is imported, unless --skip-refused is given.
    Importing the same file again changes nothing. Entries that people have verified or corrected are kept,
    and reported, unless --overwrite is given. Unusual values are reported, with the rule, and imported; with --strict they are refused.
    docs/importing.md explains the columns.

    **dno import mastr** FOLDER or ZIP reads the bulk export of the Marktstammdatenregister as it is: codes and
    statistics of operators, and places. If it is interrupted, the same command continues.

    Exit status: 0 imported, 1 refused, or the database failed; 2 wrong usage.
    """
    options = ReadOptions(
        format=format,
        encoding=encoding,
        separator=_character(separator),
        decimal=decimal,
        sheet=sheet,
        ignore_extra=ignore_extra,
    )
    if kind == MASTR:
        if options != ReadOptions() or strict or skip_refused or len(files) != 1:
            raise typer.BadParameter("mastr takes one folder or ZIP file, and no options of other files.")
        import_register.run(Path(files[0]), dry_run=dry_run, overwrite=overwrite, as_json=as_json)
        return
    if strict and skip_refused:
        raise typer.BadParameter("--strict and --skip-refused exclude each other.")
    with _opened(files) as opened, progress_bar() as on_progress:

        async def work(settings: Settings) -> Report:
            return await import_files(
                settings.database_url,
                Kind(kind),
                opened,
                options=options,
                overwrite=overwrite,
                dry_run=dry_run,
                strict=strict,
                skip_refused=skip_refused,
                on_progress=on_progress,
                deadline=settings.import_timeout,
            )

        with failures():
            report = with_databases(read_settings(os.environ), work)
    (_print_json if as_json else _print_tables)(report, dry_run=dry_run)
    if report.problems and not report.partial:
        raise typer.Exit(1)


def _character(separator: str | None) -> str | None:
    if separator in ("tab", "\\t"):
        return "\t"
    if separator is not None and (len(separator) != 1 or separator in "\"'\r\n"):
        raise typer.BadParameter("--separator must be one character, or tab.")
    return separator


def summary(report: Report) -> str:
    counts = [
        f"{report.inserted:,} inserted",
        f"{report.updated:,} updated",
        f"{report.unchanged:,} unchanged",
    ]
    if report.removed:
        counts.append(f"{report.removed:,} removed")
    if report.kept:
        counts.append(f"{len(report.kept):,} kept")
    if report.left_out:
        counts.append(f"{len(report.left_out):,} left out")
    if report.held_back:
        counts.append(f"{len(report.held_back):,} held back")
    if report.warning_count:
        counts.append(f"{report.warning_count:,} warnings{_part_listed(report)}")
    return ", ".join([*counts, f"{report.refused:,} refused"])


def _part_listed(report: Report) -> str:
    """Of an import with --strict the warnings are the problems."""
    listed = len(report.warnings or report.problems)
    return "" if listed == report.warning_count else f" (the first {listed:,} are listed)"


@contextmanager
def _opened(names: Sequence[str]) -> Iterator[list[File]]:
    """A file that cannot be opened is wrong usage, found before anything is read."""
    with ExitStack() as stack:
        files = []
        for name in dict.fromkeys(names):
            if name == STDIN:
                files.append(File("standard input", standard_input().buffer))
                continue
            try:
                files.append(File(name, stack.enter_context(Path(name).open("rb"))))
            except OSError as error:
                raise typer.BadParameter(f"{name} cannot be read: {error.strerror}.") from None
        yield files


def _print_tables(report: Report, *, dry_run: bool) -> None:
    rows = [
        (str(problem.location), shown(problem.column or ""), shown(problem.value or ""), problem.reason)
        for problem in report.problems
    ]
    if rows:
        _print_rows(("Location", "Column", "Value", "Reason"), rows, "red")
        console.out.print()
    for note in report.notes:
        console.out.print(note, markup=False, soft_wrap=True)
    if report.kept:
        _print_rows(("Kept", "Reason"), [(str(kept.location), kept.reason) for kept in report.kept], "yellow")
        console.out.print()
    if report.held_back:
        rows_held_back = [(str(each.location), each.reason) for each in report.held_back]
        _print_rows(("Held back", "Reason"), rows_held_back, "yellow")
        console.out.print()
    if report.left_out:
        rows_left_out = [(str(each.location), each.reason) for each in report.left_out]
        _print_rows(("Left out", "Reason"), rows_left_out, "yellow")
        console.out.print()
    if report.warnings:
        unusual = [(str(warned.location), warned.reason) for warned in report.warnings]
        _print_rows(("Unusual", "Reason"), unusual, "yellow")
        console.out.print()
    outcome = (
        "Nothing was imported: "
        if report.problems and not report.partial
        else "Nothing was changed (dry run): "
        if dry_run
        else ""
    )
    console.out.print(outcome + summary(report), markup=False)


def _print_rows(titles: Sequence[str], rows: Sequence[Sequence[str]], style: str) -> None:
    if len(rows) > _MAX_TABLE_ROWS:
        for row in rows:
            print_row(row)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style=f"bold {style}")
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    # Without a terminal the table is not wrapped to a width.
    out = console.out if console.out.is_terminal else Console(width=10_000)
    out.print(table)


def _print_json(report: Report, *, dry_run: bool) -> None:
    for problem in report.problems:
        value = None if problem.value is None else shown(problem.value)
        _line("refused", problem.location, column=problem.column, value=value, reason=problem.reason)
    for note in report.notes:
        print_json({"kind": "read_as", "reason": note})
    for kept in report.kept:
        _line("kept", kept.location, reason=kept.reason)
    for held_back in report.held_back:
        _line("held_back", held_back.location, reason=held_back.reason)
    for left_out in report.left_out:
        _line("left_out", left_out.location, reason=left_out.reason)
    for warned in report.warnings:
        _line("warning", warned.location, reason=warned.reason)
    counts = {name: getattr(report, name) for name in ("inserted", "updated", "unchanged", "refused")}
    print_json(
        {
            "kind": "summary",
            **counts,
            "removed": report.removed,
            "kept": len(report.kept),
            "held_back": len(report.held_back),
            "left_out": len(report.left_out),
            "warnings": report.warning_count,
            "dry_run": dry_run,
        }
    )


def _line(kind: str, location: RowLocation, **facts: str | None) -> None:
    print_json({"kind": kind, "file": location.file, "line": location.line, **facts})
