"""Several entries are written in one transaction: all of them, or none."""

import asyncio
from typing import Any

import pytest

from app.db.pool import Pool
from app.domain.dno import Dno
from app.domain.tariff import Tariff
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.running import issue_key, running
from tests.integration.graph.writing import Caller, global_id, refusals

WRITE = """
mutation ($input: WriteEntriesInput!) {
  writeEntries(input: $input) {
    written
    results {
      entry { __typename ... on Tariff { id version leistung verificationStatus } ... on Hlzf { id version } }
      revision { kind version changedBy }
      changes { field before after }
      errors { code field currentVersion }
      warnings { code field }
    }
    errors { code message field currentVersion }
    warnings { code message field }
  }
}
"""
# The limit of a second in production; a busy computer may take longer.
SECOND = 30
SHEET = {
    "dno": "netze-a",
    "year": 2026,
    "sourceUrl": "https://example.org/2026.pdf",
    "publication": "PRELIMINARY",
}


def tariff_of(level: str, **more: Any) -> dict[str, Any]:
    return {"addTariff": SHEET | {"voltageLevel": level, "leistung": "58.20", "arbeit": "1.26"} | more}


@pytest.fixture
async def dno(pool: Pool) -> Dno:
    return await make.dno(pool, "netze-a")


@pytest.fixture
async def tariff(pool: Pool, dno: Dno) -> Tariff:
    return await make.tariff(pool, dno, 2025, leistung="58.20")


async def write(caller: Caller, *writes: dict[str, Any], **more: Any) -> Any:
    return (await caller.execute(WRITE, input={"writes": list(writes), **more}))["writeEntries"]


def correction(tariff: Tariff, leistung: str, **more: Any) -> dict[str, Any]:
    return {"correctTariff": {"id": global_id(tariff), "leistung": leistung, **more}}


async def count(pool: Pool, table: str) -> int:
    [row] = await pool.fetch(f"SELECT count(*) FROM {table}")
    return int(row["count"])


async def newest_event(pool: Pool) -> int:
    """Of those that are not relayed yet; 0 without any."""
    [row] = await pool.fetch("SELECT coalesce(max(id), 0) AS id FROM outbox")
    return int(row["id"])


async def test_a_whole_price_sheet_is_added_in_one_transaction(editor: Caller, dno: Dno, pool: Pool) -> None:
    levels = ("HOES", "HOES_HS", "HS", "HS_MS", "MS", "MS_NS", "NS")
    window = {"season": "WINTER", "voltageLevel": "MS", "windows": [{"start": "07:30", "end": "09:00"}]}
    payload = await write(
        editor,
        *(tariff_of(level) for level in levels),
        {"addHlzf": SHEET | window},
        {"addTimeOfUse": SHEET | {"bands": [{"band": "ST", "price": "6.70"}], "windows": []}},
        {"addPrice": SHEET | {"kind": "SLP_GRUNDPREIS", "amount": "60"}},
        {"addHolidayRule": {"dno": "netze-a", "year": 2026, "bridgeDays": "ALL_EXCLUDED"}},
    )
    assert (payload["written"], payload["errors"], len(payload["results"])) == (True, [], 11)
    assert {(one["revision"]["kind"], one["revision"]["version"]) for one in payload["results"]} == {
        ("CREATED", 1)
    }
    assert {one["revision"]["changedBy"] for one in payload["results"]} == {"editor (API key)"}
    assert [one["entry"]["__typename"] for one in payload["results"]] == [
        *["Tariff"] * 7, "Hlzf", "TimeOfUseTariff", "Price", "HolidayRule",
    ]  # fmt: skip
    assert all(one["changes"] for one in payload["results"])
    [row] = await pool.fetch("SELECT count(DISTINCT written_in), count(*) AS all FROM revisions")
    assert tuple(row) == (1, 11)
    found = await editor.execute(
        '{ dno(slug: "netze-a") { tariffs(year: 2026) { voltageLevel publication } } }'
    )
    assert [one["voltageLevel"] for one in found["dno"]["tariffs"]] == list(levels)


async def test_one_refused_write_refuses_all_and_every_error_is_listed(
    editor: Caller, tariff: Tariff, pool: Pool
) -> None:
    before = [await count(pool, table) for table in ("revisions", "netzentgelte_data")]
    event = await newest_event(pool)
    payload = await write(
        editor,
        tariff_of("HS"),
        tariff_of("MS", leistung="-1"),
        correction(tariff, "60"),
        {"addHlzf": SHEET | {"dno": "unknown", "voltageLevel": "MS", "season": "WINTER", "windows": []}},
        {"addHlzf": SHEET | {
            "voltageLevel": "MS", "season": "WINTER",
            "windows": [{"start": "07:30", "end": "09:00"}, {"start": "10:00", "end": "09:30"}],
        }},
    )  # fmt: skip
    assert not payload["written"]
    assert refusals(payload) == [
        ("INVALID", ["input", "writes", "1", "addTariff", "leistung"]),
        ("NOT_FOUND", ["input", "writes", "3", "addHlzf", "dno"]),
        ("INVALID", ["input", "writes", "4", "addHlzf", "windows", "1", "end"]),
    ]
    assert [len(one["errors"]) for one in payload["results"]] == [0, 1, 0, 1, 1]
    assert {one["entry"] is None and one["revision"] is None for one in payload["results"]} == {True}
    assert payload["results"][2]["changes"] == [{"field": "leistung", "before": "58.20", "after": "60"}]
    assert [await count(pool, table) for table in ("revisions", "netzentgelte_data")] == before
    assert await newest_event(pool) <= event


async def test_a_dry_run_returns_warnings_and_changes_and_writes_nothing(
    editor: Caller, tariff: Tariff, pool: Pool
) -> None:
    before = [await count(pool, table) for table in ("revisions", "netzentgelte_data")]
    event = await newest_event(pool)
    writes = (correction(tariff, "60"), tariff_of("MS", leistung="180"))
    payload = await write(editor, *writes, dryRun=True)
    assert (payload["written"], payload["errors"]) == (False, [])
    assert [(one["code"], one["field"]) for one in payload["warnings"]] == [
        ("PAIRS_DO_NOT_MEET", ["input", "writes", "0", "correctTariff", "leistung"])
    ]
    assert [one["entry"] or one["revision"] for one in payload["results"]] == [None, None]
    assert payload["results"][0]["changes"] == [{"field": "leistung", "before": "58.20", "after": "60"}]
    assert [await count(pool, table) for table in ("revisions", "netzentgelte_data")] == before
    assert await newest_event(pool) <= event
    node = "query ($id: ID!) { node(id: $id) { ... on Tariff { leistung version history { version } } } }"
    assert (await editor.execute(node, id=global_id(tariff)))["node"] == {
        "leistung": "58.20", "version": 1, "history": [{"version": 1}],
    }  # fmt: skip
    written = await write(editor, *writes)
    assert written["written"]
    assert written["warnings"] == payload["warnings"]
    assert [one["changes"] for one in written["results"]] == [one["changes"] for one in payload["results"]]


async def test_a_conflict_returns_the_entry_as_it_is_now(editor: Caller, tariff: Tariff) -> None:
    payload = await write(editor, tariff_of("HS"), correction(tariff, "60", expectedVersion=7))
    assert refusals(payload) == [("CONFLICT", ["input", "writes", "1", "correctTariff", "expectedVersion"])]
    conflicting = payload["results"][1]
    assert (conflicting["entry"]["id"], conflicting["entry"]["version"]) == (global_id(tariff), 1)
    assert payload["errors"][0]["currentVersion"] == 1


async def test_a_conflict_with_an_earlier_write_returns_no_entry_that_was_never_written(
    editor: Caller, tariff: Tariff
) -> None:
    payload = await write(editor, tariff_of("HS"), tariff_of("HS"))
    assert refusals(payload) == [("CONFLICT", ["input", "writes", "1", "addTariff", "voltageLevel"])]
    assert payload["results"][1]["entry"] is None
    payload = await write(editor, correction(tariff, "60"), correction(tariff, "61", expectedVersion=1))
    assert payload["results"][1]["entry"] is None


async def test_each_write_needs_the_role_of_its_own_mutation(
    editor: Caller, admin: Caller, tariff: Tariff
) -> None:
    id = global_id(tariff)
    for forbidden in (
        {"verify": {"id": id}},
        {"delete": {"id": id, "reason": "odd"}},
        correction(tariff, "61", verify=True),
    ):
        [name] = forbidden
        payload = await write(editor, correction(tariff, "60"), forbidden)
        assert refusals(payload) == [("FORBIDDEN", ["input", "writes", "1", name])]
        assert not payload["written"]
    payload = await write(admin, correction(tariff, "60"), {"verify": {"id": id}})
    assert [one["entry"]["verificationStatus"] for one in payload["results"]] == ["UNVERIFIED", "VERIFIED"]
    deleted = await write(
        admin, {"flag": {"id": id, "reason": "odd"}}, {"delete": {"id": id, "reason": "odd"}}
    )
    assert [one["revision"]["kind"] for one in deleted["results"]] == ["FLAGGED", "DELETED"]
    assert deleted["results"][1]["entry"] is None
    gone = await write(admin, {"unflag": {"id": id}})
    assert refusals(gone) == [("NOT_FOUND", ["input", "writes", "0", "unflag", "id"])]


async def test_later_writes_see_earlier_ones_and_unchanged_entries_get_no_revision(
    editor: Caller, tariff: Tariff
) -> None:
    payload = await write(
        editor,
        correction(tariff, "58.20"),
        correction(tariff, "60", expectedVersion=1),
        correction(tariff, "60"),
        {"flag": {"id": global_id(tariff), "expectedVersion": 2, "reason": "odd"}},
        correction(tariff, "60"),
    )
    assert payload["errors"] == []
    assert [(one["revision"] or {}).get("kind") for one in payload["results"]] == [
        None, "CORRECTED", None, "FLAGGED", None,
    ]  # fmt: skip
    assert [one["entry"]["version"] for one in payload["results"]] == [1, 2, 2, 3, 3]
    node = "query ($id: ID!) { node(id: $id) { ... on Tariff { leistung version } } }"
    assert (await editor.execute(node, id=global_id(tariff)))["node"] == {"leistung": "60", "version": 3}


async def test_writes_that_change_nothing_are_written_without_revisions(
    editor: Caller, tariff: Tariff
) -> None:
    payload = await write(editor, correction(tariff, "58.20"), correction(tariff, "58.2"))
    assert (payload["written"], payload["errors"]) == (True, [])
    assert [one["revision"] for one in payload["results"]] == [None, None]


async def test_the_number_of_writes_is_bounded(editor: Caller, tariff: Tariff) -> None:
    for number in (0, 101):
        payload = await write(editor, *[correction(tariff, "60")] * number)
        assert (refusals(payload), payload["results"]) == ([("INVALID", ["input", "writes"])], [])
    payload = await write(editor, *[correction(tariff, f"{60 + number}") for number in range(100)])
    assert (payload["written"], payload["results"][-1]["entry"]["version"]) == (True, 101)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"verify": None}, {"verify": {"id": "x"}, "unflag": {"id": "x"}}, {"revert": {}}, None],
)
async def test_a_write_has_exactly_one_input(editor: Caller, wrong: Any) -> None:
    flag = {"flag": {"id": "x", "reason": "y"}}
    response = await editor.execute_with_errors(WRITE, input={"writes": [flag, wrong]})
    assert "data" not in response
    for error in response["errors"]:
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert error["extensions"]["field"][:3] == ["input", "writes", "1"]
        assert error["locations"]


@pytest.mark.parametrize("wrong", ["{}", "{verify: null}", '{verify: {id: "x"}, unflag: {id: "x"}}'])
async def test_a_write_in_the_document_has_exactly_one_input(editor: Caller, wrong: str) -> None:
    document = f"mutation {{ writeEntries(input: {{writes: [{wrong}]}}) {{ written }} }}"
    response = await editor.execute_with_errors(document)
    assert "data" not in response
    for error in response["errors"]:
        assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert error["locations"][0]["column"] > document.index("writes: ")


async def test_the_input_of_a_write_may_be_a_variable(editor: Caller, tariff: Tariff) -> None:
    document = "mutation ($flag: FlagInput) { writeEntries(input: {writes: [{flag: $flag}]}) { written } }"
    flag = {"id": global_id(tariff), "reason": "misread"}
    assert await editor.execute(document, flag=flag) == {"writeEntries": {"written": True}}


async def test_writes_in_another_order_at_the_same_time_are_all_written(
    editor: Caller, dno: Dno, pool: Pool
) -> None:
    tariffs = [await make.tariff(pool, dno, year) for year in range(2015, 2025)]
    payloads = await asyncio.gather(
        write(editor, *(correction(each, "70") for each in tariffs)),
        write(editor, *(correction(each, "71") for each in reversed(tariffs))),
    )
    assert [(one["written"], one["errors"]) for one in payloads] == [(True, [])] * 2
    [row] = await pool.fetch("SELECT count(DISTINCT leistung), min(version) FROM netzentgelte_data")
    assert tuple(row) == (1, 3)


async def test_two_instances_serve_all_of_the_writes_after_the_response(
    settings: Settings, pool: Pool, dno: Dno
) -> None:
    _, editor = await issue_key(pool)
    tariffs = [await make.tariff(pool, dno, year, leistung="1") for year in (2024, 2025)]
    query = '{ dno(slug: "netze-a") { tariffs { leistung } } }'
    async with running(settings) as first, running(settings) as second:
        for price in range(2, 12):
            writes = [correction(each, f"{price}") for each in tariffs]
            before = [(await server.execute(query))["dno"]["tariffs"] for server in (first, second)]
            dry = await first.execute(WRITE, editor, input={"writes": writes, "dryRun": True})
            assert not dry["writeEntries"]["written"]
            assert before == [(await server.execute(query))["dno"]["tariffs"] for server in (first, second)]
            written = await first.execute(WRITE, editor, input={"writes": writes})
            assert written["writeEntries"]["written"]
            expected = [{"leistung": f"{price}"}] * 2
            assert (await first.execute(query))["dno"]["tariffs"] == expected
            async with asyncio.timeout(SECOND):
                while (await second.execute(query))["dno"]["tariffs"] != expected:
                    pass
