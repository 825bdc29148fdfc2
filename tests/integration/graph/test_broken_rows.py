"""One invalid row, written before or despite its constraint, breaks no list, vocabulary or cache."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from app.db.pool import Pool
from tests import factories as make

COLUMNS = {
    "capacity_mw_total": ["'NaN'", "'Infinity'", "1e30", "1e-40"],
    "updated_at": ["'infinity'", "'-infinity'"],
    "name": ["' '", "'-'", "E'\\x01\\x1b[2J'", "repeat('ﷺ', 300)", "E'\\u202e'"],
    "website": ["repeat('x', 20000)"],
    "region": ["''", "repeat('r', 20000)", "'Atlantis'"],
    "version": ["0", "2147483647"],
}
INVALID = [(column, value) for column, values in COLUMNS.items() for value in values]
EVERYTHING = (
    "{ dnos(first: 9) { totalCount nodes { id slug name region website statistics { capacityMw connectionPoints }"
    " tariffs(year: 2025) { leistung } } } }"
)


@pytest.fixture
async def admin(admin_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """The constraints of operators are dropped during a test."""
    connection = await asyncpg.connect(admin_url)
    rules = await connection.fetch(
        "SELECT conname, pg_get_constraintdef(oid) AS rule FROM pg_constraint"
        " WHERE conrelid = 'dnos'::regclass AND contype = 'c'"
    )
    for rule in rules:
        await connection.execute(f'ALTER TABLE dnos DROP CONSTRAINT "{rule["conname"]}"')
    yield connection
    await connection.execute(
        "SET session_replication_role = replica; DELETE FROM netzentgelte_data; DELETE FROM dnos"
    )
    for rule in rules:
        await connection.execute(f'ALTER TABLE dnos ADD CONSTRAINT "{rule["conname"]}" {rule["rule"]}')
    await connection.close()


@pytest.mark.parametrize(("column", "value"), INVALID)
async def test_valid_rows_are_still_answered(
    admin: Any, pool: Pool, client: httpx.AsyncClient, column: str, value: str
) -> None:
    await make.tariff(pool, await make.dno(pool, "netze-a", name="Netze Musterstadt"), 2025)
    await make.dno(pool, "netze-b", name="Netze Beispielhausen")
    await admin.execute("SET session_replication_role = replica")
    await admin.execute(f"UPDATE dnos SET {column} = {value} WHERE slug = 'netze-b'")
    for _ in range(2):
        whole = await execute_with_errors(client, EVERYTHING)
        assert "errors" not in whole, whole["errors"]
        nodes = whole["data"]["dnos"]["nodes"]
        assert "netze-a" in [node["slug"] for node in nodes]
        one = await execute_with_errors(
            client, '{ dno(slug: "netze-a") { name tariffs(year: 2025) { leistung } } }'
        )
        assert one["data"]["dno"]["name"] == "Netze Musterstadt"
        searched = await execute_with_errors(
            client, '{ dnos(first: 9, filter: {search: "musterstadt"}) { nodes { slug } } }'
        )
        assert searched["data"]["dnos"]["nodes"] == [{"slug": "netze-a"}]
        understood = await execute_with_errors(
            client, '{ naturalQuery(query: "Netze Musterstadt MS 2025") { interpretation { dno { slug } } } }'
        )
        assert understood["data"]["naturalQuery"]["interpretation"]["dno"] == {"slug": "netze-a"}


async def execute_with_errors(client: httpx.AsyncClient, query: str) -> Any:
    return (await client.post("/graphql", json={"query": query})).json()
