"""/my-operator: who may operate the grid at a postal code."""

import httpx
import pytest

from app.db.pool import Pool
from tests import factories as make
from tests.integration.graph.page_client import links_of, main_of
from tests.integration.graph.running import Running


async def test_operators_at_a_postal_code_have_their_shares_evidence_and_links(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    a = await make.dno(pool, "netze-a", name="Netze Adorf", city="Adorf")
    b = await make.dno(pool, "netze-b", name="Netze Bdorf")
    await make.place(pool, a, "80331", municipality="München", locations=3)
    await make.place(
        pool,
        b,
        "80331",
        basis="PUBLISHED",
        locations=None,
        source_title="Konzessionen 2026",
        source_url="https://example.org/places?a=1&b=2",
    )
    await server.delivered()
    page = await browser.get("/de/my-operator?postalCode=80331")
    shown = main_of(page)
    assert page.status_code == 200
    for part in (
        "2 Netzbetreiber kommen in Frage",
        "100 % · 3 Standorte",
        "Marktstammdatenregister",
        "Konzessionen 2026",
        "Sitz: Adorf",
    ):
        assert part in shown, part
    assert shown.index("Netze Adorf") < shown.index("Netze Bdorf")
    assert "https://example.org/places?a=1&b=2" in links_of(page, "example.org")
    assert "/de/operators/netze-a#price-now" in links_of(page, "#")
    assert "/de/compare?with=netze-a&with=netze-b" in links_of(page, "/compare?")
    assert "100 % · 3 locations" in main_of(await browser.get("/en/my-operator?postalCode=80331"))


async def test_a_seat_is_not_taken_for_a_network(browser: httpx.AsyncClient, pool: Pool) -> None:
    await make.dno(pool, "netze-a", name="Netze Adorf", postal_code="80331")
    page = await browser.get("/en/my-operator?postalCode=80331")
    assert "Netze Adorf" in main_of(page)
    assert "their network may be elsewhere" in main_of(page)
    assert "%" not in main_of(page)


async def test_a_postal_code_that_is_not_held_is_said_to_be_so_with_what_helps(
    browser: httpx.AsyncClient, pool: Pool
) -> None:
    page = await browser.get("/en/my-operator?postalCode=99999")
    assert page.status_code == 200
    assert "No grid operator is known for this postal code." in main_of(page)
    assert "/en/operators" in links_of(page, "/en/operators")


@pytest.mark.parametrize("typed", ["8033", "803310", "München", "８0331", "<script>"])
async def test_what_is_no_postal_code_is_refused_on_the_form(
    browser: httpx.AsyncClient, pool: Pool, typed: str
) -> None:
    for language, reason in (("de", "hat fünf Ziffern"), ("en", "has five digits")):
        page = await browser.get(f"/{language}/my-operator", params={"postalCode": typed})
        assert page.status_code == 400
        assert reason in main_of(page)
        assert 'aria-invalid="true"' in page.text
        assert 'name="postalCode"' in page.text
        assert "<script>" not in page.text
        assert page.headers["cache-control"] == "no-store"
        assert "script-src 'self'" in page.headers["content-security-policy"]
    problem = await browser.get("/my-operator", params={"postalCode": typed}, headers={"accept": "*/*"})
    assert (problem.status_code, problem.json()["argument"]) == (400, "postalCode")


async def test_a_refused_form_stays_one_on_the_fast_path(browser: httpx.AsyncClient, pool: Pool) -> None:
    pages = [await browser.get("/en/my-operator?postalCode=1") for _ in range(4)]
    assert {page.status_code for page in pages} == {400}
    assert len({page.text for page in pages}) == 1
    for page in pages:
        assert len(page.headers.get_list("content-security-policy")) == 1
        assert len(page.headers.get_list("vary")) == 1


async def test_the_next_view_has_a_new_place_and_a_view_from_memory_needs_no_statement(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    a = await make.dno(pool, "netze-a", name="Netze Adorf")
    b = await make.dno(pool, "netze-b", name="Netze Bdorf")
    await make.place(pool, a, "80331", locations=3)
    await server.delivered()
    views = [await browser.get("/my-operator?postalCode=80331") for _ in range(2)]
    before = server.resources.pool.statements
    views.append(await browser.get("/my-operator?postalCode=80331"))
    assert server.resources.pool.statements == before
    assert len({view.text for view in views}) == 1
    await make.place(pool, b, "80331", locations=1)
    await server.delivered()
    assert "Netze Bdorf" in main_of(await browser.get("/my-operator?postalCode=80331"))


async def test_an_operator_is_found_from_the_home_page(browser: httpx.AsyncClient, pool: Pool) -> None:
    assert "/en/my-operator" in links_of(await browser.get("/en"), "my-operator")
    for typed in ("80331", "PLZ 80331 "):
        answered = await browser.get("/en", params={"q": typed})
        assert "/en/my-operator?postalCode=80331" in links_of(answered, "my-operator?")
    assert links_of(await browser.get("/en?q=Netze"), "my-operator?") == []
