"""The history of all families: filtered, page by page, the latest change first; never older than an answered write."""

from typing import Any
from uuid import UUID

import pytest

from app.db.pool import Pool
from app.domain.account import Role
from app.domain.dno import Dno
from app.domain.page_cursor import write_position
from app.resources import Resources
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.running import Running, issue_key, running
from tests.integration.graph.writing import Caller, global_id, mutation
from tests.waiting import until

CHANGES = """query ($since: DateTime, $filter: EntryFilter, $first: Int, $after: String) {
  changes(since: $since, filter: $filter, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { entryId } }
    nodes { entryId dataType year dno { slug } entry { __typename ... on Node { id } }
      revision { id kind version changedAt changedBy reason changes { field before after } } } } }"""


async def page(
    caller: Caller, since: str | None = None, first: int = 50, after: str | None = None, **filter: Any
) -> Any:
    found = (await caller.execute(CHANGES, since=since, filter=filter, first=first, after=after))["changes"]
    assert [edge["node"]["entryId"] for edge in found["edges"]] == [
        node["entryId"] for node in found["nodes"]
    ]
    return found


def kinds(found: Any) -> list[tuple[str, str]]:
    return [(node["dataType"], node["revision"]["kind"]) for node in found["nodes"]]


@pytest.fixture
async def dno(pool: Pool) -> Dno:
    return await make.dno(pool)


@pytest.fixture
async def changed(editor: Caller, admin: Caller, pool: Pool, dno: Dno) -> dict[str, str]:
    """Seven changes of four entries, each in a transaction of its own."""
    tariff = await make.tariff(pool, dno)
    window = await make.hlzf(pool, await make.dno(pool, "netze-b"), 2024, publication="PRELIMINARY")
    levy = await make.levy(pool)
    await editor.write("correctTariff", id=global_id(tariff), leistung="60.20", reason="misread")
    await editor.write("flag", id=global_id(window), reason="in doubt")
    await admin.write("verify", id=global_id(tariff))
    await pool.fetch("UPDATE hlzf_data SET deleted_at = now()")
    return {"tariff": global_id(tariff), "hlzf": global_id(window), "levy": f"levy_{levy.id.hex}"}


EVERYTHING = [
    ("HLZF", "DELETED"),
    ("NETZENTGELTE", "VERIFIED"),
    ("HLZF", "FLAGGED"),
    ("NETZENTGELTE", "CORRECTED"),
    ("LEVY", "CREATED"),
    ("HLZF", "CREATED"),
    ("NETZENTGELTE", "CREATED"),
]


async def test_changes_of_all_families_are_listed_page_by_page(
    editor: Caller, changed: dict[str, str]
) -> None:
    everything = await page(editor)
    assert kinds(everything) == EVERYTHING
    assert everything["totalCount"] == 7
    found: list[tuple[str, str]] = []
    after, more = None, True
    while more:
        part = await page(editor, first=2, after=after)
        assert part["pageInfo"]["hasPreviousPage"] is (after is not None)
        assert part["totalCount"] == 7
        found += kinds(part)
        after, more = part["pageInfo"]["endCursor"], part["pageInfo"]["hasNextPage"]
    assert found == EVERYTHING


async def test_a_change_has_its_revision_and_the_entry_as_it_is_now(
    editor: Caller, changed: dict[str, str]
) -> None:
    deleted, verified, _, corrected, levy, *_ = (await page(editor))["nodes"]
    assert (deleted["entryId"], deleted["entry"], deleted["dno"]["slug"]) == (
        changed["hlzf"],
        None,
        "netze-b",
    )
    assert (levy["entryId"], levy["entry"]["__typename"], levy["dno"]) == (changed["levy"], "Levy", None)
    for change in (verified, corrected):
        assert (change["entryId"], change["entry"]["id"], change["year"]) == (*[changed["tariff"]] * 2, 2025)
    revision = corrected["revision"]
    assert (revision["reason"], revision["version"]) == ("misread", 2)
    assert revision["changes"] == [{"field": "leistung", "before": "58.21", "after": "60.20"}]


async def test_changes_of_a_deleted_operator_are_listed_without_its_entries(
    editor: Caller, pool: Pool
) -> None:
    dno = await make.dno(pool)
    made = [await make.tariff(pool, dno), await make.holiday_rule(pool, dno), await make.levy(pool)]
    await pool.fetch("UPDATE dnos SET deleted_at = now()")
    document = """{ changes { nodes { dno { slug } entry {
        __typename ... on Tariff { dno { slug } } ... on HolidayRule { dno { slug } } } } } }"""
    nodes = (await editor.execute(document))["changes"]["nodes"]
    assert len(nodes) == len(made)
    assert [node["entry"] for node in nodes if node["entry"]] == [{"__typename": "Levy"}]
    assert all(node["dno"] is None for node in nodes)


@pytest.mark.parametrize(
    ("filter", "places"),
    [
        ({"dno": "netze-a"}, [1, 3, 6]),
        ({"dno": "netze-b"}, [0, 2, 5]),
        ({"dno": "netze-x"}, []),
        ({"dataType": "LEVY"}, [4]),
        ({"year": 2024}, [0, 2, 4, 5]),
        ({"voltageLevel": "MS"}, [0, 1, 2, 3, 5, 6]),
        ({"voltageLevel": "HS"}, []),
        ({"verificationStatus": "FLAGGED"}, [0, 2]),
        ({"verificationStatus": "VERIFIED", "dno": "netze-a"}, [1]),
        ({"publication": "PRELIMINARY"}, [0, 2, 5]),
        ({"publication": "FINAL"}, [1, 3, 6]),
    ],
)
async def test_a_filter_selects_changes_of_entries_to_which_all_of_it_applies(
    editor: Caller, changed: dict[str, str], filter: dict[str, Any], places: list[int]
) -> None:
    found = await page(editor, **filter)
    assert kinds(found) == [EVERYTHING[place] for place in places]
    assert found["totalCount"] == len(places)


async def test_changes_of_entries_that_are_unusual_now(editor: Caller, changed: dict[str, str]) -> None:
    assert kinds(await page(editor, implausible=True)) == [EVERYTHING[place] for place in (1, 3, 6)]
    assert kinds(await page(editor, implausible=False)) == [EVERYTHING[place] for place in (0, 2, 4, 5)]
    await editor.write("correctTariff", id=changed["tariff"], leistung="58.21")
    assert kinds(await page(editor, implausible=True)) == []


async def test_changes_since_a_moment_include_those_of_that_moment(
    editor: Caller, changed: dict[str, str]
) -> None:
    moments = [node["revision"]["changedAt"] for node in (await page(editor))["nodes"]]
    for place, moment in enumerate(moments):
        assert kinds(await page(editor, since=moment)) == EVERYTHING[: place + 1]
    assert kinds(await page(editor, since="2200-01-01T00:00:00Z")) == []
    assert kinds(await page(editor, since="1900-01-01T00:00:00+02:00")) == EVERYTHING


async def test_changes_of_one_moment_are_all_listed(editor: Caller, pool: Pool, dno: Dno) -> None:
    for year in range(2015, 2026):
        await make.tariff(pool, dno, year)
    await pool.fetch("UPDATE netzentgelte_data SET verification_status = 'flagged'")
    await pool.fetch("INSERT INTO revisions SELECT (json_populate_record(r, json_build_object('id', gen_random_uuid(),"
                     " 'version', version + 10, 'changed_at', '2030-01-01T00:00:00Z'))).* FROM revisions r")  # fmt: skip
    ids: list[tuple[str, int]] = []
    after, more = None, True
    while more:
        part = await page(editor, first=3, after=after)
        ids += [(node["entryId"], node["revision"]["version"]) for node in part["nodes"]]
        after, more = part["pageInfo"]["endCursor"], part["pageInfo"]["hasNextPage"]
    assert len(ids) == len(set(ids)) == 44


async def test_names_are_shown_to_editors_only(
    callers: dict[Role | None, Caller], changed: dict[str, str]
) -> None:
    for role, caller in callers.items():
        names = {node["revision"]["changedBy"] for node in (await page(caller))["nodes"]}
        assert (names == {None}) == (role not in (Role.EDITOR, Role.ADMIN)), role


@pytest.mark.parametrize("after", ["", "nonsense", "wAE", "x" * 2000])
async def test_a_damaged_cursor_is_refused(editor: Caller, after: str) -> None:
    answer = await editor.execute_with_errors(CHANGES, after=after)
    [error] = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("BAD_USER_INPUT", "after")


@pytest.mark.parametrize(
    ("moment", "version"),
    [
        ("2025-01-01T00:00:00", 1),
        ("0001-01-01T00:00:00+14:00", 1),
        ("9999-12-31T23:59:59-14:00", 1),
        ("2025-01-01T00:00:00Z", 2**31),
    ],
)
async def test_a_position_that_no_change_can_have_is_refused(
    editor: Caller, moment: str, version: int
) -> None:
    after = write_position((moment, UUID(int=1), version))
    answer = await editor.execute_with_errors(CHANGES, after=after)
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_cursor_of_entries_is_none_of_changes(editor: Caller, changed: dict[str, str]) -> None:
    entries = (await editor.execute("{ entries { pageInfo { endCursor } } }"))["entries"]
    answer = await editor.execute_with_errors(CHANGES, after=entries["pageInfo"]["endCursor"])
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_after_an_answered_write_every_list_has_the_change(
    server: Running, pool: Pool, settings: Settings, dno: Dno
) -> None:
    tariff = await make.tariff(pool, dno)
    await server.delivered()
    _, editor = await issue_key(pool, Role.EDITOR)
    read = """{ changes { nodes { revision { reason } } } ofOne: changes(filter: {dno: "netze-a"}, first: 1) {
      totalCount nodes { revision { reason } } } }"""
    async with running(settings) as other:

        async def reasons(instance: Running) -> set[str | None]:
            data = await instance.execute(read)
            return {data[name]["nodes"][0]["revision"]["reason"] for name in ("changes", "ofOne")}

        for n in range(6):
            writer, reader = (server, other) if n % 2 else (other, server)
            given = {"id": global_id(tariff), "leistung": f"{60 + n}", "reason": f"reason {n}"}
            answer = await writer.execute(mutation("correctTariff"), editor, input=given)
            assert answer["correctTariff"]["errors"] == []
            for _ in range(2):
                assert await reasons(writer) == {f"reason {n}"}

            async def is_there(instance: Running = reader, n: int = n) -> bool:
                return await reasons(instance) == {f"reason {n}"}

            await until(is_there)  # the message to another instance takes milliseconds


async def test_a_page_costs_a_statement_and_one_for_each_kind_of_record_on_it(
    resources: Resources, editor: Caller, changed: dict[str, str]
) -> None:
    sent: list[str] = []
    listen = resources.pool.fetch

    async def fetch(statement: str, *arguments: object, name: str = "other") -> Any:
        sent.append(name)
        return await listen(statement, *arguments, name=name)

    resources.pool.fetch = fetch  # type: ignore[method-assign]
    await editor.execute("{ changes { nodes { revision { id } entry { ... on Node { id } } } } }")
    of_page = {"history", "revisions", "tariffs", "hlzf", "levies"}
    assert sorted(name for name in sent if name in of_page) == sorted(of_page)
