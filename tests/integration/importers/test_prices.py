"""Imports of prices of a price sheet: units and voltage levels fit the kind, and one price has one row."""

from decimal import Decimal

import pytest

from app.domain.entry import DnoYear
from app.importers.load import Kind
from tests import factories as make

HEADER = "dno_slug,year,kind,voltage_level,variant,amount,unit,verification_status,source_url,source_title\n"


def row(kind="SLP_ARBEITSPREIS", level="NS", variant="", amount="7.49", unit="CT_PER_KWH", status="verified"):
    return (
        f"netze-a,2025,{kind},{level},{variant},{amount},{unit},{status},https://example.org/2025.pdf,Sheet\n"
    )


METER = {"kind": "MESSSTELLENBETRIEB", "level": "", "unit": "EUR_PER_YEAR"}


async def prices_of(pool, dno):
    key = DnoYear(dno.id, 2025)
    return (await make.fetch_prices(pool, [key])).get(key, ())


async def test_prices_are_imported_and_the_same_file_again_changes_nothing(pool, load):
    dno = await make.dno(pool)
    text = HEADER + row() + row(**METER) + row(**METER, variant="Eintarif") + row(**METER | {"level": "MS"})
    report = await load(Kind["PRICES"], text)
    assert (report.inserted, report.problems) == (4, ())
    found = await prices_of(pool, dno)
    assert [(price.kind, price.voltage_level, price.variant) for price in found] == [
        ("SLP_ARBEITSPREIS", "NS", None),
        ("MESSSTELLENBETRIEB", None, None),
        ("MESSSTELLENBETRIEB", None, "Eintarif"),
        ("MESSSTELLENBETRIEB", "MS", None),
    ]
    assert (found[0].amount, found[0].unit, found[0].publication) == (Decimal("7.49"), "CT_PER_KWH", "FINAL")
    again = await load(Kind["PRICES"], text)
    assert (again.inserted, again.updated, again.unchanged, again.kept) == (0, 0, 4, ())
    changed = await load(Kind["PRICES"], HEADER + row(**METER, variant="Eintarif", amount="8"))
    assert (changed.inserted, changed.updated) == (0, 1)


async def test_an_empty_level_is_that_of_a_kind_that_has_only_one(pool, load):
    dno = await make.dno(pool)
    await load(Kind["PRICES"], HEADER + row(level=""))
    assert [price.voltage_level for price in await prices_of(pool, dno)] == ["NS"]
    [problem] = (await load(Kind["PRICES"], HEADER + row(level="") + row())).problems
    assert (problem.column, problem.reason) == (
        "variant",
        "the same operator, year, kind, level and variant as in 1.csv:2",
    )


@pytest.mark.parametrize(
    ("given", "column", "reason"),
    [
        ({"unit": "EUR_PER_YEAR"}, "unit", "SLP_ARBEITSPREIS has the unit CT_PER_KWH, not EUR_PER_YEAR"),
        ({"level": "MS"}, "voltage_level", "SLP_ARBEITSPREIS is a price of NS, not of MS"),
        ({"kind": "MODUL_1", "level": "MS", "unit": "EUR_PER_YEAR"}, "voltage_level", "MODUL_1 is a price of MS_NS or NS, not of MS"),
        ({"kind": "RESERVE_200H", "level": "", "unit": "EUR_PER_KW_YEAR"}, "voltage_level", "RESERVE_200H needs a voltage level"),
        ({"amount": ""}, "amount", "must be a decimal number such as 58.21"),
        ({"amount": "-1"}, "amount", "must not be negative"),
        ({"amount": "7,49"}, "year", None),
        ({"kind": ""}, "kind", None),
        ({"unit": ""}, "unit", None),
        ({"variant": " a"}, "variant", "must be one line without spaces around it"),
        ({"variant": "x" * 101}, "variant", "must have 1 to 100 characters"),
        ({"variant": '"a\nb"'}, "variant", "must be one line without spaces around it"),
    ],
)  # fmt: skip
async def test_a_row_that_does_not_fit_is_refused_with_one_sentence(pool, load, given, column, reason):
    await make.dno(pool)
    report = await load(Kind["PRICES"], HEADER + row() + row(**given))
    assert report.inserted == 0
    assert report.refused == 1
    if reason is not None:
        [problem] = report.problems
        assert (problem.column, problem.reason) == (column, reason)


async def test_a_price_that_a_user_has_corrected_is_kept(pool, load):
    await make.dno(pool)
    await load(Kind["PRICES"], HEADER + row())
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT sign('anna', NULL, NULL)")
        await connection.execute("UPDATE prices SET amount = 8")
    report = await load(Kind["PRICES"], HEADER + row())
    assert [each.reason for each in report.kept] == ["last changed by anna"]


SHEETS = (
    "dno_slug,year,voltage_level,{},valid_from,verification_status,source_url,source_title,read_from,note\n"
)
MODULES = (
    "dno_slug,year,voltage_level,module1_eur_per_year,module2_ct_per_kwh,module2_grundpreis_eur_per_year,"
    "verification_status,source_url,source_title,read_from,check\n"
)
POSITIONS = "dno_slug,year,voltage_level,position,meaning,value,unit,source_url,source_title,read_from\n"


async def test_a_row_per_sheet_has_a_price_in_each_column_with_its_unit(pool, load):
    dno = await make.dno(pool)
    report = await load(
        Kind["PRICES"],
        SHEETS.format("grundpreis_eur_per_year,arbeitspreis_ct_per_kwh")
        + 'netze-a,2025,NS,69.35,6.41,2025-01-01,verified,https://e.org/u,Sheet,r,"preliminary; final price may differ"\n',
        MODULES + "netze-a,2025,NS,115.31,2.56,,unverified,https://e.org/u,Sheet,,both formulas hold\n",
    )
    assert (report.inserted, report.problems) == (4, ())
    found = await prices_of(pool, dno)
    assert [(price.kind, str(price.amount), price.publication) for price in found] == [
        ("SLP_GRUNDPREIS", "69.35", "PRELIMINARY"),
        ("SLP_ARBEITSPREIS", "6.41", "PRELIMINARY"),
        ("MODUL_1", "115.31", "FINAL"),
        ("MODUL_2_ARBEITSPREIS", "2.56", "FINAL"),
    ]
    assert found[0].verification_status == "verified"


async def test_a_row_per_position_has_the_kind_and_variant_of_its_name(pool, load):
    dno = await make.dno(pool)
    report = await load(
        Kind["PRICES"],
        POSITIONS
        + "netze-a,2025,MS,monthly_capacity,Monatsleistungspreis,19.85,EUR/kW/month,https://e.org/u,,\n"
        + "netze-a,2025,,reactive_energy,Blindarbeit über 40 % der Wirkarbeit,1.10,ct/kvarh,https://e.org/u,,\n"
        + 'netze-a,2025,NS,meter_single_register,"Messstellenbetrieb, Eintarif",11.15,EUR/a,https://e.org/u,,\n'
        + "netze-a,2025,NS,module1_gross,printed gross,169.43,EUR/a gross,https://e.org/u,,\n",
    )
    assert (report.inserted, report.problems) == (3, ())
    assert [(each.location.line, each.reason) for each in report.left_out] == [
        (5, "a gross price; only net prices are stored")
    ]
    found = await prices_of(pool, dno)
    assert [(price.kind, price.voltage_level, price.variant) for price in found] == [
        ("MONATSLEISTUNGSPREIS", "MS", None),
        ("BLINDARBEIT", None, "über 40 % der Wirkarbeit"),
        ("MESSSTELLENBETRIEB", "NS", "Eintarifzähler"),
    ]
    assert {price.verification_status for price in found} == {"unverified"}


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        (POSITIONS + "netze-a,2025,NS,slp_energy,x,7.49,EUR/a,https://e.org/u,,\n", "unit", "SLP_ARBEITSPREIS has the unit CT_PER_KWH, not EUR_PER_YEAR"),
        (POSITIONS + "netze-a,2025,MS,slp_energy,x,7.49,ct/kWh,https://e.org/u,,\n", "voltage_level", "SLP_ARBEITSPREIS is a price of NS, not of MS"),
        (POSITIONS + "netze-a,2025,NS,slp_energy,x,7.49,ct/kWh,https://e.org/u,,\n" * 2, "position", "the same operator, year, kind, level and variant as in 1.csv:2"),
        (POSITIONS + "netze-a,2025,NS,lunch,x,7.49,ct/kWh,https://e.org/u,,\n", "position", None),
        (POSITIONS + f"netze-a,2025,,reactive_energy,{'x' * 101},1,ct/kvarh,https://e.org/u,,\n", "meaning", "must have 1 to 100 characters"),
        (SHEETS.format("arbeitspreis_ct_per_kwh") + "netze-a,2025,NS,,,verified,https://e.org/u,,,\n", "year", "the row has no price"),
        (SHEETS.format("arbeitspreis_ct_per_kwh") + "netze-a,2025,MS,7,,verified,https://e.org/u,,,\n", "voltage_level", "SLP_ARBEITSPREIS is a price of NS, not of MS"),
        (SHEETS.format("arbeitspreis_ct_per_kwh") + "netze-a,2025,NS,7,,verified,https://e.org/u,,,\n" * 2, "arbeitspreis_ct_per_kwh", "the same operator, year, kind, level and variant as in 1.csv:2"),
    ],
)  # fmt: skip
async def test_a_row_of_these_layouts_that_does_not_fit_is_refused(pool, load, text, column, reason):
    await make.dno(pool)
    report = await load(Kind["PRICES"], text)
    [problem] = report.problems
    assert (report.inserted, problem.column) == (0, column)
    assert reason in (None, problem.reason)
