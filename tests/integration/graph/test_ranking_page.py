"""/ranking: operators by what a consumption costs with each of them."""

import csv
import json
import re
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from python_calamine import CalamineWorkbook

from app.db.pool import Pool
from app.domain.clock import today
from app.domain.dno import Dno
from app.domain.entry import VoltageLevel
from app.domain.price import PriceKind
from tests import factories as make
from tests.forms import form_of
from tests.integration.graph.page_client import links_of, main_of
from tests.integration.graph.running import Running


@pytest.fixture
async def market(server: Running, pool: Pool) -> dict[str, Dno]:
    """Two with household prices of 2025, of one preliminary; one with derived prices only; one without needed ones; one without any."""
    regions = {
        "malchow": "Hessen",
        "odr": "Bayern",
        "abgeleitet": "Bayern",
        "teils": "Bayern",
        "leer": "Bayern",
    }
    made = {
        slug: await make.dno(pool, slug, name=slug.title(), region=region) for slug, region in regions.items()
    }
    for slug, base, work, columns in (
        ("malchow", "60.00", "7.49", {"verification_status": "flagged"}),
        ("odr", "69.35", "6.41", {"publication": "PRELIMINARY"}),
    ):
        await make.price(pool, made[slug], 2025, PriceKind.SLP_GRUNDPREIS, base, **columns)
        await make.price(pool, made[slug], 2025, PriceKind.SLP_ARBEITSPREIS, work, **columns)
    await make.price(pool, made["abgeleitet"], 2025, PriceKind.SLP_GRUNDPREIS, "40.00")
    await make.time_of_use(pool, made["abgeleitet"], 2025, "10.84", "8.62", "3.45")
    await make.price(pool, made["teils"], 2025, PriceKind.SLP_GRUNDPREIS, "1.00")
    await make.tariff(pool, made["malchow"], 2024, VoltageLevel.MS, "119.08", "1.09", "21.49", "5.00")
    await server.delivered()
    return made


def places_of(page: httpx.Response) -> list[tuple[str, str, str]]:
    """Name, marks and amount of each row."""
    rows = re.findall(
        r'<th scope="row"><a href="[^"]+">([^<]+)</a>\s*<span class="quiet">([^<]*)</span>.*?'
        r'<td class="figure">([\d.,]+)<br>',
        page.text,
        re.DOTALL,
    )
    return [(name, " ".join(marks.split()), amount) for name, marks, amount in rows]


@pytest.mark.usefixtures("market")
async def test_operators_are_ranked_with_marks_and_the_others_are_counted(browser: httpx.AsyncClient) -> None:
    """60.00 + 3,500 · 0.0749 = 322.15; 69.35 + 3,500 · 0.0641 = 293.70."""
    page = await browser.get("/de/ranking")
    assert places_of(page) == [
        ("Odr", "Bayern · vorläufig", "293,70"),
        ("Malchow", "Hessen · beanstandet", "322,15"),
    ]
    assert re.findall(r'<rect width="([\d.]+)"', page.text) == ["91.2", "100.0"]
    shown = main_of(page)
    for part in ("2 Netzbetreiber in der Rangliste", "1 mit Werten des Jahres", "1 ohne Werte", "+28,45"):
        assert part in shown, part
    derived = await browser.get("/en/ranking?derived=true")
    assert places_of(derived)[2] == ("Abgeleitet", "Bayern · derived", "341.70")
    assert "/de/ranking?derived=true" in links_of(page, "derived=true")


@pytest.mark.usefixtures("market")
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("region=Bayern", ["Odr"]),
        ("dearest=true", ["Malchow", "Odr"]),
        ("publication=FINAL", ["Malchow"]),
        ("kwh=100", ["Malchow", "Odr"]),
        ("year=2024", []),
        ("profile=INDUSTRY&year=2024", ["Malchow"]),
        ("profile=INDUSTRY&year=2024&kwh=100000,5&kw=50&level=MS", ["Malchow"]),
        ("profile=INDUSTRY&year=2024&level=NS", []),
        ("profile=&kwh=&kw=&level=&region=&publication=&dearest=", ["Odr", "Malchow"]),
        ("page=2", []),
    ],
)
async def test_the_parameters_choose_the_consumption_and_the_operators(
    browser: httpx.AsyncClient, parameters: str, expected: list[str]
) -> None:
    page = await browser.get(f"/ranking?{parameters}")
    assert page.status_code == 200
    assert [name for name, _, _ in places_of(page)] == expected


@pytest.mark.usefixtures("market")
@pytest.mark.parametrize(
    ("given", "chosen"), [("bayern", "Bayern"), ("BAYERN", "Bayern"), ("Saarland", "Saarland")]
)
async def test_the_region_of_the_address_is_chosen_in_the_form_however_it_is_spelt(
    browser: httpx.AsyncClient, given: str, chosen: str
) -> None:
    page = await browser.get(f"/ranking?region={given}")
    assert form_of(page.text, "get").values["region"] == chosen


@pytest.mark.usefixtures("market")
@pytest.mark.parametrize(
    ("parameters", "argument", "german", "english"),
    [
        ("level=MS", "level", "nur in der Niederspannung", "at low voltage only"),
        ("kwh=viel", "kwh", "ohne Tausenderpunkt", "without thousands separators"),
        ("kwh=3.500", "kwh", "ohne Tausenderpunkt", "without thousands separators"),
        ("kwh=0", "kwh", "größer als 0", "above 0"),
        ("profile=BUSINESS&kw=-1", "kw", "größer als 0", "above 0"),
        ("year=1900", "year", "Das Jahr liegt zwischen", "The year lies between"),
        ("page=0", "page", "Eine Seite von 1", "A page from 1"),
        ("region=Atlantis", "region", "names no federal state", "names no federal state"),
        ("profile=CASTLE", "profile", "profile must be one of", "profile must be one of"),
        ("colour=red", "colour", "There is no parameter", "There is no parameter"),
    ],
)
async def test_a_refused_form_is_shown_again_with_the_reason(
    browser: httpx.AsyncClient, parameters: str, argument: str, german: str, english: str
) -> None:
    for language, reason in (("de", german), ("en", english)):
        page = await browser.get(f"/{language}/ranking?{parameters}")
        assert page.status_code == 400
        assert reason in main_of(page)
        assert 'name="kwh"' in page.text
        assert "<option>2025</option>" in page.text
    problem = await browser.get(f"/ranking?{parameters}", headers={"accept": "application/json"})
    assert (problem.status_code, problem.json()["argument"]) == (400, argument)


async def test_the_year_is_this_one_or_the_latest_before_it_with_figures(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno, this = await make.dno(pool), today().year
    await make.tariff(pool, dno, this + 1)
    await server.delivered()
    assert f", {this + 1} 0 Netzbetreiber" in main_of(await browser.get("/de/ranking"))
    await make.tariff(pool, dno, this - 1)
    await server.delivered()
    assert f", {this - 1} 0 Netzbetreiber" in main_of(await browser.get("/de/ranking"))
    await make.tariff(pool, dno, this)
    await server.delivered()
    assert f", {this} 0 Netzbetreiber" in main_of(await browser.get("/de/ranking"))


async def test_pages_and_files_have_every_place_once(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    for number in range(120):
        dno = await make.dno(pool, f"n-{number:03}", name=f"=Netz {number:03}")
        await make.tariff(pool, dno, 2025, VoltageLevel.MS, arbeit=f"{1 + number / 100:.2f}")
    await server.delivered()
    path, names = "/en/ranking?profile=INDUSTRY&region=Bayern", list[str]()
    pages = 0
    while path:
        page = await browser.get(path)
        names += [name for name, _, _ in places_of(page)]
        [path] = links_of(page, f"page={pages + 2}")[:1] or [""]
        pages += 1
    assert pages == 3
    assert names == [f"=Netz {number:03}" for number in range(120)]
    [address] = links_of(await browser.get("/en/ranking?profile=INDUSTRY&page=2"), "ranking.csv")
    assert address == "/ranking.csv?profile=INDUSTRY"
    file = await browser.get(address)
    rows = list(csv.DictReader(file.text.splitlines()))
    assert [row["rank"] for row in rows] == [str(rank) for rank in range(1, 121)]
    assert rows[0]["name"] == "=Netz 000"
    assert (rows[0]["year"], rows[1]["difference_eur_net"]) == ("2025", "500.00")
    workbook = CalamineWorkbook.from_filelike(
        BytesIO((await browser.get("/ranking.xlsx?profile=INDUSTRY")).content)
    )
    assert len(workbook.get_sheet_by_index(0).to_python()) == 121
    assert (await browser.get("/ranking.csv?level=MS")).status_code == 400
    assert (await browser.get("/ranking.pdf")).status_code == 404


@pytest.mark.usefixtures("market")
async def test_the_query_of_the_page_returns_what_it_shows(
    browser: httpx.AsyncClient, server: Running
) -> None:
    page = await browser.get("/en/ranking?region=Bayern&kwh=100")
    [address] = links_of(page, "/graphql?query")
    given = parse_qs(urlsplit(address).query)
    data = await server.execute(given["query"][0], **json.loads(given["variables"][0]))
    [one] = data["rankBills"]["bills"]
    assert (one["dno"]["slug"], one["bill"]["network"]) == ("odr", places_of(page)[0][2])


@pytest.mark.usefixtures("market")
async def test_a_correction_is_in_the_next_view_and_a_view_from_memory_needs_no_statement(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    for _ in range(3):
        assert places_of(await browser.get("/ranking"))[0][2] == "293,70"
    before = server.resources.pool.statements
    await browser.get("/ranking")
    assert server.resources.pool.statements == before
    await pool.fetch("UPDATE prices SET amount = 1.00 WHERE amount = 69.35")
    await server.delivered()
    assert places_of(await browser.get("/ranking"))[0][2] == "225,35"


async def test_a_ranking_takes_as_many_statements_for_forty_operators_as_for_two(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    counts = []
    for numbers in (range(2), range(2, 40)):
        for number in numbers:
            await make.tariff(pool, await make.dno(pool, f"n-{number}"), 2025, VoltageLevel.MS)
        await server.delivered()
        before = server.resources.pool.statements
        page = await browser.get("/ranking?profile=INDUSTRY")
        counts.append(server.resources.pool.statements - before)
    assert len(places_of(page)) == 40
    # Coverage, the directory, operators with data of the year, four families, levies, the operators.
    assert max(counts) <= 9


async def test_names_are_escaped(browser: httpx.AsyncClient, server: Running, pool: Pool) -> None:
    dno = await make.dno(pool, name="<script>x</script>", region="<b>")
    await make.tariff(pool, dno, 2025, VoltageLevel.MS)
    await server.delivered()
    page = await browser.get("/ranking?profile=INDUSTRY")
    assert "<script>x" not in page.text
    assert "<b>" not in page.text
    assert "<script>x</script>" in main_of(page)
