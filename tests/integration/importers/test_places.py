"""Imports of places: what a file states of an operator replaces what was stored of it."""

import pytest

from app.importers import places
from app.importers.load import Kind, Report
from tests import factories as make

HEADER = "postal_code,municipality,dno_slug,voltage_level,locations,basis,source_url,source_title\n"


@pytest.fixture(autouse=True)
async def operators(pool):
    return [await make.dno(pool, slug) for slug in ("netze-a", "netze-b")]


async def stored(pool):
    rows = await pool.fetch(
        "SELECT p.postal_code, municipality, slug, p.voltage_level, locations, basis FROM places p JOIN dnos d ON d.id = dno_id"
        " ORDER BY p.postal_code, municipality, slug, p.voltage_level, basis"
    )
    return [tuple(row) for row in rows]


async def test_a_file_of_an_operator_replaces_its_places_and_leaves_those_of_others(load, pool):
    await load(Kind.PLACES, "postal_code,dno_slug\n10115,netze-b\n80331,netze-b\n")
    first = (
        HEADER + "80331,München,netze-a,NS,7,,https://example.org,Konzessionsgebiet\n80333,,netze-a,,,,,\n"
    )
    assert await load(Kind.PLACES, first) == Report(inserted=2)
    assert await load(Kind.PLACES, first) == Report(unchanged=2)
    second = HEADER + "80331,München,netze-a,NS,8,PUBLISHED,https://example.org,Konzessionsgebiet\n"
    assert await load(Kind.PLACES, second) == Report(updated=1, removed=1)
    assert await stored(pool) == [
        ("10115", "", "netze-b", "", None, "PUBLISHED"),
        ("80331", "", "netze-b", "", None, "PUBLISHED"),
        ("80331", "München", "netze-a", "NS", 8, "PUBLISHED"),
    ]


async def test_places_of_both_kinds_of_evidence_are_kept_apart(load, pool):
    both = (
        "postal_code,dno_slug,locations,basis\n80331,netze-a,3,REGISTERED_UNITS\n80331,netze-a,,PUBLISHED\n"
    )
    assert await load(Kind.PLACES, both) == Report(inserted=2)
    published = "postal_code,dno_slug\n80333,netze-a\n"
    assert await load(Kind.PLACES, published) == Report(inserted=1, removed=1)
    assert await stored(pool) == [
        ("80331", "", "netze-a", "", 3, "REGISTERED_UNITS"),
        ("80333", "", "netze-a", "", None, "PUBLISHED"),
    ]


async def test_a_dry_run_and_a_file_without_rows_change_nothing(load, pool):
    await load(Kind.PLACES, "postal_code,dno_slug\n80331,netze-a\n")
    assert await load(Kind.PLACES, "postal_code,dno_slug\n80333,netze-a\n", dry_run=True) == Report(
        inserted=1, removed=1
    )
    assert await load(Kind.PLACES, HEADER) == Report()
    assert await stored(pool) == [("80331", "", "netze-a", "", None, "PUBLISHED")]


async def test_a_municipality_is_stored_composed(load, pool):
    assert await load(Kind.PLACES, HEADER + "80331,Mu\u0308nchen,netze-a,,,,,\n") == Report(inserted=1)
    assert (await stored(pool))[0][1] == "München"


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (",München,netze-a,,,,,", "postal_code", "is empty; must be 5 digits"),
        ("8033,,netze-a,,,,,", "postal_code", "must be 5 digits; spreadsheets leave out zeros at the beginning"),
        ("８０３３１,,netze-a,,,,,", "postal_code", "must be 5 digits"),
        ("80331,,xyz,,,,,", "dno_slug", "no operator has this slug, name or code"),
        ("80331,,netze-a,UHS,,,,", "voltage_level", "must be one of HOES, HOES_HS, HS, HS_MS, MS, MS_NS, NS; also read are names such as MS/NS, Netzebene 6, Umspannung Mittel-/Niederspannung or Mittelspannung 20 kV"),
        ("80331,,netze-a,,0,,,", "locations", "must be at least 1, or empty: not counted"),
        ("80331,,netze-a,,-1,,,", "locations", "must be a whole number from 0 to 2147483647"),
        ("80331,,netze-a,,,SEAT,,", "basis", "must be one of PUBLISHED, REGISTERED_UNITS"),
        ("80331,,netze-a,,,REGISTERED_UNITS,,", "basis", "registered units are counted: locations must be given"),
        (f"80331,{'x' * 301},netze-a,,,,,", "municipality", "must have 1 to 300 characters"),
    ],
)  # fmt: skip
async def test_a_row_that_is_no_place_is_refused(load, pool, row, column, reason):
    report = await load(Kind.PLACES, f"{HEADER}80331,,netze-b,,,,,\n{row}\n")
    assert [(each.column, each.reason, each.location.line) for each in report.problems] == [
        (column, reason, 3)
    ]
    assert await stored(pool) == []


async def test_a_place_that_is_there_twice_is_refused(load):
    report = await load(Kind.PLACES, HEADER + "80331,Ulm,netze-a,,,,,\n80331,Ulm,netze-a,,5,PUBLISHED,,\n")
    assert [each.reason for each in report.problems] == [
        "the same postal code, municipality, operator, level and basis as in 1.csv:2"
    ]


async def test_a_file_with_too_many_rows_is_refused(load, monkeypatch):
    monkeypatch.setattr(places, "MAX_ROWS", 2)
    rows = "".join(f"8033{number},netze-a\n" for number in range(3))
    report = await load(Kind.PLACES, "postal_code,dno_slug\n" + rows)
    assert [each.reason for each in report.problems] == ["a file of places has at most 2 rows"]
