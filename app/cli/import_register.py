"""`dno import mastr`: imports an export of the register and prints a report, as text or as JSON."""

import os
from pathlib import Path

import msgspec

from app.cli import console
from app.cli.databases import with_databases
from app.cli.import_output import failures, progress_bar
from app.cli.standard_streams import print_json
from app.importers.register.load import RegisterReport, import_register
from app.settings import Settings, read_settings


def run(path: Path, *, dry_run: bool, overwrite: bool, as_json: bool) -> None:
    with progress_bar() as on_progress:

        async def work(settings: Settings) -> RegisterReport:
            return await import_register(
                settings.database_url,
                path,
                overwrite=overwrite,
                dry_run=dry_run,
                on_progress=on_progress,
                deadline=settings.import_timeout,
            )

        with failures():
            report = with_databases(read_settings(os.environ), work)
    (_print_json if as_json else _print_text)(report, dry_run=dry_run)


def _print_text(report: RegisterReport, *, dry_run: bool) -> None:
    for remark in report.remarks:
        console.out.print(remark, markup=False, soft_wrap=True)
    if report.staged_before:
        console.out.print(
            f"{report.staged_before} of {report.parts} files had been read before.", markup=False
        )
    figures = [
        f"{report.inserted:,} operators inserted, {report.updated:,} updated, {report.unchanged:,} unchanged",
        f"{report.places:,} places with {report.locations:,} locations from {report.units:,} units",
    ]
    outcome = "Nothing was changed (dry run): " if dry_run else ""
    console.out.print(outcome + "; ".join(figures), markup=False, soft_wrap=True)


def _print_json(report: RegisterReport, *, dry_run: bool) -> None:
    remarks = [{"kind": "remark", "reason": remark} for remark in report.remarks]
    summary = {"kind": "summary", **msgspec.structs.asdict(report), "dry_run": dry_run}
    del summary["remarks"]
    for line in (*remarks, summary):
        print_json(line)
