"""Time-of-use tariffs are added, corrected, verified, flagged and reverted, and warn about unusual values."""

from datetime import datetime
from typing import Any

import pytest

from app.db.pool import Pool
from app.domain.account import Role
from app.domain.dno import Dno
from app.domain.time_of_use import TimeOfUseTariff
from tests import factories as make
from tests.integration.graph.writing import Caller, global_id, refusals, unknown_id

BANDS = [{"band": "HT", "price": "9.80"}, {"band": "ST", "price": "6.70"}, {"band": "NT", "price": "1.34"}]


def windows(*texts: str) -> list[dict[str, Any]]:
    """ "1 22:00-06:00 NT": quarter, start and end, band."""
    words = [text.split() for text in texts]
    return [
        {"quarter": int(quarter), "band": band, "start": times[:5], "end": times[6:]}
        for quarter, times, band in words
    ]


WHOLE_DAYS = windows("1 06:00-22:00 HT", "1 22:00-06:00 NT", "4 00:00-24:00 ST")
NEW = {"dno": "netze-a", "year": 2027, "bands": BANDS, "windows": WHOLE_DAYS}


@pytest.fixture
async def dno(pool: Pool) -> Dno:
    return await make.dno(pool, "netze-a")


@pytest.fixture
async def tariff(pool: Pool, dno: Dno) -> TimeOfUseTariff:
    return await make.time_of_use(pool, dno, 2026, verification_status="verified")


async def test_an_added_tariff_is_read_again_and_its_window_over_midnight_is_split(
    editor: Caller, dno: Dno
) -> None:
    added = await editor.write("addTimeOfUse", **NEW, sourceUrl="https://example.org/2027.pdf")
    assert added["errors"] == added["warnings"] == []
    tariff = added["timeOfUse"]
    split = windows("1 00:00-06:00 NT", "1 06:00-22:00 HT", "1 22:00-24:00 NT", "4 00:00-24:00 ST")
    assert (tariff["bands"], tariff["windows"]) == (BANDS, split)
    assert (tariff["version"], tariff["verificationStatus"], tariff["publication"]) == (
        1,
        "UNVERIFIED",
        "FINAL",
    )
    changes = {change["field"]: change["after"] for change in added["revision"]["changes"]}
    assert changes == {
        "bands.HT": "9.80",
        "bands.ST": "6.70",
        "bands.NT": "1.34",
        "windows": "Q1 00:00-06:00 NT, Q1 06:00-22:00 HT, Q1 22:00-24:00 NT, Q4 00:00-24:00 ST",
        "publication": "FINAL",
        "verificationStatus": "UNVERIFIED",
        "sourceUrl": "https://example.org/2027.pdf",
    }
    data = await editor.execute(
        """query ($id: ID!) { node(id: $id) { ... on TimeOfUseTariff { version updatedAt history { kind version } } }
        dno(slug: "netze-a") { years timeOfUse { id } } coverage { totalEntries byYear { year timeOfUse } } }""",
        id=tariff["id"],
    )
    assert datetime.fromisoformat(data["node"]["updatedAt"]) <= datetime.fromisoformat(
        added["revision"]["changedAt"]
    )
    assert data["node"]["history"] == [{"kind": "CREATED", "version": 1}]
    assert data["dno"] == {"years": [2027], "timeOfUse": [{"id": tariff["id"]}]}
    assert data["coverage"] == {"totalEntries": 1, "byYear": [{"year": 2027, "timeOfUse": 1}]}
    again = await editor.write("addTimeOfUse", **NEW)
    assert refusals(again) == [("CONFLICT", ["input", "year"])]


async def test_bands_and_windows_are_corrected_together_or_alone(
    editor: Caller, tariff: TimeOfUseTariff
) -> None:
    id = global_id(tariff)
    before = [
        f"Q1 {text}" for text in ("00:00-06:00 NT", "06:00-17:00 ST", "17:00-20:00 HT", "20:00-24:00 ST")
    ]
    bands = await editor.write("correctTimeOfUse", id=id, expectedVersion=1, bands=BANDS[:2], reason="no NT")
    assert (bands["timeOfUse"]["version"], bands["timeOfUse"]["bands"]) == (2, BANDS[:2])
    assert (bands["revision"]["reason"], bands["revision"]["changes"]) == (
        "no NT",
        [
            {"field": "bands.NT", "before": "1.34", "after": None},
            {"field": "verificationStatus", "before": "VERIFIED", "after": "UNVERIFIED"},
        ],
    )
    alone = await editor.write("correctTimeOfUse", id=id, windows=windows("2 00:00-24:00 ST"))
    assert alone["timeOfUse"]["bands"] == BANDS[:2]
    assert alone["revision"]["changes"] == [
        {"field": "windows", "before": ", ".join(before), "after": "Q2 00:00-24:00 ST"}
    ]
    both = await editor.write("correctTimeOfUse", id=id, bands=BANDS, windows=WHOLE_DAYS)
    assert [change["field"] for change in both["revision"]["changes"]] == ["bands.NT", "windows"]
    nothing = await editor.write("correctTimeOfUse", id=id, bands=BANDS[::-1], windows=WHOLE_DAYS[::-1])
    assert (nothing["revision"], nothing["errors"], nothing["timeOfUse"]["version"]) == (None, [], 4)
    stale = await editor.write("correctTimeOfUse", id=id, expectedVersion=1, windows=[])
    assert refusals(stale) == [("CONFLICT", ["input", "expectedVersion"])]


async def test_a_tariff_is_verified_flagged_and_reverted(
    admin: Caller, editor: Caller, tariff: TimeOfUseTariff
) -> None:
    id = global_id(tariff)
    cleared = await editor.write("correctTimeOfUse", id=id, bands=BANDS[:1], windows=[])
    assert (cleared["timeOfUse"]["bands"], cleared["timeOfUse"]["windows"]) == (BANDS[:1], [])
    flagged = await editor.write("flag", id=id, reason="nearly all gone")
    assert flagged["entry"]["verificationStatus"] == "FLAGGED"
    reverted = await admin.write("revert", revisionId=cleared["revision"]["id"])
    assert reverted["entry"]["bands"] == BANDS
    assert reverted["entry"]["windows"] == windows(
        "1 00:00-06:00 NT", "1 06:00-17:00 ST", "1 17:00-20:00 HT", "1 20:00-24:00 ST"
    )
    assert reverted["entry"]["verificationStatus"] == "VERIFIED"
    verified = await admin.write("correctTimeOfUse", id=id, bands=BANDS[1:], verify=True)
    assert (verified["timeOfUse"]["version"], verified["timeOfUse"]["verificationStatus"]) == (5, "VERIFIED")
    refused = await editor.write("correctTimeOfUse", id=id, bands=BANDS, verify=True)
    assert refusals(refused) == [("FORBIDDEN", None)]


INVALID: list[tuple[str, dict[str, Any], str, list[str]]] = [
    ("addTimeOfUse", {"year": 1999}, "INVALID", ["input", "year"]),
    ("addTimeOfUse", {"dno": "unknown"}, "NOT_FOUND", ["input", "dno"]),
    ("addTimeOfUse", {"bands": [], "windows": []}, "INVALID", ["input", "bands"]),
    ("addTimeOfUse", {"bands": [{"band": "HT", "price": "-0.01"}]}, "INVALID", ["input", "bands", "0", "price"]),
    ("addTimeOfUse", {"bands": [*BANDS, BANDS[1]]}, "INVALID", ["input", "bands", "3", "band"]),
    ("addTimeOfUse", {"sourceUrl": "ftp://example.org"}, "INVALID", ["input", "sourceUrl"]),
    ("addTimeOfUse", {"windows": windows("5 00:00-24:00 ST")}, "INVALID", ["input", "windows", "0", "quarter"]),
    ("addTimeOfUse", {"windows": windows("0 00:00-24:00 ST")}, "INVALID", ["input", "windows", "0", "quarter"]),
    ("addTimeOfUse", {"windows": windows("1 08:00-08:00 ST")}, "INVALID", ["input", "windows", "0", "end"]),
    ("addTimeOfUse", {"windows": windows("1 24:00-06:00 ST")}, "INVALID", ["input", "windows", "0", "end"]),
    (
        "addTimeOfUse",
        {"windows": windows("1 05:00-07:00 HT", "2 00:00-24:00 ST", "1 22:00-06:00 NT")},
        "INVALID",
        ["input", "windows", "2", "start"],
    ),
    ("correctTimeOfUse", {"bands": [{"band": "NT", "price": "1.23456"}]}, "INVALID", ["input", "bands", "0", "price"]),
    (
        "correctTimeOfUse",
        {"windows": windows("1 00:00-12:00 NT", "1 00:00-12:00 NT")},
        "INVALID",
        ["input", "windows", "1", "start"],
    ),
    ("correctTimeOfUse", {"bands": [], "windows": []}, "INVALID", ["input", "bands"]),
    ("correctTimeOfUse", {"sourceUrl": "nonsense"}, "INVALID", ["input", "sourceUrl"]),
    ("correctTimeOfUse", {"reason": "a\0b"}, "INVALID", ["input", "reason"]),
    ("correctTimeOfUse", {"id": unknown_id("tou")}, "NOT_FOUND", ["input", "id"]),
    ("correctTimeOfUse", {"id": unknown_id("hlzf")}, "INVALID", ["input", "id"]),
]  # fmt: skip


async def test_invalid_values_are_refused_with_their_path(
    editor: Caller, tariff: TimeOfUseTariff, pool: Pool
) -> None:
    valid = {"addTimeOfUse": NEW, "correctTimeOfUse": {"id": global_id(tariff), "bands": BANDS}}
    found = [refusals(await editor.write(write, **valid[write] | wrong)) for write, wrong, *_ in INVALID]
    assert found == [[(code, path)] for *_, code, path in INVALID]
    (revisions,) = await pool.fetch("SELECT count(*) FROM revisions")
    assert revisions[0] == 1


async def test_windows_that_overlap_are_both_named(editor: Caller, tariff: TimeOfUseTariff) -> None:
    given = windows("1 22:00-06:00 NT", "1 05:00-07:00 HT")
    (error,) = (await editor.write("correctTimeOfUse", id=global_id(tariff), windows=given))["errors"]
    assert error["message"] == "HT 05:00-07:00 of quarter 1 overlaps NT 22:00-06:00 of quarter 1."


async def test_unusual_values_are_written_with_warnings(editor: Caller, tariff: TimeOfUseTariff) -> None:
    bands = [{"band": "HT", "price": "30"}, {"band": "ST", "price": "6.70"}, {"band": "NT", "price": "3"}]
    added = await editor.write(
        "addTimeOfUse", **NEW | {"bands": bands, "windows": windows("1 00:00-06:00 NT")}
    )
    assert added["errors"] == []
    assert [(warning["code"], warning["field"][-1]) for warning in added["warnings"]] == [
        ("OUT_OF_BOUNDS", "bands"),
        ("OUT_OF_BOUNDS", "bands"),
        ("UNUSUAL_RISE", "bands"),
        ("GAP", "windows"),
        ("FEW_QUARTERS", "windows"),
    ]
    assert added["warnings"][3]["message"] == "In quarter 1 no band holds at 06:00-24:00."


async def test_writing_a_time_of_use_tariff_needs_the_role_editor(
    callers: dict[Role | None, Caller], dno: Dno
) -> None:
    found = [refusals(await callers[role].write("addTimeOfUse", **NEW)) for role in (None, Role.VIEWER)]
    assert found == [[("UNAUTHENTICATED", None)], [("FORBIDDEN", None)]]
