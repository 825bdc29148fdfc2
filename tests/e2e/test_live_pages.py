"""Open pages follow what is changed elsewhere, over the event stream."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from app.db.pool import Pool
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.domain.price import PriceKind, unit_of
from app.domain.tariff import Tariff
from app.settings import Settings
from tests import factories as make
from tests.e2e.browser import Page, open_page
from tests.e2e.test_pages import needs_browser
from tests.integration.graph.running import Running, issue_key, running
from tests.integration.graph.writing import Caller, global_id
from tests.waiting import until

PATH = "/en/operators/netze-a/2025"
TEXT = "(document.getElementById('content')?.textContent ?? '')"
# The page has requested itself again.
REQUESTED = "performance.getEntriesByType('resource').filter(({ name }) => name === location.href).length"
HIDE = """Object.defineProperty(document, 'hidden', { value: %s, configurable: true });
document.dispatchEvent(new Event('visibilitychange'))"""

pytestmark = needs_browser


@pytest.fixture
async def tariff(pool: Pool) -> Tariff:
    dno = await make.dno(pool)
    await make.hlzf(pool, dno, 2025, VoltageLevel.MS, Season.WINTER)
    return await make.tariff(pool, dno, 2025, VoltageLevel.MS, leistung="58.20")


@pytest.fixture
async def server(settings: Settings, pool: Pool, tariff: Tariff) -> AsyncIterator[Running]:
    async with running(settings) as started:
        await started.delivered()
        yield started


def address(server: Running, path: str = PATH) -> str:
    return server.url.removesuffix("/graphql") + path


async def subscribed(server: Running) -> None:
    await until(lambda: server.subscribers == 1)


async def set_price(pool: Pool, price: str) -> None:
    await pool.fetch(f"UPDATE netzentgelte_data SET leistung = {price} WHERE year = 2025")


def requests_of(page: Page) -> int:
    return sum(urlsplit(url).path == PATH for url in page.requests)


async def has_text(page: Page, text: str) -> None:
    await page.wait_for(f"{TEXT}.includes('{text}')")


async def test_a_correction_in_another_session_changes_an_open_operator_page_by_itself(
    server: Running, pool: Pool, tariff: Tariff
) -> None:
    _, headers = await issue_key(pool)
    async with open_page(address(server)) as page, httpx.AsyncClient(base_url=address(server, "")) as client:
        await has_text(page, "58.20")
        await subscribed(server)
        await page.evaluate(
            "window.same = true; const details = document.querySelector('details'); details.open = true;"
            " const typed = document.createElement('input'); document.querySelector('.top').append(typed); typed.value = 'half a';"
            " document.querySelector('summary').focus(); scrollTo(0, 300)"
        )
        scrolled = await page.evaluate("scrollY")
        payload = await Caller(client, headers).write(
            "correctTariff",
            id=global_id(tariff),
            expectedVersion=tariff.version,
            leistung="59.10",
            reason="misread",
        )
        assert payload["errors"] == []
        await has_text(page, "59.10")
        state = "same && [details.open, typed.value, document.activeElement.tagName, scrollY, document.querySelector('.updated').textContent.slice(0, 10)]"
        assert await page.evaluate(state) == [True, "half a", "SUMMARY", scrolled, "Updated at"]
        assert "58.20" not in await page.evaluate(
            "[...document.querySelectorAll('#content table')].map((each) => each.textContent).join()"
        )
    assert page.complaints == []


async def test_many_changes_at_once_take_few_requests(server: Running, pool: Pool) -> None:
    async with open_page(address(server)) as page:
        await subscribed(server)
        before = requests_of(page)
        [dno] = await pool.fetch("SELECT id FROM dnos")
        await pool.fetch(
            "INSERT INTO prices (dno_id, year, kind, voltage_level, variant, amount, unit)"
            " SELECT $1, 2025, 'SLP_ARBEITSPREIS', 'NS', 'variant ' || n, n, $2 FROM generate_series(101, 300) AS n",
            dno["id"],
            unit_of(PriceKind.SLP_ARBEITSPREIS),
        )
        await has_text(page, "300")
        # One for the changes, and one that follows the beginning of the subscription; more only on a busy machine.
        assert requests_of(page) - before <= 5


async def test_a_hidden_page_has_no_subscription_and_is_current_when_it_is_shown(
    server: Running, pool: Pool
) -> None:
    async with open_page(address(server)) as page:
        await subscribed(server)
        await page.evaluate(HIDE % "true")
        await until(lambda: server.subscribers == 0)
        await set_price(pool, "59.10")
        await server.delivered()
        await page.evaluate(HIDE % "false")
        await has_text(page, "59.10")
        await subscribed(server)
        await set_price(pool, "60.10")
        await has_text(page, "60.10")


async def test_a_page_that_is_left_ends_its_subscription_and_has_one_again_after_going_back(
    server: Running, pool: Pool
) -> None:
    async with open_page(address(server)) as page:
        await subscribed(server)
        await page.command("Page.navigate", url=address(server, "/en/operators"))
        await until(lambda: server.subscribers == 0)
        await page.wait_for("location.pathname === '/en/operators' && document.readyState === 'complete'")
        await page.evaluate("setTimeout(() => history.back()) && 0")
        await subscribed(server)
        await set_price(pool, "59.10")
        await has_text(page, "59.10")


async def test_a_page_that_was_offline_is_current_when_it_is_online_again(
    server: Running, pool: Pool
) -> None:
    network = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    async with open_page(address(server)) as page:
        await subscribed(server)
        await page.command("Network.emulateNetworkConditions", offline=True, **network)
        await page.wait_for("!navigator.onLine")
        await set_price(pool, "59.10")
        await server.delivered()
        assert "58.20" in await page.evaluate(TEXT)
        await page.command("Network.emulateNetworkConditions", offline=False, **network)
        await has_text(page, "59.10")


class Proxy:
    """One address for a server that is started again at another port."""

    def __init__(self) -> None:
        self.port: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.port is None:
                return
            there, back = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                await asyncio.gather(_copy(reader, back), _copy(there, writer))
            finally:
                back.close()
        except OSError:
            pass
        finally:
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(65536):
        writer.write(part)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def behind_proxy() -> AsyncIterator[tuple[Proxy, str]]:
    proxy = Proxy()
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield proxy, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}{PATH}"
    finally:
        listening.close()


def port_of(server: Running) -> int:
    port = urlsplit(server.url).port
    assert port
    return port


@pytest.mark.usefixtures("tariff")
async def test_a_page_recovers_from_a_restart_of_the_server_and_has_what_was_changed_meanwhile(
    settings: Settings, pool: Pool
) -> None:
    async with behind_proxy() as (proxy, url), running(settings) as first:
        await first.delivered()
        proxy.port = port_of(first)
        async with open_page(url) as page:
            await has_text(page, "58.20")
            await subscribed(first)
            proxy.port = None
            await first.stop(15)
            await set_price(pool, "59.10")
            async with running(settings) as second:
                await second.delivered()
                proxy.port = port_of(second)
                await has_text(page, "59.10")
                await subscribed(second)
                await set_price(pool, "60.10")
                await has_text(page, "60.10")


@pytest.mark.usefixtures("tariff")
async def test_a_page_beyond_the_rate_limit_subscribes_when_it_may(settings: Settings, pool: Pool) -> None:
    async with running(settings, rate_limit_anonymous=60, rate_limit_window=6.0) as server:
        await server.delivered()
        async with open_page(address(server)) as page, httpx.AsyncClient() as client:
            await subscribed(server)
            await page.evaluate(HIDE % "true")
            await until(lambda: server.subscribers == 0)
            await until(lambda: _is_refused(client, server))
            await page.evaluate(HIDE % "false")
            await subscribed(server)
            await set_price(pool, "59.10")
            await has_text(page, "59.10")


async def _is_refused(client: httpx.AsyncClient, server: Running) -> bool:
    return (await client.get(address(server))).status_code == 429


@pytest.mark.usefixtures("tariff")
async def test_where_subscriptions_are_refused_a_page_is_current_when_it_is_shown_again(
    settings: Settings, pool: Pool, tmp_path: Path
) -> None:
    manifest = tmp_path / "documents.json"
    manifest.write_text(json.dumps({sha256(b"{ __typename }").hexdigest(): "{ __typename }"}))
    async with running(settings, registered_documents=str(manifest)) as server:
        await server.delivered()
        async with open_page(address(server)) as page:
            await page.wait_for(f"{REQUESTED} === 1")
            assert "58.20" in await page.evaluate(TEXT)
            await set_price(pool, "59.10")
            await server.delivered()
            await page.evaluate(HIDE % "true")
            await page.evaluate(HIDE % "false")
            await has_text(page, "59.10")
            assert server.subscribers == 0
            # It does not ask again, whenever it would subscribe after it was hidden.
            await page.evaluate(
                "const timer = setTimeout; window.setTimeout = (work, ms) => timer(work, ms / 20);"
            )
            await page.evaluate(HIDE % "true")
            await page.evaluate(HIDE % "false")
            await page.evaluate("new Promise((passed) => setTimeout(passed, 4000))")
            assert sum("pageChanged" in url for url in page.requests) == 1


async def test_a_page_that_depends_on_the_time_is_requested_again_at_its_moment(server: Running) -> None:
    async with open_page(address(server)) as page:
        await subscribed(server)
        # The request that follows the beginning of the subscription may remove the moment once.
        await page.wait_for(
            "(() => { if (!content.dataset.liveUntil) {"
            " content.dataset.liveUntil = new Date(Date.now() + 100).toISOString();"
            " document.dispatchEvent(new Event('visibilitychange')); }"
            f" return {REQUESTED} >= 2 }})()"
        )
