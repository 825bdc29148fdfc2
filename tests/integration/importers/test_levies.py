"""Imports of levies: by year, of the concession fee, and in the layout of the export."""

from datetime import date

import pytest

from app.db.levies import fetch_all
from app.domain import vat
from app.domain.levy import WITHOUT_START
from app.errors import CannotStart
from app.importers.load import Kind
from app.importers.starter import FOLDER
from tests import factories as make

LEVIES = Kind["LEVIES"]
BY_YEAR = (
    "levy,customer_group,value,unit,valid_from,valid_to,verification_status,source_url,source_title,note\n"
)
FEES = (
    "customer_kind,inhabitants_from,inhabitants_to,max_ct_per_kwh,artikel_id,bo4e_kundengruppe_ka,legal_basis,"
    "verification_status,source_url,source_title\n"
)
COLUMNS = (
    "kind,customer_group,valid_from,valid_to,value,unit,inhabitants_from,inhabitants_to,legal_basis,article_id,note,"
    "verification_status,source_url,source_title\n"
)


def row(
    levy="KWKG", group="A", value="0.254", unit="ct/kWh", first="2015-01-01", last="2015-12-31", note=""
) -> str:
    return f"{levy},{group},{value},{unit},{first},{last},unverified,https://example.org,,{note}\n"


def fee(kind="TARIFF", least="", most="25000", value="1.32", group="S_TARIF_25000") -> str:
    return f"{kind},{least},{most},{value},1-08-4-001,{group},§ 2 (2),verified,https://example.org,\n"


async def rates(pool):
    found = (await fetch_all(pool, [None]))[None]
    return sorted(found, key=lambda levy: (levy.kind, levy.customer_group or "", levy.valid_from or date.min))


async def test_both_layouts_become_levies(pool, load):
    report = await load(
        LEVIES,
        BY_YEAR
        + row("STROMNEV_19", "A'", "1.559", first="2026-01-01", last="", note="reservation")
        + row("OFFSHORE", "", "-0.051")
        + row("VAT", "standard", "19", "percent", "2021-01-01", "")
        + row("STROMSTEUER_RELIEF", "9b", "2.000", first="", last=""),
        FEES + fee() + fee("SPECIAL_CONTRACT", "", "", "0.11", "S_SONDERKUNDE"),
    )
    assert (report.inserted, report.problems) == (6, ())
    special, tariff, offshore, surcharge, relief, vat = await rates(pool)
    assert (surcharge.kind, surcharge.note) == ("PARAGRAF_19_STROM_NEV", "reservation")
    assert (surcharge.year, surcharge.valid_from, surcharge.valid_to) == (2026, date(2026, 1, 1), None)
    assert (offshore.customer_group, str(offshore.value)) == (None, "-0.051")
    assert (relief.kind, relief.valid_from, relief.year) == ("STROMSTEUER_ENTLASTUNG", None, WITHOUT_START)
    assert (vat.unit, str(vat.value)) == ("percent", "19")
    assert (tariff.inhabitants_from, tariff.inhabitants_to) == (None, 25_000)
    assert (tariff.legal_basis, tariff.article_id) == ("§ 2 (2)", "1-08-4-001")
    assert (special.customer_group, special.inhabitants_to) == ("S_SONDERKUNDE", None)


async def test_an_import_of_the_same_file_changes_nothing_and_a_new_value_is_an_update(pool, load):
    await load(LEVIES, BY_YEAR + row() + row(group="B"))
    report = await load(LEVIES, BY_YEAR + row() + row(group="B", value="0.3"))
    assert (report.inserted, report.updated, report.unchanged) == (0, 1, 1)
    assert [(levy.version, str(levy.value)) for levy in await rates(pool)] == [(1, "0.254"), (2, "0.3")]


async def test_an_import_may_close_a_rate_and_begin_the_next_one(pool, load):
    await load(LEVIES, BY_YEAR + row(last=""))
    report = await load(LEVIES, BY_YEAR + row() + row(first="2016-01-01", last="", value="0.5"))
    assert (report.inserted, report.updated) == (1, 1)


async def test_a_rate_that_overlaps_a_stored_one_is_refused_with_a_sentence(pool, load):
    await load(LEVIES, BY_YEAR + row(last=""))
    with pytest.raises(CannotStart, match='another KWKG of the customer group "A" holds on some of these'):
        await load(LEVIES, BY_YEAR + row(first="2016-01-01", last=""))
    assert len(await rates(pool)) == 1


async def test_what_users_verified_is_kept(pool, load):
    await make.levy(pool, customer_group="A", verification_status="verified", valid_to=date(2024, 12, 31))
    report = await load(LEVIES, BY_YEAR + row(first="2024-01-01", last="2024-12-31", value="0.3"))
    assert [each.reason for each in report.kept] == ["verified in the database, but not in the file"]
    assert [str(levy.value) for levy in await rates(pool)] == ["0.275"]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        (BY_YEAR + row("SOLI"), "levy"),
        (BY_YEAR + row(value='"0,254,1"'), "value"),
        (BY_YEAR + row(value="--1"), "value"),
        (BY_YEAR + row(value="1000"), "value"),
        (BY_YEAR + row(value="0.12345"), "value"),
        (BY_YEAR + row(value=""), "value"),
        (BY_YEAR + row(unit="percent"), "unit"),
        (BY_YEAR + row(unit="EUR"), "unit"),
        (BY_YEAR + row(first="31.02.2015"), "valid_from"),
        (BY_YEAR + row(first="1999-01-01"), "valid_from"),
        (BY_YEAR + row(last="2014-12-31"), "valid_to"),
        (BY_YEAR + row(group=" A"), "customer_group"),
        (BY_YEAR + row("VAT", "standard", "18", "percent"), "value"),
        (FEES + fee(value="-1"), "max_ct_per_kwh"),
        (FEES + fee(kind="HOUSEHOLD"), "customer_kind"),
        (FEES + fee(group=""), "bo4e_kundengruppe_ka"),
        (FEES + fee(least="30000"), "inhabitants_to"),
        (FEES + fee(most="many"), "inhabitants_to"),
        (COLUMNS + "KWKG,A,,,1,ct/kWh,5,,,,,verified,,\n", "inhabitants_from"),
        (COLUMNS + "VAT,A,,,1,ct/kWh,,,,,,verified,,\n", "kind"),
        (BY_YEAR + row() + row(), None),
        (BY_YEAR + row(last="2016-12-31") + row(first="2016-01-01", last=""), None),
        (BY_YEAR + row(first="", last="") + row(), None),
    ],
)
async def test_a_bad_row_is_refused_with_its_column(pool, load, text, column):
    report = await load(LEVIES, text)
    assert [problem.column for problem in report.problems] == [column]
    assert await rates(pool) == []


async def test_the_starter_data_has_no_overlap_and_the_vat_of_gross_prices(pool, load):
    """Which an import would refuse."""
    report = await load(
        LEVIES, *((FOLDER / name).read_text() for name in ("levies.csv", "concession_fee.csv"))
    )
    assert (report.inserted, report.problems) == (97, ())
    stored = [levy for levy in await rates(pool) if levy.kind == "UMSATZSTEUER"]
    first, *others = vat.periods_between(date(2015, 1, 1), None)
    assert [(levy.valid_from, levy.value) for levy in stored] == [
        (date(2015, 1, 1), first.percent),
        *((period.since, period.percent) for period in others),
    ]
