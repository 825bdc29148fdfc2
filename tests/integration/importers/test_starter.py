"""The figures that the project brings along."""

import asyncio
import csv

from app.importers.load import Kind
from app.importers.starter import FOLDER, load_starter

EXPECTED = {Kind.REGISTRY: 87, Kind.TARIFFS: 167, Kind.HLZF: 298, Kind.SECTION14A: 26}


async def test_a_fresh_database_gets_them_all(pool, settings):
    reports = await load_starter(settings.database_url)
    assert {kind: report.inserted for kind, report in reports.items()} == EXPECTED


async def test_a_database_with_operators_is_left_alone(pool, settings):
    await load_starter(settings.database_url)
    assert await load_starter(settings.database_url) == {}


async def test_asked_for_again_they_change_nothing(pool, settings):
    await load_starter(settings.database_url)
    reports = await load_starter(settings.database_url, only_if_empty=False)
    assert {kind: report.unchanged for kind, report in reports.items()} == EXPECTED


async def test_of_many_instances_that_start_together_one_loads(pool, settings):
    loaded = await asyncio.gather(*(load_starter(settings.database_url) for _ in range(3)))
    assert sorted(map(len, loaded)) == [0, 0, 4]


async def test_aliases_come_along_for_operators_that_are_there(pool, settings):
    table = FOLDER.parent / "interpreter" / "aliases.csv"
    with table.open(encoding="utf-8", newline="") as file:
        told = {(row["dno_slug"], row["alias"]) for row in csv.DictReader(file)}
    await load_starter(settings.database_url)
    rows = await pool.fetch("SELECT slug, alias FROM dno_aliases JOIN dnos ON dnos.id = dno_id")
    known = {row["slug"] for row in await pool.fetch("SELECT slug FROM dnos")}
    assert {tuple(row) for row in rows} == {pair for pair in told if pair[0] in known}


def test_every_figure_has_a_source():
    def rows(name: str) -> list[dict[str, str]]:
        with (FOLDER / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    assert all(row["mastr_nr"] for row in rows("registry.csv"))
    for name in ("tariffs.csv", "hlzf.csv", "section14a.csv"):
        assert all(row["source_url"].startswith("http") for row in rows(name))
    sheets = {(row["dno_slug"], row["year"]) for row in rows("section14a.csv")}
    assert {(row["dno_slug"], row["year"]) for row in rows("section14a_windows.csv")} <= sheets
    assert "Datenquelle: Bundesnetzagentur, Marktstammdatenregister" in (FOLDER / "README.md").read_text()
