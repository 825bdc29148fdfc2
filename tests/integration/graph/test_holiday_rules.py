"""Holiday rules: added, corrected, verified, reverted and read like other entries, without counting as figures."""

from typing import Any

import httpx
import pytest

from app.db.pool import Pool
from app.domain.dno import Dno
from tests import factories as make
from tests.integration.graph.graphql_client import execute
from tests.integration.graph.writing import Caller, refusals

RULE = """query ($year: Int!) { dno(slug: "netze-a") { years
  holidayRule(year: $year) { id version year bridgeDays bridgeDayWords verificationStatus } } }"""
STATUS = """query ($at: DateTime!) { dno(slug: "netze-a") {
  peakStatus(at: $at, voltageLevel: MS) { peak reason note } } }"""


@pytest.fixture
async def dno(pool: Pool) -> Dno:
    return await make.dno(pool, "netze-a", region="Bayern")


async def rule_of(caller: Caller, year: int) -> Any:
    return (await caller.execute(RULE, year=year))["dno"]["holidayRule"]


async def test_an_added_rule_is_returned_with_its_revision_and_holds_in_its_year(
    editor: Caller, dno: Dno
) -> None:
    added = await editor.write(
        "addHolidayRule",
        dno="netze-a",
        year=2026,
        bridgeDays="ONE_EXCLUDED",
        excludedDates=["2026-05-15", "2026-01-02", "2026-01-02"],
        holidays="NETWORK_AREA",
        holidayStates=["baden-wuerttemberg", "Bayern"],
        bridgeDayWords="ein Brückentag",
        sourceUrl="https://example.org/2026.pdf",
    )
    assert added["errors"] == []
    rule = added["holidayRule"]
    assert rule["excludedDates"] == ["2026-01-02", "2026-05-15"]
    assert rule["holidayStates"] == ["Baden-Württemberg", "Bayern"]
    assert (rule["year"], rule["version"], rule["christmas"], rule["workingDates"]) == (
        2026,
        1,
        "UNKNOWN",
        [],
    )
    changes = {change["field"]: change["after"] for change in added["revision"]["changes"]}
    assert changes["bridgeDays"] == "ONE_EXCLUDED"
    assert changes["excludedDates"] == "2026-01-02, 2026-05-15"
    assert changes["holidayStates"] == "Baden-Württemberg, Bayern"
    assert (await rule_of(editor, 2026))["bridgeDayWords"] == "ein Brückentag"
    assert await rule_of(editor, 2025) is None


async def test_a_rule_without_a_year_holds_in_each_year_without_a_rule_of_its_own(
    editor: Caller, dno: Dno
) -> None:
    await editor.write("addHolidayRule", dno="netze-a", bridgeDays="ALL_EXCLUDED")
    await editor.write("addHolidayRule", dno="netze-a", year=2025, bridgeDays="WORKING_DAYS")
    found = [await rule_of(editor, year) for year in (2024, 2025, 2026)]
    assert [(rule["year"], rule["bridgeDays"]) for rule in found] == [
        (None, "ALL_EXCLUDED"),
        (2025, "WORKING_DAYS"),
        (None, "ALL_EXCLUDED"),
    ]
    again = await editor.write("addHolidayRule", dno="netze-a")
    assert refusals(again) == [("CONFLICT", ["input", "year"])]


async def test_a_correction_changes_what_is_given_and_answers_at_once(
    editor: Caller, admin: Caller, dno: Dno, pool: Pool
) -> None:
    await make.hlzf(pool, dno, 2026, windows="07:30-13:00")
    bridge_day = {"at": "2026-01-02T08:00:00+01:00"}

    async def status() -> Any:
        return (await editor.execute(STATUS, **bridge_day))["dno"]["peakStatus"]

    assert (await status())["reason"] == "UNKNOWN"
    added = await editor.write("addHolidayRule", dno="netze-a", bridgeDayWords="alle")
    id = added["holidayRule"]["id"]
    done = await editor.write("correctHolidayRule", id=id, bridgeDays="ALL_EXCLUDED", reason="page 2")
    assert done["revision"]["changes"] == [
        {"field": "bridgeDays", "before": "UNKNOWN", "after": "ALL_EXCLUDED"}
    ]
    assert await status() == {
        "peak": False,
        "reason": "BRIDGE_DAY",
        "note": "the operator excludes all bridge days",
    }
    done = await editor.write(
        "correctHolidayRule", id=id, bridgeDays="WORKING_DAYS", bridgeDayWords=None, expectedVersion=2
    )
    assert done["holidayRule"]["bridgeDayWords"] is None
    assert (await status())["peak"] is True
    undone = await admin.write("revert", revisionId=done["revision"]["id"])
    assert undone["entry"]["bridgeDays"] == "ALL_EXCLUDED"
    assert (await status())["reason"] == "BRIDGE_DAY"
    verified = await admin.write("verify", id=id)
    assert verified["entry"]["verificationStatus"] == "VERIFIED"
    late = await editor.write("correctHolidayRule", id=id, bridgeDays="UNKNOWN", expectedVersion=2)
    assert refusals(late) == [("CONFLICT", ["input", "expectedVersion"])]


async def test_a_rule_alone_is_no_figure(client: httpx.AsyncClient, editor: Caller, dno: Dno) -> None:
    await editor.write("addHolidayRule", dno="netze-a", year=2026, bridgeDays="ALL_EXCLUDED")
    data = await execute(
        client,
        '{ dno(slug: "netze-a") { years } coverage { totalEntries byYear { year } byRegion { dnosWithData } }'
        " dnos(filter: {hasDataForYear: 2026}) { totalCount } }",
    )
    assert data["dno"]["years"] == []
    assert data["coverage"] == {"totalEntries": 0, "byYear": [], "byRegion": [{"dnosWithData": 0}]}
    assert data["dnos"] == {"totalCount": 0}


async def test_a_rule_is_found_by_its_id_and_in_its_history(editor: Caller, dno: Dno) -> None:
    added = await editor.write("addHolidayRule", dno="netze-a", bridgeDays="ALL_EXCLUDED")
    id = added["holidayRule"]["id"]
    node = """query ($id: ID!) { node(id: $id) { ... on HolidayRule {
        year bridgeDays dno { slug } history { kind version changedBy } } } }"""
    assert (await editor.execute(node, id=id))["node"] == {
        "year": None,
        "bridgeDays": "ALL_EXCLUDED",
        "dno": {"slug": "netze-a"},
        "history": [{"kind": "CREATED", "version": 1, "changedBy": "editor (API key)"}],
    }


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"year": 1999}, "year"),
        ({"year": 2000}, "year"),
        ({"year": 2026, "excludedDates": ["2025-01-02"]}, "excludedDates"),
        ({"year": 2026, "workingDates": ["2027-01-01"]}, "workingDates"),
        ({"excludedDates": ["1999-12-31"]}, "excludedDates"),
        ({"excludedDates": ["2026-01-02"], "workingDates": ["2026-01-02"]}, "workingDates"),
        (
            {"excludedDates": [f"2026-{m:02}-{d:02}" for m in range(1, 6) for d in range(1, 22)]},
            "excludedDates",
        ),
        ({"holidays": "NETWORK_AREA", "holidayStates": ["Tirol"]}, "holidayStates"),
        ({"holidays": "NETWORK_AREA", "holidayStates": ["Bayern"] * 17}, "holidayStates"),
        ({"holidays": "STATE", "holidayStates": ["Bayern"]}, "holidayStates"),
        ({"bridgeDayWords": "x" * 2001}, "bridgeDayWords"),
        ({"holidayWords": "a\0b"}, "holidayWords"),
    ],
)
async def test_an_invalid_rule_is_refused_with_its_field(
    editor: Caller, dno: Dno, wrong: dict[str, Any], field: str
) -> None:
    assert refusals(await editor.write("addHolidayRule", dno="netze-a", **wrong)) == [
        ("INVALID", ["input", field])
    ]


async def test_a_correction_is_checked_together_with_what_stays(editor: Caller, dno: Dno) -> None:
    added = await editor.write("addHolidayRule", dno="netze-a", year=2026, excludedDates=["2026-01-02"])
    id = added["holidayRule"]["id"]
    wrong = await editor.write("correctHolidayRule", id=id, workingDates=["2026-01-02"])
    assert refusals(wrong) == [("INVALID", ["input", "workingDates"])]
    moved = await editor.write("correctHolidayRule", id=id, workingDates=["2026-01-02"], excludedDates=[])
    assert moved["holidayRule"]["workingDates"] == ["2026-01-02"]
    same = await editor.write("correctHolidayRule", id=id, workingDates=["2026-01-02"])
    assert (same["revision"], same["errors"]) == (None, [])


async def test_the_source_of_a_rule_is_corrected_and_cleared(editor: Caller, dno: Dno) -> None:
    added = await editor.write("addHolidayRule", dno="netze-a", sourceUrl="https://example.org/old.pdf")
    id = added["holidayRule"]["id"]
    kept = await editor.write("correctHolidayRule", id=id, bridgeDays="ALL_EXCLUDED")
    assert kept["holidayRule"]["source"] == {"url": "https://example.org/old.pdf"}
    moved = await editor.write("correctHolidayRule", id=id, sourceUrl="https://example.org/new.pdf")
    assert moved["holidayRule"]["source"] == {"url": "https://example.org/new.pdf"}
    assert [change["field"] for change in moved["revision"]["changes"]] == ["sourceUrl"]
    cleared = await editor.write("correctHolidayRule", id=id, sourceUrl=None)
    assert cleared["holidayRule"]["source"] is None
    wrong = await editor.write("correctHolidayRule", id=id, sourceUrl=" https://example.org")
    assert refusals(wrong) == [("INVALID", ["input", "sourceUrl"])]


async def test_writes_need_the_role_of_an_editor(callers: Any, dno: Dno) -> None:
    refused = await callers[None].write("addHolidayRule", dno="netze-a")
    assert refusals(refused) == [("UNAUTHENTICATED", None)]
