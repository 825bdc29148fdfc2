"""Links to the form of an entry, on pages of those who may correct it, and on no others."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from app.db.pool import Pool
from app.domain.account import Role
from app.domain.price import PriceKind
from schema.types.node import Kind, write_id
from tests import factories as make
from tests.integration.graph.running import Running, issue_key

PAGE = "/en/operators/netze-a"
BROWSER = {"accept": "text/html"}


@pytest.fixture
async def browser(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url.removesuffix("/graphql"), headers=BROWSER) as client:
        yield client


def linked(page: httpx.Response) -> list[str]:
    """The entries whose forms it leads to."""
    assert page.status_code == 200, page.text
    return sorted(re.findall(r'href="/en/work/entries/([^"]+)"', page.text))


async def test_each_entry_of_an_operator_leads_editors_to_its_form(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool)
    ids = [
        write_id(Kind.TARIFF, (await make.tariff(pool, dno, 2025)).id),
        write_id(Kind.HLZF, (await make.hlzf(pool, dno, 2025)).id),
        write_id(Kind.TIME_OF_USE, (await make.time_of_use(pool, dno, 2025)).id),
        write_id(Kind.PRICE, (await make.price(pool, dno, 2025, PriceKind.SLP_ARBEITSPREIS)).id),
        write_id(Kind.HOLIDAY_RULE, (await make.holiday_rule(pool, dno, 2025)).id),
    ]
    await server.delivered()
    for role in (Role.EDITOR, Role.ADMIN):
        _, headers = await issue_key(pool, role, role.lower())
        assert linked(await browser.get(PAGE, headers=headers)) == sorted(ids), role


async def test_derived_prices_lead_to_no_form(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool)
    price = await make.price(pool, dno, 2025, PriceKind.SLP_ARBEITSPREIS, "7.50")
    await server.delivered()
    _, editor = await issue_key(pool)
    page = await browser.get(PAGE, headers=editor)
    assert "3.00" in page.text  # 40 % of it, for controllable loads: derived
    assert linked(page) == [write_id(Kind.PRICE, price.id)]


async def test_readers_get_the_same_page_before_and_after_editors_without_links(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool), 2025)
    _, editor = await issue_key(pool, Role.EDITOR, "editor")
    _, viewer = await issue_key(pool, Role.VIEWER, "viewer")
    await server.delivered()
    first = await browser.get(PAGE)
    assert linked(first) == []
    assert linked(await browser.get(PAGE, headers=editor)) == [write_id(Kind.TARIFF, tariff.id)]
    for headers in ({}, viewer):
        assert (await browser.get(PAGE, headers=headers)).content == first.content


async def test_an_answer_of_the_home_page_leads_editors_to_the_forms_of_its_entries(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool, name="Netze Adorf"), 2025)
    _, editor = await issue_key(pool)
    await server.delivered()
    question = {"q": "grid charges Netze Adorf 2025 MS"}
    answer = await browser.get("/en", params=question, headers=editor)
    assert linked(answer) == [write_id(Kind.TARIFF, tariff.id)]
    assert linked(await browser.get("/en", params=question)) == []
