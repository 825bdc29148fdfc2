"""The history of figures: complete, read in one statement for many entries, and immutable."""

from typing import Any

import asyncpg
import httpx
import pytest

from app.db.pool import Pool
from app.domain.account import Role
from app.domain.entry import VoltageLevel
from app.observability import metrics
from tests import factories as make
from tests.integration.graph.graphql_client import error_codes, execute
from tests.integration.graph.writing import Caller, global_id
from tests.waiting import until

HISTORIES = """
query ($slug: String!, $first: Int) {
  dno(slug: $slug) {
    tariffs { history(first: $first) { id kind version changedAt changedBy reason changes { field before after } } }
    hlzf { history(first: $first) { id kind version changedBy changes { field before after } } }
  }
}
"""


async def test_every_write_is_in_the_history_newest_first(editor: Caller, admin: Caller, pool: Pool) -> None:
    tariff = await make.tariff(pool, await make.dno(pool), leistung="58.20")
    payloads = [
        await editor.write("correctTariff", id=global_id(tariff), leistung="60", reason="misread"),
        await editor.write("flag", id=global_id(tariff), reason="odd"),
        await admin.write("verify", id=global_id(tariff)),
    ]
    await pool.fetch("UPDATE netzentgelte_data SET leistung = 61")
    document = HISTORIES.replace("history(first: $first)", "history").replace(", $first: Int", "")
    data = await wait_until_listed(lambda: editor.execute(document, slug="netze-a"), "61")
    by_hand, *others = data["dno"]["tariffs"][0]["history"]
    assert others[:3] == [payload["revision"] for payload in reversed(payloads)]
    assert [one["kind"] for one in others] == ["VERIFIED", "FLAGGED", "CORRECTED", "CREATED"]
    assert (by_hand["kind"], by_hand["version"], by_hand["changedBy"]) == ("CORRECTED", 5, None)
    assert by_hand["changes"] == [{"field": "leistung", "before": "60", "after": "61"}]
    moments = [one["changedAt"] for one in (by_hand, *others)]
    assert moments == sorted(moments, reverse=True)


async def test_windows_have_a_history_too(editor: Caller, client: httpx.AsyncClient, pool: Pool) -> None:
    hlzf = await make.hlzf(pool, await make.dno(pool))
    await editor.write("correctHlzf", id=global_id(hlzf), windows=[])
    [entry] = (await execute(client, HISTORIES, slug="netze-a"))["dno"]["hlzf"]
    newest = entry["history"][0]
    assert newest["kind"] == "CORRECTED"
    assert newest["changes"] == [{"field": "windows", "before": "07:30-13:00, 16:00-19:00", "after": ""}]


async def test_names_of_authors_are_visible_to_editors_and_administrators(
    callers: dict[Role | None, Caller], pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    await callers[Role.EDITOR].write("correctTariff", id=global_id(tariff), leistung="60")
    shown: dict[Any, Any] = {}
    for _ in range(2):  # the second time from L1
        for role in (Role.ADMIN, None, Role.EDITOR, Role.VIEWER):
            data = await callers[role].execute(HISTORIES, slug="netze-a", first=1)
            shown[role] = data["dno"]["tariffs"][0]["history"][0]["changedBy"]
    author = "editor (API key)"
    assert shown == {Role.ADMIN: author, Role.EDITOR: author, Role.VIEWER: None, None: None}


async def test_a_history_has_the_requested_length(
    editor: Caller, client: httpx.AsyncClient, pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    for price in range(25):
        await editor.write("correctTariff", id=global_id(tariff), leistung=f"{60 + price}")
    document = "query ($id: ID!, $first: Int = 20) { node(id: $id) { ... on Tariff { history(first: $first) { version } } } }"

    async def versions(**first: Any) -> list[int]:
        data = await execute(client, document, id=global_id(tariff), **first)
        return [one["version"] for one in data["node"]["history"]]

    assert await versions() == await versions(first=None) == list(range(26, 6, -1))
    assert await versions(first=1) == [26]
    assert await versions(first=100) == list(range(26, 0, -1))
    assert await error_codes(client, document, id=global_id(tariff), first=101) == ["BAD_USER_INPUT"]


async def test_many_histories_cost_one_statement(client: httpx.AsyncClient, pool: Pool) -> None:
    dno = await make.dno(pool)
    for year in range(2015, 2025):
        for level in (VoltageLevel.MS, VoltageLevel.NS):
            await make.tariff(pool, dno, year, level)
    await execute(client, '{ dno(slug: "netze-a") { tariffs { id } } }')
    # By name, since background jobs send statements, too.
    sent = metrics.STATEMENTS.labels("history")._value.get
    before = sent()
    data = await execute(client, '{ dno(slug: "netze-a") { tariffs { history { version } } } }')
    assert [len(tariff["history"]) for tariff in data["dno"]["tariffs"]] == [1] * 20
    assert sent() == before + 1


async def test_a_revision_of_a_deleted_entry_is_found_by_its_id(
    editor: Caller, admin: Caller, client: httpx.AsyncClient, pool: Pool
) -> None:
    await make.dno(pool)
    added = await editor.write("addTariff", dno="netze-a", year=2026, voltageLevel="MS", leistung="58")
    deletion = await admin.write("revert", revisionId=added["revision"]["id"])
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Revision { kind version } } }"
    ids = [added["revision"]["id"], deletion["revision"]["id"]]
    assert (await execute(client, document, ids=ids))["nodes"] == [
        {"kind": "CREATED", "version": 1},
        {"kind": "DELETED", "version": 2},
    ]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE revisions SET reason = 'other'", "DELETE FROM revisions", "TRUNCATE revisions"],
)
async def test_revisions_can_be_neither_changed_nor_deleted(pool: Pool, statement: str) -> None:
    await make.tariff(pool, await make.dno(pool))
    async with pool.connection() as connection:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.execute(statement)


async def wait_until_listed(read: Any, price: str) -> Any:
    """The event of a manual update is delivered by the relay."""

    async def listed() -> Any:
        data = await read()
        changes = data["dno"]["tariffs"][0]["history"][0]["changes"]
        return data if changes[0]["after"] == price else None

    return await until(listed)
