"""Figures are preliminary or final: final ones replace preliminary ones, and not the other way round."""

from typing import Any

import httpx
import pytest

from app.db.pool import Pool
from app.domain.dno import Dno
from tests import factories as make
from tests.integration.graph.graphql_client import execute
from tests.integration.graph.writing import Caller, global_id, refusals

FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "Tariff": ("tariff", {"year": 2027, "voltageLevel": "MS", "leistung": "58.20"}),
    "Hlzf": ("hlzf", {"year": 2027, "voltageLevel": "MS", "season": "WINTER", "windows": []}),
    "Price": ("price", {"year": 2027, "kind": "SLP_GRUNDPREIS", "amount": "60"}),
    "TimeOfUse": ("timeOfUse", {"year": 2027, "bands": [{"band": "ST", "price": "6.7"}], "windows": []}),
}


@pytest.fixture
async def dno(pool: Pool) -> Dno:
    return await make.dno(pool, "netze-a")


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_final_figure_replaces_a_preliminary_one_and_the_reverse_is_refused(
    editor: Caller, admin: Caller, dno: Dno, family: str
) -> None:
    name, values = FAMILIES[family]
    added = await editor.write(f"add{family}", dno="netze-a", **values, publication="PRELIMINARY")
    assert (added["errors"], added[name]["publication"]) == ([], "PRELIMINARY")
    id, rest = added[name]["id"], {"windows": []} if family == "Hlzf" else {}
    final = await editor.write(f"correct{family}", id=id, **rest, publication="FINAL")
    assert (final[name]["version"], final[name]["publication"]) == (2, "FINAL")
    assert final["revision"]["changes"] == [
        {"field": "publication", "before": "PRELIMINARY", "after": "FINAL"}
    ]
    refused = await editor.write(f"correct{family}", id=id, **rest, publication="PRELIMINARY")
    assert refusals(refused) == [("CONFLICT", ["input", "publication"])]
    kept = await editor.write(f"correct{family}", id=id, **rest, publication=None, force=None)
    assert (kept["revision"], kept[name]["publication"]) == (None, "FINAL")
    forced = await editor.write(f"correct{family}", id=id, **rest, publication="PRELIMINARY", force=True)
    assert (forced[name]["version"], forced[name]["publication"]) == (3, "PRELIMINARY")
    await admin.write("revert", revisionId=forced["revision"]["id"])
    data = await editor.execute(
        "query ($id: ID!) { node(id: $id) { ... on Tariff { publication } ... on Hlzf { publication }"
        " ... on TimeOfUseTariff { publication } ... on Price { publication } } }",
        id=id,
    )
    assert data["node"] == {"publication": "FINAL"}


async def test_figures_are_final_unless_they_are_said_to_be_preliminary(editor: Caller, dno: Dno) -> None:
    for family, (name, values) in FAMILIES.items():
        added = await editor.write(f"add{family}", dno="netze-a", **values, publication=None)
        assert added[name]["publication"] == "FINAL"


async def test_a_new_address_of_the_source_has_no_title_yet(editor: Caller, pool: Pool, dno: Dno) -> None:
    source = {"source_url": "https://example.org/old", "source_title": "Old"}
    tariff = await make.tariff(pool, dno, 2026, **source)
    same = await editor.write("correctTariff", id=global_id(tariff), sourceUrl="https://example.org/old")
    assert same["revision"] is None
    other = await editor.write("correctTariff", id=global_id(tariff), sourceUrl="https://example.org/new")
    assert other["revision"]["changes"] == [
        {"field": "sourceUrl", "before": "https://example.org/old", "after": "https://example.org/new"},
        {"field": "sourceTitle", "before": "Old", "after": None},
    ]
    none = await editor.write("correctTariff", id=global_id(tariff), sourceUrl=None)
    assert none["tariff"]["source"] is None


async def test_a_revision_from_before_there_were_publications_restores_final_figures(
    admin: Caller, editor: Caller, pool: Pool, dno: Dno
) -> None:
    tariff = await make.tariff(pool, dno, 2026)
    async with pool.connection() as connection:
        # As an earlier release recorded it.
        await connection.execute("ALTER TABLE revisions DISABLE TRIGGER USER")
        await connection.execute("UPDATE revisions SET after = after - 'publication'")
        await connection.execute("ALTER TABLE revisions ENABLE TRIGGER USER")
        revision = await connection.fetchval(
            "INSERT INTO revisions (entry_id, data_type, dno_id, year, version, kind, before, after)"
            " SELECT entry_id, data_type, dno_id, year, 1000, 'CORRECTED', after, after FROM revisions RETURNING id"
        )
    await editor.write(
        "correctTariff", id=global_id(tariff), publication="PRELIMINARY", leistung="1", force=True
    )
    await admin.write("revert", revisionId=f"revision_{revision.hex}")
    data = await editor.execute(
        "query ($id: ID!) { node(id: $id) { ... on Tariff { publication leistung } } }", id=global_id(tariff)
    )
    assert data["node"] == {"publication": "FINAL", "leistung": "58.21"}


@pytest.fixture
async def both(pool: Pool, dno: Dno) -> None:
    """Preliminary figures of 2026 and final ones of 2025; a tariff of each kind in 2026."""
    other = await make.dno(pool, "netze-b")
    for year, publication in ((2025, "FINAL"), (2026, "PRELIMINARY")):
        await make.tariff(pool, dno, year, publication=publication)
        await make.hlzf(pool, dno, year, publication=publication)
        await make.time_of_use(pool, dno, year, publication=publication)
    await make.tariff(pool, other, 2026, publication="FINAL")


@pytest.mark.parametrize(
    ("publication", "years"), [("PRELIMINARY", [2026]), ("FINAL", [2025]), (None, [2026, 2025])]
)
@pytest.mark.parametrize("figures", ["tariffs", "hlzf", "timeOfUse"])
async def test_lists_can_be_limited_to_a_publication(
    client: httpx.AsyncClient, both: None, figures: str, publication: str | None, years: list[int]
) -> None:
    query = f"""query ($p: Publication) {{ dno(slug: "netze-a") {{
      all: {figures}(publication: $p) {{ year }} current: {figures}(year: 2026, publication: $p) {{ year }} }} }}"""
    found = (await execute(client, query, p=publication))["dno"]
    assert [entry["year"] for entry in found["all"]] == years
    assert [entry["year"] for entry in found["current"]] == [year for year in years if year == 2026]


async def test_a_ranking_can_be_limited_to_a_publication(client: httpx.AsyncClient, both: None) -> None:
    query = """query ($p: Publication) { rankTariffs(
      year: 2026, voltageLevel: MS, consumptionKwh: "1000000", peakLoadKw: "500", publication: $p
    ) { rank tariff { publication dno { slug } } } }"""

    async def ranked(publication: str | None) -> list[tuple[int, str]]:
        rows = (await execute(client, query, p=publication))["rankTariffs"]
        return [(row["rank"], row["tariff"]["dno"]["slug"]) for row in rows]

    assert await ranked(None) == [(1, "netze-a"), (2, "netze-b")]
    assert await ranked("FINAL") == [(1, "netze-b")]
    assert await ranked("PRELIMINARY") == [(1, "netze-a")]


async def test_the_address_of_a_year_can_be_limited_to_a_publication(
    client: httpx.AsyncClient, both: None
) -> None:
    async def found(query: str) -> tuple[int, ...]:
        body = (await client.get(f"/api/v1/dnos/netze-a/2026{query}")).json()
        return tuple(len(body[name]) for name in ("tariffs", "hlzf", "timeOfUse"))

    assert await found("") == await found("?publication=PRELIMINARY") == (1, 1, 1)
    assert await found("?publication=FINAL") == (0, 0, 0)


@pytest.mark.parametrize(
    "query", ["publication=final", "publication=", "publication=FINAL&publication=FINAL", "publikation=FINAL"]
)
async def test_an_unknown_publication_or_parameter_is_refused_with_its_name(
    client: httpx.AsyncClient, both: None, query: str
) -> None:
    refused = await client.get(f"/api/v1/dnos/netze-a/2026?{query}")
    assert (refused.status_code, refused.json()["code"]) == (400, "BAD_USER_INPUT")
    assert query.partition("=")[0] in refused.json()["detail"]
