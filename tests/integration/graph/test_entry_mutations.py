"""Entries of any family are unflagged and deleted; a write that conflicts returns the entry as it is now."""

import asyncio
from typing import Any

import pytest

from app.db.pool import Pool
from app.domain.dno import Dno
from app.domain.tariff import Tariff
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.running import issue_key, running
from tests.integration.graph.writing import Caller, global_id, mutation, refusals

NODE = "query ($id: ID!) { node(id: $id) { id ... on Tariff { leistung verificationStatus version } } }"
# The limit of a second in production; a busy computer may take longer.
SECOND = 30


@pytest.fixture
async def dno(pool: Pool) -> Dno:
    return await make.dno(pool, "netze-a")


@pytest.fixture
async def tariff(pool: Pool, dno: Dno) -> Tariff:
    return await make.tariff(pool, dno, 2025, leistung="58.20")


@pytest.fixture
async def entries(pool: Pool, dno: Dno, tariff: Tariff) -> dict[str, str]:
    """The id of an entry of each family, by the mutation that corrects it."""
    tou, rule = await make.time_of_use(pool, dno), await make.holiday_rule(pool, dno)
    return {
        "correctTariff": global_id(tariff),
        "correctHlzf": global_id(await make.hlzf(pool, dno)),
        "correctTimeOfUse": global_id(tou),
        "correctPrice": global_id(await make.price(pool, dno)),
        "correctHolidayRule": f"rule_{rule.id.hex}",
        "correctLevy": f"levy_{(await make.levy(pool)).id.hex}",
    }


async def test_a_flag_is_withdrawn_with_a_note_in_the_history(
    editor: Caller, entries: dict[str, str]
) -> None:
    for id in entries.values():
        await editor.write("flag", id=id, reason="odd")
        unflagged = await editor.write("unflag", id=id, expectedVersion=2, notes="page 3 has it so")
        assert unflagged["errors"] == []
        assert (unflagged["entry"]["verificationStatus"], unflagged["entry"]["version"]) == ("UNVERIFIED", 3)
        revision = unflagged["revision"]
        assert (revision["kind"], revision["reason"]) == ("CORRECTED", "page 3 has it so")
        assert revision["changes"] == [
            {"field": "verificationStatus", "before": "FLAGGED", "after": "UNVERIFIED"}
        ]


async def test_an_entry_that_is_not_flagged_stays_as_it_is(
    editor: Caller, admin: Caller, tariff: Tariff
) -> None:
    for version, status in ((1, "UNVERIFIED"), (2, "VERIFIED")):
        unflagged = await editor.write("unflag", id=global_id(tariff))
        assert (unflagged["revision"], unflagged["errors"]) == (None, [])
        assert (unflagged["entry"]["verificationStatus"], unflagged["entry"]["version"]) == (status, version)
        await admin.write("verify", id=global_id(tariff))


async def test_a_deleted_entry_is_gone_and_restored_by_a_revert_of_its_deletion(
    admin: Caller, entries: dict[str, str]
) -> None:
    for id in entries.values():
        deleted = await admin.write("delete", id=id, expectedVersion=1, reason="of another operator")
        assert (deleted["entry"], deleted["errors"]) == (None, [])
        revision = deleted["revision"]
        assert (revision["kind"], revision["reason"], revision["version"]) == (
            "DELETED", "of another operator", 2,
        )  # fmt: skip
        assert {change["after"] for change in revision["changes"]} == {None}
        assert (await admin.execute(NODE, id=id))["node"] is None
        assert refusals(await admin.write("delete", id=id, reason="again")) == [
            ("NOT_FOUND", ["input", "id"])
        ]
        restored = await admin.write("revert", revisionId=revision["id"])
        assert (restored["entry"]["id"], restored["entry"]["version"]) == (id, 3)
        back = {change["field"]: change["after"] for change in restored["revision"]["changes"]}
        assert back == {change["field"]: change["before"] for change in revision["changes"]}
        assert (await admin.execute(NODE, id=id))["node"]["id"] == id


@pytest.mark.parametrize("reason", ["", "  ", "x" * 2001, "a\0b"])
async def test_a_deletion_needs_a_readable_reason(admin: Caller, tariff: Tariff, reason: str) -> None:
    refused = await admin.write("delete", id=global_id(tariff), reason=reason)
    assert refusals(refused) == [("INVALID", ["input", "reason"])]
    assert (await admin.execute(NODE, id=global_id(tariff)))["node"]["version"] == 1


CORRECTIONS: dict[str, dict[str, Any]] = {
    "correctTariff": {"leistung": "61"},
    "correctHlzf": {"windows": []},
    "correctTimeOfUse": {"windows": []},
    "correctPrice": {"amount": "8"},
    "correctHolidayRule": {"bridgeDays": "ALL_EXCLUDED"},
    "correctLevy": {"value": "0.3"},
}
PAYLOAD_FIELDS = {
    name: name[len("correct") :][0].lower() + name[len("correct") + 1 :] for name in CORRECTIONS
}


async def test_a_conflict_returns_the_entry_as_it_is_now(admin: Caller, entries: dict[str, str]) -> None:
    assert entries.keys() == CORRECTIONS.keys()
    for write, given in CORRECTIONS.items():
        id, field = entries[write], PAYLOAD_FIELDS[write]
        now = await admin.write(write, id=id, **given)
        assert now["errors"] == [], write
        stale = await admin.write(write, id=id, expectedVersion=1, **given)
        assert refusals(stale) == [("CONFLICT", ["input", "expectedVersion"])]
        assert (stale["errors"][0]["currentVersion"], stale["revision"]) == (2, None)
        assert stale[field] == now[field]
        for other, more in (
            ("flag", {"reason": "odd"}),
            ("unflag", {}),
            ("verify", {}),
            ("delete", {"reason": "odd"}),
        ):
            stale = await admin.write(other, id=id, expectedVersion=1, **more)
            assert refusals(stale) == [("CONFLICT", ["input", "expectedVersion"])]
            assert (stale["entry"]["id"], stale["entry"]["version"]) == (id, 2)
        stale = await admin.write("revert", revisionId=now["revision"]["id"], expectedVersion=1)
        assert (stale["entry"]["id"], stale["entry"]["version"]) == (id, 2)


async def test_an_entry_that_exists_already_is_returned(editor: Caller, tariff: Tariff) -> None:
    twice = await editor.write("addTariff", dno="netze-a", year=2025, voltageLevel="MS", leistung="1")
    assert refusals(twice) == [("CONFLICT", ["input", "voltageLevel"])]
    assert (twice["tariff"]["id"], twice["tariff"]["leistung"]) == (global_id(tariff), "58.20")
    assert twice["errors"][0]["currentVersion"] == 1


async def test_figures_that_stay_final_are_returned(editor: Caller, tariff: Tariff) -> None:
    refused = await editor.write(
        "correctTariff", id=global_id(tariff), leistung="9", publication="PRELIMINARY"
    )
    assert refusals(refused) == [("CONFLICT", ["input", "publication"])]
    assert (refused["tariff"]["leistung"], refused["tariff"]["publication"]) == ("58.20", "FINAL")


async def test_a_rate_that_would_overlap_another_is_returned_unchanged(editor: Caller, pool: Pool) -> None:
    levy = await make.levy(pool, valid_from="2023-01-01", valid_to=None)
    await pool.fetch("UPDATE levies SET valid_to = '2023-12-31'")
    await make.levy(pool, valid_from="2024-01-01")
    refused = await editor.write("correctLevy", id=f"levy_{levy.id.hex}", validTo="2024-06-30")
    assert refusals(refused) == [("CONFLICT", ["input", "validTo"])]
    assert (refused["levy"]["validTo"], refused["levy"]["version"]) == ("2023-12-31", 2)


async def test_an_entry_of_a_deleted_operator_is_not_reverted_and_the_revision_is_named(
    admin: Caller, tariff: Tariff, pool: Pool
) -> None:
    corrected = await admin.write("correctTariff", id=global_id(tariff), leistung="61")
    await pool.fetch("UPDATE dnos SET deleted_at = now()")
    for write in ("revert", "undo"):
        refused = await admin.write(write, revisionId=corrected["revision"]["id"])
        assert refusals(refused) == [("NOT_FOUND", ["input", "revisionId"])], write


async def test_a_conflict_with_a_deleted_entry_returns_none(admin: Caller, tariff: Tariff) -> None:
    deleted = await admin.write("delete", id=global_id(tariff), reason="odd")
    stale = await admin.write("revert", revisionId=deleted["revision"]["id"], expectedVersion=1)
    assert refusals(stale) == [("CONFLICT", ["input", "expectedVersion"])]
    assert (stale["entry"], stale["errors"][0]["currentVersion"]) == (None, 2)


async def test_other_refusals_return_no_entry(admin: Caller, tariff: Tariff) -> None:
    refused = await admin.write("correctTariff", id=global_id(tariff), leistung="-1")
    assert (refusals(refused), refused["tariff"]) == ([("INVALID", ["input", "leistung"])], None)


async def test_concurrent_deletions_of_one_version_delete_once(admin: Caller, tariff: Tariff) -> None:
    payloads = await asyncio.gather(
        *(
            admin.write("delete", id=global_id(tariff), expectedVersion=1, reason=f"{number}")
            for number in range(5)
        )
    )
    assert sorted(str(refusals(one)) for one in payloads) == [
        *[str([("NOT_FOUND", ["input", "id"])])] * 4,
        str([]),
    ]


# Undoing


async def test_an_editor_undoes_an_own_change_and_the_undo(
    editor: Caller, admin: Caller, entries: dict[str, str]
) -> None:
    for write, given in CORRECTIONS.items():
        id = entries[write]
        await admin.write("verify", id=id)
        corrected = await editor.write(write, id=id, **given)
        undone = await editor.write("undo", revisionId=corrected["revision"]["id"], reason="misread")
        assert (undone["errors"], undone["entry"]["verificationStatus"]) == ([], "VERIFIED")
        revision = undone["revision"]
        assert (revision["kind"], revision["reason"], revision["version"]) == ("REVERTED", "misread", 4)
        assert [(one["field"], one["before"], one["after"]) for one in revision["changes"]] == [
            (one["field"], one["after"], one["before"]) for one in corrected["revision"]["changes"]
        ]
        again = await editor.write("undo", revisionId=revision["id"])
        assert again["revision"]["changes"] == corrected["revision"]["changes"]


async def test_an_undone_addition_deletes_the_entry(editor: Caller, dno: Dno) -> None:
    added = await editor.write("addTariff", dno="netze-a", year=2030, voltageLevel="MS", leistung="1")
    undone = await editor.write("undo", revisionId=added["revision"]["id"])
    assert (undone["entry"], undone["revision"]["kind"], undone["errors"]) == (None, "DELETED", [])
    assert (await editor.execute(NODE, id=added["tariff"]["id"]))["node"] is None
    restored = await editor.write("undo", revisionId=undone["revision"]["id"])
    assert (restored["entry"]["id"], restored["entry"]["version"]) == (added["tariff"]["id"], 3)


async def test_changes_of_others_and_changes_with_later_ones_are_not_undone(
    editor: Caller, admin: Caller, tariff: Tariff, pool: Pool
) -> None:
    id = global_id(tariff)
    others = await admin.write("correctTariff", id=id, leistung="60")
    refused = await editor.write("undo", revisionId=others["revision"]["id"])
    assert refusals(refused) == [("FORBIDDEN", ["input", "revisionId"])]
    own = await editor.write("correctTariff", id=id, leistung="61")
    await admin.write("flag", id=id, reason="odd")
    late = await editor.write("undo", revisionId=own["revision"]["id"])
    assert refusals(late) == [("CONFLICT", ["input", "revisionId"])]
    assert (late["errors"][0]["currentVersion"], late["entry"]["version"]) == (4, 4)
    assert late["entry"]["leistung"] == "61"
    [by_hand] = await pool.fetch("SELECT id FROM revisions WHERE version = 1")  # of a program, without a name
    refused = await editor.write("undo", revisionId=f"revision_{by_hand['id'].hex}")
    assert refusals(refused) == [("FORBIDDEN", ["input", "revisionId"])]


async def test_an_undo_that_is_sent_twice_at_the_same_time_undoes_once(
    editor: Caller, tariff: Tariff
) -> None:
    corrected = await editor.write("correctTariff", id=global_id(tariff), leistung="61")
    payloads = await asyncio.gather(
        *(editor.write("undo", revisionId=corrected["revision"]["id"]) for _ in range(3))
    )
    assert sorted(str(refusals(one)) for one in payloads) == [
        *[str([("CONFLICT", ["input", "revisionId"])])] * 2,
        str([]),
    ]
    assert (await editor.execute(NODE, id=global_id(tariff)))["node"]["leistung"] == "58.20"


async def test_a_further_flag_is_not_undone_and_the_revision_is_named(editor: Caller, tariff: Tariff) -> None:
    for reason in ("odd", "of another year"):
        flagged = await editor.write("flag", id=global_id(tariff), reason=reason)
    refused = await editor.write("undo", revisionId=flagged["revision"]["id"])
    assert refusals(refused) == [("INVALID", ["input", "revisionId"])]
    assert "`unflag` withdraws a flag" in refused["errors"][0]["message"]
    assert refused["revision"] is None


async def test_every_correction_takes_a_source_and_the_publication_of_its_family(
    editor: Caller, entries: dict[str, str]
) -> None:
    published = {"correctTariff", "correctHlzf", "correctTimeOfUse", "correctPrice"}
    for write, given in CORRECTIONS.items():
        more = {"publication": "PRELIMINARY", "force": True} if write in published else {}
        corrected = await editor.write(
            write, id=entries[write], **given, sourceUrl="https://example.org/new.pdf", **more
        )
        assert corrected["errors"] == []
        changed = {one["field"]: one["after"] for one in corrected["revision"]["changes"]}
        assert changed["sourceUrl"] == "https://example.org/new.pdf"
        assert changed.get("publication") == more.get("publication")


async def test_two_instances_serve_no_entry_after_its_deletion_nor_a_withdrawn_flag(
    settings: Settings, pool: Pool, tariff: Tariff
) -> None:
    _, admin = await issue_key(pool)
    await pool.fetch("UPDATE users SET role = 'ADMIN'")
    await pool.fetch("UPDATE api_keys SET role = 'ADMIN'")
    id = global_id(tariff)
    async with running(settings) as first, running(settings) as second:

        async def write(name: str, **input: Any) -> Any:
            payload = (await first.execute(mutation(name), admin, input=input))[name]
            assert payload["errors"] == []
            return payload

        async def served(expected: Any) -> None:
            """At once by the instance that wrote it, within a second by the other."""
            assert (await first.execute(NODE, id=id))["node"] == expected
            async with asyncio.timeout(SECOND):
                while (await second.execute(NODE, id=id))["node"] != expected:
                    pass

        await served({"id": id, "leistung": "58.20", "verificationStatus": "UNVERIFIED", "version": 1})
        for version in range(1, 10, 4):
            entry = {"id": id, "leistung": "58.20"}
            await write("flag", id=id, reason="odd")
            await served(entry | {"verificationStatus": "FLAGGED", "version": version + 1})
            await write("unflag", id=id)
            await served(entry | {"verificationStatus": "UNVERIFIED", "version": version + 2})
            deleted = await write("delete", id=id, reason="odd")
            await served(None)
            await write("revert", revisionId=deleted["revision"]["id"])
            await served(entry | {"verificationStatus": "UNVERIFIED", "version": version + 4})
