"""/compare: up to five operators side by side."""

import json
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.db.pool import Pool
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.domain.price import PriceKind
from tests import factories as make
from tests.integration.graph.page_client import links_of, main_of
from tests.integration.graph.running import Running

BOTH = "/compare?with=netze-a&with=netze-b"


@pytest.fixture
async def operators(server: Running, pool: Pool) -> None:
    """Two with figures of 2025, one of 2024 only."""
    a, b, c = [
        await make.dno(pool, f"netze-{letter}", name=f"Netze {letter.upper()}dorf", city="Ulm")
        for letter in "abc"
    ]
    await make.tariff(pool, a, 2025, VoltageLevel.MS, "50.00", "2.00", None, None)
    await make.tariff(pool, b, 2025, VoltageLevel.MS, "60.00", "1.00", None, None, publication="PRELIMINARY")
    await make.tariff(pool, b, 2025, VoltageLevel.HS, "30.00", verification_status="flagged")
    await make.hlzf(pool, a, 2025, VoltageLevel.MS, Season.WINTER, "07:30-13:00, 16:00-19:00")
    await make.hlzf(pool, b, 2025, VoltageLevel.MS, Season.WINTER, "17:00-19:00")
    await make.hlzf(pool, b, 2025, VoltageLevel.MS, Season.SUMMER, "")
    await make.time_of_use(pool, a, 2025, "9.80", "6.70", "1.34")
    await make.time_of_use(pool, b, 2025, "9.00", "6.80", "1.50")
    await make.price(pool, a, 2025, PriceKind.SLP_GRUNDPREIS, "60.00")
    await make.price(pool, a, 2025, PriceKind.SLP_ARBEITSPREIS, "7.49", source_url="javascript:alert(1)")
    await make.price(pool, b, 2025, PriceKind.SLP_GRUNDPREIS, "100.00")
    await make.tariff(pool, c, 2024)
    await server.delivered()


def after(shown: str, start: str, length: int = 140) -> str:
    """What follows the first occurrence of a text."""
    return shown[shown.index(start) : shown.index(start) + length]


@pytest.mark.usefixtures("operators")
async def test_figures_of_operators_stand_side_by_side_with_the_lowest_in_words(
    browser: httpx.AsyncClient,
) -> None:
    shown = main_of(await browser.get(f"/de{BOTH}&year=2025"))
    assert "50,00 €/kW am niedrigsten 60,00 €/kW +20,0 %" in shown
    assert "2,00 ct/kWh +100,0 % 1,00 ct/kWh am niedrigsten" in shown
    assert "Hochspannung" in shown
    assert "– 30,00 €/kW" in shown
    assert "07:30–13:00 , 16:00–19:00 8,5 h" in shown
    assert "17:00–19:00 2 h am kürzesten" in shown
    assert "Mittelspannung, Sommer – keine 0 h" in shown
    assert "9,80 +8,9 % 9,00 am niedrigsten" in shown
    assert "17:00–20:00" in after(shown, "1. Quartal")
    assert "keine zeitvariablen Preise" in after(shown, "2. Quartal")


@pytest.mark.usefixtures("operators")
async def test_preliminary_derived_and_flagged_figures_are_marked(browser: httpx.AsyncClient) -> None:
    """60.00 + 3,500 · 0.0749 = 322.15; 100.00 + 3,500 · 0.068, which is derived from Modul 3, = 338.00."""
    shown = main_of(await browser.get(f"/en{BOTH}&year=2025"))
    assert "322.15 € cheapest 338.00 € +4.9 %" in shown
    assert "Remarks final derived" in shown
    assert "7.49 +10.1 % unverified 6.80 lowest unverified, derived" in shown
    assert "unverified, preliminary" in shown
    assert "– flagged" in shown
    assert "javascript:" not in (await browser.get(BOTH)).text


async def test_hours_that_are_not_known_are_not_those_without_time_variable_prices(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    await make.time_of_use(pool, await make.dno(pool, "netze-a", name="Netze A"), 2025, windows="")
    await make.time_of_use(pool, await make.dno(pool, "netze-b", name="Netze B"), 2025)
    await server.delivered()
    shown = main_of(await browser.get(f"/en{BOTH}&year=2025"))
    assert "2. quarter not known no time-variable prices 3. quarter" in shown


@pytest.mark.usefixtures("operators")
async def test_what_is_not_known_is_stated(browser: httpx.AsyncClient) -> None:
    shown = main_of(await browser.get(f"/en{BOTH}&profile=BUSINESS&year=2025"))
    assert "not known" in after(shown, "Remarks")
    nothing = main_of(await browser.get(f"/en{BOTH}&year=2023"))
    assert "Charges with load metering of this year are held of none of these operators." in nothing
    assert "Peak-load windows of this year are held of none" in nothing


@pytest.mark.usefixtures("operators")
async def test_the_year_is_the_latest_with_figures_of_these_operators(browser: httpx.AsyncClient) -> None:
    for path, year in (("netze-c", 2024), ("netze-c,netze-a", 2025), ("netze-c,netze-a&year=2024", 2024)):
        assert f"Grid charges {year}" in main_of(await browser.get(f"/en/compare?with={path}"))


@pytest.mark.usefixtures("operators")
async def test_unknown_operators_are_named_with_similar_ones_and_the_others_are_shown(
    browser: httpx.AsyncClient,
) -> None:
    page = await browser.get("/en/compare?with=netze-a&with=netze-bdorff&with=<script>")
    assert page.status_code == 200
    assert "There is no operator “netze-bdorff” here. Similar names: Netze" in main_of(page)
    assert "There is no operator “<script>” here." in main_of(page)
    assert "<script>” " not in page.text
    assert "50.00 €/kW" in main_of(page)
    assert "/en/compare?with=netze-a&with=netze-b" in links_of(page, "/compare?")


@pytest.mark.usefixtures("operators")
async def test_a_typed_name_is_taken_if_it_is_exact_and_otherwise_offers_similar_ones(
    browser: httpx.AsyncClient,
) -> None:
    exact = await browser.get("/en/compare?with=netze-a&add=netze BDORF&year=2025")
    assert "50.00 €/kW lowest 60.00 €/kW" in main_of(exact)
    assert "/en/compare?year=2025&with=netze-a" in links_of(exact, "/compare?")
    similar = await browser.get("/en/compare?with=netze-a&add=dorf")
    assert "Which one is it?" in main_of(similar)
    assert "/en/compare?with=netze-a&with=netze-b" in links_of(similar, "/compare?")
    none = await browser.get("/en/compare?add=xyzxyz")
    assert "No operator has a name like »xyzxyz«" in main_of(none)


@pytest.mark.usefixtures("operators")
@pytest.mark.parametrize(
    ("parameters", "argument", "reason"),
    [
        ("with=a,b,c&with=d&with=e&with=f", "with", "At most 5 operators can be compared, here are 6."),
        (f"with={'a' * 300}", "with", "A name is too long."),
        (f"add={'a' * 300}", "add", "A name has at most 200 letters."),
        ("with=netze-a&level=MS", "level", "at low voltage only"),
        ("with=netze-a&kwh=many", "kwh", "without thousands separators"),
        ("with=netze-a&year=1", "year", "The year lies between"),
        ("slugs=netze-a", "slugs", "There is no parameter 'slugs'"),
    ],
)
async def test_a_refused_form_is_shown_again_with_the_reason_and_the_operators(
    browser: httpx.AsyncClient, parameters: str, argument: str, reason: str
) -> None:
    page = await browser.get(f"/en/compare?{parameters}")
    assert page.status_code == 400
    assert reason in main_of(page)
    assert 'name="kwh"' in page.text
    problem = await browser.get(f"/compare?{parameters}", headers={"accept": "*/*"})
    assert (problem.status_code, problem.json()["argument"]) == (400, argument)
    if parameters.endswith("=f"):
        assert "/en/compare?with=b&with=c&with=d&with=e&with=f" in links_of(page, "/compare?")


@pytest.mark.usefixtures("operators")
async def test_repeated_operators_count_once_and_each_can_be_removed(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/compare?with=netze-a,netze-b,netze-a&with=netze-b&year=2025")
    assert main_of(page).count("entfernen") == 2
    assert "/compare?year=2025&with=netze-b" in links_of(page, "/compare?")
    alone = await browser.get("/compare?year=2025&with=netze-b")
    assert "am niedrigsten" not in main_of(alone)
    assert "60,00 €/kW" in main_of(alone)


@pytest.mark.usefixtures("operators")
async def test_the_query_of_the_page_returns_what_it_shows(
    browser: httpx.AsyncClient, server: Running
) -> None:
    [address] = links_of(await browser.get(f"{BOTH}&year=2025"), "/graphql?query")
    given = parse_qs(urlsplit(address).query)
    data = await server.execute(given["query"][0], **json.loads(given["variables"][0]))
    assert [bill["bill"]["network"] for bill in data["compareBills"]] == ["322.15", "338.00"]


@pytest.mark.usefixtures("operators")
async def test_a_correction_is_in_the_next_view_and_a_view_from_memory_needs_no_statement(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    for _ in range(3):
        assert "50,00 €/kW" in main_of(await browser.get(BOTH))
    before = server.resources.pool.statements
    await browser.get(BOTH)
    assert server.resources.pool.statements == before
    await pool.fetch("UPDATE netzentgelte_data SET leistung = 51.50 WHERE leistung = 50.00")
    await server.delivered()
    assert "51,50 €/kW" in main_of(await browser.get(BOTH))
    await pool.fetch("UPDATE dnos SET slug = 'netze-neu' WHERE slug = 'netze-b'")
    await server.delivered()
    assert "»netze-b«" in main_of(await browser.get(BOTH))


async def test_five_operators_take_as_many_statements_as_one(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    counts = []
    for slugs in (["n-0"], [f"n-{number}" for number in range(1, 6)]):
        for slug in slugs:
            dno = await make.dno(pool, slug)
            await make.tariff(pool, dno)
            await make.hlzf(pool, dno)
            await make.time_of_use(pool, dno, 2025)
            await make.price(pool, dno)
        await server.delivered()
        before = server.resources.pool.statements
        assert (await browser.get(f"/compare?with={','.join(slugs)}")).status_code == 200
        counts.append(server.resources.pool.statements - before)
    assert counts[1] <= counts[0] <= 9


@pytest.mark.usefixtures("operators")
async def test_operators_are_chosen_for_comparison_on_their_pages_and_in_the_table(
    browser: httpx.AsyncClient,
) -> None:
    assert "/en/compare?with=netze-a&year=2025" in links_of(
        await browser.get("/en/operators/netze-a"), "compare"
    )
    table = (await browser.get("/en/operators")).text
    assert '<form action="/en/compare" method="get">' in table
    assert '<input type="checkbox" name="with" value="netze-b"' in table


@pytest.mark.usefixtures("operators")
async def test_what_a_bill_lacks_is_named_in_the_language_of_the_page(browser: httpx.AsyncClient) -> None:
    unpriced = "/compare?with=netze-a&with=netze-c&year=2025&profile=HOUSEHOLD"
    german = main_of(await browser.get(f"/de{unpriced}"))
    assert "nicht bekannt Grundpreis ohne Leistungsmessung (SLP) 2025, Niederspannung" in german
    assert "Die Summe mit Umlagen ist nicht bekannt: " in german
    assert "Not known" not in german
    assert "is held" not in german
    english = main_of(await browser.get(f"/en{unpriced}"))
    assert "not known Base price without load metering (SLP) 2025, low voltage" in english
