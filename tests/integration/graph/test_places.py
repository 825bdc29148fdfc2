"""Whose grid it is: operators at a postal code and operators by code, in the graph and on every instance."""

from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from app.db.pool import Pool
from app.domain.dno import Dno
from app.importers.register.load import import_register
from app.observability import operation_stats
from app.resources import Resources, open_resources
from app.settings import Settings
from schema.context import Context
from schema.queries.places import load_dnos_at
from tests import factories as make
from tests.integration.graph.graphql_client import client_of, execute, execute_with_errors
from tests.waiting import CACHING, until, until_delivered, until_equal

REGISTER = Path(__file__).parents[1] / "importers/mastr_sample"
AT = """query ($postalCode: String!, $city: String, $voltageLevel: VoltageLevel) {
  dnosAt(postalCode: $postalCode, city: $city, voltageLevel: $voltageLevel) {
    dno { slug } share locations basis source { title } } }"""
SEARCH = "query ($query: String!) { searchDnos(query: $query) { score dno { slug } } }"
BY_CODE = "query ($code: String!) { dnoByCode(code: $code) { slug vnbId aliases } }"


@pytest.fixture
async def networks(pool: Pool) -> list[Dno]:
    """Three operators; the first two have their seat at 80331."""
    return [
        await make.dno(pool, f"netze-{letter}", name=f"Netze {letter}", **columns)
        for letter, columns in (
            ("a", {"postal_code": "80331", "city": "München", "mastr_nr": "SNB900000000001", "vnb_id": "7"}),
            ("b", {"postal_code": "80331", "city": "München", "bdew_code": "9900001000003"}),
            ("c", {"postal_code": "10115", "city": "Berlin", "bdew_code": "9900001000003"}),
        )
    ]


async def at(
    client: httpx.AsyncClient, postal_code: str = "80331", **arguments: Any
) -> list[tuple[Any, ...]]:
    found = (await execute(client, AT, postalCode=postal_code, **arguments))["dnosAt"]
    return [(each["dno"]["slug"], each["share"], each["locations"], each["basis"]) for each in found]


async def test_operators_at_a_postal_code_have_their_shares(
    client: httpx.AsyncClient, pool: Pool, networks: list[Dno]
) -> None:
    a, b, c = networks
    await make.place(pool, a, municipality="München", voltage_level="NS", locations=3)
    await make.place(pool, b, municipality="München", voltage_level="MS", locations=1)
    await make.place(
        pool, c, basis="PUBLISHED", municipality="Unterföhring", locations=None, source_title="concession"
    )
    assert await at(client) == [
        ("netze-a", 0.75, 3, "REGISTERED_UNITS"),
        ("netze-b", 0.25, 1, "REGISTERED_UNITS"),
        ("netze-c", 0.0, 0, "PUBLISHED"),
    ]
    assert await at(client, voltageLevel="MS") == [
        ("netze-b", 1.0, 1, "REGISTERED_UNITS"),
        ("netze-c", 0.0, 0, "PUBLISHED"),
    ]
    assert await at(client, city="unterfoehring") == [("netze-c", 0.0, 0, "PUBLISHED")]
    assert await at(client, city="Bonn") == []
    sources = [each["source"] for each in (await execute(client, AT, postalCode="80331"))["dnosAt"]]
    assert sources == [None, None, {"title": "concession"}]


async def test_seats_answer_until_places_of_the_postal_code_are_held(
    client: httpx.AsyncClient, resources: Resources, pool: Pool, networks: list[Dno]
) -> None:
    assert await at(client) == [("netze-a", 0.0, 0, "SEAT"), ("netze-b", 0.0, 0, "SEAT")]
    assert await at(client, city="Bonn") == []
    assert await at(client, "99999") == []
    await make.place(pool, networks[2])
    await until_equal(lambda: at(client), [("netze-c", 1.0, 1, "REGISTERED_UNITS")])
    assert await at(client, "10115") == [("netze-c", 0.0, 0, "SEAT")]


async def test_a_deleted_operator_has_no_places(
    client: httpx.AsyncClient, pool: Pool, networks: list[Dno]
) -> None:
    a, b, _ = networks
    await make.place(pool, a, locations=3)
    await make.place(pool, b)
    assert [slug for slug, *_ in await at(client)] == ["netze-a", "netze-b"]
    async with pool.connection() as connection:
        await connection.execute("UPDATE dnos SET deleted_at = now() WHERE slug = 'netze-a'")
    await until_equal(lambda: at(client), [("netze-b", 1.0, 1, "REGISTERED_UNITS")])


async def test_a_change_of_places_is_served_by_another_instance(
    client: httpx.AsyncClient, settings: Settings, pool: Pool, networks: list[Dno]
) -> None:
    a, b, _ = networks
    await make.place(pool, a)
    other = msgspec.structs.replace(settings, rate_limit_anonymous=0, **CACHING)
    async with open_resources(other) as opened, client_of(opened) as second:
        await until(lambda: opened.memory.enabled and opened.shared.trusted)
        for one in (client, second):
            for _ in range(2):  # also from the cached response
                assert await at(one) == [("netze-a", 1.0, 1, "REGISTERED_UNITS")]
        await make.place(pool, b, locations=3)
        now = [("netze-b", 0.75, 3, "REGISTERED_UNITS"), ("netze-a", 0.25, 1, "REGISTERED_UNITS")]
        for one in (client, second):
            await until_equal(lambda client=one: at(client), now)


async def test_an_import_of_the_register_replaces_cached_answers(
    client: httpx.AsyncClient, settings: Settings, pool: Pool
) -> None:
    await make.dno(pool, "sued", mastr_nr="SNB999990000002", postal_code="99902")
    for _ in range(2):  # also from the cached response
        assert await at(client, "99902") == [("sued", 0.0, 0, "SEAT")]
    await import_register(settings.database_url, REGISTER)
    registered = [("sued", 2 / 3, 2), ("muster-regionalnetz-erfunden", 1 / 3, 1)]
    await until_equal(lambda: at(client, "99902"), [(*each, "REGISTERED_UNITS") for each in registered])
    query = '{ dno(slug: "sued") { statistics { connectionPoints } } }'
    assert (await execute(client, query))["dno"]["statistics"]["connectionPoints"] == 3


async def test_the_operators_at_a_postal_code_take_three_statements_and_none_when_cached(
    resources: Resources, pool: Pool, networks: list[Dno]
) -> None:
    for dno in networks:
        await make.place(pool, dno)
    await until_delivered(pool)
    for statements in (3, 0):  # generation, places, operators
        context = Context(resources)
        spent = operation_stats.begin()
        assert len(await load_dnos_at(context, "80331")) == 3
        assert spent.statements == statements


async def test_rest_has_the_operators_at_a_postal_code_and_an_operator_by_code(
    client: httpx.AsyncClient, pool: Pool, networks: list[Dno]
) -> None:
    await make.place(pool, networks[0], municipality="München", voltage_level="NS", locations=3)
    path = "/api/v1/postal-codes/80331"
    first = await client.get(f"{path}?city=M%C3%BCnchen&voltageLevel=NS")
    [found] = first.json()
    assert (found["dno"]["slug"], found["share"], found["basis"]) == ("netze-a", 1.0, "REGISTERED_UNITS")
    again = await client.get(first.url, headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert (await client.get(f"{path}?city=Bonn")).json() == []
    assert (await client.get("/api/v1/codes/SNB900000000001")).json()["slug"] == "netze-a"
    missing = await client.get("/api/v1/codes/SNB900000000009")
    assert (missing.status_code, missing.json()["detail"]) == (
        404,
        "No operator has the code 'SNB900000000009'.",
    )


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("postal-codes/8033", "'8033' is no postal code: `postalCode` must be 5 digits, such as 80331."),
        ("postal-codes/80331?level=NS", "There is no parameter 'level'; there are city and voltageLevel."),
        ("postal-codes/80331?city=a&city=b", "city is given 2 times."),
        ("postal-codes/80331?voltageLevel=ns", "voltageLevel must be one of HOES, HOES_HS, HS, HS_MS, MS, MS_NS, NS."),
        ("postal-codes/80331?city=" + "x" * 201, "`city` has 201 letters; at most 200 are allowed."),
    ],
)  # fmt: skip
async def test_rest_refuses_invalid_parameters(client: httpx.AsyncClient, path: str, detail: str) -> None:
    refused = await client.get(f"/api/v1/{path}")
    assert (refused.status_code, refused.json()["code"], refused.json()["detail"]) == (
        400,
        "BAD_USER_INPUT",
        detail,
    )


@pytest.mark.parametrize(
    "postal_code", ["", "8033", "803311", "8O331", "80 331", "８０３３１", "D-80331", "x" * 5000]
)
async def test_a_text_that_is_no_postal_code_is_refused(client: httpx.AsyncClient, postal_code: str) -> None:
    (error,) = (await execute_with_errors(client, AT, postalCode=postal_code))["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": "postalCode"}
    assert error["message"].endswith("is no postal code: `postalCode` must be 5 digits, such as 80331.")
    assert len(error["message"]) < 300


async def test_a_city_that_is_longer_than_a_name_is_refused(client: httpx.AsyncClient) -> None:
    (error,) = (await execute_with_errors(client, AT, postalCode="80331", city="x" * 201))["errors"]
    assert error["message"] == "`city` has 201 letters; at most 200 are allowed."


@pytest.mark.parametrize("city", ["", " ", "\u00a0 "])
async def test_a_blank_city_is_refused(client: httpx.AsyncClient, city: str) -> None:
    (error,) = (await execute_with_errors(client, AT, postalCode="80331", city=city))["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": "city"}
    assert error["message"] == "`city` names no municipality; left out, all of them are meant."
    by_rest = await client.get("/api/v1/postal-codes/80331", params={"city": city})
    assert (by_rest.status_code, by_rest.json()["argument"]) == (400, "city")


async def test_an_operator_is_found_by_its_codes_exactly(
    client: httpx.AsyncClient, pool: Pool, networks: list[Dno]
) -> None:
    await make.alias(pool, networks[0], "Zelle")
    await make.alias(pool, networks[0], "Altnetz")
    a = {"slug": "netze-a", "vnbId": "7", "aliases": ["Altnetz", "Zelle"]}
    for code in ("SNB900000000001", "snb900000000001 ", "7"):
        assert (await execute(client, BY_CODE, code=code))["dnoByCode"] == a
    for code in ("SNB900000000002", "8", "A00014369.DE", "9900001000004"):
        assert (await execute(client, BY_CODE, code=code))["dnoByCode"] is None


async def test_a_code_of_several_operators_and_a_text_that_is_no_code_are_refused(
    client: httpx.AsyncClient, networks: list[Dno]
) -> None:
    (shared,) = (await execute_with_errors(client, BY_CODE, code="9900001000003"))["errors"]
    assert shared["message"] == (
        "Several operators have the code 9900001000003: netze-b, netze-c. Their MaStR numbers differ."
    )
    for code in ("", "netze-a", "80331", "x" * 200):
        (refused,) = (await execute_with_errors(client, BY_CODE, code=code))["errors"]
        assert refused["extensions"] == {"code": "BAD_USER_INPUT", "argument": "code"}
        assert "is no code: it must be a MaStR number" in refused["message"]


async def test_a_search_for_a_postal_code_finds_the_operators_there(
    client: httpx.AsyncClient, pool: Pool, networks: list[Dno]
) -> None:
    async def search(query: str) -> list[tuple[str, float]]:
        found = (await execute(client, SEARCH, query=query))["searchDnos"]
        return [(each["dno"]["slug"], each["score"]) for each in found]

    assert await search("80331") == [("netze-a", 0.9), ("netze-b", 0.9)]
    assert await search("80331 München") == [("netze-a", 0.9), ("netze-b", 0.9)]
    assert await search(" 10115, Berlin ") == [("netze-c", 0.9)]
    assert await search("99999") == []
    await make.place(pool, networks[0], "81369", municipality="München", locations=1)
    await make.place(pool, networks[2], "81369", municipality="München", locations=3)
    await until_equal(lambda: search("81369"), [("netze-c", 0.75), ("netze-a", 0.25)])
    assert (
        await search("PLZ 81369") == await search("D-81369 München") == [("netze-c", 0.75), ("netze-a", 0.25)]
    )
    # A name that follows the digits and is no municipality there is searched for as a name, beside the operators there.
    assert await search("81369 Berlin") == [("netze-c", 0.9), ("netze-a", 0.25)]
    assert (await search("81369 Netze b"))[0] == ("netze-b", 1.0)
    assert await search("81369 qqqqqqq") == [("netze-c", 0.75), ("netze-a", 0.25)]
