"""Mutations: figures are added, corrected, verified, flagged and reverted."""

from typing import Any

import pytest
from prometheus_client import REGISTRY

from app.db.pool import Pool
from app.domain.dno import Dno
from app.domain.hlzf import Hlzf
from app.domain.tariff import Tariff
from tests import factories as make
from tests.integration.graph.writing import Caller, global_id, mutation, refusals, unknown_id

NEW_TARIFF = {"dno": "netze-a", "year": 2026, "voltageLevel": "MS", "leistung": "58.20", "arbeit": "1.26"}
NEW_HLZF = {"dno": "netze-a", "year": 2026, "voltageLevel": "MS", "season": "WINTER", "windows": []}


@pytest.fixture
async def dno(pool: Pool) -> Dno:
    return await make.dno(pool, "netze-a")


@pytest.fixture
async def tariff(pool: Pool, dno: Dno) -> Tariff:
    return await make.tariff(pool, dno, 2025, verification_status="verified", leistung="58.20")


@pytest.fixture
async def hlzf(pool: Pool, dno: Dno) -> Hlzf:
    return await make.hlzf(pool, dno, 2025, verification_status="verified")


def windows(*texts: str) -> list[dict[str, str]]:
    return [dict(zip(("start", "end"), text.split("-"), strict=True)) for text in texts]


# Adding


async def test_an_added_tariff_is_returned_with_its_revision(editor: Caller, dno: Dno) -> None:
    added = await editor.write("addTariff", **NEW_TARIFF, sourceUrl="https://example.org/2026.pdf")
    assert added["errors"] == added["warnings"] == []
    tariff = added["tariff"]
    assert (tariff["version"], tariff["verificationStatus"], tariff["leistung"]) == (1, "UNVERIFIED", "58.20")
    assert tariff["source"] == {"url": "https://example.org/2026.pdf"}
    revision = added["revision"]
    assert (revision["kind"], revision["version"], revision["changedBy"]) == (
        "CREATED",
        1,
        "editor (API key)",
    )
    assert revision["changes"] == [
        {"field": "leistung", "before": None, "after": "58.20"},
        {"field": "arbeit", "before": None, "after": "1.26"},
        {"field": "publication", "before": None, "after": "FINAL"},
        {"field": "verificationStatus", "before": None, "after": "UNVERIFIED"},
        {"field": "sourceUrl", "before": None, "after": "https://example.org/2026.pdf"},
    ]


async def test_added_windows_are_returned_in_order(editor: Caller, dno: Dno) -> None:
    given = NEW_HLZF | {"windows": windows("16:00-24:00", "07:30-13:00")}
    added = await editor.write("addHlzf", **given)
    assert added["hlzf"]["windows"] == windows("07:30-13:00", "16:00-24:00")
    assert (added["hlzf"]["season"], added["revision"]["kind"], added["errors"]) == ("WINTER", "CREATED", [])


async def test_adding_an_existing_entry_is_a_conflict(editor: Caller, tariff: Tariff, hlzf: Hlzf) -> None:
    twice = [
        await editor.write("addTariff", **NEW_TARIFF | {"year": 2025}),
        await editor.write("addHlzf", **NEW_HLZF | {"year": 2025}),
    ]
    assert [refusals(one) for one in twice] == [
        [("CONFLICT", ["input", "voltageLevel"])],
        [("CONFLICT", ["input", "season"])],
    ]


# Correcting


async def test_an_omitted_price_is_kept_and_null_clears_it(editor: Caller, tariff: Tariff) -> None:
    corrected = await editor.write(
        "correctTariff", id=global_id(tariff), leistung="60.00", arbeit=None, reason="misread"
    )
    tariff_after = corrected["tariff"]
    assert (tariff_after["leistung"], tariff_after["arbeit"], tariff_after["arbeitUnter2500h"]) == (
        "60.00",
        None,
        "2.86",
    )
    assert (tariff_after["version"], tariff_after["verificationStatus"]) == (2, "UNVERIFIED")
    revision = corrected["revision"]
    assert (revision["kind"], revision["reason"], revision["changedBy"]) == (
        "CORRECTED", "misread", "editor (API key)",
    )  # fmt: skip
    assert revision["changes"] == [
        {"field": "leistung", "before": "58.20", "after": "60.00"},
        {"field": "arbeit", "before": "1.26", "after": None},
        {"field": "verificationStatus", "before": "VERIFIED", "after": "UNVERIFIED"},
    ]


async def test_windows_are_corrected_as_a_whole(editor: Caller, hlzf: Hlzf) -> None:
    corrected = await editor.write("correctHlzf", id=global_id(hlzf), windows=windows("00:00-24:00"))
    assert corrected["hlzf"]["windows"] == windows("00:00-24:00")
    assert corrected["hlzf"]["verificationStatus"] == "UNVERIFIED"
    assert corrected["revision"]["changes"][0] == {
        "field": "windows", "before": "07:30-13:00, 16:00-19:00", "after": "00:00-24:00",
    }  # fmt: skip
    none = await editor.write("correctHlzf", id=global_id(hlzf), windows=[])
    assert (none["hlzf"]["windows"], none["hlzf"]["version"]) == ([], 3)


async def test_a_mutation_that_changes_nothing_creates_no_revision(
    editor: Caller, admin: Caller, tariff: Tariff, hlzf: Hlzf
) -> None:
    payloads = [
        await editor.write("correctTariff", id=global_id(tariff)),
        await editor.write("correctTariff", id=global_id(tariff), leistung="58.2"),
        await editor.write("correctHlzf", id=global_id(hlzf), windows=windows("16:00-19:00", "07:30-13:00")),
        await admin.write("verify", id=global_id(tariff)),
    ]
    assert [(one["revision"], one["errors"]) for one in payloads] == [(None, [])] * 4
    assert payloads[1]["tariff"]["leistung"] == "58.20"


async def test_an_admin_corrects_and_verifies_at_once(
    editor: Caller, admin: Caller, tariff: Tariff, hlzf: Hlzf
) -> None:
    for write, given in (
        ("correctTariff", {"id": global_id(tariff), "leistung": "60"}),
        ("correctHlzf", {"id": global_id(hlzf), "windows": []}),
    ):
        assert refusals(await editor.write(write, **given, verify=True)) == [("FORBIDDEN", None)]
        done = await admin.write(write, **given, verify=True)
        entry = done.get("tariff") or done.get("hlzf")
        assert (entry["version"], entry["verificationStatus"]) == (2, "VERIFIED")


async def test_an_outdated_expected_version_is_a_conflict_with_the_current_version(
    editor: Caller, admin: Caller, tariff: Tariff, hlzf: Hlzf
) -> None:
    corrected = await editor.write("correctTariff", id=global_id(tariff), expectedVersion=1, leistung="60")
    assert corrected["tariff"]["version"] == 2
    stale = [
        await editor.write("correctTariff", id=global_id(tariff), expectedVersion=1, leistung="61"),
        await editor.write("correctHlzf", id=global_id(hlzf), expectedVersion=0, windows=[]),
        await editor.write("flag", id=global_id(tariff), expectedVersion=3, reason="odd"),
        await admin.write("verify", id=global_id(tariff), expectedVersion=1),
        await admin.write("revert", revisionId=corrected["revision"]["id"], expectedVersion=1),
    ]
    for payload, version in zip(stale, (2, 1, 2, 2, 2), strict=True):
        assert refusals(payload) == [("CONFLICT", ["input", "expectedVersion"])]
        assert payload["errors"][0]["currentVersion"] == version
        assert payload["revision"] is None


async def test_one_document_may_write_twice_and_the_second_sees_the_first(
    editor: Caller, tariff: Tariff
) -> None:
    data = await editor.execute(
        """
        mutation ($id: ID!) {
          first: correctTariff(input: {id: $id, expectedVersion: 1, leistung: "60"}) {
            tariff { version leistung history { version } } errors { code }
          }
          second: correctTariff(input: {id: $id, expectedVersion: 2, arbeit: "2"}) {
            tariff { version leistung arbeit history { version } } errors { code }
          }
        }
        """,
        id=global_id(tariff),
    )
    assert data["first"]["tariff"] == {
        "version": 2, "leistung": "60", "history": [{"version": 2}, {"version": 1}],
    }  # fmt: skip
    second = data["second"]["tariff"]
    assert (second["version"], second["leistung"], second["arbeit"]) == (3, "60", "2")
    assert [revision["version"] for revision in second["history"]] == [3, 2, 1]


# Refusing

INVALID_INPUTS: list[tuple[str, dict[str, Any], str, list[str]]] = [
    ("addTariff", {"leistung": "-0.01"}, "INVALID", ["input", "leistung"]),
    ("addTariff", {"arbeit": "1.23456"}, "INVALID", ["input", "arbeit"]),
    ("addTariff", {"leistungUnter2500h": "1000000"}, "INVALID", ["input", "leistungUnter2500h"]),
    ("addTariff", {"arbeitUnter2500h": -1}, "INVALID", ["input", "arbeitUnter2500h"]),
    ("addTariff", {"year": 1999}, "INVALID", ["input", "year"]),
    ("addTariff", {"year": 2101}, "INVALID", ["input", "year"]),
    ("addTariff", {"dno": "unknown"}, "NOT_FOUND", ["input", "dno"]),
    ("addTariff", {"dno": "a\0b"}, "INVALID", ["input", "dno"]),
    ("addTariff", {"sourceUrl": "javascript:alert(1)"}, "INVALID", ["input", "sourceUrl"]),
    ("addTariff", {"sourceUrl": "https://example.org/\n"}, "INVALID", ["input", "sourceUrl"]),
    ("addHlzf", {"year": 1999}, "INVALID", ["input", "year"]),
    ("addHlzf", {"dno": "unknown"}, "NOT_FOUND", ["input", "dno"]),
    ("addHlzf", {"dno": "a\0b"}, "INVALID", ["input", "dno"]),
    ("addHlzf", {"windows": windows("09:00-08:00")}, "INVALID", ["input", "windows", "0", "end"]),
    ("addHlzf", {"windows": windows("24:00-24:00")}, "INVALID", ["input", "windows", "0", "end"]),
    (
        "addHlzf",
        {"windows": windows("08:00-10:00", "09:00-11:00")},
        "INVALID",
        ["input", "windows", "1", "start"],
    ),
    ("correctTariff", {"leistung": "-1"}, "INVALID", ["input", "leistung"]),
    ("correctTariff", {"arbeit": "0.00001"}, "INVALID", ["input", "arbeit"]),
    ("correctTariff", {"reason": "x" * 2001}, "INVALID", ["input", "reason"]),
    ("correctTariff", {"reason": "a\0b"}, "INVALID", ["input", "reason"]),
    ("correctTariff", {"id": "58"}, "INVALID", ["input", "id"]),
    ("correctTariff", {"id": unknown_id("hlzf")}, "INVALID", ["input", "id"]),
    ("correctTariff", {"id": unknown_id("tariff")}, "NOT_FOUND", ["input", "id"]),
    ("correctHlzf", {"windows": windows("08:00-08:00")}, "INVALID", ["input", "windows", "0", "end"]),
    ("correctHlzf", {"id": unknown_id("tariff")}, "INVALID", ["input", "id"]),
    ("correctHlzf", {"id": unknown_id("hlzf")}, "NOT_FOUND", ["input", "id"]),
    ("verify", {"id": unknown_id("dno")}, "INVALID", ["input", "id"]),
    ("verify", {"id": unknown_id("hlzf")}, "NOT_FOUND", ["input", "id"]),
    ("verify", {"notes": "x" * 2001}, "INVALID", ["input", "notes"]),
    ("flag", {"reason": " "}, "INVALID", ["input", "reason"]),
    ("revert", {"revisionId": unknown_id("tariff")}, "INVALID", ["input", "revisionId"]),
    ("revert", {"revisionId": unknown_id("revision")}, "NOT_FOUND", ["input", "revisionId"]),
]


@pytest.fixture
def valid(tariff: Tariff, hlzf: Hlzf) -> dict[str, dict[str, Any]]:
    """A valid input of each mutation."""
    return {
        "addTariff": NEW_TARIFF,
        "addHlzf": NEW_HLZF,
        "correctTariff": {"id": global_id(tariff), "leistung": "60"},
        "correctHlzf": {"id": global_id(hlzf), "windows": []},
        "verify": {"id": global_id(tariff)},
        "flag": {"id": global_id(tariff), "reason": "odd"},
        "revert": {"revisionId": unknown_id("revision")},
    }


async def test_invalid_values_are_refused_with_their_path(
    admin: Caller, valid: dict[str, dict[str, Any]], pool: Pool
) -> None:
    before = await pool.fetch("SELECT count(*) FROM revisions")
    found = [
        refusals(await admin.write(write, **valid[write] | wrong)) for write, wrong, *_ in INVALID_INPUTS
    ]
    assert found == [[(code, path)] for *_, code, path in INVALID_INPUTS]
    assert await pool.fetch("SELECT count(*) FROM revisions") == before


@pytest.mark.parametrize(
    ("write", "wrong", "path", "sentence"),
    [
        ("correctTariff", {"leistung": "1e5"}, ["input", "leistung"], 'A Decimal is a string such as "58.21".'),
        ("correctTariff", {"leistung": 5.5}, ["input", "leistung"], 'A Decimal is a string such as "58.21".'),
        ("correctTariff", {"leistung": "58,21"}, ["input", "leistung"], 'A Decimal is a string such as'),
        ("correctTariff", {"leistung": ""}, ["input", "leistung"], 'A Decimal is a string such as'),
        ("correctTariff", {"leistung": True}, ["input", "leistung"], 'A Decimal is a string such as'),
        ("correctTariff", {"id": None}, ["input", "id"], "non-null type 'ID!'"),
        ("correctTariff", {"price": "5"}, ["input"], "unknown field 'price'"),
        ("addTariff", {"year": 2**31}, ["input", "year"], "non 32-bit signed integer"),
        ("addTariff", {"voltageLevel": "MV"}, ["input", "voltageLevel"], "does not exist in 'VoltageLevel' enum"),
        ("addHlzf", {"windows": windows("25:00-26:00")}, ["input", "windows", "0", "start"], "'25:00' is not a time of the form HH:MM"),
        ("addHlzf", {"windows": windows("07:00-7:30")}, ["input", "windows", "0", "end"], "'7:30' is not a time of the form HH:MM"),
    ],
)  # fmt: skip
async def test_values_of_the_wrong_type_are_a_request_error_with_their_path(
    admin: Caller,
    valid: dict[str, dict[str, Any]],
    write: str,
    wrong: dict[str, Any],
    path: list[str],
    sentence: str,
) -> None:
    response = await admin.execute_with_errors(mutation(write), input=valid[write] | wrong)
    assert "data" not in response
    first = response["errors"][0]
    assert first["extensions"] == {"code": "BAD_USER_INPUT", "field": path}
    assert sentence in first["message"]


async def test_a_whole_number_is_a_decimal_too(editor: Caller, tariff: Tariff) -> None:
    assert (await editor.write("correctTariff", id=global_id(tariff), leistung=60))["tariff"][
        "leistung"
    ] == "60"


# Warning


async def test_an_unusual_price_is_written_with_a_warning(editor: Caller, dno: Dno, tariff: Tariff) -> None:
    unusual = NEW_TARIFF | {"leistung": "180", "leistungUnter2500h": "180.01"}
    added = await editor.write("addTariff", **unusual)
    assert added["errors"] == []
    assert [(warning["code"], warning["field"]) for warning in added["warnings"]] == [
        ("UNUSUAL_ORDER", ["input", "leistungUnter2500h"]),
        ("UNUSUAL_RISE", ["input", "leistung"]),
        ("UNUSUAL_RISE", ["input", "leistungUnter2500h"]),
    ]
    assert added["warnings"][1]["message"] == "180 is more than 3 times last year's 58.20."
    usual = await editor.write(
        "correctTariff", id=added["tariff"]["id"], leistung="60", leistungUnter2500h="20"
    )
    assert (usual["warnings"], usual["tariff"]["leistung"]) == ([], "60")


# Verifying, flagging, reverting


async def test_both_families_are_flagged_and_verified(
    editor: Caller, admin: Caller, tariff: Tariff, hlzf: Hlzf
) -> None:
    for entry in (tariff, hlzf):
        flagged = await editor.write("flag", id=global_id(entry), reason="looks like last year's")
        assert (flagged["entry"]["verificationStatus"], flagged["entry"]["version"]) == ("FLAGGED", 2)
        assert (flagged["revision"]["kind"], flagged["revision"]["reason"]) == (
            "FLAGGED", "looks like last year's",
        )  # fmt: skip
        verified = await admin.write("verify", id=global_id(entry), expectedVersion=2, notes="page 3")
        assert (verified["entry"]["verificationStatus"], verified["entry"]["version"]) == ("VERIFIED", 3)
        assert (verified["revision"]["kind"], verified["revision"]["reason"]) == ("VERIFIED", "page 3")
        assert verified["revision"]["changedBy"] == "admin (API key)"


async def test_reverting_a_correction_restores_prices_and_verification(
    editor: Caller, admin: Caller, tariff: Tariff
) -> None:
    wrong = await editor.write("correctTariff", id=global_id(tariff), leistung="1", arbeit=None)
    reverted = await admin.write("revert", revisionId=wrong["revision"]["id"], reason="was right")
    assert reverted["entry"] == {
        "id": global_id(tariff), "version": 3, "leistung": "58.20", "verificationStatus": "VERIFIED",
    }  # fmt: skip
    assert (reverted["revision"]["kind"], reverted["revision"]["reason"]) == ("REVERTED", "was right")
    assert reverted["revision"]["changes"][0] == {"field": "leistung", "before": "1", "after": "58.20"}


async def test_reverting_a_creation_deletes_and_reverting_the_deletion_revives(
    editor: Caller, admin: Caller, dno: Dno
) -> None:
    for write, given in (("addTariff", NEW_TARIFF), ("addHlzf", NEW_HLZF)):
        created = await editor.write(write, **given)
        deletion = await admin.write("revert", revisionId=created["revision"]["id"])
        assert (deletion["entry"], deletion["revision"]["kind"], deletion["errors"]) == (None, "DELETED", [])
        restored = await admin.write("revert", revisionId=deletion["revision"]["id"])
        assert (restored["entry"]["version"], restored["revision"]["kind"]) == (3, "REVERTED")


async def test_a_manually_deleted_entry_can_be_restored_and_added_again(
    editor: Caller, admin: Caller, tariff: Tariff, pool: Pool
) -> None:
    await pool.fetch("UPDATE netzentgelte_data SET deleted_at = now()")
    assert refusals(await editor.write("correctTariff", id=global_id(tariff), leistung="1")) == [
        ("NOT_FOUND", ["input", "id"])
    ]
    added = await editor.write("addTariff", **NEW_TARIFF | {"year": 2025})
    assert (added["tariff"]["id"], added["tariff"]["version"]) == (global_id(tariff), 3)
    assert added["revision"]["kind"] == "CREATED"
    found = await editor.execute(
        "query ($id: ID!) { node(id: $id) { ... on Tariff { history { id kind } } } }", id=global_id(tariff)
    )
    [_, deleted, _] = found["node"]["history"]
    assert deleted["kind"] == "DELETED"
    restored = await admin.write("revert", revisionId=deleted["id"])
    assert (restored["entry"]["version"], restored["entry"]["leistung"]) == (4, "58.20")


async def test_errors_are_counted_under_the_code_that_the_payload_reports(editor: Caller, dno: Dno) -> None:
    def counted(code: str) -> float:
        return REGISTRY.get_sample_value("dno_graphql_errors_total", {"code": code}) or 0.0

    before = counted("INVALID"), counted("BAD_USER_INPUT")
    refused = await editor.write("addTariff", **NEW_TARIFF | {"leistung": "-1"})
    assert refusals(refused)[0][0] == "INVALID"
    assert (counted("INVALID"), counted("BAD_USER_INPUT")) == (before[0] + 1, before[1])
