"""What does not fit is set aside with its reason, and stops nothing else."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.db import followed_rows
from app.db.pool import Pool
from app.importers.follow import figures, taking_over
from app.importers.follow.windows import windows_of
from tests.crawler_database import CrawlerDatabase
from tests.integration.importers.follow.conftest import Follow

WINDOW = '[{"start": "07:45:00", "end": "12:00:00"}]'


async def reasons(pool: Pool) -> list[tuple[str, int, str]]:
    async with pool.connection() as connection:
        rows = await followed_rows.fetch_set_aside(connection, ("", 0, ""), 100)
    return [(each.source, each.source_id, each.reason) for each in rows]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"leistung": -1}, "leistung must not be negative"),
        ({"arbeit": float("nan")}, "arbeit must be a decimal number such as 58.21"),
        ({"year": 1999}, "year must be a year from 2000 to 2100"),
        ({"year": 20260}, "year must be a year from 2000 to 2100"),
        ({"year": -5}, "year must be a year from 2000 to 2100"),
        ({"voltage_level": "Straßenbeleuchtung"}, "voltage_level must be one of HOES"),
        ({"voltage_level": ""}, "voltage_level is empty"),
        ({"voltage_level": "MS oder NS"}, "voltage_level must be one of"),
        ({"voltage_level": "Mittelspannung (NS)"}, "voltage_level could be MS or NS"),
        ({"leistung": None, "arbeit": None}, "has no price"),
    ],
)
async def test_a_tariff_that_does_not_fit(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, columns: Mapping[str, Any], reason: str
) -> None:
    dno = await crawler.dno()
    bad = await crawler.tariff(dno, **columns)
    await crawler.tariff(dno, voltage_level="HS")
    report = await follow()
    assert (report.counts.added, report.set_aside) == (1, 1)
    [(source, source_id, found)] = await reasons(pool)
    assert (source, source_id, found[: len(reason)]) == ("netzentgelte", bad, reason)
    await crawler.change("netzentgelte", bad, year=2025, voltage_level="NS", leistung=50, arbeit=1)
    assert (await follow()).set_aside == 0
    assert len(await pool.fetch("SELECT FROM netzentgelte_data")) == 2


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("HöS", "HOES"),
        ("HöS/HS", "HOES_HS"),
        ("HS", "HS"),
        ("HS/MS", "HS_MS"),
        ("MS", "MS"),
        ("MS/NS", "MS_NS"),
        ("NS", "NS"),
        ("Mittelspannung", "MS"),
        ("Mittelspannung (MS)", "MS"),
        ("Mittelspannungsnetz", "MS"),
        ("Umspannung Mittelspannung/Niederspannung", "MS_NS"),
        ("Umspannung HS/MS", "HS_MS"),
        ("Netzebene 7", "NS"),
        ("  niederspannung ", "NS"),
    ],
)
async def test_levels_in_the_words_of_sheets(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, text: str, level: str
) -> None:
    await crawler.tariff(await crawler.dno(), voltage_level=text)
    await follow()
    assert [row[0] for row in await pool.fetch("SELECT voltage_level FROM netzentgelte_data")] == [level]


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ('[{"start": "16:30:00", "end": "23:59:59"}]', "16:30-24:00"),
        ('[{"start": "16:30:00", "end": "00:00:00"}]', "16:30-24:00"),
        ('[{"start": "16:30", "end": "24:00"}]', "16:30-24:00"),
        ('[{"start": "22:00:00", "end": "02:00:00"}]', "00:00-02:00, 22:00-24:00"),
        (
            '[{"start": "10:00:00", "end": "12:00:00"}, {"start": "07:00:00", "end": "11:00:00"}]',
            "07:00-12:00",
        ),
        (
            '[{"start": "07:00:00", "end": "12:00:00"}, {"start": "07:00:00", "end": "12:00:00"}]',
            "07:00-12:00",
        ),
        (
            '[{"start": "07:00:00", "end": "08:00:00"}, {"start": "08:00:00", "end": "09:00:00"}]',
            "07:00-08:00, 08:00-09:00",
        ),
        ('"[{\\"start\\": \\"07:00:00\\", \\"end\\": \\"08:00:00\\"}]"', "07:00-08:00"),
        ("07:45-12:00, 16:30 – 18:00 Uhr", "07:45-12:00, 16:30-18:00"),
        ("[]", ""),
        ("keine", ""),
        ('"-"', ""),
        ("null", None),
        ("", None),
        ("k. A.", None),
        ("nicht veröffentlicht", None),
        # In a column of JSON.
        ('"null"', None),
        ('""', None),
        ('"keine Angabe"', None),
        (None, None),
    ],
)
async def test_windows_of_a_season(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, text: str | None, windows: str | None
) -> None:
    """None: nothing is known of the season, which has no entry."""
    await crawler.hlzf(await crawler.dno(), fruehling=text)
    report = await follow()
    rows = await pool.fetch("SELECT season, windows FROM hlzf_data")
    found = [
        (row["season"], ", ".join(f"{each['start']}-{each['end']}" for each in row["windows"]))
        for row in rows
    ]
    assert found == ([] if windows is None else [("SPRING", windows)])
    assert report.set_aside == 0


async def test_an_entry_without_windows_goes_where_a_row_that_was_handled_before_states_nothing(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of a former translation, in which `k.A.` stood for no windows, are translated again without having changed."""
    await crawler.hlzf(await crawler.dno(), winter="k.A.", sommer=WINDOW)
    with monkeypatch.context() as former:
        former.setattr(taking_over, "_TRANSLATION", b"1")
        former.setattr(figures, "windows_of", lambda text: windows_of("[]" if text == "k.A." else text))
        await follow()
    assert len(await pool.fetch("SELECT FROM hlzf_data WHERE windows = '[]'")) == 1
    report = await follow(full=True)
    rows = await pool.fetch("SELECT season FROM hlzf_data WHERE deleted_at IS NULL")
    assert ([row["season"] for row in rows], report.counts.deleted, report.set_aside) == (["SUMMER"], 1, 0)


async def test_merged_windows_are_noted_in_the_history(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    twice = '[{"start": "10:00:00", "end": "12:00:00"}, {"start": "07:00:00", "end": "11:00:00"}]'
    await crawler.hlzf(await crawler.dno(), winter=twice)
    await follow()
    [row] = await pool.fetch("SELECT reason FROM revisions")
    assert row["reason"] == "dno-crawler; overlapping windows were merged"


@pytest.mark.parametrize(
    "text",
    [
        "werktags",
        "{",
        "[1]",
        '{"start": "07:00", "end": "08:00"}',
        '[{"start": "07:00"}]',
        '[{"start": "07:00", "end": "25:00"}]',
        '[{"start": "07:00:30", "end": "08:00"}]',
        '[{"start": "07:00", "end": "07:00"}]',
        '[{"start": null, "end": null}]',
        "[" * 5000,
        "x" * 200_000,
    ],
)
async def test_a_season_that_cannot_be_read_is_set_aside_and_the_others_are_taken_over(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool, text: str
) -> None:
    await crawler.hlzf(await crawler.dno(), winter=text, sommer=WINDOW)
    report = await follow()
    assert (report.counts.added, report.set_aside) == (1, 1)
    [(source, _, reason)] = await reasons(pool)
    assert (source, reason.split(" ")[0]) == ("hlzf", "winter")


async def test_an_entry_stays_when_its_row_becomes_unreadable(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    row = await crawler.hlzf(await crawler.dno(), winter=WINDOW, sommer=WINDOW)
    await follow()
    await crawler.change("hlzf", row, winter="nonsense", sommer=None)
    await follow()
    rows = await pool.fetch("SELECT season FROM hlzf_data WHERE deleted_at IS NULL")
    assert [row["season"] for row in rows] == ["WINTER"]  # of summer the crawler has nothing any more
    await crawler.change("hlzf", row, voltage_level="nonsense")
    await follow(full=True)
    assert len(await pool.fetch("SELECT FROM hlzf_data WHERE deleted_at IS NULL")) == 1


async def test_of_two_rows_for_one_entry_one_is_taken_over_until_it_is_gone(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    dno = await crawler.dno()
    other = await crawler.tariff(dno, voltage_level="Mittelspannung", leistung=60)
    first = await crawler.tariff(dno, voltage_level="MS", leistung=58)
    for full in (True, False, True):
        report = await follow(full=full)
        assert report.set_aside == 1
    assert await reasons(pool) == [
        ("netzentgelte", other, f"is the same operator, year and level as row {first}")
    ]
    await crawler.change("netzentgelte", other, leistung=61)
    assert (await follow()).counts.changed == 0
    await crawler.execute("DELETE FROM netzentgelte WHERE id = $1", first)
    report = await follow()
    assert (report.set_aside, report.counts.deleted) == (0, 0)
    [row] = await pool.fetch("SELECT leistung::text, deleted_at FROM netzentgelte_data")
    assert tuple(row) == ("61", None)


async def test_a_row_that_moves_to_another_level_takes_its_entry_with_it(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    dno = await crawler.dno()
    row = await crawler.tariff(dno, voltage_level="MS")
    waiting = await crawler.tariff(dno, voltage_level="Mittelspannung", leistung=60)
    await follow()
    await crawler.change("netzentgelte", row, voltage_level="NS")
    await follow()
    await follow()  # the row that had been set aside has its entry now
    rows = await pool.fetch(
        "SELECT voltage_level, leistung::text FROM netzentgelte_data WHERE deleted_at IS NULL ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [("MS", "60"), ("NS", "58.2")]
    assert await reasons(pool) == [], waiting


async def test_two_rows_that_exchange_their_levels(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    dno = await crawler.dno()
    one = await crawler.tariff(dno, voltage_level="MS", leistung=1)
    other = await crawler.tariff(dno, voltage_level="NS", leistung=2)
    await follow()
    await crawler.change("netzentgelte", one, voltage_level="HS")
    await crawler.change("netzentgelte", other, voltage_level="MS")
    await crawler.change("netzentgelte", one, voltage_level="NS")
    for _ in range(3):
        await follow()
    rows = await pool.fetch(
        "SELECT voltage_level, leistung::text FROM netzentgelte_data WHERE deleted_at IS NULL ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [("MS", "2"), ("NS", "1")]


async def test_rows_with_other_ids_and_types_than_usual(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    """Negative ids, moments without a time zone, windows as json, and no operator."""
    await crawler.dno()
    await crawler.execute(
        "ALTER TABLE netzentgelte ALTER dno_id DROP NOT NULL, ALTER updated_at TYPE timestamp, ALTER leistung TYPE text;"
        " ALTER TABLE hlzf ALTER winter TYPE json USING winter::json"
    )
    try:
        await crawler.insert("netzentgelte", id=-5, dno_id=1, year=2026, voltage_level="MS", leistung="58.20")
        await crawler.insert("netzentgelte", id=6, year=2026, voltage_level="MS", leistung="58.20")
        await crawler.insert(
            "netzentgelte", id=7, dno_id=1, year=2026, voltage_level="NS", leistung="9" * 100_000
        )
        await crawler.execute(
            f"INSERT INTO hlzf (dno_id, year, voltage_level, winter) VALUES (1, 2026, 'MS', '{WINDOW}')"
        )
        report = await follow()
        assert (report.counts.added, report.set_aside) == (2, 2)
        assert [reason for _, _, reason in await reasons(pool)] == [
            "its operator None is not there, or was set aside",
            "leistung is too long for a price",
        ]
        await crawler.change("netzentgelte", -5, leistung="59.1")
        assert (await follow()).counts.changed == 1
    finally:
        await crawler.execute("TRUNCATE dnos CASCADE")
        await crawler.execute(
            "ALTER TABLE netzentgelte ALTER dno_id SET NOT NULL, ALTER updated_at TYPE timestamptz,"
            " ALTER leistung TYPE numeric(10, 4) USING leistung::numeric;"
            " ALTER TABLE hlzf ALTER winter TYPE text"
        )


async def test_rows_that_are_deleted_and_inserted_again_write_nothing(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    dno = await crawler.dno()
    await crawler.tariff(dno)
    await crawler.hlzf(dno, winter=WINDOW)
    await follow()
    await crawler.execute("DELETE FROM netzentgelte")
    await crawler.execute("DELETE FROM hlzf")
    await crawler.tariff(dno)
    await crawler.hlzf(dno, winter=WINDOW)
    for full in (False, True):
        report = await follow(full=full)
        counts = report.counts
        assert (counts.added, counts.changed, counts.deleted, report.set_aside) == (0, 0, 0, 0)
    assert len(await pool.fetch("SELECT FROM revisions")) == 2


async def test_a_row_that_becomes_unreadable_leaves_its_entry_to_another_row_for_it(
    crawler: CrawlerDatabase, follow: Follow, pool: Pool
) -> None:
    dno = await crawler.dno()
    one = await crawler.tariff(dno, voltage_level="MS", leistung=58)
    await crawler.tariff(dno, voltage_level="Mittelspannung", leistung=60)
    first = await crawler.hlzf(dno, voltage_level="NS", winter=WINDOW, sommer=WINDOW)
    await crawler.hlzf(dno, voltage_level="Niederspannung", winter="[]", sommer="[]")
    await follow()
    await crawler.change("netzentgelte", one, leistung=-1)
    await crawler.change("hlzf", first, winter="nonsense")
    for _ in range(3):
        await follow()
    [row] = await pool.fetch("SELECT leistung::text FROM netzentgelte_data WHERE deleted_at IS NULL")
    assert row["leistung"] == "60"
    rows = await pool.fetch("SELECT season, jsonb_array_length(windows) AS windows FROM hlzf_data ORDER BY 1")
    assert [tuple(row) for row in rows] == [("SUMMER", 1), ("WINTER", 0)]
    before = len(await pool.fetch("SELECT FROM revisions"))
    for _ in range(2):
        await follow(full=True)
    assert len(await pool.fetch("SELECT FROM revisions")) == before
