"""`dno export`: writes a table to a file that `dno import` reads back unchanged."""

import os
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
import typer

from app.cli import console
from app.cli.databases import with_databases
from app.cli.standard_streams import binary_output
from app.db.export import COLUMNS, FILTERS, EntryKind, Filter, Table, stream
from app.domain.clock import read_moment
from app.domain.entry import FIRST_YEAR, LAST_YEAR, Publication, VerificationStatus, VoltageLevel
from app.domain.families import DataType
from app.domain.hlzf import Season
from app.domain.place import PlaceBasis, read_postal_code
from app.errors import CannotStart
from app.http import export_formats as formats
from app.http.export_formats import Dialect, Format
from app.importers.load import connect
from app.settings import Settings, read_settings

STDOUT = Path("-")


def export_command(
    table: Annotated[Table, typer.Argument(help="What to export.", show_default=False)],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Where to; its extension determines the format. - is standard output."
        ),
    ] = STDOUT,
    format: Annotated[
        Format | None,
        typer.Option("--format", help="If the name of FILE does not determine it. [csv]", show_default=False),
    ] = None,
    dno: Annotated[
        list[str] | None, typer.Option(help="Only this operator, by slug; may be repeated.")
    ] = None,
    region: Annotated[
        list[str] | None, typer.Option(help="Only this federal state; may be repeated.")
    ] = None,
    year: Annotated[
        list[int] | None, typer.Option(min=FIRST_YEAR, max=LAST_YEAR, help="Only this year; may be repeated.")
    ] = None,
    voltage_level: Annotated[
        list[VoltageLevel] | None,
        typer.Option(help="Only this level; may be repeated.", case_sensitive=False),
    ] = None,
    season: Annotated[
        list[Season] | None,
        typer.Option(help="Only this season (HLZF); may be repeated.", case_sensitive=False),
    ] = None,
    kind: Annotated[
        list[EntryKind] | None,
        typer.Option(help="Only this kind (prices, levies); may be repeated.", case_sensitive=False),
    ] = None,
    verification_status: Annotated[
        list[VerificationStatus] | None,
        typer.Option(help="Only entries as sure as this; may be repeated.", case_sensitive=False),
    ] = None,
    publication: Annotated[
        list[Publication] | None,
        typer.Option(help="Only entries as final as this; may be repeated.", case_sensitive=False),
    ] = None,
    postal_code: Annotated[
        list[str] | None, typer.Option(help="Only this postal code (places); may be repeated.")
    ] = None,
    basis: Annotated[
        list[PlaceBasis] | None,
        typer.Option(help="Only places on this evidence; may be repeated.", case_sensitive=False),
    ] = None,
    data_type: Annotated[
        list[DataType] | None,
        typer.Option(help="Only changes of this kind of entry; may be repeated.", case_sensitive=False),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only changes from this day or moment on.", show_default=False)
    ] = None,
    dialect: Annotated[
        Dialect, typer.Option(help="excel: CSV with semicolons and decimal commas.")
    ] = Dialect.STANDARD,
) -> None:
    """Export operators, tariffs, peak-load windows, holiday rules, § 14a tariffs, prices of price sheets, levies, places or changes, as
    one consistent picture of the database.

    **dno import** reads CSV and NDJSON back unchanged, except changes.
    """
    chosen = {
        "dno": dno,
        "region": region,
        "year": year,
        "voltage_level": voltage_level,
        "season": season,
        "kind": kind,
        "verification_status": verification_status,
        "publication": publication,
        "postal_code": None if postal_code is None else [_postal_code(each) for each in postal_code],
        "basis": basis,
        "data_type": data_type,
        "since": None if since is None else [_moment(since)],
    }
    wanted = msgspec.convert({name: values for name, values in chosen.items() if values}, Filter)
    for name, values in chosen.items():
        if values and name not in FILTERS[table]:
            raise typer.BadParameter(f"{table} cannot be filtered by {name.replace('_', ' ')}.")
    chosen_format = format or _format_of(file)
    formats.require(chosen_format)
    if dialect is not Dialect.STANDARD and chosen_format is not Format.CSV:
        raise typer.BadParameter("only csv has a dialect.")

    async def write(settings: Settings) -> None:
        async with (
            connect(settings.database_url, deadline=settings.import_timeout) as connection,
            aclosing(
                stream(
                    connection,
                    table,
                    wanted,
                    batch_timeout=settings.export_timeout,
                    on_broken=_warn,
                    with_authors=True,
                )
            ) as rows,
            aclosing(
                formats.encode(chosen_format, COLUMNS[table], rows, _warn, dialect=dialect, title=str(table))
            ) as chunks,
        ):
            with _opened(file) as target:
                async for chunk in chunks:
                    target.write(chunk)

    with_databases(read_settings(os.environ), write)


def _warn(rows: int) -> None:
    console.print_error(
        f"Left out: {rows} rows with values that the import would refuse; `dno migrate` names the rules."
    )


def _moment(text: str) -> datetime:
    try:
        return read_moment(text)
    except ValueError as error:
        raise typer.BadParameter(f"since {error}.") from None


def _postal_code(text: str) -> str:
    try:
        return read_postal_code(text)
    except ValueError as error:
        raise typer.BadParameter(f"postal code {text!r} {error}.") from None


def _format_of(file: Path) -> Format:
    if file == STDOUT:
        return Format.CSV
    try:
        return Format(file.suffix.removeprefix(".").lower())
    except ValueError:
        raise typer.BadParameter(f"the name {file} does not determine the format; use --format.") from None


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    """The file is renamed into place when it is complete."""
    if file == STDOUT:
        yield binary_output()
        return
    unfinished = file.with_name(f"{file.name}.part")
    try:
        with unfinished.open("wb") as target:
            yield target
        unfinished.replace(file)
    except OSError as error:
        raise CannotStart(f"{file} cannot be written: {error.strerror}.") from None
    finally:
        unfinished.unlink(missing_ok=True)
