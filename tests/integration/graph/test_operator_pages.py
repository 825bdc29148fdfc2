"""Pages of the list of operators: their order, filters and cursors, and what a change of operators does to them."""

from typing import Any

import httpx
import pytest

from app.db.pool import Pool
from app.resources import Resources
from tests import factories as make
from tests.integration.graph.graphql_client import error_codes, execute
from tests.waiting import until, until_equal

PAGE = """
query ($first: Int, $after: String, $order: DnoOrder, $filter: DnoFilter) {
  dnos(first: $first, after: $after, orderBy: $order, filter: $filter) {
    totalCount nodes { slug } edges { cursor node { slug } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""


@pytest.fixture
async def many(pool: Pool) -> list[str]:
    return await _operators(pool)


@pytest.fixture(scope="module")
async def lasting_many(lasting_resources: Resources) -> list[str]:
    """As `many`, in the database of `lasting_resources`."""
    return await _operators(lasting_resources.pool)


async def _operators(pool: Pool) -> list[str]:
    """Several of them have equal names and sizes."""
    made = []
    for number in range(11):
        dno = await make.dno(
            pool,
            f"netz-{(number * 7) % 11:02}",
            name=("Überland", "uberland", "Ost", "Nord")[number % 4],
            region=("Bayern", "Hessen", None)[number % 3],
            city=("Bad Öhring", "Ulm")[number % 2],
            connection_points_ns=(None, 5, 5, 900)[number % 4],
            transmission=number == 3,
            closed_network=number == 4,
        )
        made.append(dno.slug)
        if number % 5 == 0:
            await make.hlzf(pool, dno, 2025)
    return made


@pytest.mark.parametrize("order", ["NAME", "SLUG", "CONNECTION_POINTS", "UPDATED_AT"])
@pytest.mark.parametrize("first", [1, 3, 11, 100])
async def test_pages_contain_each_operator_once_and_in_order(
    lasting_client: httpx.AsyncClient, lasting_many: list[str], order: str, first: int
) -> None:
    whole = (await execute(lasting_client, PAGE, first=100, order=order))["dnos"]
    assert sorted(edge["node"]["slug"] for edge in whole["edges"]) == sorted(lasting_many)
    assert (whole["pageInfo"]["hasNextPage"], whole["pageInfo"]["hasPreviousPage"]) == (False, False)
    seen: list[str] = []
    after = None
    while True:
        page = (await execute(lasting_client, PAGE, first=first, after=after, order=order))["dnos"]
        assert page["totalCount"] == 11
        assert page["nodes"] == [edge["node"] for edge in page["edges"]]
        assert page["pageInfo"]["hasPreviousPage"] is bool(seen)
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
        seen += [edge["node"]["slug"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == [edge["node"]["slug"] for edge in whole["edges"]]


async def test_names_are_in_german_order_and_equal_names_by_slug(
    lasting_client: httpx.AsyncClient, lasting_many: list[str]
) -> None:
    data = await execute(lasting_client, "{ dnos { nodes { name slug } } }")
    keys = [(node["name"].casefold().replace("ü", "u"), node["slug"]) for node in data["dnos"]["nodes"]]
    assert keys == sorted(keys)


async def test_operators_are_sorted_by_size_with_unknown_sizes_last(
    lasting_client: httpx.AsyncClient, lasting_many: list[str]
) -> None:
    data = await execute(
        lasting_client,
        "{ dnos(orderBy: CONNECTION_POINTS) { nodes { slug statistics { connectionPoints } } } }",
    )
    sizes = [(node["statistics"] or {}).get("connectionPoints") for node in data["dnos"]["nodes"]]
    assert sizes == [900, 900, 5, 5, 5, 5, 5, 5, None, None, None]


@pytest.mark.parametrize(
    ("filter", "count"),
    [
        ({}, 11),
        ({"region": "Bayern"}, 4),
        ({"region": "bayern"}, 4),
        ({"region": "BAYERN "}, 4),
        ({"region": "Sachsen"}, 0),
        ({"hasDataForYear": 2025}, 3),
        ({"hasDataForYear": 1999}, 0),
        ({"transmission": True}, 1),
        ({"transmission": False}, 10),
        ({"closedNetwork": True}, 1),
        ({"search": "uber"}, 6),
        ({"search": "über ohr"}, 3),
        ({"search": "  "}, 11),
        ({"search": "netz"}, 11),
        ({"region": "Bayern", "hasDataForYear": 2025}, 1),
        ({"region": None, "search": None}, 11),
    ],
)
async def test_filters_are_combined(
    lasting_client: httpx.AsyncClient, lasting_many: list[str], filter: dict[str, Any], count: int
) -> None:
    page = (await execute(lasting_client, PAGE, first=2, filter=filter))["dnos"]
    assert page["totalCount"] == count
    assert len(page["nodes"]) == min(2, count)
    assert page["pageInfo"]["hasNextPage"] is (count > 2)
    if not count:
        assert (page["pageInfo"]["startCursor"], page["pageInfo"]["endCursor"]) == (None, None)


@pytest.mark.parametrize("region", ["Atlantis", "", "  ", "Baden", "\0"])
async def test_a_list_of_an_unknown_region_is_refused(
    lasting_client: httpx.AsyncClient, lasting_many: list[str], region: str
) -> None:
    assert await error_codes(lasting_client, PAGE, first=2, filter={"region": region}) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("first", [0, -1, 101])
async def test_the_size_of_a_page_is_limited(
    lasting_client: httpx.AsyncClient, lasting_many: list[str], first: int
) -> None:
    assert await error_codes(lasting_client, PAGE, first=first) == ["BAD_USER_INPUT"]
    search = 'query ($first: Int) { searchDnos(query: "ost", first: $first) { score } }'
    assert await error_codes(lasting_client, search, first=first) == ["BAD_USER_INPUT"]


async def test_a_null_argument_is_the_same_as_an_omitted_one(
    lasting_client: httpx.AsyncClient, lasting_many: list[str]
) -> None:
    page = (await execute(lasting_client, PAGE, first=None, after=None, order=None, filter=None))["dnos"]
    assert len(page["nodes"]) == 11


async def test_a_cursor_of_another_order_or_a_damaged_one_is_refused(
    lasting_client: httpx.AsyncClient, lasting_many: list[str]
) -> None:
    cursor = (await execute(lasting_client, PAGE, first=1, order="NAME"))["dnos"]["pageInfo"]["endCursor"]
    for damaged in (cursor[:-2], cursor + "AA", cursor[::-1], "", "Ω", "x" * 2000, "AAAA"):
        assert await error_codes(lasting_client, PAGE, after=damaged, order="NAME") == ["BAD_USER_INPUT"], (
            damaged
        )
    for order in ("SLUG", "CONNECTION_POINTS", "UPDATED_AT"):
        assert await error_codes(lasting_client, PAGE, after=cursor, order=order) == ["BAD_USER_INPUT"]


# Changes of operators


async def test_a_new_operator_is_in_the_list_and_a_deleted_one_is_not(
    client: httpx.AsyncClient, resources: Resources, pool: Pool, many: list[str]
) -> None:
    async def total() -> int:
        count: int = (await execute(client, "{ dnos { totalCount } }"))["dnos"]["totalCount"]
        return count

    assert await total() == 11
    await make.dno(pool, "neu")
    await until_equal(total, 12)
    async with pool.connection() as connection:
        await connection.execute("UPDATE dnos SET deleted_at = now() WHERE slug IN ('neu', 'netz-00')")
    await until_equal(total, 10)


async def test_the_next_page_is_correct_though_the_operator_of_the_cursor_is_deleted(
    client: httpx.AsyncClient, resources: Resources, pool: Pool, many: list[str]
) -> None:
    first = (await execute(client, PAGE, first=3, order="SLUG"))["dnos"]
    assert [node["slug"] for node in first["nodes"]] == ["netz-00", "netz-01", "netz-02"]
    async with pool.connection() as connection:
        await connection.execute("UPDATE dnos SET deleted_at = now() WHERE slug = 'netz-02'")
    await until(lambda: resources.memory.get("directory") is None)
    page = (await execute(client, PAGE, first=3, after=first["pageInfo"]["endCursor"], order="SLUG"))["dnos"]
    assert [node["slug"] for node in page["nodes"]] == ["netz-03", "netz-04", "netz-05"]
