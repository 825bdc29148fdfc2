"""An editor lists the own changes of a day, and undoes them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.db.pool import Pool
from app.domain.account import Role
from app.domain.tariff import Tariff
from tests import factories as make
from tests.integration.graph.writing import Caller, global_id

OWN = """
query ($since: DateTime!, $first: Int, $after: String) {
  ownChanges(since: $since, first: $first, after: $after) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes { entryId entry { ... on Tariff { leistung } } revision { id kind version changedBy } }
  }
}
"""


@pytest.fixture
async def tariffs(pool: Pool) -> list[Tariff]:
    dno = await make.dno(pool, "netze-a")
    return [await make.tariff(pool, dno, year, leistung="58.20") for year in (2023, 2024, 2025)]


async def own(caller: Caller, since: datetime | None = None, **more: Any) -> Any:
    moment = since or datetime.now(UTC) - timedelta(days=1)
    return (await caller.execute(OWN, since=moment.isoformat(), **more))["ownChanges"]


async def test_own_changes_are_listed_and_those_of_others_are_not(
    editor: Caller, admin: Caller, tariffs: list[Tariff]
) -> None:
    for caller, tariff in ((editor, tariffs[0]), (admin, tariffs[1]), (editor, tariffs[2])):
        await caller.write("correctTariff", id=global_id(tariff), leistung="60")
        for each, name in ((editor, "editor (API key)"), (admin, "admin (API key)")):  # by turns
            assert {one["revision"]["changedBy"] for one in (await own(each))["nodes"]} <= {name}
    found = await own(editor)
    assert [one["entryId"] for one in found["nodes"]] == [global_id(tariffs[2]), global_id(tariffs[0])]
    assert found["totalCount"] == 2
    assert (await own(admin))["totalCount"] == 1


async def test_a_days_changes_are_undone_from_the_list(editor: Caller, tariffs: list[Tariff]) -> None:
    began = datetime.now(UTC)
    for tariff in tariffs:
        await editor.write("correctTariff", id=global_id(tariff), leistung="60")
        await editor.write("flag", id=global_id(tariff), reason="odd")
    changes = (await own(editor, began))["nodes"]
    assert [one["revision"]["kind"] for one in changes] == ["FLAGGED", "CORRECTED"] * 3
    latest = {one["entryId"]: one["revision"]["id"] for one in reversed(changes)}
    for revision in latest.values():
        assert (await editor.write("undo", revisionId=revision))["errors"] == []
    undone = (await own(editor, began))["nodes"][:3]
    assert [(one["revision"]["kind"], one["entry"]["leistung"]) for one in undone] == [("REVERTED", "60")] * 3


async def test_pages_and_the_moment_are_applied(editor: Caller, tariffs: list[Tariff]) -> None:
    for price in range(60, 65):
        await editor.write("correctTariff", id=global_id(tariffs[0]), leistung=f"{price}")
    versions: list[int] = []
    after, more = None, True
    while more:
        page = await own(editor, first=2, after=after)
        assert page["totalCount"] == 5
        versions += [one["revision"]["version"] for one in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert versions == [6, 5, 4, 3, 2]
    later = await own(editor, datetime.now(UTC) + timedelta(seconds=1))
    assert (later["nodes"], later["totalCount"]) == ([], 0)


async def test_own_changes_need_an_editor(callers: dict[Role | None, Caller], tariffs: list[Tariff]) -> None:
    document = '{ ownChanges(since: "2026-01-01T00:00:00Z") { totalCount } }'
    for _ in range(2):  # the last time a response of an editor could be in the cache
        for role, caller in callers.items():
            response = await caller.execute_with_errors(document)
            codes = [error["extensions"]["code"] for error in response.get("errors", ())]
            expected = {None: ["UNAUTHENTICATED"], Role.VIEWER: ["FORBIDDEN"]}.get(role, [])
            assert codes == expected, role


@pytest.mark.parametrize("after", ["", "x", "AAAA", "é", "x" * 500])
async def test_malformed_cursors_are_refused(editor: Caller, after: str) -> None:
    response = await editor.execute_with_errors(OWN, since="2026-01-01T00:00:00Z", after=after)
    assert [error["extensions"]["code"] for error in response["errors"]] == ["BAD_USER_INPUT"]
