"""The latest changes as a page and as an Atom feed: readable, paged, with the next change at once, without people's data."""

import re
from html import unescape
from xml.etree import ElementTree

import httpx
import pytest

from app.db.pool import Pool
from app.domain.entry import VoltageLevel
from app.settings import Settings
from tests import factories as make
from tests.forms import form_of
from tests.integration.graph.page_client import SCRIPT, active_parts_of, browser_of, text_of
from tests.integration.graph.running import Running, issue_key, running
from tests.integration.graph.writing import Caller, global_id

ATOM = "{http://www.w3.org/2005/Atom}"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def entries_of(feed: httpx.Response) -> list[ElementTree.Element]:
    return ElementTree.fromstring(feed.content).findall(f"{ATOM}entry")


def part(of: ElementTree.Element, name: str) -> str:
    return of.findtext(f"{ATOM}{name}") or ""


async def test_a_change_is_a_line_with_what_from_to_when_and_source(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool, name="Netze Adorf")
    tariff = await make.tariff(
        pool,
        dno,
        2025,
        leistung="58.20",
        source_url="https://example.org/sheet.pdf",
        source_title="Sheet 2025",
    )
    await server.delivered()
    assert "berichtigt" not in text_of(await browser.get("/de/changes"))
    await pool.fetch("UPDATE netzentgelte_data SET leistung = 59.10 WHERE id = $1", tariff.id)
    await server.delivered()
    page = await browser.get("/de/changes")
    lines = re.findall(r'<li id="change-.*?</li>', page.text, re.DOTALL)
    assert len(lines) == 2
    newest = " ".join(unescape(re.sub(r"<[^>]+>", " ", lines[0])).split())
    assert "Netze Adorf : Netzentgelte 2025, Mittelspannung berichtigt" in newest
    assert "58,20 €/kW und Jahr → 59,10 €/kW und Jahr" in newest
    assert 'href="https://example.org/sheet.pdf"' in lines[0]
    assert re.search(r'<time datetime="\d{4}-\d\d-\d\dT', lines[0])
    assert "hinzugefügt" in lines[1]
    assert "→" not in lines[1]
    assert "58.20 EUR/kW and year → 59.10 EUR/kW and year" in text_of(await browser.get("/en/changes"))


async def test_rates_of_levies_are_written_as_the_language_of_the_page_writes_numbers(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    await make.levy(pool, value="0.275")
    await server.delivered()
    for path in ("/de/changes", "/de/changes.atom"):
        assert "0,275" in (await browser.get(path)).text
    assert "0.275" in text_of(await browser.get("/en/changes"))


async def test_the_year_of_the_address_stays_chosen_also_without_figures(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/changes?year=2031")
    assert form_of(page.text, "get").values["year"] == "2031"


async def test_changes_are_filtered_by_operator_kind_and_year_in_the_page_and_in_the_feed(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    a, b = await make.dno(pool, "netze-a"), await make.dno(pool, "netze-b")
    await make.tariff(pool, a, 2025)
    await make.hlzf(pool, a, 2024)
    await make.tariff(pool, b, 2024)
    await make.levy(pool)
    await server.delivered()
    for query, count in (
        ("", 4),
        ("?dno=netze-a", 2),
        ("?dno=netze-b&family=HLZF", 0),
        ("?family=NETZENTGELTE", 2),
        ("?family=NETZENTGELTE&year=2024", 1),
        ("?family=LEVY", 1),
    ):
        page, feed = await browser.get(f"/changes{query}"), await browser.get(f"/changes.atom{query}")
        assert page.text.count('<li id="change-') == count, query
        assert len(entries_of(feed)) == count, query
        assert f'href="/changes.atom{query.replace("&", "&amp;")}"' in page.text
    for address in ("/changes?dno=none", "/changes.atom?dno=none"):
        assert (await browser.get(address)).status_code == 404
    for query in ("year=next", "family=NONE", "after=x", "colour=red", "named=true", "slug=netze-a"):
        for path in ("/changes", "/changes.atom"):
            assert (await browser.get(f"{path}?{query}")).status_code == 400, (path, query)


@pytest.mark.parametrize("path", ["/en/changes", "/changes.atom"])
async def test_all_changes_are_read_page_by_page(
    browser: httpx.AsyncClient, server: Running, pool: Pool, path: str
) -> None:
    dno = await make.dno(pool)
    for year in range(2001, 2061):
        await make.tariff(pool, dno, year)
    await server.delivered()
    next_path, years = path, list[str]()
    while next_path:
        text = (await browser.get(next_path)).text
        years += re.findall(r"(?:grid charges|Netzentgelte) (\d{4})", text.partition("</form>")[2] or text)
        next_path = next(map(unescape, re.findall(r'rel="next"[^>]* href="([^"]+)"', text)), "")
    assert years == [str(year) for year in range(2060, 2000, -1)]


async def test_the_feed_is_valid_atom_with_ids_that_stay(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool, name=f"A & B {SCRIPT} \x0b\x01 ]]>")
    tariff = await make.tariff(pool, dno, 2025, source_url="javascript:alert(1)", source_title=SCRIPT)
    await server.delivered()
    before = await browser.get("/en/changes.atom?dno=netze-a")
    assert before.headers["content-type"] == "application/atom+xml; charset=utf-8"
    [created] = entries_of(before)
    await pool.fetch("UPDATE netzentgelte_data SET arbeit = 2 WHERE id = $1", tariff.id)
    await server.delivered()
    after = await browser.get("/en/changes.atom?dno=netze-a")
    feed = ElementTree.fromstring(after.content)
    corrected, same = entries_of(after)
    assert part(same, "id") == part(created, "id")
    assert part(feed, "id") == part(ElementTree.fromstring(before.content), "id")
    ids = [part(each, "id") for each in (feed, corrected, same)]
    assert len(set(ids)) == 3
    assert all(re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", each) for each in ids)
    for each in (feed, corrected, same):
        assert MOMENT.fullmatch(part(each, "updated"))
        assert part(each, "title")
    assert part(feed, "updated") == part(corrected, "updated")
    assert feed.findtext(f"{ATOM}author/{ATOM}name")
    links = {each.get("rel"): each.get("href") for each in feed.findall(f"{ATOM}link")}
    assert links == {"self": "/en/changes.atom?dno=netze-a", "alternate": "/en/changes?dno=netze-a"}
    for address in (*links.values(), corrected.find(f"{ATOM}link").get("href")):  # type: ignore[union-attr]
        assert address
        assert (await browser.get(address)).status_code == 200
    assert "<script" not in after.text
    assert "javascript:" not in after.text
    assert SCRIPT in part(corrected, "title")
    assert "1.26 ct/kWh → 2.00 ct/kWh" in part(corrected, "content")


async def test_an_unchanged_feed_is_not_sent_again_and_takes_no_statement(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool)
    await make.tariff(pool, dno, 2025)
    await server.delivered()
    first = await browser.get("/changes.atom")
    etag = {"if-none-match": first.headers["etag"]}
    before = server.resources.pool.statements
    for _ in range(3):
        assert (await browser.get("/changes.atom", headers=etag)).status_code == 304
    assert server.resources.pool.statements == before
    await make.tariff(pool, dno, 2026)
    await server.delivered()
    assert len(entries_of(await browser.get("/changes.atom", headers=etag))) == 2


async def test_changes_of_another_operator_leave_the_feed_of_an_operator_in_memory(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    a, b = await make.dno(pool, "netze-a"), await make.dno(pool, "netze-b")
    await make.tariff(pool, a, 2025)
    await server.delivered()
    first = await browser.get("/changes.atom?dno=netze-a")
    await make.tariff(pool, b, 2025)
    await server.delivered()
    again = await browser.get("/changes.atom?dno=netze-a")
    assert (again.text, again.headers["etag"]) == (first.text, first.headers["etag"])


async def test_an_empty_feed_is_valid(browser: httpx.AsyncClient) -> None:
    feed = ElementTree.fromstring((await browser.get("/changes.atom")).content)
    assert MOMENT.fullmatch(part(feed, "updated"))
    assert "No change matches" in text_of(await browser.get("/en/changes"))


async def test_neither_authors_nor_reasons_nor_addresses_of_people_are_shown(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    tariff = await make.tariff(
        pool, await make.dno(pool), 2025, source_title="Mail of erika.muster@example.org"
    )
    _, headers = await issue_key(pool, name="erika.muster")
    payload = await Caller(browser, headers).write(
        "correctTariff",
        id=global_id(tariff),
        arbeit="3.10",
        sourceUrl="https://example.org/a",
        reason="by Erika, erika@example.org",
    )
    assert payload["errors"] == []
    for path in ("/changes", "/changes.atom"):
        for each in ({}, headers):
            text = (await browser.get(path, headers=each)).text
            assert "3,10" in text
            assert "erika" not in text.lower()
            assert "@example.org" not in text


async def test_texts_are_escaped_and_links_lead_to_web_addresses_only(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool, name=SCRIPT)
    await make.tariff(pool, dno, 2025, source_url="javascript:alert(1)", source_title=f'"{SCRIPT}')
    await server.delivered()
    page = await browser.get("/changes?dno=netze-a")
    assert SCRIPT not in page.text
    assert SCRIPT in unescape(page.text)
    assert "javascript:" not in page.text
    assert active_parts_of(page) == ["script defer src", "script src type"]


async def test_pages_of_operators_and_of_changes_name_their_feeds(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    await make.tariff(pool, await make.dno(pool), 2025, VoltageLevel.MS)
    await server.delivered()
    for path, feed in (
        ("/changes", "/changes.atom"),
        ("/en/changes?family=HLZF", "/en/changes.atom?family=HLZF"),
        ("/operators/netze-a", "/changes.atom?dno=netze-a"),
        ("/en/operators/netze-a/2025", "/en/changes.atom?dno=netze-a"),
    ):
        page = (await browser.get(path)).text
        [address] = re.findall(
            r'<link rel="alternate" type="application/atom\+xml"[^>]* href="([^"]+)"', page
        )
        assert unescape(address) == feed
        assert (await browser.get(feed)).status_code == 200


async def test_without_anonymous_reading_changes_are_not_shown_without_a_key(
    settings: Settings, pool: Pool
) -> None:
    await make.tariff(pool, await make.dno(pool, name="Netze Geheim"), 2025)
    async with (
        running(settings, anonymous_reading=False) as server,
        browser_of(server) as client,
    ):
        for path in ("/changes", "/changes.atom"):
            page = await client.get(path)
            assert page.status_code == 401
            assert "Geheim" not in page.text
