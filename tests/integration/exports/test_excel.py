"""Exports as Excel opens them: CSV in its dialect, and workbooks."""

import csv
import io
from decimal import Decimal

import pytest

from app.domain.levy import LevyKind
from app.importers.load import File, Kind, import_files
from app.importers.starter import load_starter
from tests import factories as make
from tests.workbooks import read_rows

FORMULA = '=HYPERLINK("https://example.org";"a")'


async def test_the_dialect_has_a_mark_semicolons_decimal_commas_and_crlf(client, pool):
    dno = await make.dno(pool, name="Straße; Öl")
    await make.tariff(pool, dno, source_title='a "b"; 1.5, c', source_url="https://example.org/a.pdf")
    response = await client.get("/export/tariffs.csv?dialect=excel&year=2025")
    assert response.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert response.headers["content-disposition"] == 'attachment; filename="tariffs.csv"'
    assert response.content.decode("utf-8") == (
        "\ufeffdno_slug;year;voltage_level;leistung;arbeit;leistung_unter_2500h;arbeit_unter_2500h;verification_status;"
        "source_url;source_title;publication\r\n"
        'netze-a;2025;MS;58,21;1,26;18,30;2,86;unverified;https://example.org/a.pdf;"a ""b""; 1.5, c";FINAL\r\n'
    )
    assert (await client.get("/export/tariffs.csv?dialect=standard")).text.startswith("dno_slug,")


@pytest.mark.parametrize("format", ["csv?dialect=excel", "xlsx"])
async def test_cells_that_begin_like_a_formula_are_harmless_in_forms_for_excel(client, pool, format):
    dno = await make.dno(pool, name="@SUM(A1)", city="+49", official_name="-1")
    await make.tariff(pool, dno, source_title=FORMULA)
    assert (await _cells(client, format, "tariffs"))["source_title"] == f"'{FORMULA}"
    operator = await _cells(client, format, "registry")
    assert [operator[name] for name in ("name", "city", "official_name")] == ["'@SUM(A1)", "'+49", "'-1"]


@pytest.mark.parametrize("format", ["csv", "ndjson"])
async def test_the_other_forms_have_them_exactly(client, pool, format):
    dno = await make.dno(pool)
    await make.tariff(pool, dno, source_title=FORMULA)
    response = await client.get(f"/export/tariffs.{format}")
    title = (
        next(csv.DictReader(io.StringIO(response.text)))["source_title"]
        if format == "csv"
        else response.json()["source_title"]
    )
    assert title == FORMULA


@pytest.mark.parametrize("format", ["csv?dialect=excel", "xlsx"])
async def test_negative_rates_are_numbers(client, pool, format):
    await make.levy(pool, LevyKind.OFFSHORE, "2023-01-01", "-0.5")
    cells = await _cells(client, format, "levies")
    assert cells["value"] == ("-0.5" if format == "xlsx" else "-0,5")


async def _cells(client, format, table):
    response = await client.get(f"/export/{table}.{format}")
    assert response.status_code == 200
    if format == "xlsx":
        [row] = read_rows(response.content)
        return {name: cell.text for name, cell in row.items()}
    [row] = csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"), newline=""), delimiter=";")
    return row


@pytest.mark.parametrize(
    "table",
    ["registry", "tariffs", "hlzf", "time-of-use", "prices", "holiday-rules", "levies", "places", "changes"],
)
async def test_all_forms_have_the_same_values_of_the_starter_data(client, settings, pool, table):
    await load_starter(settings.database_url)
    dno = await make.dno(pool)
    await make.place(pool, dno, "01067", municipality="-Ort", locations=3)
    plain = [*csv.reader(io.StringIO((await client.get(f"/export/{table}.csv")).text, newline=""))]
    excel_text = (await client.get(f"/export/{table}.csv?dialect=excel")).content.decode("utf-8-sig")
    excel = [*csv.reader(io.StringIO(excel_text, newline=""), delimiter=";")]
    workbook = read_rows((await client.get(f"/export/{table}.xlsx")).content)
    assert len(plain) == len(excel) == len(workbook) + 1 > 1
    header, *rows = plain
    assert excel[0] == header
    for row, in_dialect, in_workbook in zip(rows, excel[1:], workbook, strict=True):
        for name, text, other in zip(header, row, in_dialect, strict=True):
            cell = in_workbook.get(name)
            if cell is not None and cell.type == "n":
                assert other == text.replace(".", ",")
                assert (cell.text, Decimal(other.replace(",", "."))) == (text, Decimal(text))
            elif cell is not None and cell.type == "b":
                assert (text, other) == ("true" if cell.text == "1" else "false", text)
            else:
                assert other == ("" if cell is None else cell.text)
                assert other in (text, f"'{text}", text.replace(".", ","))


async def test_a_workbook_has_its_type_and_name_and_an_empty_table_has_a_header(client, pool):
    response = await client.get("/export/hlzf.xlsx")
    assert response.headers["content-type"].endswith("spreadsheetml.sheet")
    assert response.headers["content-disposition"] == 'attachment; filename="hlzf.xlsx"'
    assert read_rows(response.content) == []


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("tariffs.csv?dialect=calc", "The dialect must be one of standard, excel."),
        ("tariffs.csv?dialect=excel&dialect=excel", "The dialect must be one of standard, excel."),
        ("tariffs.csv?dialect=", "The dialect must be one of standard, excel."),
        ("tariffs.ndjson?dialect=excel", "Only csv has a dialect."),
        ("tariffs.xlsx?dialect=excel", "Only csv has a dialect."),
    ],
)
async def test_an_unknown_dialect_is_refused(client, path, detail):
    response = await client.get(f"/export/{path}")
    assert (response.status_code, response.json()["code"]) == (400, "BAD_USER_INPUT")
    assert response.json()["detail"] == detail


@pytest.mark.parametrize("price", ["6.812", "0.812", "58", "1000", "1234.5", "12345.678"])
@pytest.mark.parametrize("form", ["csv?dialect=excel", "xlsx"])
async def test_a_single_price_of_an_export_is_imported_as_it_is(client, settings, pool, form, price):
    dno = await make.dno(pool)
    await make.tariff(
        pool, dno, leistung=price, arbeit=None, leistung_unter_2500h=None, arbeit_unter_2500h=None
    )
    content = (await client.get(f"/export/tariffs.{form}")).content
    report = await import_files(settings.database_url, Kind.TARIFFS, [File("x", io.BytesIO(content))])
    assert (report.problems, report.unchanged) == ((), 1)


async def test_a_point_that_could_be_one_of_thousands_is_refused_in_the_dialect(client, settings, pool):
    dno = await make.dno(pool)
    await make.tariff(pool, dno, leistung="58.20")
    content = (await client.get("/export/tariffs.csv?dialect=excel")).content.replace(b";58,20;", b";1.234;")
    report = await import_files(settings.database_url, Kind.TARIFFS, [File("x", io.BytesIO(content))])
    [problem] = report.problems
    assert (problem.column, problem.value) == ("leistung", "1.234")
    assert "1234 or 1.234" in problem.reason
