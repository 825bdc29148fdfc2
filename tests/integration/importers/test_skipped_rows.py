"""Imports that leave refused rows out: what is written all the same, and what stays out with them."""

import io

import pytest

from app.db.pool import Pool
from app.importers.checking import File
from app.importers.load import Kind, Report, import_files
from app.settings import Settings
from tests import factories as make
from tests.integration.importers.conftest import Load

TARIFFS = "dno_slug,year,voltage_level,leistung,arbeit\n"
HLZF = "dno_slug,year,voltage_level,season,start,end\n"
PRICES = "dno_slug,year,band,price_ct_per_kwh,verification_status,source_url\n"
WINDOWS = "dno_slug,year,quarter,band,start,end\n"
LEVIES = "kind,valid_from,value,unit\n"


@pytest.fixture(autouse=True)
async def operators(pool: Pool) -> None:
    await make.dno(pool, "netze-a", name="Netze A")
    await make.dno(pool, "bergstrom", name="Bergstrom")


async def one(pool: Pool, statement: str) -> object:
    [row] = await pool.fetch(statement)
    return row[0]


async def stored_tariffs(pool: Pool) -> object:
    return await one(pool, "SELECT count(*) FROM netzentgelte_data")


def lines(rows: object) -> list[int]:
    return [each.location.line for each in rows]  # type: ignore[attr-defined]


def counts(report: Report) -> tuple[int, int, int]:
    """Inserted entries, refused rows, rows held back."""
    return report.inserted, report.refused, len(report.held_back)


async def test_the_other_rows_are_written_and_the_refused_ones_are_reported(load: Load, pool: Pool) -> None:
    text = TARIFFS + "netze-a,2026,MS,58.20,1.26\nnetze-a,2026,NS,-1,x\nnetze-x,2026,HS,1,1\n"
    report = await load(Kind.TARIFFS, text, skip_refused=True)
    assert (counts(report), report.partial) == ((1, 2, 0), True)
    assert [(each.location.line, each.column) for each in report.problems] == [
        (3, "leistung"),
        (3, "arbeit"),
        (4, "dno_slug"),
    ]
    assert await stored_tariffs(pool) == 1


async def test_a_dry_run_reports_the_same_and_writes_nothing(load: Load, pool: Pool) -> None:
    text = TARIFFS + "netze-a,2026,MS,58.20,1.26\nnetze-a,2026,NS,-1,1\n"
    report = await load(Kind.TARIFFS, text, skip_refused=True, dry_run=True)
    assert (counts(report), report.partial) == ((1, 1, 0), True)
    assert await stored_tariffs(pool) == 0


async def test_a_file_without_bad_rows_is_imported_whole(load: Load) -> None:
    report = await load(Kind.TARIFFS, TARIFFS + "netze-a,2026,MS,58.20,1.26\n", skip_refused=True)
    assert report == Report(inserted=1)


async def test_of_two_rows_that_contradict_each_other_neither_is_written(load: Load) -> None:
    text = TARIFFS + "netze-a,2026,MS,1,1\nnetze-a,2026,MS,2,2\nnetze-a,2026,NS,1,1\n"
    report = await load(Kind.TARIFFS, text, skip_refused=True)
    assert counts(report) == (1, 1, 1)
    assert (lines(report.problems), lines(report.held_back)) == ([3], [2])


async def test_an_entry_of_several_rows_is_written_whole_or_not_at_all(load: Load, pool: Pool) -> None:
    text = HLZF + (
        "netze-a,2026,MS,WINTER,07:00,09:00\n"
        "netze-a,2026,MS,WINTER,17:00,25:00\n"
        "netze-a,2026,MS,SUMMER,11:00,12:00\n"
    )
    report = await load(Kind.HLZF, text, skip_refused=True)
    assert (counts(report), lines(report.held_back)) == ((1, 1, 1), [2])
    assert await one(pool, "SELECT season FROM hlzf_data") == "SUMMER"


async def test_a_decimal_that_cannot_be_read_holds_its_entry_back(load: Load) -> None:
    text = PRICES + (
        "netze-a,2026,HT,1.2345678,unverified,\nnetze-a,2026,ST,5,unverified,\nbergstrom,2026,ST,5,unverified,\n"
    )
    report = await load(Kind.TIME_OF_USE, text, skip_refused=True)
    assert (counts(report), lines(report.held_back)) == ((1, 1, 1), [3])


@pytest.mark.parametrize(
    ("name", "held_back"),
    [
        ("Netze Aa", [2]),  # may be Netze A, whose season would then lack a window
        ("", [2, 4]),
        ("Stadtwerke Musterhausen", []),
    ],
)
async def test_a_row_whose_operator_is_not_understood_holds_back_those_that_it_may_be_of(
    load: Load, name: str, held_back: list[int]
) -> None:
    text = HLZF + (
        "Netze A,2026,MS,WINTER,07:00,09:00\n"
        f"{name},2026,MS,WINTER,17:00,19:00\n"
        "Bergstrom,2026,MS,WINTER,11:00,12:00\n"
        "Netze A,2026,MS,SUMMER,11:00,12:00\n"
    )
    report = await load(Kind.HLZF, text, skip_refused=True)
    assert lines(report.held_back) == held_back
    assert report.inserted == 3 - len(held_back)


async def test_a_row_without_the_cells_of_the_header_may_be_of_any_entry_of_several_rows(load: Load) -> None:
    text = HLZF + "netze-a,2026,MS,WINTER,07:00,09:00\nnetze-a,2026\n"
    assert counts(await load(Kind.HLZF, text, skip_refused=True)) == (0, 1, 1)
    text = TARIFFS + "netze-a,2026,MS,1,1\nnetze-a,2026\n"
    assert counts(await load(Kind.TARIFFS, text, skip_refused=True)) == (1, 1, 0)


async def test_windows_without_prices_stay_out_with_their_operator(load: Load) -> None:
    windows = (
        WINDOWS
        + "netze-a,2026,1,HT,17:00,19:00\nbergstrom,2026,1,HT,17:00,19:00\nbergstrom,2026,2,HT,17:00,19:00\n"
    )
    prices = PRICES + "netze-a,2026,HT,5,unverified,\n"
    report = await load(Kind.TIME_OF_USE, prices, windows, skip_refused=True)
    assert (counts(report), lines(report.problems), lines(report.held_back)) == ((1, 1, 1), [3], [4])


async def test_with_a_refused_levy_no_levy_is_written(load: Load) -> None:
    text = LEVIES + "KWKG_UMLAGE,2026-01-01,0.4,CT_PER_KWH\nNO_LEVY,2026-01-01,1,CT_PER_KWH\n"
    report = await load(Kind.LEVIES, text, skip_refused=True)
    assert (lines(report.problems), lines(report.held_back), report.inserted) == ([3], [2], 0)


@pytest.mark.parametrize(
    "text",
    [
        "dno_slug,year,leistung\nnetze-a,2026,1\n",
        TARIFFS + 'netze-a,2026,MS,1,1\n"netze-a"x,2026,NS,1,1\n',
        "dno_slug;year;voltage_level;leistung;arbeit\nnetze-a;2026;MS;58,20;1\nnetze-a;2026;NS;1.26;1\n",
    ],
    ids=["a missing column", "a wrong quotation mark", "both decimal marks"],
)
async def test_what_is_wrong_with_the_file_as_a_whole_refuses_it(load: Load, pool: Pool, text: str) -> None:
    report = await load(Kind.TARIFFS, text, skip_refused=True)
    assert not report.partial
    assert report.problems
    assert await stored_tariffs(pool) == 0


class _Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


async def test_a_pipe_is_read_as_often_as_a_file(settings: Settings, pool: Pool) -> None:
    text = TARIFFS + "netze-a,2026,MS,58.20,1.26\nnetze-a,2026,NS,-1,1\n"
    files = [File("standard input", _Pipe(text.encode()))]
    report = await import_files(settings.database_url, Kind.TARIFFS, files, skip_refused=True)
    assert counts(report) == (1, 1, 0)
    assert await stored_tariffs(pool) == 1


async def test_too_many_problems_refuse_the_file(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.importers.checking.MAX_PROBLEMS", 2)
    text = TARIFFS + "netze-a,2026,MS,1,1\n" + "netze-a,2026,NS,-1,1\n" * 3
    report = await load(Kind.TARIFFS, text, skip_refused=True)
    assert (report.partial, len(report.problems)) == (False, 2)
