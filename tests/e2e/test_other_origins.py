"""A page of another origin, in a real browser: it reads without cookies, and with them if its origin is listed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from app.auth.passwords import Passwords
from app.db.pool import Pool
from app.domain.account import Role
from app.settings import Settings
from tests import factories as make
from tests.e2e.browser import Page, open_page
from tests.e2e.test_pages import needs_browser
from tests.integration.graph.running import Running, running
from tests.tcp_server import listening
from tests.waiting import until

pytestmark = needs_browser

EMAIL, PASSWORD = "ada@example.org", "staple correct horse battery"
SIGN_IN = "mutation ($email: String!, $password: String!) { signIn(email: $email, password: $password) { viewer { email } errors { code } } }"
VIEWER = "{ viewer { email } }"


@asynccontextmanager
async def blank_page(host: str) -> AsyncIterator[str]:
    """The origin of an empty page."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):  # browsers open connections that they do not use
            await reader.readuntil(b"\r\n\r\n")
            page = b"<!doctype html><link rel=icon href=data:,><title>Front</title>"
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            writer.write(head % len(page) + page)

    async with listening(answer) as port:
        yield f"http://{host}:{port}"


async def fetched(page: Page, server: Running, query: str, *, cookies: bool = True, **variables: str) -> Any:
    """The response as the page sees it; None where the browser keeps it from the page."""
    options = {
        "method": "POST",
        "credentials": "include" if cookies else "omit",
        "headers": {"content-type": "application/json", "traceparent": "00-1-2-01"},
        "body": json.dumps({"query": query, "variables": variables}),
    }
    return await page.evaluate(
        f"fetch({json.dumps(server.url)}, {json.dumps(options)})"
        ".then(async (r) => ({data: (await r.json()).data, id: r.headers.get('x-request-id')}), () => null)"
    )


@pytest.fixture
async def _ada(pool: Pool, settings: Settings) -> None:
    passwords = Passwords(settings)
    await make.user(pool, EMAIL, Role.EDITOR, await passwords.hash(PASSWORD))
    passwords.close()


@pytest.mark.usefixtures("_ada")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_listed_origin_signs_in_and_others_only_read(settings: Settings, host: str) -> None:
    """`localhost` is another site than 127.0.0.1, where browsers send cookies only with SameSite=None."""
    same_site = "none" if host == "localhost" else "lax"
    async with (
        blank_page(host) as listed,
        blank_page(host) as other,
        running(
            settings, allowed_origins=(listed,), cookie_same_site=same_site, cookie_secure="auto"
        ) as server,
    ):
        async with open_page(listed) as page:
            await page.wait_for("document.title === 'Front'")
            signed_in = await fetched(page, server, SIGN_IN, email=EMAIL, password=PASSWORD)
            assert signed_in["data"]["signIn"]["viewer"], signed_in
            assert (await fetched(page, server, VIEWER))["data"] == {"viewer": {"email": EMAIL}}
            assert (await fetched(page, server, VIEWER, cookies=False))["data"] == {"viewer": None}
            await page.command("Page.navigate", url=other)
            await page.wait_for(f"location.origin === {json.dumps(other)} && document.title === 'Front'")
            read = await fetched(page, server, VIEWER, cookies=False)
            assert (read["data"], bool(read["id"])) == ({"viewer": None}, True)
            assert await fetched(page, server, VIEWER) is None
            await page.evaluate(
                f"window.changes = new WebSocket({json.dumps(server.socket_url)}, 'graphql-transport-ws');"
                + """changes.onopen = () => changes.send('{"type":"connection_init"}');"""
                + "changes.onmessage = (event) => { window.received = event.data }"
            )
            assert "connection_ack" in await page.wait_for("window.received")
            await page.evaluate("changes.close()")
        await until(lambda: server.subscribers == 0)
