"""The page of an operator: prices over the years, other prices, sources, history, and addresses of its data."""

import re
from html import unescape
from typing import Any

import httpx
import pytest

from app.db.pool import Pool, in_job
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.domain.levy import LevyKind
from app.domain.price import PriceKind
from app.web.assets import static_assets
from tests import factories as make
from tests.integration.graph.page_client import SCRIPT, text_of
from tests.integration.graph.running import Running, issue_key

MOST_BYTES = 60_000  # of the first view, compressed
# At most, by name. Lists of figures and the entries of the latest changes are different levels of the graph, as is the year before.
STATEMENTS = {
    "dno_by_slug": 1,
    "dno_by_id": 1,
    "years": 1,
    "tariffs": 2,
    "hlzf": 2,
    "time_of_use": 2,
    "prices": 3,
    "holiday_rules_of_dno": 1,
    "history": 1,
    "revisions": 1,
}


def section_of(page: httpx.Response, name: str) -> str:
    """The text from the heading with that id to the next one."""
    found = re.search(rf'<h2 id="{name}">(.*?)(?=<h2|</main>)', page.text, re.DOTALL)
    assert found, name
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found[1])).split())


def data_of(page: httpx.Response) -> str:
    """The section of files and addresses, without the footer."""
    return page.text.partition('id="data"')[2].partition("</main>")[0]


async def test_prices_of_a_level_are_drawn_and_listed_over_all_years_with_the_difference_to_the_year_before(
    browser: httpx.AsyncClient, pool: Pool
) -> None:
    dno = await make.dno(pool)
    for year, leistung in ((2022, "40.00"), (2024, "50.00"), (2025, "58.20")):
        await make.tariff(pool, dno, year, VoltageLevel.MS, leistung=leistung)
    await make.tariff(pool, dno, 2025, VoltageLevel.NS, leistung="99.99", arbeit=None)
    for path in ("/de/operators/netze-a?level=MS", "/de/operators/netze-a/2022?level=MS"):
        page = await browser.get(path)
        table = section_of(page, "years").partition("Alle Netzebenen")[0]
        # 2023 is not held, so 2024 has no difference.
        assert re.search(r"2025 58,20 \+16,4 % .* 2024 50,00 1,26 .* 2022 40,00", table), table
        titles = [unescape(title) for title in re.findall(r"<title>([^<]+)</title>", page.text)]
        assert "2024, ab 2500 h/a: 50,00 €/kW und Jahr" in titles
        assert "2025, unter 2500 h/a: 2,86 ct/kWh" in titles
        assert not any(title.startswith("2023") for title in titles)
        assert not any("99,99" in title for title in titles)
    assert 'href="/de/operators/netze-a?level=NS#years"' in (await browser.get("/de/operators/netze-a")).text
    lowest = await browser.get("/de/operators/netze-a")
    assert "Niederspannung" in section_of(lowest, "years")
    assert "99,99" in section_of(lowest, "years")


async def test_all_levels_and_years_are_in_one_table_with_marks_of_doubt(
    browser: httpx.AsyncClient, pool: Pool
) -> None:
    dno = await make.dno(pool)
    await make.tariff(pool, dno, 2024, VoltageLevel.MS, leistung="50.00", verification_status="flagged")
    await make.tariff(pool, dno, 2025, VoltageLevel.MS, leistung="55.00", publication="PRELIMINARY")
    await make.tariff(pool, dno, 2025, VoltageLevel.NS, leistung="80.00")
    table = section_of(await browser.get("/en/operators/netze-a"), "years").partition("All levels")[2]
    assert "medium voltage Capacity from 2500 h/a 55.00 +10.0 % prel. 50.00 ⚑" in table
    assert "low voltage Capacity from 2500 h/a 80.00 –" in table


async def test_a_level_without_prices_and_one_that_does_not_exist_are_answered(
    browser: httpx.AsyncClient, pool: Pool
) -> None:
    await make.tariff(pool, await make.dno(pool), 2025, VoltageLevel.MS)
    assert "No grid charges of this level" in text_of(await browser.get("/en/operators/netze-a?level=HOES"))
    wrong = await browser.get("/en/operators/netze-a?level=XS")
    assert wrong.status_code == 400
    assert "level must be one of" in text_of(wrong)


async def test_other_prices_have_names_units_differences_rules_and_marks(
    browser: httpx.AsyncClient, pool: Pool
) -> None:
    dno = await make.dno(pool)
    await make.price(pool, dno, 2024, PriceKind.SLP_ARBEITSPREIS, "7.00")
    await make.price(pool, dno, 2025, PriceKind.SLP_ARBEITSPREIS, "7.70", publication="PRELIMINARY")
    await make.price(
        pool,
        dno,
        2025,
        PriceKind.MESSSTELLENBETRIEB,
        "12.5",
        None,
        variant=f"Zähler {SCRIPT}",
        verification_status="flagged",
    )
    page = await browser.get("/de/operators/netze-a")
    prices = section_of(page, "prices")
    assert "Arbeitspreis ohne Leistungsmessung (SLP) Niederspannung 7,70 +10,0 % ct/kWh" in prices
    assert "vorläufig" in prices
    assert "12,50 €/Jahr ⚑ beanstandet" in prices
    assert "abgeleitet: Modul 2 = 40 % des SLP-Arbeitspreises ≈ 3,08" in prices
    assert SCRIPT in prices
    assert SCRIPT not in page.text
    english = section_of(await browser.get("/en/operators/netze-a"), "prices")
    assert "Energy price without load metering (SLP) low voltage 7.70 +10.0 % ct/kWh" in english


async def test_sources_are_listed_once_with_what_was_read_from_them(
    browser: httpx.AsyncClient, pool: Pool
) -> None:
    dno = await make.dno(pool)
    sheet: dict[str, Any] = {
        "source_url": "https://example.org/sheet.pdf?a=1&b=2",
        "source_title": "Preisblatt 2025",
    }
    await make.tariff(pool, dno, 2025, VoltageLevel.MS, **sheet)
    await make.tariff(pool, dno, 2025, VoltageLevel.NS, **sheet)
    await make.price(pool, dno, 2025, **sheet)
    await make.hlzf(pool, dno, 2025, source_url="javascript:alert(1)")
    await make.tariff(pool, dno, 2024, source_url="https://example.org/older.pdf")
    page = await browser.get("/de/operators/netze-a")
    sources = section_of(page, "sources")
    assert sources.count("Preisblatt 2025") == 1
    assert "Netzentgelte, Preise des Preisblatts Preisblatt 2025" in sources
    assert "Hochlastzeitfenster ohne Adresse" in sources
    assert "older.pdf" not in sources
    assert 'href="https://example.org/sheet.pdf?a=1&amp;b=2"' in page.text
    assert "javascript:" not in page.text


async def test_the_latest_changes_are_readable_differences_without_their_authors(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno, other = await make.dno(pool), await make.dno(pool, "netze-b")
    tariff = await make.tariff(pool, dno, 2025, VoltageLevel.MS, leistung="58.20")
    await make.tariff(pool, other, 2025, leistung="11.11")
    _, editor = await issue_key(pool, name="steward@example.org")
    await server.delivered()
    for _ in range(2):
        assert "58,20 →" not in text_of(await browser.get("/de/operators/netze-a"))
    correct = "mutation ($input: CorrectTariffInput!) { correctTariff(input: $input) { errors { code } } }"
    given = {
        "id": (await server.execute('{ dno(slug: "netze-a") { tariffs { id } } }'))["dno"]["tariffs"][0][
            "id"
        ],
        "leistung": "59.10",
        "reason": f"Preisblatt {SCRIPT}",
    }
    answer = await server.execute(correct, editor, input=given)
    assert answer["correctTariff"]["errors"] == []
    assert tariff.version == 1
    for headers in ({}, editor):
        page = await browser.get("/de/operators/netze-a", headers=headers)
        history = section_of(page, "history")
        assert "Netzentgelte 2025, Mittelspannung berichtigt" in history
        assert "Leistungspreis ab 2500 h/a: 58,20 €/kW und Jahr → 59,10 €/kW und Jahr" in history
        assert f"Grund: Preisblatt {SCRIPT}" in history
        assert "Netzentgelte 2025, Mittelspannung hinzugefügt" in history
        assert "11,11" not in history
        assert SCRIPT not in page.text
        assert "steward" not in page.text


async def test_a_season_that_was_added_without_windows_has_none_in_the_latest_changes(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    await make.hlzf(pool, await make.dno(pool), 2025, season=Season.SUMMER, windows="")
    await server.delivered()
    for language, windows in (("de", "Zeitfenster: keine"), ("en", "Windows: none")):
        assert windows in section_of(await browser.get(f"/{language}/operators/netze-a"), "history")


async def household(pool: Pool, **columns: Any) -> None:
    dno = await make.dno(pool)
    await make.price(pool, dno, 2025, PriceKind.SLP_GRUNDPREIS, "60.00", **columns)
    await make.price(
        pool, dno, 2025, PriceKind.SLP_ARBEITSPREIS, "7.49", source_url="https://example.org/slp.pdf"
    )
    for kind in (LevyKind.KWKG, LevyKind.OFFSHORE):
        await make.levy(pool, kind, "2025-01-01", "0.500", customer_group="non_privileged")
    await make.levy(pool, LevyKind.PARAGRAF_19_STROM_NEV, "2025-01-01", "1.500", customer_group="A'")
    await make.levy(pool, LevyKind.STROMSTEUER, "2015-01-01", "2.050", customer_group="standard")


async def test_the_bill_of_a_profile_has_each_position_with_its_source_and_the_totals(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    await household(pool, publication="PRELIMINARY")
    await server.delivered()
    for path in ("/de/operators/netze-a?profile=HOUSEHOLD", "/de/operators/netze-a/2025?kwh=3500"):
        page = await browser.get(path)
        bill = section_of(page, "bill")
        # 60.00 + 262.15, and 3,500 kWh at 4.55 ct.
        assert "Grundpreis 1 Jahr 60,00 €/Jahr vorl. 60,00" in bill
        assert "Arbeitspreis 3.500 kWh 7,49 ct/kWh 262,15 Quelle" in bill
        assert "Netzentgelt 322,15 Umlagen und Abgaben 159,25 Summe netto 481,40" in bill
        assert "Summe brutto 572,87" in bill
        assert "572,87 € brutto im Jahr" in bill
        assert "Der Messstellenbetrieb ist nicht enthalten." in bill
        assert "Vorläufig, der Netzbetreiber kann es noch ändern: Grundpreis." in bill
        assert "Nicht bekannt" not in bill
    own = section_of(await browser.get("/en/operators/netze-a/2025?profile=HOUSEHOLD&kwh=1000,5"), "bill")
    assert "1,000.5 kWh 7.49 ct/kWh 74.94" in own
    plain = await browser.get("/en/operators/netze-a/2025")
    assert "gross a year" not in text_of(plain)


async def test_a_bill_whose_total_is_not_known_states_what_is_missing(
    browser: httpx.AsyncClient, pool: Pool
) -> None:
    await household(pool)
    german = section_of(await browser.get("/de/operators/netze-a/2025?profile=BUSINESS"), "bill")
    assert "Nicht bekannt: Netzentgelte 2025, Niederspannung." in german
    assert "Summe brutto nicht bekannt" in german
    heat_pump = section_of(await browser.get("/en/operators/netze-a/2025?profile=HEAT_PUMP"), "bill")
    assert "Arbeitspreis Modul 2 6,000 kWh ≈ 3.00 ct/kWh 180.00 derived" in heat_pump


async def test_a_bill_of_a_business_takes_its_own_load_and_level(
    browser: httpx.AsyncClient, pool: Pool
) -> None:
    await make.tariff(pool, await make.dno(pool), 2025, VoltageLevel.MS)
    for parameters in ("profile=BUSINESS&connection=MS&kwh=300000&kw=100", "kw=100&connection=MS&kwh=300000"):
        bill = section_of(await browser.get(f"/en/operators/netze-a/2025?{parameters}"), "bill")
        assert "Leistungspreis ab 2500 h/a 100 kW 58.21 EUR/kW and year 5,821.00" in bill
        assert "Arbeitspreis ab 2500 h/a 300,000 kWh 1.26 ct/kWh 3,780.00" in bill


async def test_a_correction_is_in_the_next_view_of_a_bill(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    await household(pool)
    await server.delivered()
    path = "/de/operators/netze-a?profile=HOUSEHOLD"
    for _ in range(3):
        assert "Netzentgelt 322,15" in section_of(await browser.get(path), "bill")
    await pool.fetch("UPDATE prices SET amount = 70.00 WHERE kind = 'SLP_GRUNDPREIS'")
    await server.delivered()
    assert "Netzentgelt 332,15" in section_of(await browser.get(path), "bill")


@pytest.mark.parametrize(
    ("parameters", "part"),
    [
        ("kwh=abc", "above 0 without thousands separators"),
        ("kwh=0", "above 0"),
        ("profile=HOUSEHOLD&connection=MS", "at low voltage only"),
        ("profile=PALACE", "profile must be one of HOUSEHOLD"),
        ("inhabitants=many", "inhabitants must be a whole number"),
        ("inhabitants=-5", ""),
        (f"kwh={SCRIPT}", "above 0"),
    ],
)
async def test_a_form_that_cannot_be_computed_is_shown_again_with_the_reason(
    browser: httpx.AsyncClient, pool: Pool, parameters: str, part: str
) -> None:
    await household(pool)
    page = await browser.get(f"/en/operators/netze-a/2025?{parameters}")
    assert page.status_code == 400
    bill = section_of(page, "bill")
    assert "Not possible:" in bill
    assert part in bill
    assert "<button>Compute</button>" in page.text
    assert SCRIPT not in page.text
    problem = await browser.get(
        f"/en/operators/netze-a/2025?{parameters}", headers={"accept": "application/json"}
    )
    assert problem.status_code == 400
    assert problem.json()["code"] == "BAD_USER_INPUT"


async def test_a_bill_of_an_operator_without_figures_or_of_none_is_refused(
    browser: httpx.AsyncClient, pool: Pool
) -> None:
    await make.dno(pool)
    empty = await browser.get("/en/operators/netze-a?profile=HOUSEHOLD")
    assert empty.status_code == 400
    assert "No figures are held." in section_of(empty, "bill")
    assert (await browser.get("/en/operators/none?profile=HOUSEHOLD")).status_code == 404


async def test_every_address_of_the_data_of_an_operator_answers(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool)
    this_year = 2026
    await make.tariff(pool, dno, this_year)
    await make.hlzf(pool, dno, this_year, season=Season.WINTER)
    await make.time_of_use(pool, dno, this_year)
    await make.price(pool, dno, this_year)
    await server.delivered()
    page = await browser.get("/en/operators/netze-a")
    addresses = [unescape(each) for each in re.findall(r'href="(/[^"]+)"', data_of(page))]
    wanted = (".csv", ".xlsx", ".ndjson", "bo4e.json", "hlzf/2026.ics", "2026.yaml", "/graphql?query=")
    for part in wanted:
        assert any(part in address for address in addresses), part
    for address in addresses:
        answer = await browser.get(address, headers={"accept": "*/*"})
        assert answer.status_code == 200, (address, answer.text[:300])
        assert answer.content, address


async def test_an_operator_without_data_has_a_page_whose_addresses_answer(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    await make.dno(pool)
    page = await browser.get("/en/operators/netze-a")
    assert page.status_code == 200
    for address in re.findall(r'href="(/[^"]+)"', data_of(page)):
        assert (await browser.get(unescape(address), headers={"accept": "*/*"})).status_code == 200, address


async def many_figures(pool: Pool, slug: str, years: range) -> None:
    dno = await make.dno(pool, slug)
    for year in years:
        for level in VoltageLevel:
            await make.tariff(
                pool, dno, year, level, source_url="https://example.org/a.pdf", source_title="Preisblatt"
            )
        for kind in (PriceKind.SLP_GRUNDPREIS, PriceKind.SLP_ARBEITSPREIS, PriceKind.BLINDARBEIT):
            await make.price(
                pool, dno, year, kind, "7.00", None if kind is PriceKind.BLINDARBEIT else VoltageLevel.NS
            )
        await make.time_of_use(pool, dno, year)
        await make.hlzf(pool, dno, year)


async def test_the_first_view_is_small_however_many_years_there_are(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    await many_figures(pool, "netze-a", range(2015, 2027))
    await server.delivered()
    wire = 0
    page = await browser.get("/de/operators/netze-a", headers={"accept-encoding": "gzip"})
    parts = re.findall(
        r'(?:<link rel="(?:stylesheet|icon)"|<script|<img)[^>]*(?:href|src)="(/[^"]+)"', page.text
    )
    assert any(address == static_assets().addresses["operator.css"] for address in parts)
    for address in ("/de/operators/netze-a", *dict.fromkeys(parts)):
        async with browser.stream("GET", address, headers={"accept-encoding": "gzip"}) as answer:
            assert answer.status_code == 200, address
            wire += sum([len(chunk) async for chunk in answer.aiter_raw()])
    assert wire <= MOST_BYTES, wire


async def test_a_page_takes_one_statement_per_level_of_the_graph_however_many_figures_it_has(
    browser: httpx.AsyncClient, server: Running, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = {"netze-few": range(2025, 2026), "netze-many": range(2020, 2027)}
    for slug, years in figures.items():
        await many_figures(pool, slug, years)
    await server.delivered()
    taken: list[str] = []
    fetch = server.resources.pool.fetch

    async def noted(*arguments: Any, name: str, **options: Any) -> Any:
        if not in_job.get():
            taken.append(name)
        return await fetch(*arguments, name=name, **options)

    monkeypatch.setattr(server.resources.pool, "fetch", noted)
    for slug in figures:
        taken.clear()
        assert (await browser.get(f"/operators/{slug}")).status_code == 200
        assert all(1 <= taken.count(name) <= most for name, most in STATEMENTS.items()), taken
        assert set(taken) <= set(STATEMENTS), taken
