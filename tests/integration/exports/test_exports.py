"""Exports: an exported file can be imported again without a difference."""

import asyncio
import csv
import io
import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import asyncpg
import httpx
import pytest
from pyarrow import parquet

from app.db.file_columns import Column
from app.domain.entry import VoltageLevel
from app.domain.levy import LevyKind
from app.domain.price import PriceKind
from app.http.export_formats import Format, encode
from app.http.exports import Exports
from app.importers.load import File, Kind, import_files
from app.importers.starter import FOLDER, load_starter
from app.settings import Settings
from tests import factories as make
from tests.integration.exports.slow_reader import SlowReader
from tests.waiting import LIMIT

TABLES = (Kind.REGISTRY, Kind.TARIFFS, Kind.HLZF, Kind.PRICES)
# The starter data has these in two files, and in the words of the operators.
EXPORTED = (*TABLES, Kind.TIME_OF_USE, Kind.HOLIDAY_RULES, Kind.LEVIES, Kind.PLACES)


@pytest.mark.parametrize("table", TABLES)
async def test_the_export_of_the_starter_data_is_byte_identical_to_its_files(client, settings, table):
    await load_starter(settings.database_url)
    response = await client.get(f"/export/{table}.csv")
    assert response.content == (FOLDER / f"{table}.csv").read_bytes()


@pytest.mark.parametrize("form", ["csv", "ndjson", "csv?dialect=excel", "xlsx", "parquet"])
async def test_export_import_export_is_byte_identical(client, settings, pool, form):
    """Whatever form is imported; the exports that are compared are CSV. Parquet has decimals of a fixed width, so zeros
    behind the last digit are not compared.
    """
    await load_starter(settings.database_url)
    await _add_edge_cases(pool)
    before = [(await client.get(f"/export/{table}.csv")).content for table in EXPORTED]
    files = [(await client.get(f"/export/{table}.{form}")).content for table in EXPORTED]
    async with pool.connection() as connection:
        await connection.execute(
            "DELETE FROM holiday_rules; DELETE FROM prices; DELETE FROM time_of_use_data; DELETE FROM hlzf_data;"
            " DELETE FROM netzentgelte_data; DELETE FROM levies; DELETE FROM places"
        )
        await connection.execute("DELETE FROM dno_aliases; DELETE FROM dnos")
    for table, content in zip(EXPORTED, files, strict=True):
        report = await import_files(settings.database_url, table, [File("x", io.BytesIO(content))])
        assert report.problems == ()
        assert report.inserted > 0
    after = [(await client.get(f"/export/{table}.csv")).content for table in EXPORTED]
    if form == "parquet":
        before, after = (
            [re.sub(rb"(?:(\.\d*?[1-9])|\.)0+(?=[,\n])", rb"\1", each) for each in files]
            for files in (before, after)
        )
    assert after == before


async def test_the_export_of_time_of_use_tariffs_has_all_prices_and_windows_of_the_starter_data(
    client, settings
):
    """Which has them in two files."""
    await load_starter(settings.database_url)
    rows = list(csv.DictReader((await client.get("/export/time-of-use.csv")).text.splitlines()))
    prices = list(csv.DictReader((FOLDER / "section14a.csv").read_text().splitlines()))
    windows = list(csv.DictReader((FOLDER / "section14a_windows.csv").read_text().splitlines()))
    assert {
        (
            row["dno_slug"],
            row["year"],
            row["band"],
            row["price_ct_per_kwh"],
            row["source_url"],
            row["publication"],
        )
        for row in rows
    } == {
        (
            row["dno_slug"],
            row["year"],
            row["band"],
            row["price_ct_per_kwh"],
            row["source_url"],
            row["publication"],
        )
        for row in prices
    }
    key = ("dno_slug", "year", "quarter", "band", "start", "end")
    assert sorted(tuple(row[name] for name in key) for row in rows if row["start"]) == sorted(
        tuple(row[name] for name in key) for row in windows
    )
    assert {row["dno_slug"] for row in rows if row["publication"] == "PRELIMINARY"} == {"netze-odr"}


async def _add_edge_cases(pool) -> None:
    edge_case = ' "quoted", \r\nlines\r and tabs\t; ümläut, \u2028 separator, \ufeff mark, =1+1 '
    named = edge_case.strip(" ")  # imports leave out blanks around names
    dno = await make.dno(pool, slug="edge-case", name=named, city="", official_name="null", region=None)
    await make.tariff(
        pool, dno, leistung="0.0000", arbeit="0", leistung_unter_2500h=None, source_title=edge_case
    )
    await make.tariff(pool, dno, year=2000, leistung="999999.9999", source_url="")
    await make.hlzf(pool, dno, windows="00:00-24:00", source_title="\\N")
    await make.hlzf(pool, dno, year=2026, windows="", source_title="\\.")
    await make.holiday_rule(
        pool,
        dno,
        2026,
        excluded_dates=[date(2026, 1, 2), date(2026, 5, 15)],
        holiday_words=edge_case,
        source_url="",
    )
    await make.tariff(pool, dno, year=2001, publication="PRELIMINARY")
    await make.price(
        pool, dno, 2026, PriceKind.BLINDARBEIT, "0.0000", None, 'a, "b" \\N; \ufeff=1', source_title=edge_case
    )
    await make.price(
        pool, dno, 2026, PriceKind.BLINDARBEIT, "1", None, publication="PRELIMINARY", source_url=""
    )
    await make.price(pool, dno, 2026, PriceKind.BLINDARBEIT, "999999.9999", VoltageLevel.HOES, "NULL")
    await make.time_of_use(pool, dno, price_st=None, publication="PRELIMINARY", source_title=edge_case)
    await make.time_of_use(pool, dno, 2027, price_ht=None, price_st="0.0000", price_nt=None, windows="")
    await make.time_of_use(pool, dno, 2028, None, None, None, windows="4 00:00-24:00 HT", source_url="")
    await make.time_of_use(pool, dno, 2029, None, None, None, windows="")
    await make.place(pool, dno, "00001", municipality=named, voltage_level="MS_NS", locations=2**31 - 1)
    await make.place(
        pool, dno, "99999", basis="PUBLISHED", locations=None, source_url="", source_title=edge_case
    )
    deleted = await make.tariff(pool, dno, year=2030)
    async with pool.connection() as connection:
        await connection.execute("UPDATE netzentgelte_data SET deleted_at = now() WHERE id = $1", deleted.id)


async def test_an_empty_table_is_an_empty_download(client, pool):
    assert (await client.get("/export/tariffs.ndjson")).content == b""
    assert (await client.get("/export/tariffs.csv")).text.startswith("dno_slug,year,")
    assert (await client.get("/export/tariffs.parquet")).content.startswith(b"PAR1")


async def test_a_time_of_use_tariff_has_a_row_per_window_and_one_for_a_band_without_windows(client, pool):
    dno = await make.dno(pool)
    await make.time_of_use(
        pool, dno, price_nt=None, windows="1 00:00-06:00 NT, 2 00:00-06:00 ST, 2 06:00-24:00 ST"
    )
    response = await client.get("/export/time-of-use.csv")
    assert response.headers["content-disposition"] == 'attachment; filename="time-of-use.csv"'
    assert response.text.splitlines() == [
        "dno_slug,year,band,price_ct_per_kwh,quarter,start,end,verification_status,source_url,source_title,publication",
        "netze-a,2026,HT,9.80,,,,unverified,,,FINAL",
        "netze-a,2026,ST,6.70,2,00:00,06:00,unverified,,,FINAL",
        "netze-a,2026,ST,6.70,2,06:00,24:00,unverified,,,FINAL",
        "netze-a,2026,NT,,1,00:00,06:00,unverified,,,FINAL",
    ]
    [first, *_] = (
        await client.get("/export/time-of-use.ndjson?year=2026&verification_status=UNVERIFIED")
    ).text.splitlines()
    assert json.loads(first)["quarter"] is None
    await make.dno(pool, "netze-b")
    assert (await client.get("/export/time-of-use.csv?dno=netze-b")).text.count("\n") == 1
    assert (await client.get("/export/time_of_use.csv")).status_code == 404


async def test_prices_are_exported_by_kind_level_and_variant_and_can_be_selected(client, pool):
    dno = await make.dno(pool)
    await make.price(pool, dno, 2025, PriceKind.MESSSTELLENBETRIEB, "11.15", VoltageLevel.NS, "Eintarif")
    await make.price(pool, dno, 2025, PriceKind.BLINDARBEIT, "1.10", None)
    await make.price(pool, dno, 2025, PriceKind.RESERVE_200H, "51.19", VoltageLevel.MS)
    rows = [
        "netze-a,2025,RESERVE_200H,MS,,51.19,EUR_PER_KW_YEAR,unverified,,,FINAL",
        "netze-a,2025,BLINDARBEIT,,,1.10,CT_PER_KVARH,unverified,,,FINAL",
        "netze-a,2025,MESSSTELLENBETRIEB,NS,Eintarif,11.15,EUR_PER_YEAR,unverified,,,FINAL",
    ]

    async def exported(**wanted):
        return (await client.get("/export/prices.csv", params=wanted)).text.splitlines()[1:]

    assert await exported() == rows
    assert await exported(kind=["BLINDARBEIT", "RESERVE_200H"]) == rows[:2]
    assert await exported(voltage_level="NS") == rows[2:]
    assert await exported(kind="MODUL_1") == []
    refused = await client.get("/export/prices.csv?kind=ALL")
    assert (refused.status_code, refused.json()["code"]) == (400, "BAD_USER_INPUT")
    assert (await client.get("/export/tariffs.csv?kind=MODUL_1")).status_code == 400
    [first, *_] = (await client.get("/export/prices.ndjson")).text.splitlines()
    assert json.loads(first)["amount"] == "51.19"
    table = parquet.read_table(io.BytesIO((await client.get("/export/prices.parquet")).content))
    assert table["amount"].to_pylist() == [Decimal("51.1900"), Decimal("1.1000"), Decimal("11.1500")]
    assert table["variant"].to_pylist() == [None, None, "Eintarif"]


async def test_json_values_have_their_types(client, pool):
    dno = await make.dno(pool, transmission=True, connection_points_ns=7, capacity_mw_total=Decimal("1.50"))
    await make.tariff(pool, dno, leistung="58.20", arbeit=None)
    tariff = (await client.get("/export/tariffs.ndjson")).json()
    assert (tariff["year"], tariff["leistung"], tariff["arbeit"]) == (2025, "58.20", None)
    operator = (await client.get("/export/registry.ndjson")).json()
    assert operator["transmission"] is True
    assert operator["connection_points_ns"] == 7
    assert operator["capacity_mw_total"] == "1.50"


async def test_parquet_contains_exact_prices(client, settings):
    parquet = pytest.importorskip("pyarrow.parquet")
    await load_starter(settings.database_url)
    for table in EXPORTED:
        response = await client.get(f"/export/{table}.parquet")
        rows = parquet.read_table(io.BytesIO(response.content)).to_pylist()
        lines = (await client.get(f"/export/{table}.csv")).text.count("\n")
        assert len(rows) == lines - 1
        if table is Kind.TARIFFS:
            assert rows[0]["leistung"] == Decimal("53.06")
            assert rows[0]["year"] == 2026
        if table is Kind.TIME_OF_USE:
            assert {row["price_ct_per_kwh"] for row in rows if row["dno_slug"] == "avacon-netz"} >= {
                Decimal("8.41"),
                Decimal("6.04"),
            }


async def test_parquet_that_is_not_installed_is_refused_with_a_code(client, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    response = await client.get("/export/tariffs.parquet")
    assert response.status_code == 501
    assert response.json()["code"] == "NOT_IMPLEMENTED"
    assert "dno-api[parquet]" in response.json()["detail"]


async def test_downloads_have_a_file_name_and_are_not_cached(client, pool):
    response = await client.get("/export/hlzf.csv")
    assert response.headers["content-disposition"] == 'attachment; filename="hlzf.csv"'
    assert response.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert response.headers["cache-control"] == "no-store"
    assert 'rel="license"' in response.headers["link"]
    assert response.text.splitlines() == [response.text.strip()]  # the header alone
    head = await client.head("/export/hlzf.csv")
    assert (head.status_code, head.content) == (200, b"")
    assert ("content-length" in head.headers) == ("content-length" in response.headers)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {("a", 2025), ("a", 2026), ("b", 2025)}),
        ("year=2025", {("a", 2025), ("b", 2025)}),
        ("year=2025&year=2026&dno=a", {("a", 2025), ("a", 2026)}),
        ("region=Hessen", {("b", 2025)}),
        ("voltage_level=NS", {("a", 2026)}),
        ("verification_status=VERIFIED", {("b", 2025)}),
        ("verification_status=verified", {("b", 2025)}),
        ("publication=PRELIMINARY", {("a", 2026)}),
        ("publication=FINAL", {("a", 2025), ("b", 2025)}),
        ("publication=FINAL&publication=PRELIMINARY&year=2026", {("a", 2026)}),
    ],
)
async def test_filters_restrict_the_rows(client, pool, query, found):
    a, b = await make.dno(pool, "a"), await make.dno(pool, "b", region="Hessen")
    await make.tariff(pool, a, 2025)
    await make.tariff(pool, a, 2026, "NS", publication="PRELIMINARY")
    await make.tariff(pool, b, 2025, verification_status="verified")
    lines = (await client.get(f"/export/tariffs.csv?{query}")).text.splitlines()[1:]
    assert {(slug, int(year)) for slug, year, *_ in (line.split(",") for line in lines)} == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (
            "",
            ["10115,,b,,,PUBLISHED", "80331,Ulm,a,,2,REGISTERED_UNITS", "80331,Ulm,a,NS,2,REGISTERED_UNITS"],
        ),
        ("postal_code=10115&postal_code=99999", ["10115,,b,,,PUBLISHED"]),
        ("basis=PUBLISHED", ["10115,,b,,,PUBLISHED"]),
        ("region=Bayern&voltage_level=NS", ["80331,Ulm,a,NS,2,REGISTERED_UNITS"]),
        ("dno=b&basis=REGISTERED_UNITS", []),
    ],
)
async def test_filters_restrict_places(client, pool, query, found):
    a, b = await make.dno(pool, "a"), await make.dno(pool, "b", region="Hessen")
    for level in ("NS", ""):
        await make.place(pool, a, municipality="Ulm", voltage_level=level, locations=2)
    await make.place(pool, b, "10115", basis="PUBLISHED", locations=None)
    lines = (await client.get(f"/export/places.csv?{query}")).text.splitlines()[1:]
    assert [line.removesuffix(",,") for line in lines] == found


async def test_windows_can_be_filtered_by_season(client, pool):
    dno = await make.dno(pool)
    await make.hlzf(pool, dno, season="WINTER", windows="07:00-08:00, 09:00-10:00")
    await make.hlzf(pool, dno, season="SUMMER", windows="")
    lines = (await client.get("/export/hlzf.csv?season=WINTER")).text.splitlines()[1:]
    assert [line.split(",")[4:6] for line in lines] == [["07:00", "08:00"], ["09:00", "10:00"]]


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("tariffs.csv?jahr=2025", "jahr"),
        ("tariffs.csv?season=WINTER", "season"),
        ("tariffs.csv?dialect=excell", "dialect"),
        ("changes.ndjson?since=yesterday", "since"),
        ("registry.csv?year=2025", "year"),
        ("tariffs.csv?year=x", "year"),
        ("tariffs.csv?year=99999999999999999999", "year"),
        ("tariffs.csv?year=", "year"),
        ("tariffs.csv?voltage_level=XX", "voltage_level"),
        ("tariffs.csv?publication=preliminary", "publication"),
        ("holiday-rules.csv?publication=FINAL", "publication"),
        ("tariffs.csv?dno=%00", "dno"),
        ("places.csv?basis=SEATS", "basis"),
        ("places.csv?year=2026", "year"),
        ("places.csv?postal_code=1067", "postal_code"),  # 01067, as Excel has it
        ("places.csv?postal_code=01067%0A", "postal_code"),
    ],
)
async def test_an_invalid_filter_is_refused_with_its_name(client, path, parameter):
    response = await client.get(f"/export/{path}")
    assert response.status_code == 400
    assert response.json()["code"] == "BAD_USER_INPUT"
    assert response.json()["argument"] == parameter
    assert parameter in response.json()["detail"]


async def test_of_several_postal_codes_the_refusal_names_the_one_that_is_none(client):
    response = await client.get("/export/places.csv?postal_code=80331&postal_code=1067")
    assert response.json()["detail"] == (
        "The filter postal_code cannot be '1067': it must be 5 digits, such as 80331."
    )


async def test_a_long_name_of_a_filter_is_cut_off_in_the_refusal(client):
    response = await client.get(f"/export/tariffs.csv?{'x' * 5_000}=1")
    assert response.status_code == 400
    assert response.json()["argument"] == "x" * 80
    assert len(response.content) < 1_000


@pytest.mark.parametrize("path", ["tariffs.xml", "users.csv", "tariffs", "tariffs.csv.gz"])
async def test_other_paths_are_not_found(client, path):
    assert (await client.get(f"/export/{path}")).status_code == 404


async def test_without_the_right_to_read_downloads_are_refused(downloads):
    app = downloads(anonymous_reading=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/export/tariffs.csv")).status_code == 401
        assert (await client.get("/dnos/a/hlzf/2025.ics")).status_code == 401


async def test_a_slow_download_is_one_snapshot(downloads, pool):
    dno = await make.dno(pool)
    await make.tariff(pool, dno, leistung="1.11")
    reader = SlowReader()
    reading = asyncio.create_task(reader.read(downloads(), "/export/tariffs.csv"))
    await reader.began.wait()
    async with pool.connection() as connection:
        await connection.execute("UPDATE netzentgelte_data SET leistung = 2.22")
    reader.resumes.set()
    await reading
    body = b"".join(message.get("body", b"") for message in reader.messages)
    assert reader.complete
    assert b"1.11" in body
    assert b"2.22" not in body


async def test_a_download_whose_client_stops_reading_ends_at_the_deadline(downloads, pool):
    reader = SlowReader()
    idle = pool.idle
    await asyncio.wait_for(reader.read(downloads(export_timeout=0.2), "/export/tariffs.csv"), LIMIT)
    assert not reader.complete
    assert pool.idle >= idle
    assert not await pool.fetch(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
    )


async def test_a_client_that_disconnects_releases_the_database_connection(downloads, pool):
    dno = await make.dno(pool)
    for year in range(2000, 2100):
        await make.tariff(pool, dno, year)
    reader = SlowReader()
    reading = asyncio.create_task(reader.read(downloads(), "/export/tariffs.csv"))
    await reader.began.wait()
    reader.disconnects.set()
    await asyncio.sleep(0)
    reader.resumes.set()
    await reading
    assert not await pool.fetch(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
    )


async def test_too_many_concurrent_downloads_are_refused_as_overload(downloads, pool):
    app, reader = downloads(max_exports=1), SlowReader()
    reading = asyncio.create_task(reader.read(app, "/export/tariffs.csv"))
    await reader.began.wait()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        refused = await client.get("/export/tariffs.csv")
        assert (refused.status_code, refused.json()["code"]) == (503, "OVERLOADED")
        assert int(refused.headers["retry-after"]) > 0
        reader.resumes.set()
        await reading
        assert (await client.get("/export/tariffs.csv")).status_code == 200


async def test_the_last_place_is_reserved_for_downloads_with_a_key_or_session(downloads, pool):
    app, reader = downloads(max_exports=2), SlowReader()
    reading = asyncio.create_task(reader.read(app, "/export/tariffs.csv"))
    await reader.began.wait()
    exports = Exports(Settings(max_exports=2))
    assert (exports._places(anonymous=True), exports._places(anonymous=False)) == (1, 2)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/export/tariffs.csv")).status_code == 503
    reader.resumes.set()
    await reading


async def test_the_slug_of_no_operator_is_refused_and_that_of_a_removed_one_is_known(client, pool):
    await make.tariff(pool, await make.dno(pool, "a"))
    await make.dno(pool, "removed")
    await pool.fetch(
        "UPDATE dnos SET deleted_at = $1 WHERE slug = 'removed'", datetime(2025, 1, 1, tzinfo=UTC)
    )
    for table in ("tariffs.csv", "registry.ndjson", "places.csv", "changes.ndjson"):
        refused = await client.get(f"/export/{table}?dno=a&dno=netze-atlantis")
        assert refused.status_code == 400, table
        assert "There is no operator with the slug 'netze-atlantis'." in refused.text
        assert (await client.get(f"/export/{table}?dno=removed")).status_code == 200


@pytest.mark.parametrize("table", TABLES)
async def test_a_region_is_matched_in_every_spelling_and_an_unknown_one_is_refused(client, pool, table):
    dno = await make.dno(pool, region="Baden-Württemberg")
    other = await make.dno(pool, slug="other", region="Bayern")
    for one in (dno, other):
        await make.tariff(pool, one)
        await make.hlzf(pool, one, windows="07:30-13:00")
        await make.price(pool, one)
        await make.time_of_use(pool, one, price_ht=None, price_nt=None, windows="")
    wanted = (await client.get(f"/export/{table}.ndjson", params={"region": "Baden-Württemberg"})).content
    assert wanted.count(b"\n") == 1
    for spelling in (
        "baden-württemberg",
        "BADEN-WÜRTTEMBERG",
        "Baden-Wu\u0308rttemberg",
        "Baden-Wuerttemberg",
    ):
        found = await client.get(f"/export/{table}.ndjson", params={"region": spelling})
        assert found.content == wanted, spelling
    empty = await client.get(f"/export/{table}.ndjson", params={"region": "Saarland"})
    assert (empty.status_code, empty.content) == (200, b"")
    refused = await client.get(f"/export/{table}.ndjson", params={"region": ["Bayern", "Atlantis"]})
    assert refused.status_code == 400
    assert "Atlantis" not in refused.text
    assert "BAD_USER_INPUT" in refused.text


async def test_a_download_over_a_limit_is_refused_before_it_begins_or_cut_off(downloads, settings):
    await load_starter(settings.database_url)
    for limit, maximum in (("limit_export_bytes", 100), ("limit_export_cpu_time", 1e-6)):
        transport = httpx.ASGITransport(downloads(**{limit: maximum}))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            response = await client.get("/export/tariffs.csv")
        assert response.status_code == 400
        problem = response.json()
        assert (problem["code"], problem["limit"], problem["maximum"]) == (
            "LIMIT_EXCEEDED",
            limit.upper(),
            maximum,
        )


@pytest.mark.parametrize("format", ["csv", "ndjson", "parquet"])
async def test_a_row_that_violates_a_constraint_is_skipped_and_counted(client, pool, admin_url, format):
    """Such as a row that was written before the constraint existed."""
    await make.dno(pool, "netze-a", capacity_mw_total=Decimal("1.5"))
    await make.dno(pool, "netze-b")
    await make.dno(pool, "netze-c")
    rules = "dnos DROP CONSTRAINT capacity_mw_wind_is_readable, DROP CONSTRAINT capacity_mw_total_is_readable"
    admin = await asyncpg.connect(admin_url)
    try:
        await admin.execute(f"ALTER TABLE {rules}")
        await admin.execute("UPDATE dnos SET capacity_mw_wind = 'NaN' WHERE slug = 'netze-b'")
        await admin.execute("UPDATE dnos SET capacity_mw_total = 1e30 WHERE slug = 'netze-c'")
        response = await client.get(f"/export/registry.{format}")
        assert response.status_code == 200
        assert response.headers["dno-skipped-rows"] == "2"
        assert _slugs(format, response.content) == ["netze-a"]
    finally:
        await admin.execute("UPDATE dnos SET capacity_mw_wind = NULL, capacity_mw_total = NULL")
        for column in ("capacity_mw_wind", "capacity_mw_total"):
            await admin.execute(
                f"ALTER TABLE dnos ADD CONSTRAINT {column}_is_readable CHECK (readable_megawatts({column}))"
            )
        await admin.close()
    assert "dno-skipped-rows" not in (await client.get(f"/export/registry.{format}")).headers


def _slugs(format: str, content: bytes) -> list[str]:
    if format == "parquet":
        return parquet.read_table(io.BytesIO(content)).column("slug").to_pylist()
    lines = content.decode().splitlines()
    return (
        [json.loads(line)["slug"] for line in lines]
        if format == "ndjson"
        else [one.split(",")[0] for one in lines[1:]]
    )


@pytest.mark.parametrize("format", [Format.NDJSON, Format.PARQUET])
async def test_a_value_that_a_format_cannot_represent_skips_its_row_only(format):
    async def batches():
        yield [["a", "1"], ["b", "no number"], ["c", "3"]]

    broken = []
    columns = {"slug": Column.TEXT, "year": Column.WHOLE}
    content = b"".join([chunk async for chunk in encode(format, columns, batches(), broken.append)])
    assert _slugs(format, content) == ["a", "c"]
    assert broken == [1]


async def test_levies_are_exported_without_operators_and_selected_by_kind(client, pool):
    await make.levy(pool, customer_group="B", valid_to=date(2024, 12, 31), note="a, b")
    await make.levy(pool, LevyKind.OFFSHORE, "2023-01-01", "-0.5")
    response = await client.get("/export/levies.csv?kind=OFFSHORE")
    assert response.text.splitlines() == [
        "kind,customer_group,valid_from,valid_to,value,unit,inhabitants_from,inhabitants_to,legal_basis,article_id,note,"
        "verification_status,source_url,source_title",
        "OFFSHORE,,2023-01-01,,-0.5,ct/kWh,,,,,,unverified,,",
    ]
    whole = (await client.get("/export/levies.ndjson")).text.splitlines()
    assert [json.loads(line)["note"] for line in whole] == ["a, b", None]
    assert "link" not in response.headers  # no operator of the register is in it
    table = parquet.read_table(io.BytesIO((await client.get("/export/levies.parquet")).content))
    assert table["value"].to_pylist() == [Decimal("0.2750"), Decimal("-0.5000")]
    refused = await client.get("/export/levies.csv?dno=netze-a")
    assert (refused.status_code, refused.json()["detail"]) == (
        400,
        "There is no filter 'dno'; there are kind, verification_status.",
    )
