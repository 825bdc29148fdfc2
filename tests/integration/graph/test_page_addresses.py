"""Pages over HTTP: cached responses of one operation each, in two languages, whose next view has every correction."""

import csv
import json
import re
from html import unescape
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from python_calamine import CalamineWorkbook

from app.db.dnos import fetch_by_id
from app.db.pool import Pool
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.domain.price import PriceKind
from app.settings import Settings
from app.web.assets import HERE
from app.web.states import state_tiles
from schema.http.pages.document import DOCUMENT
from schema.http.pages.routes import PAGES
from schema.http.rest_operations import own_document
from schema.types.node import Kind, write_id
from tests import factories as make
from tests.forms import form_of
from tests.integration.graph.page_client import SCRIPT, active_parts_of, browser_of, text_of
from tests.integration.graph.running import Running, issue_key, running


def test_every_page_has_one_operation_and_the_template_of_its_name() -> None:
    document = own_document(DOCUMENT)
    for path, name, _ in PAGES:
        assert document.operation(name).name == name, path
        assert (HERE / "templates" / f"{name}.html").exists(), path


async def test_the_language_is_that_of_the_address_or_the_one_that_the_client_prefers(
    browser: httpx.AsyncClient,
) -> None:
    for path, accepted, language in (
        ("/operators", "", "de"),
        ("/operators", "en-GB,en;q=0.9,de;q=0.5", "en"),
        ("/operators", "fr", "de"),
        ("/operators", "de;q=0.1, *;q=0.5", "en"),
        ("/de/operators", "en", "de"),
        ("/en/operators", "de", "en"),
    ):
        page = await browser.get(path, headers={"accept-language": accepted})
        assert page.headers["content-language"] == language, (path, accepted)
        assert f'<html lang="{language}">' in page.text
        assert ("accept-language" in page.headers["vary"]) is not path.startswith(f"/{language}/")
    assert 'href="/de/operators"' in page.text  # the switch


async def test_the_next_view_of_a_page_has_a_change_and_an_unchanged_page_is_not_sent_again(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool, name="Netze Alt")
    await server.delivered()
    views = [await browser.get("/en/operators") for _ in range(3)]
    assert len({view.text for view in views}) == 1
    assert "Netze Alt" in views[0].text
    etag = {"if-none-match": views[0].headers["etag"]}
    assert views[0].headers["cache-control"] == "no-cache"
    assert (await browser.get("/en/operators", headers=etag)).status_code == 304
    await pool.fetch("UPDATE dnos SET name = 'Netze Neu' WHERE id = $1", dno.id)
    await server.delivered()
    for headers in ({}, etag):
        page = await browser.get("/en/operators", headers=headers)
        assert page.status_code == 200
        assert "Netze Neu" in page.text
        assert "Netze Alt" not in page.text


async def test_a_page_from_memory_needs_no_statement(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    await make.tariff(pool, await make.dno(pool))
    await server.delivered()
    first = await browser.get("/operators")
    before = server.resources.pool.statements
    for _ in range(3):
        assert (await browser.get("/operators")).text == first.text
    assert server.resources.pool.statements == before


async def test_a_page_takes_one_statement_per_level_however_many_rows_it_has(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    for number in range(12):
        await make.tariff(pool, await make.dno(pool, f"netze-{number}"))
    await server.delivered()
    before = server.resources.pool.statements
    assert "netze-7" in (await browser.get("/operators")).text.lower().replace(" ", "-")
    # The directory, the operators, their years, coverage; the figures held of any year and of each.
    assert server.resources.pool.statements - before <= 6


@pytest.mark.parametrize("encoding", ["gzip", "identity", "gzip;q=0"])
async def test_a_page_is_compressed_for_those_who_accept_it_also_from_memory(
    browser: httpx.AsyncClient, pool: Pool, encoding: str
) -> None:
    await make.dno(pool)
    headers = {"accept-encoding": encoding}
    pages = [await browser.get("/operators", headers=headers) for _ in range(4)]
    assert {page.headers.get("content-encoding") for page in pages} == {
        "gzip" if encoding == "gzip" else None
    }
    assert {page.headers["content-type"] for page in pages} == {"text/html; charset=utf-8"}
    assert len({page.text for page in pages}) == 1
    assert all(page.headers.get_list("content-security-policy") == [policy(pages[0])] for page in pages)


def policy(page: httpx.Response) -> str:
    return str(page.headers["content-security-policy"])


async def test_texts_of_people_are_escaped_everywhere(browser: httpx.AsyncClient, pool: Pool) -> None:
    await make.dno(pool, name=SCRIPT, city=f'"{SCRIPT}', region=SCRIPT)
    pages = [
        await browser.get("/operators"),
        await browser.get("/operators", params={"search": f'" autofocus onfocus="x {SCRIPT}'}),
        await browser.get("/operators", params={"sort": SCRIPT}),
        await browser.get("/operators", params={SCRIPT: "1"}),
        await browser.get(f"/operators-{SCRIPT}"),
    ]
    for page in pages:
        assert SCRIPT not in page.text
        assert active_parts_of(page) == ["script defer src"]
        assert "script-src 'self'" in policy(page)
        assert "form-action 'self'" in policy(page)
        assert "frame-ancestors 'none'" in policy(page)
    assert unescape(pages[0].text).count(SCRIPT) >= 2


@pytest.mark.parametrize(
    ("path", "status", "part"),
    [
        ("/operators?with=LEVY", 400, "must be one of"),
        ("/operators?year=next", 400, "year must be a whole number"),
        ("/operators?sort=BEST", 400, "sort must be one of NAME"),
        ("/operators?region=Atlantis", 400, "names no federal state"),
        ("/operators?offset=-1", 400, "must be from 0 to"),
        ("/operators?offset=9999", 200, ""),
        ("/operators?search=a&search=b", 400, "given several times"),
        ("/operators?colour=red", 400, "There is no parameter 'colour'"),
        (f"/operators?search={'a' * 300}", 400, "at most 200 are allowed"),
        ("/operatrs", 404, "/operators"),
        ("/en/nothing/at/all", 404, "Not found"),
        ("/api/v1/dnos/none/2025", 404, "There is no operator 'none'"),
        ("/operators?search=", 200, ""),
        ("/operators?utm_source=mail&fbclid=x", 200, ""),
        ("/operators/", 200, ""),
    ],
)
async def test_errors_are_pages_for_browsers_and_problems_for_programs(
    browser: httpx.AsyncClient, pool: Pool, path: str, status: int, part: str
) -> None:
    await make.dno(pool)
    for _ in range(3):
        page = await browser.get(path)
        assert page.status_code == status
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert part in text_of(page)
        assert "script-src 'self'" in policy(page)
        if status >= 400:
            assert page.headers["cache-control"] == "no-store"
            problem = await browser.get(path, headers={"accept": "*/*"})
            assert problem.status_code == status
            assert problem.headers["content-type"] == "application/problem+json"
            assert problem.json()["status"] == status


async def test_other_methods_get_a_page_with_those_that_are_allowed(browser: httpx.AsyncClient) -> None:
    page = await browser.post("/operators", data={"search": "x"})
    assert page.status_code == 405
    assert sorted(page.headers["allow"].split(", ")) == ["GET", "HEAD"]
    assert page.headers["allow"] in text_of(page)


async def test_a_page_beyond_the_rate_limit_states_when_it_may_be_requested_again(
    settings: Settings, pool: Pool
) -> None:
    async with (
        running(settings, rate_limit_anonymous=5) as server,
        browser_of(server) as client,
    ):
        pages = [await client.get("/en/operators") for _ in range(8)]
        assert {page.status_code for page in pages} == {200, 429}
        assert pages[-1].status_code == 429
        assert f"try again in {pages[-1].headers['retry-after']} s" in text_of(pages[-1])


async def test_without_anonymous_reading_a_page_shows_nothing_to_anonymous_callers(
    settings: Settings, pool: Pool
) -> None:
    await make.dno(pool, name="Netze Geheim")
    async with (
        running(settings, anonymous_reading=False) as server,
        browser_of(server) as client,
    ):
        for _ in range(3):
            page = await client.get("/operators")
            assert page.status_code == 401
            assert "Geheim" not in page.text
        page = await client.get("/en/operators?region=Bayern&search=a%26b")
        [link] = re.findall(r'<a href="([^"]*/work/sign-in[^"]*)">Sign in</a>', page.text)
        [wanted] = parse_qs(urlsplit(unescape(link)).query)["next"]
        assert wanted == "/en/operators?region=Bayern&search=a%26b"


async def test_the_query_of_a_page_returns_what_the_page_shows(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    await make.dno(pool, "netze-a", name="Netze Ämter", region="Hessen")
    await make.dno(pool, "netze-b", name="Netze Beta", region="Bayern")
    page = await browser.get("/operators", params={"search": "ämt", "region": "hessen"})
    assert "Netze Beta" not in page.text
    [address] = re.findall(r'href="(/graphql\?[^"]+)"', page.text)
    given = parse_qs(urlsplit(unescape(address)).query)
    data: Any = await server.execute(given["query"][0], **json.loads(given["variables"][0]))
    assert [dno["name"] for dno in data["dnos"]["nodes"]] == ["Netze Ämter"]


async def test_rows_of_the_table_have_as_many_cells_as_its_head(
    browser: httpx.AsyncClient, pool: Pool
) -> None:
    await make.dno(pool)
    head, row = re.findall(r"<tr>.*?</tr>", (await browser.get("/operators")).text, re.DOTALL)
    assert len(re.findall("<t[hd]", head)) == len(re.findall("<t[hd]", row))


async def test_pages_follow_one_another_without_gaps(browser: httpx.AsyncClient, pool: Pool) -> None:
    for number in range(120):
        await make.dno(pool, f"netze-{number:03}")
    path, names = "/en/operators", list[str]()
    while path:
        page = (await browser.get(path)).text
        names += re.findall(r">(Netze \d{3})<", page)
        path = next(map(unescape, re.findall(r'rel="next" href="([^"]+)"', page)), "")
    assert names == [f"Netze {number:03}" for number in range(120)]


FIGURES = {
    "with=HLZF": {"a"},
    "with=NETZENTGELTE&level=NS": {"b"},
    "with=NETZENTGELTE&with=HLZF": {"a"},
    "prices=SLP_ARBEITSPREIS": {"b"},
    "prices=SLP_ARBEITSPREIS&level=MS": set(),
    "prices=SLP_ARBEITSPREIS&with=HLZF": set(),
    "with=TIME_OF_USE&level=NS": {"c"},
    "level=MS": {"a"},
    "level=MS&year=2024": set(),
    "status=VERIFIED": {"c"},
    "status=VERIFIED&year=2025": set(),
    "status=VERIFIED&year=2026": {"c"},
    "status=FLAGGED": set(),
    "year=2025": {"a", "b"},
    "year=0&with=HLZF": set(),
}


@pytest.fixture
async def figures(pool: Pool) -> None:
    a, b, c, _ = [await make.dno(pool, f"netze-{letter}", name=f"Netze {letter}") for letter in "abcd"]
    await make.tariff(pool, a, 2025, VoltageLevel.MS)
    await make.hlzf(pool, a, 2025, VoltageLevel.MS, Season.WINTER)
    await make.tariff(pool, b, 2025, VoltageLevel.NS)
    await make.price(pool, b, 2025, PriceKind.SLP_ARBEITSPREIS, voltage_level="NS")
    await make.time_of_use(pool, c, 2026, verification_status="verified")


@pytest.mark.usefixtures("figures")
async def test_operators_are_filtered_by_the_figures_that_are_held_of_them(
    browser: httpx.AsyncClient,
) -> None:
    found = {}
    for parameters in FIGURES:
        page = await browser.get(f"/operators?{parameters}")
        assert page.status_code == 200, parameters
        found[parameters] = set(re.findall(r">Netze ([a-d])<", page.text))
    assert found == FIGURES


@pytest.mark.usefixtures("figures")
async def test_a_view_by_figures_has_a_new_figure_at_once(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    await server.delivered()
    for year in ("", "&year=2025"):
        assert "Netze d" not in (await browser.get(f"/operators?with=HLZF{year}")).text
    [dno_id] = [row["id"] for row in await pool.fetch("SELECT id FROM dnos WHERE slug = 'netze-d'")]
    dno = (await fetch_by_id(pool, [dno_id]))[dno_id]
    await make.hlzf(pool, dno, 2025, VoltageLevel.NS, Season.WINTER)
    await server.delivered()
    for year in ("", "&year=2025"):
        assert "Netze d" in (await browser.get(f"/operators?with=HLZF{year}")).text


@pytest.mark.usefixtures("figures")
@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("region=bayern", "region=Bayern"),
        ("region=Saarland", "region=Saarland"),
        ("search=netze&year=2031", "search=netze&year=2031"),
        ("with=PRICE", "with=PRICE"),
        ("with=HLZF&with=PRICE&with=PRICE", "with=HLZF&with=PRICE"),
        ("prices=BLINDARBEIT", "prices=BLINDARBEIT"),
    ],
)
async def test_the_form_keeps_what_the_address_asks_for_also_what_it_does_not_offer(
    browser: httpx.AsyncClient, address: str, sent: str
) -> None:
    """As a link of /coverage does for prices: the next choice would drop it without a word."""
    page = await browser.get(f"/operators?{address}")
    fields = form_of(page.text, "get").fields
    assert urlencode([(name, value) for name, value in fields if value]) == sent


async def test_a_view_is_a_file_with_all_of_its_rows(browser: httpx.AsyncClient, pool: Pool) -> None:
    for number in range(120):
        await make.dno(pool, f"netze-{number:03}", name=f'=Netze "{number:03}"', connection_points_ns=number)
    page = await browser.get("/de/operators?sort=CONNECTION_POINTS&search=netze")
    for suffix in ("csv", "xlsx"):
        assert f'href="/operators.{suffix}?sort=CONNECTION_POINTS&amp;search=netze"' in page.text
    file = await browser.get("/operators.csv?sort=CONNECTION_POINTS&search=netze")
    rows = list(csv.DictReader(file.text.splitlines()))
    assert [row["slug"] for row in rows] == [f"netze-{number:03}" for number in reversed(range(120))]
    assert (rows[0]["name"], rows[0]["connection_points"]) == ('=Netze "119"', "119")
    etag = {"if-none-match": file.headers["etag"]}
    assert (await browser.get(str(file.url), headers=etag)).status_code == 304
    workbook = CalamineWorkbook.from_filelike(BytesIO((await browser.get("/operators.xlsx")).content))
    assert len(workbook.get_sheet_by_index(0).to_python()) == 121
    assert (await browser.get("/operators.pdf")).status_code == 404
    assert (await browser.get("/operators.csv?colour=red")).status_code == 400


async def test_the_home_page_answers_questions_names_and_postal_codes(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool, "netze-adorf", name="Netze Adorf", city="Adorf", postal_code="89073")
    await make.tariff(pool, dno, 2025, VoltageLevel.MS, leistung="58.20")
    await make.place(pool, dno, "80331", municipality="München", locations=3)
    await server.delivered()
    for path, part in (
        ("/", "Was kostet das Stromnetz"),
        ("/?q=Netze Adorf MS 2025", "58,20"),
        ("/en?q=What are the grid charges of Netze Adorf in 2025 at medium voltage?", "58.20"),
        ("/?q=80331", "Netze Adorf"),
        ("/en?q=PLZ 80331", "100 % of the counted units"),
        ("/?q=99999", "99999"),
        ("/?q=Adorf", "Netze Adorf"),
        ("/?q=" + "x" * 300, "kann ich nicht beantworten"),
    ):
        page = await browser.get(path)
        assert page.status_code == 200, path
        assert part in text_of(page), path
        assert active_parts_of(page) == ["script defer src"]
    assert (await browser.get("/?q=" + "x" * 1001)).status_code == 400
    assert (await browser.get("/?asked=true")).status_code == 400


async def test_the_home_page_has_all_states_and_states_whose_spelling_differs_once(
    browser: httpx.AsyncClient, pool: Pool
) -> None:
    for slug, region in (("a", "Bayern"), ("b", "BAYERN"), ("c", "Tirol"), ("d", None)):
        await make.dno(pool, f"netze-{slug}", region=region)
    page = await browser.get("/")
    tiles = re.findall(r'<li class="state-(\w\w)">', page.text)
    assert len(set(tiles)) == len(tiles) == 16
    assert "BY 0 von 2" in text_of(page)
    assert "BE 0 von 0" in text_of(page)


def test_a_state_has_a_darker_tile_the_more_of_its_operators_have_data() -> None:
    levels = [
        next(tile.level for tile in state_tiles({"Bayern": (8, with_data)}) if tile.code == "BY")
        for with_data in (0, 1, 2, 4, 6, 8)
    ]
    assert levels == [0, 1, 2, 3, 4, 4]


async def test_the_page_of_an_operator_has_its_figures_of_the_newest_year_or_of_that_in_the_address(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool, "netze-adorf", name="Netze Adorf")
    await make.tariff(pool, dno, 2024, VoltageLevel.MS, leistung="50.00")
    await make.tariff(pool, dno, 2025, VoltageLevel.MS, leistung="58.20", verification_status="verified")
    await make.hlzf(pool, dno, 2024, VoltageLevel.HS_MS, Season.WINTER)
    await make.time_of_use(pool, dno, 2025)
    await make.price(pool, dno, 2025, PriceKind.SLP_ARBEITSPREIS, "6.812", "NS")
    await server.delivered()
    newest = await browser.get("/operators/netze-adorf")
    for part in ("58,20", "+16,4 %", "geprüft", "§ 14a", "6,812", "Arbeitspreis ohne Leistungsmessung"):
        assert part in text_of(newest), part
    # The form of the bill offers all levels.
    assert "Umspannung HS/MS" not in text_of(newest).partition("Was ein Verbrauch kostet")[0]
    older = text_of(await browser.get("/en/operators/netze-adorf/2024"))
    assert "50.00" in older
    assert "transformation HV/MV" in older
    assert "58.20" not in older.partition("Grid charges over the years")[0]
    assert "No figures of this year" in text_of(await browser.get("/en/operators/netze-adorf/2030"))


async def test_a_correction_is_in_the_next_view_of_all_pages_with_the_figure(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool)
    tariff = await make.tariff(pool, dno, 2025, leistung="58.20")
    await server.delivered()
    paths = ("/operators/netze-a", "/en/operators/netze-a/2025")
    for path in paths:
        for _ in range(3):
            assert re.search("58[.,]20", (await browser.get(path)).text)
    assert "berichtigt" not in text_of(await browser.get("/"))
    await pool.fetch("UPDATE netzentgelte_data SET leistung = 59.10 WHERE id = $1", tariff.id)
    await server.delivered()
    for path in paths:
        figures, history = (await browser.get(path)).text.split('id="history"')
        assert re.search("59[.,]10", figures)
        assert not re.search("58[.,]20", figures)
        assert re.search("58[.,]20", history)
    assert "Netzentgelte 2025 berichtigt" in text_of(await browser.get("/"))


@pytest.mark.parametrize("slug", ["netze-adorff", "adorf", "Netze Adorf", "netze--adorf"])
async def test_an_unknown_operator_is_answered_with_similar_names(
    browser: httpx.AsyncClient, pool: Pool, slug: str
) -> None:
    await make.dno(pool, "netze-adorf", name="Netze Adorf")
    await make.dno(pool, "stadtwerke-zwickau")
    page = await browser.get(f"/en/operators/{slug}")
    assert page.status_code == 404
    assert 'href="/en/operators/netze-adorf"' in page.text
    problem = (await browser.get(f"/operators/{slug}", headers={"accept": "application/json"})).json()
    assert problem["near"][0] == {"slug": "netze-adorf", "name": "Netze Adorf"}


async def test_years_that_are_none_are_not_found(browser: httpx.AsyncClient, pool: Pool) -> None:
    await make.dno(pool)
    for year, status in (("1999", 404), ("2101", 404), ("next", 404), ("9" * 30, 404), ("2025", 200)):
        assert (await browser.get(f"/operators/netze-a/{year}")).status_code == status, year


async def test_links_lead_to_web_addresses_only(browser: httpx.AsyncClient, pool: Pool) -> None:
    dno = await make.dno(pool, website="javascript:alert(1)")
    await make.tariff(pool, dno, 2025, source_url="data:text/html,x")
    await make.hlzf(pool, dno, 2025, source_url="https://example.org/a?b=1&c=2")
    page = (await browser.get("/operators/netze-a")).text
    assert "javascript:" not in page
    assert "data:" not in page
    assert 'href="https://example.org/a?b=1&amp;c=2"' in page


async def test_the_page_of_an_operator_without_data_has_no_figures(
    browser: httpx.AsyncClient, pool: Pool
) -> None:
    await make.dno(pool, region=None)
    assert "No figures are held" in text_of(await browser.get("/en/operators/netze-a"))


async def test_after_an_answered_correction_no_instance_has_a_page_with_the_old_figure(
    browser: httpx.AsyncClient, server: Running, settings: Settings, pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool), 2025, leistung="58.20")
    _, editor = await issue_key(pool)
    correct = "mutation ($input: CorrectTariffInput!) { correctTariff(input: $input) { errors { code } } }"
    async with (
        running(settings) as other,
        browser_of(other) as other_browser,
    ):
        await server.delivered()
        await other.delivered()
        for client in (browser, other_browser):
            for _ in range(3):
                assert "58,20" in (await client.get("/operators/netze-a")).text
        for number in range(5):
            amount = f"6{number}.10"
            given = {"id": write_id(Kind.TARIFF, tariff.id), "leistung": amount, "reason": "sheet"}
            answer = await server.execute(correct, editor, input=given)
            assert answer["correctTariff"]["errors"] == []
            assert f"6{number},10" in (await browser.get("/operators/netze-a")).text
            await other.delivered()
            assert f"6{number},10" in (await other_browser.get("/operators/netze-a")).text
