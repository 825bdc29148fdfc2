"""The heat map of coverage: each number is that of the view of `/operators` to which it leads."""

import re
from html import unescape

import httpx
import pytest

from app.db.pool import Pool
from app.domain.entry import VoltageLevel
from tests import factories as make
from tests.integration.graph.graphql_client import error_codes, execute
from tests.integration.graph.page_client import SCRIPT, active_parts_of, text_of
from tests.integration.graph.running import Running

_CELL = re.compile(r'<td class="(share-\d|figure)"><a href="(/[^"]+)">([\d.,]+)')
FAMILIES = ("", "NETZENTGELTE", "HLZF", "TIME_OF_USE", "PRICE")


def cells_of(page: httpx.Response) -> dict[str, tuple[str, str]]:
    """The class and the number of each cell, by the address to which it leads."""
    return {unescape(address): (step, count) for step, address, count in _CELL.findall(page.text)}


@pytest.fixture
async def figures(pool: Pool, server: Running) -> None:
    """Written while the server runs, so that it holds nothing of what was there at its start."""
    a = await make.dno(pool, "netze-a", region="Bayern")
    b = await make.dno(pool, "netze-b", region="BAYERN")
    c = await make.dno(pool, "netze-c", region="Baden-Wuerttemberg")
    d = await make.dno(pool, "netze-d", region=None)
    e = await make.dno(pool, "netze-e", region="Tirol & Ausland")
    gone = await make.dno(pool, "netze-f", region="Bayern")
    await make.dno(pool, "netze-g", region="Bayern")
    for dno in (a, gone):
        await make.tariff(pool, dno, 2025, VoltageLevel.MS)
        await make.tariff(pool, dno, 2025, VoltageLevel.NS)
        await make.hlzf(pool, dno, 2025)
    await make.hlzf(pool, b, 2025)
    await make.hlzf(pool, c, 2024)
    await make.time_of_use(pool, d, 2026)
    await make.price(pool, e, 2026)
    deleted = await make.tariff(pool, c, 2026)
    await pool.fetch("UPDATE netzentgelte_data SET deleted_at = now() WHERE id = $1", deleted.id)
    await pool.fetch("UPDATE dnos SET deleted_at = now() WHERE id = $1", gone.id)


@pytest.mark.usefixtures("figures")
@pytest.mark.parametrize("family", FAMILIES)
async def test_each_number_is_that_of_the_operators_to_which_it_leads(
    browser: httpx.AsyncClient, family: str
) -> None:
    cells = cells_of(await browser.get("/en/coverage", params={"family": family}))
    assert len(cells) == (16 + 2) * (3 + 1)
    for address, (_, count) in cells.items():
        page = await browser.get(address)
        assert page.status_code == 200, address
        assert re.search(rf"\b{count} operators?\b", text_of(page)), (address, count)


@pytest.mark.usefixtures("figures")
async def test_spellings_of_a_state_count_as_one_and_operators_without_a_state_in_the_whole_country(
    browser: httpx.AsyncClient,
) -> None:
    page = await browser.get("/coverage?family=HLZF")
    cells = cells_of(page)
    assert cells["/operators?region=Bayern&year=2025&with=HLZF"] == ("share-3", "2")
    assert cells["/operators?region=Bayern"] == ("figure", "3")
    assert cells["/operators?region=Baden-W%C3%BCrttemberg&year=2024&with=HLZF"] == ("share-4", "1")
    assert cells["/operators?region=Saarland&year=2025&with=HLZF"] == ("share-0", "0")
    assert cells["/operators?year=2026&with=HLZF"] == ("share-0", "0")
    assert cells_of(await browser.get("/coverage"))["/operators?year=2026"] == ("share-2", "2")
    assert "1 Netzbetreiber, dessen Bundesland nicht bekannt ist" in text_of(page)


@pytest.mark.usefixtures("figures")
async def test_a_new_entry_and_another_state_are_in_the_next_view(
    browser: httpx.AsyncClient, server: Running, pool: Pool
) -> None:
    address = "/operators?region=Hessen&year=2027"
    await server.delivered()
    for _ in range(3):
        assert address not in cells_of(await browser.get("/coverage"))
    dno = await make.dno(pool, "netze-h", region="Hessen")
    await make.tariff(pool, dno, 2027)
    await server.delivered()
    assert cells_of(await browser.get("/coverage"))[address] == ("share-4", "1")
    await pool.fetch("UPDATE dnos SET region = 'Bremen' WHERE id = $1", dno.id)
    await server.delivered()
    assert cells_of(await browser.get("/coverage"))[address] == ("share-0", "0")


@pytest.mark.usefixtures("figures")
async def test_the_page_takes_few_statements_and_none_from_memory(
    browser: httpx.AsyncClient, server: Running
) -> None:
    await server.delivered()
    pool = server.resources.pool
    before = pool.statements
    await browser.get("/coverage?family=HLZF")
    # The directory, the years, the figures of all years, and the entries of a deleted operator.
    assert pool.statements - before == 4
    before = pool.statements
    for family in ("HLZF", "PRICE"):
        await browser.get(f"/coverage?family={family}")
    assert pool.statements == before


@pytest.mark.usefixtures("figures")
async def test_coverage_without_regions_and_years_reads_the_same_records(
    server: Running,
) -> None:
    await server.delivered()
    before = server.resources.pool.statements
    await server.execute("{ coverage { totalEntries byYear { year } byRegion { region } } }")
    assert server.resources.pool.statements - before == 4


@pytest.mark.usefixtures("figures")
async def test_the_field_lists_states_and_years_with_operators_newest_first(
    client: httpx.AsyncClient,
) -> None:
    query = "query ($of: DataType) { coverage { byRegionAndYear(dataType: $of) { region year dnos } } }"
    rows = (await execute(client, query, of="HLZF"))["coverage"]["byRegionAndYear"]
    assert rows == [
        {"region": "Bayern", "year": 2025, "dnos": 2},
        {"region": "Baden-Württemberg", "year": 2024, "dnos": 1},
    ]
    rows = (await execute(client, query))["coverage"]["byRegionAndYear"]
    assert [row["region"] for row in rows if row["year"] == 2026] == ["Tirol & Ausland", None]
    assert await error_codes(client, query, of="LEVY") == ["BAD_USER_INPUT"]


async def test_regions_are_escaped_and_kinds_without_coverage_are_refused(
    browser: httpx.AsyncClient, pool: Pool
) -> None:
    await make.tariff(pool, await make.dno(pool, region=SCRIPT), 2025)
    page = await browser.get("/coverage")
    assert SCRIPT not in page.text
    assert SCRIPT in unescape(page.text)
    assert active_parts_of(page) == ["script defer src"]
    for family in ("LEVY", "HOLIDAY_RULE", "NONE"):
        assert (await browser.get(f"/coverage?family={family}")).status_code == 400, family


async def test_the_page_of_an_empty_database_states_that_there_are_no_data(
    browser: httpx.AsyncClient,
) -> None:
    assert "No data are held" in text_of(await browser.get("/en/coverage"))
