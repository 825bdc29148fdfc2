"""Browsers of people who use the workbench over HTTP, as fixtures; settings with cheap password hashes."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from app.auth.passwords import Passwords
from app.db.pool import Pool
from app.domain.account import Role
from app.settings import Settings
from tests import factories as make
from tests.forms import Form, form_of
from tests.integration.auth.services import CHEAP, PASSWORD
from tests.integration.graph.page_client import BROWSER, base_of
from tests.integration.graph.running import Running

EMAIL = "ada@example.org"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, **CHEAP)


@pytest.fixture
async def add_user(pool: Pool, settings: Settings) -> AsyncIterator[Any]:
    passwords = Passwords(settings)
    hashed = await passwords.hash(PASSWORD)
    yield lambda role: make.user(pool, EMAIL, role, hashed)
    passwords.close()


class Browser:
    """Keeps cookies, states its origin with each form, and follows no redirect by itself."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.origin = {"origin": str(client.base_url).rstrip("/")}

    async def open(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def send(self, form: Form, /, **typed: str) -> httpx.Response:
        fields = {**form.values, **{name.replace("__", "."): text for name, text in typed.items()}}
        return await self.client.post(form.action, data=fields, headers=self.origin)

    async def sign_in(self) -> None:
        form = form_of((await self.open("/en/work/sign-in")).text)
        assert (await self.send(form, email=EMAIL, password=PASSWORD)).status_code == 303

    async def open_form(self, path: str, action: str) -> Form:
        """The form with a button of this action."""
        text = (await self.open(path)).text
        pieces = [part for part in text.split("<form")[1:] if f'value="{action}"' in part]
        return form_of("<form" + pieces[0])


@pytest.fixture
async def browser(server: Running) -> AsyncIterator[Browser]:
    headers = {**BROWSER, "accept-language": "en"}
    async with httpx.AsyncClient(base_url=base_of(server), headers=headers) as client:
        yield Browser(client)


@pytest.fixture
async def editor(browser: Browser, add_user: Any) -> Browser:
    await add_user(Role.EDITOR)
    await browser.sign_in()
    return browser


@pytest.fixture
async def administrator(browser: Browser, add_user: Any) -> Browser:
    await add_user(Role.ADMIN)
    await browser.sign_in()
    return browser
