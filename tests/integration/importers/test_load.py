"""What an import changes in the database, and what it leaves unchanged."""

import asyncio
import io
from contextlib import asynccontextmanager
from decimal import Decimal
from time import monotonic
from typing import ClassVar
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.cli.import_data import summary
from app.db import staging
from app.domain.entry import DnoYear, VerificationStatus
from app.importers import implausible_rows
from app.importers import load as load_module
from app.importers.load import File, Kind, connect, import_files
from tests import factories as make
from tests.proxy import Proxies

TARIFFS = (
    "dno_slug,year,voltage_level,leistung,arbeit,leistung_unter_2500h,arbeit_unter_2500h,"
    "verification_status,source_url,source_title\n"
)
HLZF = "dno_slug,year,voltage_level,season,start,end,verification_status,source_url,source_title\n"
PRICES = "dno_slug,year,module,band,price_ct_per_kwh,verification_status,source_url\n"
WINDOWS = "dno_slug,year,quarter,band,start,end\n"
TIME_OF_USE = (
    "dno_slug,year,band,price_ct_per_kwh,quarter,start,end,verification_status,source_url,source_title\n"
)
REGISTRY = (
    "slug,name,official_name,mastr_nr,bdew_code,acer_code,vnb_id,region,city,postal_code,website,"
    "closed_network,transmission,connection_points_ns,connection_points_ms,connection_points_hs,"
    "connection_points_hoes,capacity_mw_total,capacity_mw_solar,capacity_mw_wind\n"
)
OPERATOR = (
    "netze-a,Netze A,Netze A GmbH,SNB1,9900000000001,,,Bayern,Hof,95028,,false,false,12,3,0,,1.5,1.250,0\n"
)


def tariff(
    slug="netze-a",
    year=2025,
    level="MS",
    leistung="58.20",
    status="unverified",
    url="https://e.org/u",
    unter="",
) -> str:
    return f"{slug},{year},{level},{leistung},1.26,{unter},2.86,{status},{url},\n"


async def counts(pool) -> tuple[int, int, int]:
    """Revisions, events, and the sum of all versions: what every write increases."""
    [row] = await pool.fetch(
        "SELECT (SELECT count(*) FROM revisions) AS revisions, (SELECT count(*) FROM outbox) AS events,"
        " (SELECT coalesce(sum(version), 0) FROM netzentgelte_data) + (SELECT coalesce(sum(version), 0) FROM hlzf_data)"
        " + (SELECT coalesce(sum(version), 0) FROM time_of_use_data) + (SELECT coalesce(sum(version), 0) FROM dnos) AS versions"
    )
    return row["revisions"], row["events"], row["versions"]


def outcome(report) -> tuple[int, int, int, int, int]:
    return report.inserted, report.updated, report.unchanged, len(report.kept), report.refused


async def tariffs_of(pool, dno, year=2025):
    key = DnoYear(dno.id, year)
    return (await make.fetch_tariffs(pool, [key])).get(key, ())


async def test_a_server_that_is_silent_after_the_commit_does_not_make_the_import_fail(settings):
    port = urlsplit(settings.database_url).port
    async with Proxies() as proxies:
        silent = await proxies.open("postgres", port)
        url = settings.database_url.replace(f":{port}", f":{silent}")
        async with connect(url, deadline=60) as connection:
            assert await connection.fetchval("SELECT 1") == 1
            await proxies.hold("postgres")
            silent_since = monotonic()
        assert monotonic() - silent_since < 8  # less than the ten seconds of a connection


async def test_what_waits_for_the_commit_is_called_after_it_and_before_the_connection_closes(
    pool, settings, monkeypatch
):
    await make.dno(pool)
    seen, files = [], [File("prices.csv", io.BytesIO((TARIFFS + tariff()).encode()))]

    @asynccontextmanager
    async def observed(*args, **options):
        async with connect(*args, **options) as connection:
            yield connection
            seen.append("closes")

    async def on_committed():
        seen.append((await counts(pool))[0])

    monkeypatch.setattr(load_module, "connect", observed)
    for dry_run in (True, False):
        await import_files(
            settings.database_url, Kind.TARIFFS, files, dry_run=dry_run, on_committed=on_committed
        )
        files[0].stream.seek(0)
    assert seen == ["closes", 1, "closes"]


async def test_prices_keep_their_digits(pool, load):
    dno = await make.dno(pool)
    assert outcome(await load(Kind.TARIFFS, TARIFFS + tariff(leistung="58.20"))) == (1, 0, 0, 0, 0)
    [entry] = await tariffs_of(pool, dno)
    assert str(entry.leistung) == "58.20"
    assert entry.leistung_unter_2500h is None
    assert (entry.source_url, entry.source_title) == ("https://e.org/u", None)


async def test_revisions_name_the_import_and_its_file(pool, load):
    await make.dno(pool)
    await load(Kind.TARIFFS, TARIFFS + tariff())
    [revision] = await pool.fetch("SELECT kind, changed_by, reason FROM revisions")
    assert tuple(revision) == ("CREATED", "import", "1.csv")


async def test_revisions_do_not_show_the_folder_of_the_file(pool, settings):
    """Every reader of the API can read them."""
    await make.dno(pool)
    file = File("private/tariffs.csv", io.BytesIO((TARIFFS + tariff()).encode()))
    await import_files(settings.database_url, Kind.TARIFFS, [file])
    [revision] = await pool.fetch("SELECT reason FROM revisions")
    assert revision["reason"] == "tariffs.csv"


async def test_the_same_file_again_changes_nothing(pool, load):
    await make.dno(pool)
    text = TARIFFS + tariff() + tariff(level="NS")
    await load(Kind.TARIFFS, text)
    before = await counts(pool)
    assert outcome(await load(Kind.TARIFFS, text)) == (0, 0, 2, 0, 0)
    assert outcome(await load(Kind.TARIFFS, text.replace("58.20", "58.2"))) == (0, 0, 2, 0, 0)
    assert await counts(pool) == before


async def test_only_rows_that_differ_are_updated(pool, load):
    dno = await make.dno(pool)
    await load(Kind.TARIFFS, TARIFFS + tariff(level="MS") + tariff(level="NS"))
    report = await load(Kind.TARIFFS, TARIFFS + tariff(level="MS") + tariff(level="NS", leistung="1"))
    assert outcome(report) == (0, 1, 1, 0, 0)
    assert [(str(entry.leistung), entry.version) for entry in await tariffs_of(pool, dno)] == [
        ("58.20", 1),
        ("1", 2),
    ]


async def test_with_one_invalid_row_nothing_is_imported(pool, load):
    await make.dno(pool)
    before = await counts(pool)
    report = await load(Kind.TARIFFS, TARIFFS + tariff() + tariff(level="XX") + tariff(slug="netze-x"))
    assert outcome(report) == (0, 0, 0, 0, 2)
    assert [(str(p.location), p.column, p.value) for p in report.problems] == [
        ("1.csv:3", "voltage_level", "XX"),
        ("1.csv:4", "dno_slug", "netze-x"),
    ]
    assert await counts(pool) == before


async def test_an_import_that_violates_a_constraint_is_rolled_back(pool, load, settings):
    """Also if a constraint of the database is stricter than the checks of the importer."""
    await make.dno(pool)
    before = await counts(pool)
    async with pool.connection() as connection:
        await connection.execute("ALTER TABLE netzentgelte_data ADD CONSTRAINT strict CHECK (leistung < 100)")
    try:
        with pytest.raises(Exception, match="strict"):
            await load(Kind.TARIFFS, TARIFFS + tariff() + tariff(level="NS", leistung="100"))
    finally:
        async with pool.connection() as connection:
            await connection.execute("ALTER TABLE netzentgelte_data DROP CONSTRAINT strict")
    assert await counts(pool) == before


async def test_a_dry_run_reports_all_changes_and_makes_none(pool, load):
    await make.dno(pool)
    await load(Kind.TARIFFS, TARIFFS + tariff())
    before = await counts(pool)
    report = await load(Kind.TARIFFS, TARIFFS + tariff(leistung="1") + tariff(level="NS"), dry_run=True)
    assert outcome(report) == (1, 1, 0, 0, 0)
    assert await counts(pool) == before


async def test_the_same_entry_twice_is_refused_also_across_files(pool, load):
    await make.dno(pool)
    report = await load(Kind.TARIFFS, TARIFFS + tariff(), TARIFFS + tariff(leistung="2"))
    assert [(str(p.location), p.reason) for p in report.problems] == [
        ("2.csv:2", "the same operator, year and level as in 1.csv:2")
    ]


async def test_of_many_unusual_rows_the_first_are_listed_and_all_are_counted(pool, load, monkeypatch):
    monkeypatch.setattr(implausible_rows, "MOST_LISTED", 3)
    await make.dno(pool)
    rows = [tariff(year=year, leistung="1", unter="2") for year in range(2029, 2019, -1)]
    refused = await load(Kind.TARIFFS, TARIFFS + "".join(rows), strict=True)
    assert await pool.fetch("SELECT 1 FROM netzentgelte_data") == []
    report = await load(Kind.TARIFFS, TARIFFS + "".join(rows))
    swapped = "The Leistungspreis under 2,500 h (2) is usually below the one from 2,500 h (1)."
    expected = [("1.csv:2", "The Leistu"), ("1.csv:2", "At 2,500 h"), ("1.csv:3", "The Leistu")]
    assert [(str(warned.location), warned.reason[:10]) for warned in report.warnings] == expected
    assert [(str(problem.location), problem.reason[:10]) for problem in refused.problems] == expected
    assert (report.warning_count, refused.warning_count, report.inserted) == (20, 20, 10)
    assert report.warnings[0].reason == swapped
    counts = "10 inserted, 0 updated, 0 unchanged, 20 warnings (the first 3 are listed), 0 refused"
    assert summary(report) == counts


class TestManualChanges:
    async def correct(self, pool, sql: str, actor: str | None = "anna@example.org") -> None:
        async with pool.connection() as connection, connection.transaction():
            await connection.execute("SELECT sign($1, NULL, NULL)", actor)
            await connection.execute(sql)

    async def test_a_correction_survives_the_next_import(self, pool, load):
        dno = await make.dno(pool)
        text = TARIFFS + tariff(status="verified")
        await load(Kind.TARIFFS, text)
        await self.correct(pool, "UPDATE netzentgelte_data SET leistung = 60")
        before = await counts(pool)
        report = await load(Kind.TARIFFS, text)
        assert outcome(report) == (0, 0, 0, 1, 0)
        assert report.kept[0].reason == "last changed by anna@example.org"
        assert str(report.kept[0].location) == "1.csv:2"
        assert await counts(pool) == before

        assert outcome(await load(Kind.TARIFFS, text, overwrite=True)) == (0, 1, 0, 0, 0)
        [entry] = await tariffs_of(pool, dno)
        assert str(entry.leistung) == "58.20"

    async def test_a_correction_to_the_same_value_is_unchanged(self, pool, load):
        await make.dno(pool)
        await load(Kind.TARIFFS, TARIFFS + tariff())
        await self.correct(pool, "UPDATE netzentgelte_data SET leistung = 60")
        assert outcome(await load(Kind.TARIFFS, TARIFFS + tariff(leistung="60"))) == (0, 0, 1, 0, 0)

    async def test_a_verified_entry_is_not_overwritten_by_an_unverified_row(self, pool, load):
        dno = await make.dno(pool)
        await make.tariff(pool, dno, verification_status="verified")
        report = await load(Kind.TARIFFS, TARIFFS + tariff())
        assert [kept.reason for kept in report.kept] == ["verified in the database, but not in the file"]

    async def test_a_verified_entry_is_overwritten_by_a_verified_row(self, pool, load):
        dno = await make.dno(pool)
        await make.tariff(pool, dno, verification_status="verified")
        assert outcome(await load(Kind.TARIFFS, TARIFFS + tariff(status="verified"))) == (0, 1, 0, 0, 0)

    async def test_a_change_without_an_author_is_overwritten(self, pool, load):
        """The crawler writes without an author."""
        dno = await make.dno(pool)
        await make.tariff(pool, dno)
        await self.correct(pool, "UPDATE netzentgelte_data SET leistung = 60", actor=None)
        assert outcome(await load(Kind.TARIFFS, TARIFFS + tariff())) == (0, 1, 0, 0, 0)

    async def test_an_entry_deleted_without_an_author_is_restored(self, pool, load):
        dno = await make.dno(pool)
        await load(Kind.TARIFFS, TARIFFS + tariff())
        await self.correct(pool, "UPDATE netzentgelte_data SET deleted_at = now()", actor=None)
        assert outcome(await load(Kind.TARIFFS, TARIFFS + tariff())) == (0, 1, 0, 0, 0)
        [entry] = await tariffs_of(pool, dno)
        assert entry.version == 3

    async def test_an_entry_deleted_by_an_author_is_not_restored(self, pool, load):
        dno = await make.dno(pool)
        await load(Kind.TARIFFS, TARIFFS + tariff())
        await self.correct(pool, "UPDATE netzentgelte_data SET deleted_at = now()")
        report = await load(Kind.TARIFFS, TARIFFS + tariff())
        assert [kept.reason for kept in report.kept] == ["deleted by anna@example.org"]
        assert await tariffs_of(pool, dno) == ()

    async def test_manual_changes_of_windows_are_kept_too(self, pool, load):
        dno = await make.dno(pool)
        await make.hlzf(pool, dno, verification_status="verified")
        text = HLZF + "netze-a,2025,MS,WINTER,08:00,09:00,unverified,,\n"
        assert outcome(await load(Kind.HLZF, text)) == (0, 0, 0, 1, 0)
        assert outcome(await load(Kind.HLZF, text, overwrite=True)) == (0, 1, 0, 0, 0)

    async def test_a_correction_that_commits_during_the_import_survives(self, pool, load, settings):
        """The import has compared the row, waits for its lock, and finds it changed."""
        dno = await make.dno(pool)
        await load(Kind.TARIFFS, TARIFFS + tariff())
        async with pool.connection() as editor:
            correction = editor.transaction()
            await correction.start()
            await editor.execute("SELECT sign('anna', NULL, NULL)")
            await editor.execute("UPDATE netzentgelte_data SET leistung = 60")
            importing = asyncio.create_task(load(Kind.TARIFFS, TARIFFS + tariff(leistung="1")))
            while not await pool.fetch(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'dno-import'"
                " AND wait_event_type = 'Lock'"
            ):
                await asyncio.sleep(0)
            await correction.commit()
        report = await importing
        assert [kept.reason for kept in report.kept] == ["changed by another transaction during the import"]
        [entry] = await tariffs_of(pool, dno)
        assert entry.leistung == Decimal(60)


async def test_windows_of_a_season_become_one_sorted_entry(pool, load):
    dno = await make.dno(pool)
    text = (
        HLZF
        + "netze-a,2025,MS,WINTER,16:00,24:00,verified,https://e.org/u,t\n"
        + "netze-a,2025,MS,SUMMER,,,verified,https://e.org/u,t\n"
        + "netze-a,2025,MS,WINTER,07:30,13:00,verified,https://e.org/u,t\n"
    )
    assert outcome(await load(Kind.HLZF, text)) == (2, 0, 0, 0, 0)
    key = DnoYear(dno.id, 2025)
    winter, summer = (await make.fetch_hlzf(pool, [key]))[key]
    assert [(w.start, w.end) for w in winter.windows] == [(450, 780), (960, 1440)]
    assert summer.windows == ()


async def test_a_window_over_midnight_becomes_two(pool, load):
    dno = await make.dno(pool)
    rows = ["22:00 Uhr,6:00 Uhr", "18:00,0:00"]
    text = "".join(f"netze-a,2025,{n}S,WINTER,{row},verified,,\n" for n, row in zip("MN", rows, strict=True))
    assert outcome(await load(Kind.HLZF, HLZF + text)) == (2, 0, 0, 0, 0)
    key = DnoYear(dno.id, 2025)
    windows = [
        [(w.start, w.end) for w in entry.windows] for entry in (await make.fetch_hlzf(pool, [key]))[key]
    ]
    assert windows == [[(0, 360), (1320, 1440)], [(1080, 1440)]]


async def test_an_operator_is_found_by_name_alias_and_code(pool, load):
    names = {
        "official_name": "Netze Ä GmbH",
        "mastr_nr": "SNB1",
        "bdew_code": "9900000000001",
        "vnb_id": "77",
    }
    await make.alias(pool, await make.dno(pool, name="Netze Ä", **names), "NÄ")
    given = ["netze-a", "NETZE  Ä", "Netze Ä GmbH", "nä", "SNB1", "9900000000001", "77"]
    text = TARIFFS + "".join(tariff(slug=cell, year=2010 + n) for n, cell in enumerate(given))
    assert outcome(await load(Kind.TARIFFS, text)) == (len(given), 0, 0, 0, 0)


async def test_an_operator_that_is_not_named_exactly_is_refused_with_the_nearest(pool, load):
    await make.dno(pool, slug="netze-a", name="Netze Anhalt", bdew_code="9900000000001")
    await make.dno(pool, slug="netze-b", name="Netze Bernau", bdew_code="9900000000001")
    text = TARIFFS + "".join(map(tariff, ("Netze Anhal", "qqq", "9900000000001", "")))
    report = await load(Kind.TARIFFS, text)
    assert [(problem.location.line, problem.column, problem.reason) for problem in report.problems] == [
        (2, "dno_slug", "no operator has this slug, name or code; the nearest are netze-a, netze-b"),
        (3, "dno_slug", "no operator has this slug, name or code"),
        (4, "dno_slug", "is the name or code of netze-a and netze-b; give the slug"),
        (5, "dno_slug", "is empty"),
    ]


@pytest.mark.parametrize(
    ("rows", "column", "reason"),
    [
        (["07:30,07:30,verified,,"], "end", "must be after the start"),
        (["24:00,24:00,verified,,"], "end", "must be after the start"),
        (["07:30,,verified,,"], "end", "both"),
        ([",07:30,verified,,"], "start", "both"),
        (["07:30,09:00,verified,,", "08:59,10:00,verified,,"], "start", "overlaps 07:30-09:00 in 1.csv:2"),
        (["07:30,09:00,verified,,", "07:30,09:00,verified,,"], "start", "overlaps"),
        (["07:30,09:00,verified,,", ",,verified,,"], "start", "1 window(s)"),
        ([",,verified,,", "07:30,09:00,verified,,"], "start", "no window"),
        ([",,verified,,", ",,verified,,"], "start", "no window"),
        (["07:00,08:00,verified,,", "09:00,10:00,unverified,,"], "verification_status", "same"),
        (
            ["07:00,08:00,verified,https://e.org/u,", "09:00,10:00,verified,https://e.org/v,"],
            "source_url",
            "same",
        ),
    ],
)
async def test_windows_that_contradict_each_other_are_refused(pool, load, rows, column, reason):
    await make.dno(pool)
    report = await load(Kind.HLZF, HLZF + "".join(f"netze-a,2025,MS,WINTER,{row}\n" for row in rows))
    [problem] = report.problems
    assert problem.location.line == len(rows) + 1
    assert problem.column == column
    assert reason in problem.reason


async def test_windows_may_be_adjacent(pool, load):
    await make.dno(pool)
    text = (
        HLZF
        + "netze-a,2025,MS,WINTER,07:30,09:00,verified,,\nnetze-a,2025,MS,WINTER,09:00,10:00,verified,,\n"
    )
    assert outcome(await load(Kind.HLZF, text)) == (1, 0, 0, 0, 0)


class TestSection14a:
    TWO_BANDS = (
        PRICES
        + "netze-a,2026,3,HT,9.80,verified,https://e.org/u\nnetze-a,2026,3,ST,6.70,unverified,https://e.org/u\n"
    )
    DAY = WINDOWS + "netze-a,2026,1,ST,06:00,24:00\nnetze-a,2026,1,HT,00:00,06:00\n"

    async def sheet(self, pool, dno):
        key = DnoYear(dno.id, 2026)
        [sheet] = (await make.fetch_time_of_use(pool, [key]))[key]
        return sheet

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    async def test_prices_and_windows_make_one_sheet_in_either_order(self, pool, load, order):
        dno = await make.dno(pool)
        files = (self.TWO_BANDS, self.DAY)
        assert outcome(await load(Kind.SECTION14A, *(files[i] for i in order))) == (1, 0, 0, 0, 0)
        sheet = await self.sheet(pool, dno)
        assert [(p.band, str(p.price)) for p in sheet.bands] == [("HT", "9.80"), ("ST", "6.70")]
        assert [(w.quarter, w.start, w.end, w.band) for w in sheet.windows] == [
            (1, 0, 360, "HT"),
            (1, 360, 1440, "ST"),
        ]
        assert sheet.verification_status is VerificationStatus.UNVERIFIED

    async def test_either_file_alone_leaves_the_other_part_as_it_is(self, pool, load):
        dno = await make.dno(pool)
        await load(Kind.SECTION14A, self.TWO_BANDS, self.DAY)
        before = await self.sheet(pool, dno)
        assert outcome(await load(Kind.SECTION14A, self.DAY)) == (0, 0, 1, 0, 0)
        assert outcome(await load(Kind.SECTION14A, self.TWO_BANDS)) == (0, 0, 1, 0, 0)
        await load(Kind.SECTION14A, self.TWO_BANDS.replace("9.80", "9.90"))
        after = await self.sheet(pool, dno)
        assert str(after.bands[0].price) == "9.90"
        assert after.windows == before.windows

    async def test_one_file_holds_prices_and_windows_and_replaces_all_of_them(self, pool, load):
        dno = await make.dno(pool)
        await load(Kind.SECTION14A, self.TWO_BANDS, self.DAY)
        text = (
            TIME_OF_USE
            + "netze-a,2026,NT,1.34,2,22:00,06:00,verified,https://e.org/u,t\n"
            + "netze-a,2026,ST,6.70,,,,verified,https://e.org/u,t\n"
            + "netze-a,2026,NT,1.34,1,00:00,05:00,verified,https://e.org/u,t\n"
            + "netze-a,2026,HT,,1,17:00,20:00,verified,https://e.org/u,t\n"
        )
        assert outcome(await load(Kind.TIME_OF_USE, text)) == (0, 1, 0, 0, 0)
        sheet = await self.sheet(pool, dno)
        assert [(p.band, str(p.price)) for p in sheet.bands] == [("ST", "6.70"), ("NT", "1.34")]
        assert [(w.quarter, w.start, w.end, w.band) for w in sheet.windows] == [
            (1, 0, 300, "NT"),
            (1, 1020, 1200, "HT"),
            (2, 0, 360, "NT"),
            (2, 1320, 1440, "NT"),
        ]
        assert (sheet.version, sheet.source_title, sheet.verification_status) == (2, "t", "verified")
        assert outcome(await load(Kind.TIME_OF_USE, text)) == (0, 0, 1, 0, 0)
        none = TIME_OF_USE + "netze-a,2026,,,,,,verified,https://e.org/u,\n"
        assert outcome(await load(Kind.TIME_OF_USE, none)) == (0, 1, 0, 0, 0)
        sheet = await self.sheet(pool, dno)
        assert (sheet.bands, sheet.windows, sheet.source_title) == ((), (), None)

    async def test_a_window_over_midnight_is_split(self, pool, load):
        dno = await make.dno(pool)
        windows = (
            WINDOWS
            + "netze-a,2026,1,NT,22:00,06:00\nnetze-a,2026,1,ST,06:00,22:00\nnetze-a,2026,2,ST,12:00,00:00\n"
        )
        await load(Kind.SECTION14A, self.TWO_BANDS, windows)
        assert [(w.quarter, w.start, w.end, w.band) for w in (await self.sheet(pool, dno)).windows] == [
            (1, 0, 360, "NT"),
            (1, 360, 1320, "ST"),
            (1, 1320, 1440, "NT"),
            (2, 720, 1440, "ST"),
        ]

    async def test_an_import_is_in_the_history_and_keeps_what_users_changed(self, pool, load):
        dno = await make.dno(pool)
        await load(Kind.SECTION14A, self.TWO_BANDS, self.DAY)
        [created] = await pool.fetch(
            "SELECT kind, changed_by, reason FROM revisions WHERE data_type = 'TIME_OF_USE'"
        )
        assert tuple(created) == ("CREATED", "import", "1.csv, 2.csv")
        async with pool.connection() as connection, connection.transaction():
            await connection.execute("SELECT sign('anna', NULL, NULL)")
            await connection.execute("UPDATE time_of_use_data SET price_ht = 9.90")
        for files in ((self.TWO_BANDS,), (self.TWO_BANDS, self.DAY)):
            report = await load(Kind.SECTION14A, *files)
            assert [kept.reason for kept in report.kept] == ["last changed by anna"]
        assert outcome(await load(Kind.SECTION14A, self.DAY)) == (0, 0, 1, 0, 0)
        assert outcome(await load(Kind.SECTION14A, self.TWO_BANDS, overwrite=True)) == (0, 1, 0, 0, 0)
        assert str((await self.sheet(pool, dno)).price_ht) == "9.80"

    async def test_unusual_values_are_reported_and_imported(self, pool, load):
        dno = await make.dno(pool)
        await make.time_of_use(pool, dno, 2025, price_ht="3")
        report = await load(Kind.SECTION14A, self.TWO_BANDS, self.DAY.replace("06:00,24:00", "07:00,24:00"))
        assert outcome(report) == (1, 0, 0, 0, 0)
        assert [(str(warned.location), warned.reason) for warned in report.warnings] == [
            ("1.csv:2", "9.80 is more than 3 times last year's 3."),
            ("1.csv:2", "In quarter 1 no band holds at 06:00-07:00."),
            ("1.csv:2", "Usually at least 2 quarters have windows, not 1."),
        ]
        again = await load(Kind.SECTION14A, self.DAY, dry_run=True)
        assert [warned.reason for warned in again.warnings][1:] == [
            "Usually at least 2 quarters have windows, not 1."
        ]

    async def test_a_deleted_tariff_is_restored_without_its_former_windows(self, pool, load):
        dno = await make.dno(pool)
        await load(Kind.SECTION14A, self.TWO_BANDS, self.DAY)
        async with pool.connection() as connection:
            await connection.execute("UPDATE time_of_use_data SET deleted_at = now()")
        assert outcome(await load(Kind.SECTION14A, self.TWO_BANDS)) == (0, 1, 0, 0, 0)
        sheet = await self.sheet(pool, dno)
        assert (sheet.version, sheet.windows) == (3, ())

    @pytest.mark.parametrize(
        ("rows", "column", "reason"),
        [
            (["NT,1.34,1,00:00,,verified,https://e.org/u,"], "quarter", "all"),
            ([",1.34,,,,verified,https://e.org/u,"], "band", "is empty"),
            (["NT,1.34,,,,verified,https://e.org/u,", "NT,1.34,1,00:00,01:00,verified,https://e.org/u,"], "band", "1.csv:2"),
            (["NT,1.34,1,00:00,01:00,verified,https://e.org/u,", "NT,1.34,,,,verified,https://e.org/u,"], "band", "1.csv:2"),
            (["NT,1.34,1,00:00,01:00,verified,https://e.org/u,", "NT,1.35,1,01:00,02:00,verified,https://e.org/u,"], "band", "1.csv:2"),
            (["NT,1.34,1,00:00,01:00,verified,https://e.org/u,", "NT,1.34,1,01:00,02:00,flagged,https://e.org/u,"], "band", "1.csv:2"),
            (["NT,1.34,,,,verified,https://e.org/u,", ",,,,,verified,https://e.org/u,"], "band", "1.csv:2"),
            ([",,,,,verified,https://e.org/u,", "NT,1.34,,,,verified,https://e.org/u,"], "band", "1.csv:2"),
            (["NT,1.34,,,,verified,https://e.org/u,", "ST,1.34,,,,verified,https://e.org/v,"], "source_url", "must be the same"),
            (["NT,1.34,,,,verified,https://e.org/u,a", "ST,1.34,,,,verified,https://e.org/u,b"], "source_title", "must be the same"),
            (["NT,1,1,22:00,02:00,verified,https://e.org/u,", "ST,2,1,01:00,03:00,verified,https://e.org/u,"], "start", "overlaps 00:00-02:00"),
            (["NT,1,1,24:00,02:00,verified,https://e.org/u,"], "end", "at no time"),
        ],
    )  # fmt: skip
    async def test_contradictory_rows_of_one_file_are_refused(self, pool, load, rows, column, reason):
        await make.dno(pool)
        report = await load(Kind.TIME_OF_USE, TIME_OF_USE + "".join(f"netze-a,2026,{row}\n" for row in rows))
        [problem] = report.problems
        assert (problem.location.line, problem.column) == (len(rows) + 1, column)
        assert reason in problem.reason

    async def test_the_two_kinds_of_files_are_not_mixed_for_one_tariff(self, pool, load):
        await make.dno(pool)
        both = TIME_OF_USE + "netze-a,2026,NT,1.34,,,,verified,https://e.org/u,t\n"
        for files in ((self.DAY, both), (both, self.TWO_BANDS)):
            assert (
                "1.csv:2 has this operator and year"
                in (await load(Kind.TIME_OF_USE, *files)).problems[0].reason
            )

    async def test_windows_without_prices_anywhere_are_refused(self, pool, load):
        await make.dno(pool)
        [problem] = (await load(Kind.SECTION14A, self.DAY)).problems
        assert "no prices" in problem.reason

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (PRICES + "netze-a,2026,2,HT,9.80,verified,https://e.org/u\n", "must be one of 3"),
            (
                PRICES
                + "netze-a,2026,3,HT,1,verified,https://e.org/u\nnetze-a,2026,3,HT,2,verified,https://e.org/u\n",
                "same band as in",
            ),
            (
                PRICES
                + "netze-a,2026,3,HT,1,verified,https://e.org/u\nnetze-a,2026,3,ST,2,verified,https://e.org/v\n",
                "must be the same",
            ),
            (PRICES + "netze-a,2026,3,HT,,verified,https://e.org/u\n", "decimal number"),
            (WINDOWS + "netze-a,2026,5,HT,00:00,01:00\n", "must be one of 1, 2, 3, 4"),
            (WINDOWS + "netze-a,2026,1,HT,01:00,01:00\n", "holds at no time"),
            (WINDOWS + "netze-a,2026,1,HT,00:00,02:00\nnetze-a,2026,1,NT,01:00,03:00\n", "overlaps"),
        ],
    )
    async def test_invalid_sheets_are_refused(self, pool, load, text, reason):
        await make.dno(pool)
        report = await load(Kind.SECTION14A, text)
        assert reason in report.problems[0].reason


class TestPublication:
    """Of the families whose files have a row per entry, per window, and both."""

    FILES: ClassVar = {
        Kind.TARIFFS: TARIFFS + tariff(),
        Kind.HLZF: HLZF + "netze-a,2025,MS,WINTER,07:30,09:00,unverified,https://e.org/u,\n",
        Kind.SECTION14A: PRICES + "netze-a,2025,3,ST,6.70,unverified,https://e.org/u\n",
        Kind.TIME_OF_USE: TIME_OF_USE + "netze-a,2025,ST,6.70,,,,unverified,https://e.org/u,\n",
        Kind["PRICES"]: (
            "dno_slug,year,kind,voltage_level,variant,amount,unit,verification_status,source_url,source_title\n"
            "netze-a,2025,SLP_GRUNDPREIS,NS,,60,EUR_PER_YEAR,unverified,https://e.org/u,\n"
        ),
    }
    TABLES: ClassVar = {Kind.TARIFFS: "netzentgelte_data", Kind.HLZF: "hlzf_data", Kind["PRICES"]: "prices"}

    @pytest.fixture(params=FILES)
    def kind(self, request):
        return request.param

    def file(self, kind, publication: str) -> str:
        header, row, _ = self.FILES[kind].split("\n")
        return f"{header},publication\n{row},{publication}\n"

    async def stored(self, pool, kind) -> tuple[str, int]:
        [row] = await pool.fetch(
            f"SELECT publication, version FROM {self.TABLES.get(kind, 'time_of_use_data')}"
        )
        return row["publication"], row["version"]

    async def test_final_figures_replace_preliminary_ones_and_not_the_other_way_round(self, pool, load, kind):
        await make.dno(pool)
        preliminary, final = self.file(kind, "PRELIMINARY"), self.file(kind, "FINAL")
        assert outcome(await load(kind, preliminary)) == (1, 0, 0, 0, 0)
        assert await self.stored(pool, kind) == ("PRELIMINARY", 1)
        assert outcome(await load(kind, final)) == (0, 1, 0, 0, 0)
        assert await self.stored(pool, kind) == ("FINAL", 2)
        report = await load(kind, preliminary)
        assert outcome(report) == (0, 0, 0, 1, 0)
        assert report.kept[0].reason == "final in the database, and preliminary in the file"
        assert report.warnings == ()
        assert outcome(await load(kind, preliminary, overwrite=True)) == (0, 1, 0, 0, 0)
        assert await self.stored(pool, kind) == ("PRELIMINARY", 3)

    async def test_without_a_publication_that_of_the_entry_stays_and_new_entries_are_final(
        self, pool, load, kind
    ):
        await make.dno(pool)
        text = self.FILES[kind]
        await load(kind, text)
        assert await self.stored(pool, kind) == ("FINAL", 1)
        await load(kind, self.file(kind, "PRELIMINARY"), overwrite=True)
        for file in (text, self.file(kind, "")):
            assert outcome(await load(kind, file)) == (0, 0, 1, 0, 0)
        assert await self.stored(pool, kind) == ("PRELIMINARY", 2)

    async def test_a_final_figure_replaces_also_a_preliminary_one_that_a_user_has_changed(
        self, pool, load, kind
    ):
        """The preliminary sheet that the user has compared it with holds no more."""
        await make.dno(pool)
        await load(kind, self.file(kind, "PRELIMINARY"))
        async with pool.connection() as connection, connection.transaction():
            await connection.execute("SELECT sign('anna', NULL, NULL)")
            table = self.TABLES.get(kind, "time_of_use_data")
            await connection.execute(f"UPDATE {table} SET verification_status = 'verified'")
        assert outcome(await load(kind, self.file(kind, ""))) == (0, 0, 0, 1, 0)
        assert outcome(await load(kind, self.file(kind, "FINAL"))) == (0, 1, 0, 0, 0)
        assert await self.stored(pool, kind) == ("FINAL", 3)

    async def test_other_words_are_refused(self, pool, load, kind):
        await make.dno(pool)
        [problem] = (await load(kind, self.file(kind, "soon"))).problems
        assert (problem.column, problem.value) == ("publication", "soon")


async def test_windows_of_a_season_share_their_publication(pool, load):
    await make.dno(pool)
    rows = "netze-a,2025,MS,WINTER,07:30,09:00,verified,https://e.org/u,,{}\nnetze-a,2025,MS,WINTER,10:00,11:00,verified,https://e.org/u,,{}\n"
    text = HLZF.rstrip() + ",publication\n" + rows
    [problem] = (await load(Kind.HLZF, text.format("FINAL", "PRELIMINARY"))).problems
    assert (problem.column, problem.location.line) == ("publication", 3)
    files = (
        text.format("FINAL", "FINAL"),
        HLZF + "netze-a,2025,MS,WINTER,12:00,13:00,verified,https://e.org/u,\n",
    )
    [problem] = (await load(Kind.HLZF, *files)).problems
    assert "publication must be the same" in problem.reason


class TestRegistry:
    async def test_operators_are_inserted_and_updated(self, pool, load):
        assert outcome(await load(Kind.REGISTRY, REGISTRY + OPERATOR)) == (1, 0, 0, 0, 0)
        assert outcome(await load(Kind.REGISTRY, REGISTRY + OPERATOR)) == (0, 0, 1, 0, 0)
        assert outcome(await load(Kind.REGISTRY, REGISTRY + OPERATOR.replace("Hof", "Selb"))) == (
            0,
            1,
            0,
            0,
            0,
        )
        [row] = await pool.fetch(
            "SELECT city, connection_points_hoes, capacity_mw_solar::text AS solar, version FROM dnos"
        )
        assert tuple(row) == ("Selb", None, "1.250", 2)

    async def test_a_deleted_operator_is_unknown_until_it_is_imported_again(self, pool, load):
        await make.dno(pool, deleted_at=None)
        async with pool.connection() as connection:
            await connection.execute("UPDATE dnos SET deleted_at = now()")
        assert (await load(Kind.TARIFFS, TARIFFS + tariff())).refused == 1
        assert outcome(await load(Kind.REGISTRY, REGISTRY + OPERATOR)) == (0, 1, 0, 0, 0)
        assert (await load(Kind.TARIFFS, TARIFFS + tariff())).refused == 0

    @pytest.mark.parametrize(
        ("old", "new", "column"),
        [
            ("netze-a,", "Netze A,", "slug"),
            ("Netze A,", ",", "name"),
            ("9900000000001", "123", "bdew_code"),
            ("95028", "9502", None),  # as in Switzerland
            ("95028", "950", "postal_code"),
            ("false,false", "0,false", "closed_network"),
            (",12,", ",-1,", "connection_points_ns"),
            ("1.250", "1,25", None),
        ],
    )
    async def test_operators_are_checked(self, pool, load, old, new, column):
        report = await load(Kind.REGISTRY, REGISTRY + OPERATOR.replace(old, new, 1))
        if (old, new) == ("1.250", "1,25"):
            assert "cells" in report.problems[0].reason
        else:
            assert [problem.column for problem in report.problems] == ([column] if column else [])

    async def test_a_postal_code_that_lost_its_zero_is_refused(self, pool, load):
        text = REGISTRY + OPERATOR.replace("Bayern,Hof,95028", "Sachsen,Dresden,1067")
        [problem] = (await load(Kind.REGISTRY, text)).problems
        assert (problem.location.line, problem.column) == (2, "postal_code")
        assert "must be 5 digits in Sachsen" in problem.reason

    async def test_a_code_of_two_operators_is_stated(self, pool, load):
        """In one file, and in a file and the database; not with the stored code of an operator that is in the file."""

        def of_codes(report):
            return [note.partition(": ")[2] for note in report.notes if note.startswith("codes of several")]

        other = OPERATOR.replace("netze-a,", "netze-b,").replace("SNB1", "SNB2")
        report = await load(Kind.REGISTRY, REGISTRY + OPERATOR + other, strict=True)
        assert (report.inserted, report.warning_count) == (2, 0)
        assert of_codes(report) == ["9900000000001 of netze-a and netze-b"]
        report = await load(Kind.REGISTRY, "slug,name,mastr_nr\nnetze-a,Netze A,snb2\n")
        assert (report.updated, of_codes(report)) == (1, ["snb2 of netze-a and netze-b"])
        exchanged = "slug,name,mastr_nr\nnetze-a,Netze A,SNB2\nnetze-b,Netze B,SNB1\n"
        assert of_codes(await load(Kind.REGISTRY, exchanged)) == []

    async def test_the_same_operator_twice_is_refused(self, pool, load):
        [problem] = (await load(Kind.REGISTRY, REGISTRY + OPERATOR + OPERATOR)).problems
        assert (problem.location.line, problem.column) == (3, "slug")


async def test_imports_run_one_at_a_time(pool, load, settings):
    """A second import times out instead of waiting without a limit."""
    await make.dno(pool)
    async with pool.connection() as connection, connection.transaction():
        await staging.one_import_at_a_time(connection)
        with pytest.raises(Exception, match="lock timeout"):
            await load(Kind.TARIFFS, TARIFFS + tariff(), deadline=0.2)


async def test_concurrent_imports_of_one_file_insert_it_once(pool, load):
    await make.dno(pool)
    text = TARIFFS + "".join(tariff(year=year) for year in range(2000, 2050))
    reports = await asyncio.gather(*(load(Kind.TARIFFS, text) for _ in range(4)))
    assert sorted(outcome(report) for report in reports) == [(0, 0, 50, 0, 0)] * 3 + [(50, 0, 0, 0, 0)]
    assert (await counts(pool))[0] == 50


@pytest.mark.parametrize("fails", [1, 2])
async def test_an_import_that_was_rolled_back_by_a_deadlock_is_retried_once(pool, load, admin_url, fails):
    """A sequence counts the runs: it is not rolled back."""
    await make.dno(pool)
    admin = await asyncpg.connect(admin_url)
    await admin.execute(
        "CREATE SEQUENCE runs; GRANT ALL ON SEQUENCE runs TO dno;"
        "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF nextval('runs') <= {fails} THEN RAISE EXCEPTION 'again' USING ERRCODE = '40P01'; END IF;"
        " RETURN NULL; END $$;"
        "CREATE TRIGGER fails AFTER INSERT ON netzentgelte_data FOR EACH STATEMENT EXECUTE FUNCTION fails()"
    )
    try:
        if fails == 1:
            assert outcome(await load(Kind.TARIFFS, TARIFFS + tariff())) == (1, 0, 0, 0, 0)
        else:
            with pytest.raises(asyncpg.DeadlockDetectedError):
                await load(Kind.TARIFFS, TARIFFS + tariff())
        assert (await counts(pool))[0] == (fails == 1)
        assert await admin.fetchval("SELECT last_value FROM runs") == 2
    finally:
        await admin.execute(
            "DROP TRIGGER fails ON netzentgelte_data; DROP FUNCTION fails; DROP SEQUENCE runs"
        )
        await admin.close()


async def test_columns_of_operators_that_a_file_lacks_are_kept(pool, load):
    await load(Kind.REGISTRY, REGISTRY + OPERATOR)
    [before] = await pool.fetch("SELECT name, city, bdew_code, closed_network, capacity_mw_total FROM dnos")
    report = await load(
        Kind.REGISTRY, "slug,name,city\nnetze-a,Netze A,Kulmbach\n", "slug,name\nnetze-b,Netze B\n"
    )
    assert outcome(report) == (1, 1, 0, 0, 0)
    first, second = await pool.fetch(
        "SELECT name, city, bdew_code, closed_network, capacity_mw_total FROM dnos ORDER BY slug"
    )
    assert tuple(first) == (*before[:1], "Kulmbach", *before[2:])
    assert tuple(second) == ("Netze B", None, None, False, None)


async def test_prices_that_a_file_lacks_are_kept(pool, load):
    dno = await make.dno(pool)
    await load(Kind.TARIFFS, TARIFFS + tariff())
    text = "Netzbetreiber;Jahr;Netzebene;LP ab 2500 h [€/kW]\nnetze-a;2025;MS;60,10 €\n"
    assert outcome(await load(Kind.TARIFFS, text)) == (0, 1, 0, 0, 0)
    [entry] = await tariffs_of(pool, dno)
    assert [str(price) for price in (entry.leistung, entry.arbeit, entry.arbeit_unter_2500h)] == [
        "60.10",
        "1.26",
        "2.86",
    ]


async def test_with_many_problems_the_rest_of_the_file_is_not_read(pool, load, monkeypatch):
    monkeypatch.setattr("app.importers.checking.MAX_PROBLEMS", 20)
    await make.dno(pool)
    report = await load(Kind.TARIFFS, TARIFFS + tariff(leistung="x") * 100)
    assert (report.refused, len(report.problems)) == (20, 20)
    assert report.notes[-1] == "1.csv:21: not read any further, since there are 20 problems"
