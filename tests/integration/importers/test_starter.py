"""The starter data."""

import asyncio
import csv
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from app.cli.serve import prepare
from app.db.pool import Pool
from app.domain.atypical_use_rules import ABSOLUTE_SHIFT, FLOOR, MINIMUM_SAVING, RELATIVE_SHIFT
from app.importers.load import Kind
from app.importers.starter import FOLDER, load_starter
from app.settings import Settings

EXPECTED = {
    Kind.REGISTRY: 109,
    Kind.TARIFFS: 193,
    Kind.HLZF: 337,
    Kind.TIME_OF_USE: 27,
    Kind.HOLIDAY_RULES: 14,
    Kind.PRICES: 175,
    Kind.LEVIES: 97,
}


async def test_an_empty_database_is_filled_with_all_starter_data(pool, settings):
    reports = await load_starter(settings.database_url)
    assert {kind: report.inserted for kind, report in reports.items()} == EXPECTED


async def test_a_database_with_operators_is_left_unchanged(pool, settings):
    await load_starter(settings.database_url)
    assert await load_starter(settings.database_url) == {}


async def test_loading_the_starter_data_again_changes_nothing(pool, settings):
    await load_starter(settings.database_url)
    reports = await load_starter(settings.database_url, only_if_empty=False)
    assert {kind: report.unchanged for kind, report in reports.items()} == EXPECTED


async def test_one_of_several_instances_that_start_together_loads_the_data(pool, settings):
    loaded = await asyncio.gather(*(load_starter(settings.database_url) for _ in range(3)))
    assert sorted(map(len, loaded)) == [0, 0, len(EXPECTED)]


async def test_aliases_of_existing_operators_are_loaded(pool, settings):
    table = FOLDER.parent / "interpreter" / "aliases.csv"
    with table.open(encoding="utf-8", newline="") as file:
        expected = {(row["dno_slug"], row["alias"]) for row in csv.DictReader(file)}
    await load_starter(settings.database_url)
    rows = await pool.fetch("SELECT slug, alias FROM dno_aliases JOIN dnos ON dnos.id = dno_id")
    known = {row["slug"] for row in await pool.fetch("SELECT slug FROM dnos")}
    assert {tuple(row) for row in rows} == {pair for pair in expected if pair[0] in known}


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_figure_has_a_source():
    assert all(row["mastr_nr"] for row in rows("registry.csv"))
    for name in (
        "tariffs.csv",
        "hlzf.csv",
        "section14a.csv",
        "holiday_rules.csv",
        "hlzf_rules.csv",
        "levies.csv",
        "concession_fee.csv",
    ):
        assert all(row["source_url"].startswith("http") for row in rows(name))
    sheets = {(row["dno_slug"], row["year"]) for row in rows("section14a.csv")}
    assert {(row["dno_slug"], row["year"]) for row in rows("section14a_windows.csv")} <= sheets
    assert "Datenquelle: Bundesnetzagentur, Marktstammdatenregister" in (FOLDER / "README.md").read_text()


async def test_each_price_is_the_one_that_the_sheet_prints(pool, settings):
    """Malchow 2025 and Netze ODR 2025, as their sheets print them."""
    await load_starter(settings.database_url)
    stored = {
        (row["slug"], row["year"], row["kind"], row["voltage_level"], row["variant"]): (
            row["amount"],
            row["unit"],
        )
        for row in await pool.fetch(
            "SELECT slug, year, kind, voltage_level, variant, amount, unit FROM prices JOIN dnos ON dnos.id = dno_id"
        )
    }
    for slug, year, kind, level, variant, amount, unit in (
        ("stadtwerke-malchow", 2025, "SLP_GRUNDPREIS", "NS", "", "60.00", "EUR_PER_YEAR"),
        ("stadtwerke-malchow", 2025, "SLP_ARBEITSPREIS", "NS", "", "7.49", "CT_PER_KWH"),
        ("stadtwerke-malchow", 2025, "MONATSLEISTUNGSPREIS", "MS", "", "19.85", "EUR_PER_KW_MONTH"),
        (
            "stadtwerke-malchow",
            2025,
            "BLINDARBEIT",
            "",
            "über 40 % der Wirkarbeit (cos phi 0,93)",
            "1.10",
            "CT_PER_KVARH",
        ),
        ("netze-odr", 2025, "MESSSTELLENBETRIEB", "NS", "Eintarifzähler", "10.68", "EUR_PER_YEAR"),
        ("e-werk-wanfried-von-scharfenberg", 2025, "MODUL_1", "NS", "", "131.88", "EUR_PER_YEAR"),
    ):
        assert stored[slug, year, kind, level, variant] == (Decimal(amount), unit)
    # Its lump sum is known gross only.
    assert not any(slug == "westnetz" for slug, *_ in stored)


def test_the_rules_of_atypical_use_are_those_of_the_starter_data():
    listed = {
        (row["rule"], row["voltage_level"]): (Decimal(row["value"]), row["source_url"])
        for row in rows("hlzf_rules.csv")
        if "threshold" in row["rule"] or row["rule"] in ("minimum_saving", "individual_charge_floor_atypical")
    }
    applied = {("relative_threshold", level.name): rule for level, rule in RELATIVE_SHIFT.items()} | {
        ("absolute_threshold", ""): ABSOLUTE_SHIFT,
        ("minimum_saving", ""): MINIMUM_SAVING,
        ("individual_charge_floor_atypical", ""): FLOOR,
    }
    assert {key: (rule.required, rule.source_url) for key, rule in applied.items()} == listed
    in_dispute = {
        row["voltage_level"]
        for row in rows("hlzf_rules.csv")
        if row["rule"] == "relative_threshold"
        and ("in dispute" in row["sureness"] or "prints" in row["sureness"])
    }
    assert {level.name for level, rule in RELATIVE_SHIFT.items() if rule.disputed is not None} == in_dispute
    assert all(row["sureness"] for row in rows("hlzf_rules.csv"))


@pytest.mark.parametrize(
    "setting", [{"starter": False}, {"follow_database_url": "postgresql://reader@127.0.0.1:1/crawler"}]
)
async def test_a_server_loads_no_starter_data_if_it_is_off_or_another_database_is_followed(
    settings: Settings, pool: Pool, setting: dict[str, Any]
) -> None:
    assert await prepare(msgspec.structs.replace(settings, **setting)) == []
    assert await pool.fetch("SELECT FROM dnos") == []
