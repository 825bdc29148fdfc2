"""`dno atypical-use`: a load profile under § 19 (2) sentence 1 StromNEV, by the figures of the local database."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from app.cli import console
from app.cli.databases import with_databases
from app.cli.standard_streams import print_json, standard_input
from app.db import dnos, hlzf, holiday_rules, tariffs
from app.db.pool import open_pool
from app.domain.entry import FIRST_YEAR, LAST_YEAR, DnoYear, Publication, VerificationStatus, VoltageLevel
from app.domain.kilowatts import DecimalMark
from app.domain.load_profile import LoadProfile, LoadProfileReader
from app.domain.profile_stamps import StampPosition
from app.errors import AppError, CannotStart, Code, quoted
from app.settings import Settings, read_settings

if TYPE_CHECKING:
    from app.domain.atypical_use import AtypicalUse, Bounds, LoadAt, PublishedPrices, PublishedWindows

STDIN = Path("-")
_PART = 2**16


def atypical_use_command(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The load profile, rows of `timestamp;kW` or `kW`. - is standard input."
        ),
    ],
    dno: Annotated[str, typer.Option(help="The operator, by slug.")],
    year: Annotated[int, typer.Option(min=FIRST_YEAR, max=LAST_YEAR, help="Calendar year of the profile.")],
    voltage_level: Annotated[
        VoltageLevel, typer.Option(help="Where the customer is connected.", case_sensitive=False)
    ],
    time_stamps: Annotated[
        StampPosition | None,
        typer.Option(
            help="What timestamps mark. [by the first: 00:00 START, 00:15 END]",
            case_sensitive=False,
            show_default=False,
        ),
    ] = None,
    decimal_mark: Annotated[
        DecimalMark | None,
        typer.Option(help="[as the numbers show]", case_sensitive=False, show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the whole report as JSON.")] = False,
) -> None:
    """Compute what a load profile gives as atypical use: peaks, thresholds, saving, and what is not known.

    The same report as **POST /api/v1/dnos/{slug}/atypical-use/{year}**; docs/atypical-use.md explains it.
    """
    profile = _read(file, LoadProfileReader(year, time_stamps, decimal_mark))

    async def compute(settings: Settings) -> "AtypicalUse":
        return await _report(settings, dno, voltage_level, profile)

    report = with_databases(read_settings(os.environ), compute)
    if json:
        print_json(report, indented=True)
        return
    for line in _lines(report):
        console.out.print(line, markup=False, soft_wrap=True)


def _read(file: Path, reader: LoadProfileReader) -> LoadProfile:
    with _opened(file) as source:
        while part := source.read(_PART):
            reader.feed(part)
    return reader.finish()


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if file == STDIN:
        yield standard_input().buffer
        return
    try:
        with file.open("rb") as source:
            yield source
    except OSError as error:
        raise CannotStart(f"{file} cannot be read: {error.strerror}.") from None


async def _report(settings: Settings, slug: str, level: VoltageLevel, profile: LoadProfile) -> "AtypicalUse":
    # The calendars of holidays of all countries come with it; every command would wait for them.
    from app.domain.atypical_use import work_out

    async with open_pool(settings) as pool:
        dno = (await dnos.fetch_by_slug(pool, [slug])).get(slug)
        if dno is None:
            raise AppError(f"There is no operator {quoted(slug)}.", Code.NOT_FOUND)
        key = DnoYear(dno.id, profile.year.year)
        return work_out(
            profile,
            dno,
            level,
            (await tariffs.fetch_by_dno_year(pool, [key])).get(key, ()),
            (await hlzf.fetch_by_dno_year(pool, [key])).get(key, ()),
            (await holiday_rules.fetch_by_dno(pool, [dno.id])).get(dno.id, ()),
        )


# The report as text


def _lines(report: "AtypicalUse") -> Iterator[str]:
    stamps = "assumed by the first" if report.profile.time_stamps_assumed else "as stated"
    if report.profile.time_stamps is StampPosition.NONE:
        stamps = "rows in order from 1 January 00:00"
    yield f"{report.dno.name}, {report.voltage_level}, {report.year}: {report.profile.quarter_hours:,} quarter-hours"
    yield f"Timestamps           {report.profile.time_stamps} ({stamps})"
    yield f"Consumption          {_number(report.consumption_kwh)} kWh, {report.utilisation_hours:,} hours of use"
    yield f"Yearly peak          {_load(report.yearly_peak)}"
    known = report.window_peak.known
    at = f", known: {_load(known)}" if known else ""
    yield f"Peak inside windows  {_bounds(report.window_peak.kw, 'kW')}{at}"
    yield f"Shift                {_bounds(report.shift_kw, 'kW')}, {_bounds(report.shift_percent, '%')}"
    if report.prices is not None and report.published_charge is not None:
        pair = "below" if report.prices.below2500h else "from"
        charge = report.published_charge
        yield (
            f"Published charge     {_euros(charge.total)} = {_euros(charge.capacity_charge)} + {_euros(charge.energy_charge)},"
            f" prices {pair} 2,500 h: {_number(report.prices.leistung)} EUR/kW, {_number(report.prices.arbeit)} ct/kWh"
        )
    applies = {True: ", applies", False: ", does not apply", None: ""}[report.floor.applies]
    yield f"Floor of {report.floor.percent} %        {_euros(report.floor.amount)}{applies}"
    yield f"Individual charge    {_bounds(report.individual_charge, 'EUR')}"
    yield f"Saving               {_bounds(report.saving, 'EUR')}"
    yield ""
    met = {True: "met", False: "not met", None: "not known"}
    for threshold in report.thresholds:
        disputed = f" or {threshold.disputed}" if threshold.disputed is not None else ""
        yield (
            f"{threshold.kind}: {threshold.required}{disputed} {threshold.unit}: {met[threshold.met]}"
            f" ({threshold.basis}; {threshold.sureness})"
        )
    yield f"All thresholds: {met[report.thresholds_met]}"
    for unknown in report.not_known:
        yield f"Not known: {unknown.text}"
    for note in (*_doubts(report), *report.notes):
        yield f"Note: {note}."


def _doubts(report: "AtypicalUse") -> Iterator[str]:
    """Entries that may still change."""
    entries: list[tuple[str, PublishedPrices | PublishedWindows]] = []
    if report.prices:
        entries.append(("the prices", report.prices))
    entries += [(f"the windows of {windows.season}", windows) for windows in report.windows]
    for what, entry in entries:
        if entry.publication is Publication.PRELIMINARY:
            yield f"{what} are preliminary"
        if entry.verification_status == VerificationStatus.FLAGGED.name:
            yield f"{what} are flagged as being in doubt"


def _load(found: "LoadAt") -> str:
    return f"{_number(found.kw)} kW at {found.start:%Y-%m-%d %H:%M}"


def _bounds(bounds: "Bounds", unit: str) -> str:
    if bounds.at_least is None:
        return "not known"
    if bounds.value is not None:
        return f"{_number(bounds.value)} {unit}"
    return f"{_number(bounds.at_least)} to {_number(bounds.at_most)} {unit}"


def _euros(amount: Decimal | None) -> str:
    return "not known" if amount is None else f"{amount:,} EUR"


def _number(number: Decimal | None) -> str:
    return "not known" if number is None else f"{number:,}"
