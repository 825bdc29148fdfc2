"""BO4E price sheets over HTTP: /api/v1/dnos/{slug}/{year}/bo4e.json."""

import re

import httpx
import pytest

from app.db.pool import Pool
from app.domain.account import Principal, Role
from app.domain.dno import Dno
from app.domain.entry import VoltageLevel
from app.domain.price import PriceKind
from app.importers.starter import load_starter
from app.resources import Resources
from app.settings import Settings
from schema.context import Context
from tests import factories as make
from tests.architecture.repository import ROOT
from tests.bo4e_models import read_sheets

PAGE = ROOT / "docs" / "bo4e.md"
SHEETS = "/api/v1/dnos/netze-a/2025/bo4e.json"


@pytest.fixture
async def netze_a(pool: Pool) -> Dno:
    dno = await make.dno(pool, "netze-a", name="Netze A", bdew_code="9900001000003")
    await make.tariff(pool, dno, 2025, VoltageLevel.MS, "119.08", "1.09", "21.49", "5.00")
    await make.price(pool, dno, 2025, PriceKind.SLP_GRUNDPREIS, "60.00", publication="PRELIMINARY")
    await make.time_of_use(pool, dno, 2025)
    return dno


async def test_the_price_sheets_of_a_year_are_made_of_all_its_published_prices(
    client: httpx.AsyncClient, netze_a: Dno
) -> None:
    response = await client.get(SHEETS)
    assert response.headers["content-type"] == "application/json"
    rlm, preliminary, slp = response.json()
    assert (rlm["netzebene"], len(rlm["preispositionen"])) == ("MSP", 2)
    assert rlm["herausgeber"]["rollencodenummer"] == "9900001000003"
    assert (preliminary["preisstatus"], preliminary["bilanzierungsmethode"]) == ("VORLAEUFIG", "SLP")
    assert preliminary["preispositionen"][0]["preisstaffeln"][0]["preis"] == "60.00"
    assert [each["tarifzeit"] for each in slp["preispositionen"]] == ["TZ_HT", "TZ_STANDARD", "TZ_NT"]


async def test_they_are_current_after_a_write_and_otherwise_answered_with_304(
    client: httpx.AsyncClient, resources: Resources, pool: Pool, netze_a: Dno
) -> None:
    first = await client.get(SHEETS)
    again = await client.get(SHEETS, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    user = await make.user(pool)
    await Context(resources, principal=Principal(Role.EDITOR, user_id=user.id)).write(
        lambda work: work.connection.execute("UPDATE prices SET amount = 61")
    )
    changed = await client.get(SHEETS, headers={"if-none-match": first.headers["etag"]})
    assert changed.json()[1]["preispositionen"][0]["preisstaffeln"][0]["preis"] == "61"


async def test_a_year_without_prices_is_empty_and_what_does_not_exist_is_not_found(
    client: httpx.AsyncClient, netze_a: Dno
) -> None:
    assert (await client.get(SHEETS.replace("2025", "2019"))).json() == []
    for path in (SHEETS.replace("netze-a", "none"), SHEETS.replace("2025", "1000")):
        assert (await client.get(path)).status_code == 404


async def test_the_sheets_of_the_starter_data_and_of_the_page_are_read_by_the_package_of_the_standard(
    client: httpx.AsyncClient, settings: Settings, pool: Pool
) -> None:
    await load_starter(settings.database_url)
    of_page = re.findall(r"localhost:8000(/api/\S+)", PAGE.read_text())
    assert of_page
    sheets_of_tariffs = await pool.fetch(
        "SELECT DISTINCT slug, year FROM prices JOIN dnos ON dnos.id = dno_id ORDER BY slug, year"
    )
    paths = [*of_page, *(f"/api/v1/dnos/{row['slug']}/{row['year']}/bo4e.json" for row in sheets_of_tariffs)]
    objects = [read_sheets((await client.get(path)).json()) for path in paths]
    assert len(paths) > 30
    assert min(map(len, objects)) > 5
