"""Attacks on all pages alike: what people and crawlers typed, hostile headers, paths and parameters."""

import re
from collections.abc import AsyncIterator
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

import httpx
import pytest

from app.db.pool import Pool
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.domain.price import PriceKind
from app.settings import Settings
from app.web.language import LANGUAGES
from schema.http.pages.routes import PAGES
from schema.types.node import Kind, write_id
from tests import factories as make
from tests.integration.graph.page_client import BROWSER, SCRIPT, base_of
from tests.integration.graph.running import Running, issue_key, running
from tests.integration.graph.wire import wire
from tests.waiting import CACHING

BREAKOUT = "\"'><img src=x onerror=alert(1)>{{ 7*7 }}</textarea></title>" + SCRIPT
EVIL = "evil.example"

# Each page once, with an operator and a year in its path; a new page is covered without a further line.
EXAMPLES = tuple(path.format(slug="netze-a", year=2025) for path, _, _ in PAGES)
VIEWS = tuple(
    f"{prefix}{path}".rstrip("/") or "/"
    for path in EXAMPLES
    for prefix in ("", *(f"/{each}" for each in LANGUAGES))
)


@pytest.fixture
async def browser(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=base_of(server), headers=BROWSER, timeout=30) as client:
        yield client


async def fill(pool: Pool) -> None:
    """An operator with figures of all kinds, whose texts are attacks."""
    texts = {"source_url": "javascript:alert(1)", "source_title": BREAKOUT}
    dno = await make.dno(
        pool,
        name=f"Netze {BREAKOUT}",
        official_name=BREAKOUT,
        city=BREAKOUT,
        region=f"Tirol {SCRIPT}",
        website="JavaScript:alert(1)//https://",
    )
    await make.tariff(pool, dno, 2024, VoltageLevel.MS, **texts)
    await make.tariff(pool, dno, 2025, VoltageLevel.MS, **texts)
    await make.hlzf(pool, dno, 2025, VoltageLevel.MS, Season.WINTER, source_url="data:text/html," + SCRIPT)
    await make.time_of_use(pool, dno, 2025, source_url="vbscript:x")
    await make.price(
        pool, dno, 2025, PriceKind.SLP_ARBEITSPREIS, variant=BREAKOUT[:60], source_url=f" {BREAKOUT}"
    )
    await make.alias(pool, dno, f"Alias {BREAKOUT}")
    await make.place(pool, dno, "80331", municipality=BREAKOUT[:80])


class _Active(HTMLParser):
    """What executes something, styles something, or leads to an address that is none of the web."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "script" and not (given.get("src") or "").startswith("/assets/"):
            self.found.append(f"script {given}")
        if tag in ("style", "iframe", "object", "embed", "base") or given.get("http-equiv"):
            self.found.append(tag)
        self.found += [name for name in given if name.startswith("on") or name in ("style", "srcdoc")]
        for name in ("href", "src", "action", "formaction", "xlink:href"):
            if not _harmless(given.get(name) or "/"):
                self.found.append(f"{name}={given[name]}")


def _harmless(address: str) -> bool:
    if re.match(r"https?://[^\s/]", address, re.IGNORECASE):
        return EVIL not in address
    return not urlsplit(address).scheme and not re.match(r"[/\\]{2}|\s", address)


def active_parts_of(page: httpx.Response) -> list[str]:
    reader = _Active()
    reader.feed(page.text)
    return reader.found


async def test_no_text_of_the_data_executes_anything_on_any_page(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    await fill(pool)
    await server.delivered()
    shown = 0
    for path in VIEWS:
        page = await browser.get(path)
        assert page.status_code == 200, path
        assert active_parts_of(page) == [], path
        assert "<img src=x" not in page.text, path
        assert "49</textarea>" not in unescape(page.text), path
        shown += unescape(page.text).count(SCRIPT)
    assert shown > 10


async def test_no_name_turns_round_what_a_page_states_after_it(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    turning = "Netze \u202eA\u2067 שלום"
    dno = await make.dno(pool, "netze-a", name=turning, official_name=turning, city=turning)
    await make.tariff(pool, dno, 2025, VoltageLevel.MS, source_title=turning)
    await server.delivered()
    shown = 0
    for path in VIEWS:
        text = re.sub(r"<[^>]+>", "", (await browser.get(path)).text)
        assert re.findall(r".{0,20}[\u202a-\u202e\u2066-\u2069]", text) == [], path
        shown += text.count("Netze A שלום")
    assert shown > 5


async def test_parameters_are_text_on_every_page(browser: httpx.AsyncClient, pool: Pool) -> None:
    await make.dno(pool)
    values = (
        BREAKOUT,
        "x\r\nset-cookie: a=b\r\n\r\n<html>",
        "javascript:alert(1)",
        "//evil.example",
        "\u202e\ufeff\u0000\U0010ffff",
        "%00%ff%c0%ae",
        "9" * 400,
        "-1",
        "x" * 20_000,
    )
    names = ("search", "q", "with", "add", "postalCode", "year", "offset", "page", "sort", BREAKOUT)
    for path in EXAMPLES:
        for value in values:
            for name in names if value in (BREAKOUT, "//evil.example") else names[:3]:
                page = await browser.get(path, params={name: value})
                assert page.status_code < 500, (path, name, value[:30])
                assert active_parts_of(page) == [], (path, name, value[:30])
                assert "set-cookie" not in page.headers
                assert "<img src=x" not in page.text


async def test_many_and_repeated_parameters_are_answered_shortly_on_every_page(
    browser: httpx.AsyncClient, pool: Pool
) -> None:
    await make.dno(pool)
    for path in EXAMPLES:
        for query in (
            "&".join(f"with=netze-{number}" for number in range(800)),
            "&".join(["search=a"] * 800),
            "&".join(f"p{number}={number}" for number in range(800)),
            "&" * 2000,
            "q=%ff%fe&search=%00",
            "=&=&&;;=",
        ):
            page = await browser.get(f"{path}?{query}")
            assert page.status_code in (200, 400, 404, 414, 431), (path, query[:20], page.status_code)
            assert active_parts_of(page) == []
            assert len(page.content) < 1_000_000


FORGED = (
    {"x-forwarded-host": EVIL, "x-forwarded-proto": "https", "x-forwarded-port": "81"},
    {"forwarded": f"host={EVIL};proto=https"},
    {"x-original-url": f"//{EVIL}", "x-rewrite-url": f"/{EVIL}", "x-forwarded-prefix": f"//{EVIL}"},
    {"x-http-method-override": "DELETE", "x-forwarded-scheme": "ftp"},
    {"host": EVIL},
    {"origin": f"https://{EVIL}", "referer": f"https://{EVIL}/"},
    {"accept-language": f"de-{EVIL}, {SCRIPT};q=x, " + "en," * 300},
    {"accept-language": "*;q=nan, de;q=inf, en;q=-1"},
    {"accept-encoding": "br;q=1, gzip;q=0, *;q=0"},
    {"accept-encoding": "gzip, gzip;q=0.5, deflate, identity"},
    {"range": "bytes=0-10"},
    {"cache-control": "no-store", "pragma": "no-cache", "if-none-match": '"x", W/"y"'},
)


async def test_headers_of_one_client_change_no_page_of_another(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    await make.tariff(pool, await make.dno(pool), 2025)
    await server.delivered()
    for path in EXAMPLES:
        first = await browser.get(path, headers={"accept-language": "de"})
        for forged in FORGED:
            for _ in range(2):
                page = await browser.get(path, headers=forged)
                assert page.status_code == 200, (path, forged)
                assert EVIL not in page.text, (path, forged)
                assert EVIL not in str(page.headers), (path, forged)
            again = await browser.get(path, headers={"accept-language": "de"})
            assert again.text == first.text, (path, forged)
            assert again.headers["content-language"] == "de"
        for _ in range(3):
            head = await browser.head(path, headers={"accept-language": "de"})
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["etag"] == first.headers["etag"]
        assert (await browser.get(path, headers={"accept-language": "de"})).text == first.text


PATHS = (
    f"//{EVIL}",
    f"//{EVIL}/operators",
    f"//{EVIL}/%2e%2e",
    f"/en//{EVIL}",
    f"/de///{EVIL}/",
    f"/%2f%2f{EVIL}/",
    f"/%5c{EVIL}/",
    f"/\\{EVIL}/",
    f"/en/\\{EVIL}",
    f"/operators//{EVIL}/",
    f"/operators/{EVIL}%0d%0aset-cookie:%20a=b/",
    f"/operators/%0d%0alocation:%20//{EVIL}",
    "/en/%2e%2e/operators",
    "/operators/..%2f..%2f..%2fetc%2fpasswd",
    "/operators/../../etc/passwd",
    "/assets/..%2fpage_view.py",
    "/assets/%2e%2e/templates/page.html",
    "/operators/%00",
    "/operators/%ff%fe",
    "/operators/netze-a/2025/extra",
    "/operators/netze-a/%d9%a2%d9%a0%d9%a2%d9%a5",
    "/operators/" + "a" * 5000,
    f"/operators/{SCRIPT.replace('/', '%2f').replace(' ', '%20')}",
    "/en/en/operators",
    "/EN/operators",
    "/operators;x=1",
)


@pytest.fixture(scope="module")
async def one_server(lasting_settings: Settings) -> AsyncIterator[Running]:
    async with running(lasting_settings, **CACHING) as started:
        await make.dno(started.resources.pool)
        yield started


@pytest.mark.parametrize("path", PATHS)
async def test_no_path_leads_to_another_host_or_to_a_file_of_the_server(
    one_server: Running, path: str
) -> None:
    async with wire(one_server.url) as connection:
        head = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/html\r\n\r\n"
        answer = await connection.exchange(head.encode())
    assert answer.status < 500
    assert "set-cookie" not in answer.headers
    location = answer.headers.get("location", "/")
    assert re.match(r"/(?![/\\])", location), location
    text = answer.body.decode()
    assert "root:" not in text
    assert "NamedTuple" not in text
    assert "{%" not in text
    assert active_parts_of(httpx.Response(200, text=text)) == []


async def test_a_conditional_request_for_any_page_is_never_answered_with_an_outdated_one(
    browser: httpx.AsyncClient, server: Running, settings: Settings, pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool), 2025, leistung="58.20")
    _, editor = await issue_key(pool)
    correct = "mutation ($input: CorrectTariffInput!) { correctTariff(input: $input) { errors { code } } }"
    async with (
        running(settings) as other,
        httpx.AsyncClient(base_url=base_of(other), headers=BROWSER, timeout=30) as other_browser,
    ):
        await server.delivered()
        await other.delivered()
        pages = {path: await browser.get(path) for path in EXAMPLES}
        for path, page in pages.items():
            assert (await other_browser.get(path)).text == page.text, path
        given = {"id": write_id(Kind.TARIFF, tariff.id), "leistung": "61.10", "reason": "sheet"}
        answer = await server.execute(correct, editor, input=given)
        assert answer["correctTariff"]["errors"] == []
        await server.delivered()
        await other.delivered()
        changed = 0
        for path, page in pages.items():
            known = {"if-none-match": page.headers["etag"]}
            for client in (browser, other_browser):
                again, whole = await client.get(path, headers=known), await client.get(path)
                assert (again.status_code == 304) == (whole.text == page.text), path
                assert "58,20" not in whole.text or "61,10" in whole.text, path
                changed += again.status_code == 200
    assert changed >= 4  # both pages of the operator, on both instances


async def test_without_anonymous_reading_no_page_has_data_for_anonymous_callers_also_after_a_reader(
    settings: Settings, pool: Pool
) -> None:
    await make.tariff(pool, await make.dno(pool, name="Netze Geheim"), 2025)
    _, reader = await issue_key(pool)
    async with (
        running(settings, anonymous_reading=False) as server,
        httpx.AsyncClient(base_url=base_of(server), headers=BROWSER, timeout=30) as client,
    ):
        await server.delivered()
        for path in EXAMPLES:
            for _ in range(2):
                assert (await client.get(path, headers=reader)).status_code == 200, path
                page = await client.get(path)
                assert page.status_code == 401, path
                assert "Geheim" not in page.text
                assert page.headers["cache-control"] == "no-store"


async def test_every_page_counts_against_the_rate_limit_also_from_memory(
    settings: Settings, pool: Pool
) -> None:
    await make.dno(pool)
    async with (
        running(settings, rate_limit_anonymous=1) as server,
        httpx.AsyncClient(base_url=base_of(server), headers=BROWSER, timeout=30) as client,
    ):
        for path in EXAMPLES:
            found = [(await client.get(path)).status_code for _ in range(4)]
            assert 429 in found, (path, found)


async def test_errors_have_their_explanation_in_the_language_of_the_page(
    browser: httpx.AsyncClient, pool: Pool
) -> None:
    for path, german, english in (
        ("/operators/none", "Unter dieser Adresse gibt es nichts", "There is nothing at this address"),
        (
            "/operators?colour=red",
            "Ein Wert in der Adresse passt nicht",
            "A value in the address does not fit",
        ),
    ):
        page, other = await browser.get(f"/de{path}"), await browser.get(f"/en{path}")
        assert german in page.text
        assert english not in page.text
        assert re.search(
            r'<p lang="en" class="quiet">There is no', page.text
        )  # the detail, marked as English
        assert english in other.text
        assert german not in other.text


async def test_robots_may_read_pages_and_nothing_else(browser: httpx.AsyncClient) -> None:
    file = await browser.get("/robots.txt")
    assert file.headers["content-type"] == "text/plain; charset=utf-8"
    for path in ("/graphql", "/work", "/en/work"):
        assert f"Disallow: {path}\n" in file.text
    assert "Disallow: /\n" not in file.text


async def test_robots_may_not_read_files_of_views(browser: httpx.AsyncClient) -> None:
    rules = RobotFileParser()
    rules.parse((await browser.get("/robots.txt")).text.splitlines())
    for path in (
        "/operators.csv",
        "/operators.xlsx?region=Bayern",
        "/ranking.csv?profile=INDUSTRY",
        "/ranking.xlsx",
        "/export/tariffs.csv",
        "/api/v1/dnos/netze-a/2025",
    ):
        assert not rules.can_fetch("crawler", path), path
    for path in (
        "/",
        "/de/operators",
        "/operators?region=Bayern",
        "/operators/netze-a/2025",
        "/ranking",
        "/dnos/netze-a/hlzf/2025.ics",  # services fetch the calendars of their users
    ):
        assert rules.can_fetch("crawler", path), path


async def test_full_addresses_are_those_of_the_setting_and_never_of_the_host_header(
    settings: Settings, pool: Pool
) -> None:
    await make.dno(pool)
    async with (
        running(settings, public_url="https://netz.example/") as server,
        httpx.AsyncClient(base_url=base_of(server), headers={**BROWSER, "host": EVIL}) as client,
    ):
        page = (await client.get("/en/operators?region=Bayern&utm_source=x")).text
        assert '<link rel="canonical" href="https://netz.example/en/operators?region=Bayern">' in page
        assert 'hreflang="de" href="https://netz.example/de/operators?region=Bayern"' in page
        assert 'hreflang="x-default" href="https://netz.example/operators?region=Bayern"' in page
        assert EVIL not in page
        for path in ("/docs", "/docs/edge", "/docs/decisions/0088-varnish", "/docs/api"):
            page = (await client.get(f"/en{path}")).text
            assert f'<link rel="canonical" href="https://netz.example/en{path}">' in page, path
            assert f'hreflang="de" href="https://netz.example/de{path}"' in page, path
            assert EVIL not in page, path
