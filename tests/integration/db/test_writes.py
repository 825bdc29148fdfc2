"""Additions, corrections, verification, flags and reversals: one transaction, its revision, its event."""

import asyncio
from contextlib import asynccontextmanager
from contextvars import ContextVar
from decimal import Decimal
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from app.db import entries, entry_locations, hlzf, revisions, tariffs
from app.db.family_tables import TABLES
from app.db.one_entry import OneEntryWork, write_one_entry
from app.db.pool import RolledBack
from app.db.unit_of_work import unit_of_work
from app.db.unit_of_work import write as write_in_transaction
from app.domain.account import Principal, Role
from app.domain.correction import Correction, HlzfCorrection, NewHlzf, NewTariff, TariffCorrection
from app.domain.entry import DnoYear, VerificationStatus, VoltageLevel
from app.domain.event import EntryChange, Topic
from app.domain.families import FAMILIES, DataType
from app.domain.hlzf import Season, TimeWindow
from app.domain.revision import ChangeKind, FieldChange
from app.domain.tariff import Prices
from app.errors import BadInput, Code
from tests import factories as make
from tests.error_codes import raises_code
from tests.waiting import until

EDITOR = Principal(Role.EDITOR, name="erika@example.org")
NETZENTGELTE, HLZF = DataType.NETZENTGELTE, DataType.HLZF


def new_tariff(**changed):
    return NewTariff(
        **{
            "dno": "netze-a",
            "year": 2025,
            "voltage_level": VoltageLevel.MS,
            "prices": Prices(Decimal("58.20"), Decimal("1.26")),
        }
        | changed
    )


def new_hlzf(**changed):
    return NewHlzf(
        **{
            "dno": "netze-a",
            "year": 2025,
            "voltage_level": VoltageLevel.MS,
            "season": Season.WINTER,
            "windows": (TimeWindow(960, 1440), TimeWindow(450, 780)),
        }
        | changed
    )


AT_ONCE = "one statement"


@pytest.fixture(params=["a transaction", AT_ONCE], autouse=True)
def way(request):
    """A correction does the same in either way."""
    token = WAY.set(request.param)
    yield request.param
    WAY.reset(token)


WAY = ContextVar("way")


async def allowed():
    pass


async def run(pool, write, *arguments, **options):
    """One write in a unit of work of its own."""
    if WAY.get() == AT_ONCE and write not in (tariffs.add, hlzf.add):
        return await write_one_entry(pool, EDITOR, lambda work: write(work, *arguments, **options), allowed)
    async with unit_of_work(pool, EDITOR) as work:
        result = await write(work, *arguments, **options)
    return result, work


async def delete(pool, table, entry_id):
    async with pool.connection() as connection:
        await connection.execute(f"UPDATE {table} SET deleted_at = now() WHERE id = $1", entry_id)


async def history(pool, entry_id):
    return [
        (one.version, one.kind)
        for one in reversed((await revisions.fetch_by_entry(pool, [entry_id]))[entry_id])
    ]


async def stored(pool, dno):
    key = DnoYear(dno.id, 2025)
    return (await tariffs.fetch_by_dno_year(pool, [key])).get(key, ())


# Additions


async def test_an_added_tariff_has_its_revision_and_its_event(pool):
    dno = await make.dno(pool)
    tariff, work = await run(pool, tariffs.add, new_tariff(source_url="https://example.org/2025.pdf"))
    assert await stored(pool, dno) == (tariff,)
    assert (tariff.version, tariff.verification_status) == (1, VerificationStatus.UNVERIFIED)
    assert str(tariff.leistung) == "58.20"
    [event] = work.events
    assert (event.topic, event.dno_id, event.year) == (Topic.TARIFFS, dno.id, 2025)
    assert event.entries == (EntryChange(tariff.id, 1, ChangeKind.CREATED),)
    assert work.revision == (await revisions.fetch_by_entry(pool, [tariff.id]))[tariff.id][0]
    assert (work.revision.changed_by, work.revision.kind) == ("erika@example.org", ChangeKind.CREATED)


async def test_an_existing_entry_is_not_added_again(pool):
    await make.dno(pool)
    await run(pool, tariffs.add, new_tariff())
    await run(pool, hlzf.add, new_hlzf())
    with raises_code(Code.CONFLICT) as refused:
        await run(pool, tariffs.add, new_tariff())
    assert refused.value.field == ("input", "voltageLevel")
    with raises_code(Code.CONFLICT) as refused:
        await run(pool, hlzf.add, new_hlzf())
    assert refused.value.field == ("input", "season")


async def test_a_deleted_entry_is_revived_by_an_addition(pool):
    dno = await make.dno(pool)
    tariff = await make.tariff(pool, dno, verification_status="verified", source_title="old")
    windows = await make.hlzf(pool, dno)
    await delete(pool, "netzentgelte_data", tariff.id)
    await delete(pool, "hlzf_data", windows.id)
    revived, work = await run(pool, tariffs.add, new_tariff(prices=Prices(arbeit=Decimal(1))))
    assert (revived.id, revived.version, revived.prices) == (tariff.id, 3, Prices(arbeit=Decimal(1)))
    assert (revived.verification_status, revived.source_title) == (VerificationStatus.UNVERIFIED, None)
    assert work.revision.kind is ChangeKind.CREATED
    assert len(work.events) == 1
    revived, work = await run(pool, hlzf.add, new_hlzf())
    assert (revived.id, revived.version, work.revision.kind) == (windows.id, 3, ChangeKind.CREATED)


@pytest.mark.parametrize("write", [lambda: (tariffs.add, new_tariff()), lambda: (hlzf.add, new_hlzf())])
async def test_one_of_two_concurrent_additions_of_the_same_entry_is_refused(pool, write):
    await make.dno(pool)
    results = await asyncio.gather(run(pool, *write()), run(pool, *write()), return_exceptions=True)
    assert {getattr(result, "code", type(result)) for result in results} == {Code.CONFLICT, tuple}


async def test_nothing_is_added_for_a_deleted_operator(pool):
    dno = await make.dno(pool)
    await delete(pool, "dnos", dno.id)
    for write, new in ((tariffs.add, new_tariff()), (hlzf.add, new_hlzf())):
        with raises_code(Code.NOT_FOUND) as refused:
            await run(pool, write, new)
        assert refused.value.field == ("input", "dno")


async def test_added_windows_are_kept_in_order(pool):
    await make.dno(pool)
    added, work = await run(pool, hlzf.add, new_hlzf())
    assert added.windows == (TimeWindow(450, 780), TimeWindow(960, 1440))
    assert FieldChange("windows", None, "07:30-13:00, 16:00-24:00") in work.revision.changes


async def test_an_unusual_price_is_written_with_a_warning(pool):
    dno = await make.dno(pool)
    await make.tariff(pool, dno, 2024, leistung="10.00")
    _, work = await run(pool, tariffs.add, new_tariff(prices=Prices(leistung=Decimal("30.01"))))
    assert [(warning.code, warning.field) for warning in work.warnings] == [
        ("UNUSUAL_RISE", ("input", "leistung"))
    ]


# Corrections


async def test_a_correction_changes_what_is_given_and_keeps_the_rest(pool):
    tariff = await make.tariff(pool, await make.dno(pool), verification_status="verified")
    corrected, work = await run(
        pool,
        tariffs.correct,
        TariffCorrection(
            id=tariff.id,
            prices={"leistung": Decimal("60.1"), "arbeit": None},
            expected_version=1,
            reason="typo",
        ),
    )
    assert corrected.prices == Prices(
        Decimal("60.1"), None, tariff.leistung_unter_2500h, tariff.arbeit_unter_2500h
    )
    assert (corrected.version, corrected.verification_status) == (2, VerificationStatus.UNVERIFIED)
    assert corrected.updated_at > tariff.updated_at
    revision = work.revision
    assert (revision.kind, revision.reason, revision.changed_by) == (
        ChangeKind.CORRECTED, "typo", "erika@example.org",
    )  # fmt: skip
    assert revision.changes == (
        FieldChange("leistung", "58.21", "60.1"),
        FieldChange("arbeit", "1.26", None),
        FieldChange("verificationStatus", "VERIFIED", "UNVERIFIED"),
    )


async def test_a_correction_that_changes_nothing_leaves_no_revision(pool):
    tariff = await make.tariff(pool, await make.dno(pool), verification_status="verified", leistung="58.20")
    same, work = await run(
        pool, tariffs.correct, TariffCorrection(id=tariff.id, prices={"leistung": Decimal("58.2")})
    )
    assert same == tariff
    assert (work.events, work.revision) == ([], None)
    assert await history(pool, tariff.id) == [(1, ChangeKind.CREATED)]


async def test_an_admin_verifies_while_correcting(pool):
    tariff = await make.tariff(pool, await make.dno(pool))
    corrected, _ = await run(
        pool, tariffs.correct, TariffCorrection(id=tariff.id, prices={"arbeit": Decimal(2)}, verify=True)
    )
    assert corrected.verification_status is VerificationStatus.VERIFIED


async def test_a_flag_outlives_a_correction(pool):
    tariff = await make.tariff(pool, await make.dno(pool), verification_status="flagged")
    corrected, _ = await run(
        pool, tariffs.correct, TariffCorrection(id=tariff.id, prices={"arbeit": Decimal(2)})
    )
    assert corrected.verification_status is VerificationStatus.FLAGGED


async def test_windows_are_corrected_as_a_whole(pool):
    entry = await make.hlzf(pool, await make.dno(pool), verification_status="verified")
    corrected, work = await run(
        pool, hlzf.correct, HlzfCorrection(id=entry.id, windows=(TimeWindow(0, 1440),))
    )
    assert corrected.windows == (TimeWindow(0, 1440),)
    assert corrected.verification_status is VerificationStatus.UNVERIFIED
    assert work.events[0].topic is Topic.HLZF
    same, work = await run(pool, hlzf.correct, HlzfCorrection(id=entry.id, windows=(TimeWindow(0, 1440),)))
    assert (same, work.events) == (corrected, [])


async def test_a_correction_with_an_outdated_version_is_refused_with_the_current_version(pool):
    dno = await make.dno(pool)
    tariff, windows = await make.tariff(pool, dno), await make.hlzf(pool, dno)
    for write in (
        (tariffs.correct, TariffCorrection(id=tariff.id, prices={"arbeit": Decimal(2)}, expected_version=7)),
        (hlzf.correct, HlzfCorrection(id=windows.id, expected_version=7, windows=())),
    ):
        with raises_code(Code.CONFLICT) as refused:
            await run(pool, *write)
        assert refused.value.details == {"current_version": 1}
        assert refused.value.field == ("input", "expectedVersion")
    assert await stored(pool, dno) == (tariff,)


async def test_missing_and_deleted_entries_cannot_be_corrected(pool):
    dno = await make.dno(pool)
    tariff, windows = await make.tariff(pool, dno), await make.hlzf(pool, dno)
    await delete(pool, "netzentgelte_data", tariff.id)
    await delete(pool, "dnos", dno.id)
    for entry_id in (uuid4(), tariff.id, windows.id):
        with raises_code(Code.NOT_FOUND):
            await run(pool, tariffs.correct, TariffCorrection(id=entry_id, prices={"arbeit": Decimal(2)}))
        with raises_code(Code.NOT_FOUND):
            await run(pool, hlzf.correct, HlzfCorrection(id=entry_id, windows=()))


async def test_a_refused_correction_records_no_revision(pool):
    tariff = await make.tariff(pool, await make.dno(pool))
    with pytest.raises(BadInput):
        await run(pool, tariffs.correct, TariffCorrection(id=tariff.id, prices={"leistung": Decimal(-1)}))
    assert await history(pool, tariff.id) == [(1, ChangeKind.CREATED)]


async def test_writers_of_one_row_wait_for_each_other(pool):
    """The second reads what the first has written, and changes that."""
    dno = await make.dno(pool)
    tariff = await make.tariff(pool, dno)
    async with unit_of_work(pool, EDITOR) as first:
        await tariffs.correct(first, TariffCorrection(id=tariff.id, prices={"leistung": Decimal(1)}))
        second = asyncio.create_task(
            run(pool, tariffs.correct, TariffCorrection(id=tariff.id, prices={"arbeit": Decimal(2)}))
        )
        await wait_until_a_session_is_blocked(pool)
        assert not second.done()
    corrected, _ = await second
    assert (corrected.version, corrected.leistung, corrected.arbeit) == (3, 1, 2)


async def test_the_second_of_two_with_the_same_version_is_refused(pool):
    tariff = await make.tariff(pool, await make.dno(pool))
    correction = TariffCorrection(id=tariff.id, prices={"leistung": Decimal(1)}, expected_version=1)
    results = await asyncio.gather(
        *(run(pool, tariffs.correct, correction) for _ in range(4)), return_exceptions=True
    )
    assert sum(getattr(result, "code", None) is Code.CONFLICT for result in results) == 3


async def test_one_of_two_transactions_in_a_deadlock_is_rolled_back_completely(pool):
    dno = await make.dno(pool)
    ids = [(await make.tariff(pool, dno, year)).id for year in (2024, 2025)]
    both_locked = asyncio.Barrier(2)

    async def correct_both(order):
        async with unit_of_work(pool, EDITOR) as work:
            await tariffs.correct(work, TariffCorrection(id=order[0], prices={"leistung": Decimal(1)}))
            await both_locked.wait()
            await tariffs.correct(work, TariffCorrection(id=order[1], prices={"leistung": Decimal(2)}))

    results = await asyncio.gather(correct_both(ids), correct_both(ids[::-1]), return_exceptions=True)
    assert {type(result) for result in results} == {type(None), RolledBack}


async def test_a_violated_constraint_is_an_invalid_input(pool):
    tariff = await make.tariff(pool, await make.dno(pool))
    for column, value, rule in (
        ("leistung", -1, "price not negative"),
        ("year", 1999, "year from 2000 to 2100"),
    ):
        with pytest.raises(BadInput, match=rule):
            async with unit_of_work(pool, EDITOR) as work:
                await work.connection.execute(
                    f"UPDATE netzentgelte_data SET {column} = {value} WHERE id = $1", tariff.id
                )
    with pytest.raises(BadInput):
        await run(
            pool,
            tariffs.correct,
            TariffCorrection(id=tariff.id, prices={"arbeit": Decimal(9)}, reason="\ud800"),
        )


class NewSource(Correction, frozen=True, kw_only=True):
    """A correction of an entry of any family."""

    def corrected(self, before):
        return before


@asynccontextmanager
async def sent_statements(pool):
    """The statements of the block, by their first words, on all connections of the pool."""
    sent = []

    def log(query):
        sent.append(query.query.split()[0].strip(";"))

    connections = [holder._con for holder in pool._pool._holders if holder._con is not None]
    for connection in connections:
        connection.add_query_logger(log)
    yield sent
    for connection in connections:
        connection.remove_query_logger(log)


async def test_a_change_of_an_entry_of_any_family_costs_two_round_trips(pool):
    """Each statement is one: the first reads the entry, the second writes and commits."""
    dno = await make.dno(pool)
    made = (make.tariff, make.hlzf, make.time_of_use, make.price, make.holiday_rule)
    each = dict(zip(FAMILIES, [*[await one(pool, dno) for one in made], await make.levy(pool)], strict=True))
    for family, entry in each.items():
        table, data_type = TABLES[family.name], DataType[family.data_type]
        changes = [
            lambda work, table=table, entry=entry: table.correct(
                work, NewSource(id=entry.id, source_url="https://example.org/new")
            ),
            lambda work, data_type=data_type, entry=entry: entries.flag(
                work, data_type, entry.id, reason="odd"
            ),
            lambda work, data_type=data_type, entry=entry: entries.verify(work, data_type, entry.id),
            lambda work, data_type=data_type, entry=entry: entries.delete(
                work, data_type, entry.id, reason="x"
            ),
        ]
        # The driver looks up types of columns once per connection.
        await write_one_entry(pool, EDITOR, changes[1], allowed)
        await write_one_entry(
            pool,
            EDITOR,
            lambda work, table=table, entry=entry: table.correct(work, NewSource(id=entry.id, verify=True)),
            allowed,
        )
        for number, change in enumerate(changes):
            async with sent_statements(pool) as sent:
                _, work = await write_one_entry(pool, EDITOR, change, allowed)
                await asyncio.sleep(0)  # a logger is called a turn of the loop later
            assert len(sent) == 2
            assert (work.revision.version, len(work.events)) == (number + 4, 1)
            assert work.revision.changed_by == EDITOR.name


async def test_a_price_is_compared_in_the_statement_that_writes_it(pool):
    tariff = await make.tariff(pool, await make.dno(pool), leistung="58")
    async with sent_statements(pool) as sent:
        written, work = await run(
            pool, tariffs.correct, TariffCorrection(id=tariff.id, prices={"leistung": Decimal("580.50")})
        )
        await asyncio.sleep(0)
    assert "WITH" in sent
    assert str(written.leistung) == "580.50"
    assert [str(warning.code) for warning in work.warnings] == ["PAIRS_DO_NOT_MEET"]


async def test_an_entry_that_is_locked_or_has_moved_is_written_by_a_transaction(pool):
    """Neither overwrites what another writer has committed meanwhile."""
    tariff = await make.tariff(pool, await make.dno(pool))

    async def correct(work):
        entry = await TABLES["tariffs"].lock(work, tariff.id, reason=None)
        if isinstance(work, OneEntryWork):
            await pool.fetch("UPDATE netzentgelte_data SET arbeit = 7 WHERE id = $1", tariff.id)
        return await TABLES["tariffs"].save(work, msgspec.structs.replace(entry, leistung=Decimal(60)))

    written, work = await write_one_entry(pool, EDITOR, correct, allowed)
    assert (written.version, written.arbeit, written.leistung) == (3, 7, 60)
    assert (work.revision.version, len(work.events)) == (3, 1)


async def test_what_was_committed_without_a_response_is_found_and_not_written_twice(pool, monkeypatch):
    tariff = await make.tariff(pool, await make.dno(pool))
    fetch = asyncpg.Connection.fetch

    async def lost(self, statement, *arguments, **options):
        rows = await fetch(self, statement, *arguments, **options)
        if "write_entry" in statement:
            raise ConnectionResetError
        return rows

    monkeypatch.setattr(asyncpg.Connection, "fetch", lost)
    change = TariffCorrection(id=tariff.id, prices={"arbeit": Decimal(9)}, expected_version=1, reason="once")
    written, work = await write_one_entry(pool, EDITOR, lambda work: tariffs.correct(work, change), allowed)
    assert (written.version, written.arbeit) == (2, 9)
    assert (work.revision.version, work.revision.reason) == (2, "once")
    assert [event.entries[0].version for event in work.events] == [2]
    assert await history(pool, tariff.id) == [(1, ChangeKind.CREATED), (2, ChangeKind.CORRECTED)]


async def test_what_was_lost_before_it_was_committed_is_written_once(pool, monkeypatch):
    tariff = await make.tariff(pool, await make.dno(pool))
    fetch = asyncpg.Connection.fetch

    async def lost(self, statement, *arguments, **options):
        if "write_entry" in statement:
            raise ConnectionResetError
        return await fetch(self, statement, *arguments, **options)

    monkeypatch.setattr(asyncpg.Connection, "fetch", lost)
    change = TariffCorrection(id=tariff.id, prices={"arbeit": Decimal(9)}, expected_version=1)
    written, work = await write_one_entry(pool, EDITOR, lambda work: tariffs.correct(work, change), allowed)
    assert (written.version, written.arbeit, len(work.events)) == (2, 9, 1)


async def test_a_correction_that_changes_nothing_is_not_read_back(pool):
    tariff = await make.tariff(pool, await make.dno(pool))
    sent = []
    log = sent.append
    async with unit_of_work(pool, EDITOR) as work:
        work.connection.add_query_logger(log)
        connection = work.connection
        await tariffs.correct(work, TariffCorrection(id=tariff.id, prices={"arbeit": tariff.arbeit}))
        await asyncio.sleep(0)
        connection.remove_query_logger(log)
    assert work.wrote_nothing
    assert (work.events, work.revision) == ([], None)
    assert [query.query.split()[0] for query in sent] == ["SELECT"]


async def test_a_unit_of_work_reads_back_only_its_own_events(pool):
    dno = await make.dno(pool)
    await make.tariff(pool, dno, 2024)
    async with unit_of_work(pool, EDITOR) as work:
        await tariffs.add(work, new_tariff())
        await hlzf.add(work, new_hlzf())
    assert [event.topic for event in work.events] == [Topic.TARIFFS, Topic.HLZF]
    assert work.revision.data_type is HLZF


async def test_the_author_of_a_revision_is_valid_for_one_transaction(pool):
    tariff = await make.tariff(pool, await make.dno(pool))
    await run(
        pool, tariffs.correct, TariffCorrection(id=tariff.id, prices={"arbeit": Decimal(9)}, reason="typo")
    )
    async with pool.connection() as connection:
        await connection.execute("UPDATE netzentgelte_data SET arbeit = 3 WHERE id = $1", tariff.id)
    newest = (await revisions.fetch_by_entry(pool, [tariff.id]))[tariff.id][0]
    assert (newest.version, newest.changed_by, newest.reason) == (3, None, None)


async def test_other_statements_record_their_author_too(pool):
    dno = await make.dno(pool)
    async with unit_of_work(pool, EDITOR) as work:
        await work.record_author(ChangeKind.REVERTED, "because")
        await work.connection.execute(
            "INSERT INTO netzentgelte_data (dno_id, year, voltage_level) VALUES ($1, 2025, 'NS')", dno.id
        )
    assert (work.revision.kind, work.revision.reason) == (ChangeKind.REVERTED, "because")


# Verification, flags, reversals


async def test_entries_of_both_families_are_verified_and_flagged(pool):
    dno = await make.dno(pool)
    for data_type, entry in (
        (NETZENTGELTE, await make.tariff(pool, dno)),
        (HLZF, await make.hlzf(pool, dno)),
    ):
        verified, work = await run(
            pool, entries.verify, data_type, entry.id, expected_version=1, notes="read twice"
        )
        assert (verified.version, verified.verification_status) == (2, VerificationStatus.VERIFIED)
        assert (work.revision.kind, work.revision.reason) == (ChangeKind.VERIFIED, "read twice")
        again, work = await run(pool, entries.verify, data_type, entry.id)
        assert (again, work.events) == (verified, [])
        flagged, work = await run(pool, entries.flag, data_type, entry.id, reason="unlikely")
        assert (flagged.version, work.revision.kind) == (3, ChangeKind.FLAGGED)
        with raises_code(Code.CONFLICT):
            await run(pool, entries.verify, data_type, entry.id, expected_version=2)
        with raises_code(Code.NOT_FOUND):
            await run(pool, entries.verify, data_type, uuid4())


@pytest.mark.parametrize("at_once", [False, True])
async def test_another_reason_for_a_flag_is_a_further_revision(pool, at_once):
    """The same reason, as of a form that is sent twice, is none."""
    tariff = await make.tariff(pool, await make.dno(pool))

    async def flag(reason):
        async def change(work):
            return await entries.flag(work, NETZENTGELTE, tariff.id, reason=reason)

        if at_once:
            return await write_one_entry(pool, EDITOR, change, permitted)
        return await write_in_transaction(pool, EDITOR, change)

    async def permitted():
        pass

    for version, reason in ((2, "unlikely"), (2, "unlikely"), (3, "of another year"), (4, "unlikely")):
        flagged, _ = await flag(reason)
        assert (flagged.version, flagged.verification_status) == (version, VerificationStatus.FLAGGED)
    _, work = await flag("of 2024")
    assert (work.revision.kind, work.revision.reason, work.revision.version) == (
        ChangeKind.FLAGGED,
        "of 2024",
        5,
    )
    assert [event.entries[0].version for event in work.events] == [5]
    _, work = await flag("of 2024")
    assert (work.revision, work.events) == (None, [])
    _, work = await run(pool, entries.verify, NETZENTGELTE, tariff.id)
    assert work.revision.version == 6
    await run(pool, entries.revert, work.revision.id)
    flagged, _ = await flag("of 2024")
    assert flagged.version == 8
    flagged, _ = await flag("of 2024")
    assert flagged.version == 8


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("restore", [entries.undo, entries.revert])
async def test_a_revision_that_changed_nothing_is_restored_only_if_the_entry_has_changed_since(
    pool, restore, at_once
):
    tariff = await make.tariff(pool, await make.dno(pool))

    async def execute(write, *arguments, **given):
        async def change(work):
            return await write(work, *arguments, **given)

        if at_once:
            return await write_one_entry(pool, EDITOR, change, permitted)
        return await write_in_transaction(pool, EDITOR, change)

    async def permitted():
        pass

    await execute(entries.flag, NETZENTGELTE, tariff.id, reason="unlikely")
    _, work = await execute(entries.flag, NETZENTGELTE, tariff.id, reason="of another year")
    further = work.revision.id
    with pytest.raises(BadInput, match="changed nothing") as refused:
        await execute(restore, further)
    assert refused.value.field == ("input", "revisionId")
    await execute(entries.delete, NETZENTGELTE, tariff.id, reason="odd")
    if restore is entries.undo:
        with raises_code(Code.CONFLICT):
            await execute(restore, further)
    else:
        restored, work = await execute(restore, further)
        assert (restored.verification_status, restored.version) == (VerificationStatus.FLAGGED, 5)


async def test_a_flag_requires_a_reason(pool):
    tariff = await make.tariff(pool, await make.dno(pool))
    with pytest.raises(BadInput) as refused:
        await run(pool, entries.flag, NETZENTGELTE, tariff.id, reason=" ")
    assert refused.value.field == ("input", "reason")


async def test_a_reversal_restores_the_state_before_a_revision(pool):
    tariff = await make.tariff(
        pool, await make.dno(pool), verification_status="verified", leistung="58.20", source_title="sheet"
    )
    _, work = await run(
        pool, tariffs.correct, TariffCorrection(id=tariff.id, prices={"leistung": Decimal(1), "arbeit": None})
    )
    wrong = work.revision
    restored, work = await run(pool, entries.revert, wrong.id, expected_version=2, reason="was right")
    assert restored.prices == tariff.prices
    assert (str(restored.leistung), restored.verification_status, restored.source_title, restored.version) == (
        "58.20", VerificationStatus.VERIFIED, "sheet", 3,
    )  # fmt: skip
    assert (work.revision.kind, work.revision.reason) == (ChangeKind.REVERTED, "was right")
    again, second = await run(pool, entries.revert, wrong.id)
    assert (again, second.events) == (restored, [])
    undone, _ = await run(pool, entries.revert, work.revision.id)
    assert (undone.leistung, undone.version) == (1, 4)


async def test_reverting_an_old_revision_reverts_all_later_changes(pool):
    entry = await make.hlzf(pool, await make.dno(pool))
    _, first = await run(pool, hlzf.correct, HlzfCorrection(id=entry.id, windows=()))
    await run(pool, hlzf.correct, HlzfCorrection(id=entry.id, windows=(TimeWindow(1, 2),)))
    restored, _ = await run(pool, entries.revert, first.revision.id)
    assert (restored.windows, restored.version) == (entry.windows, 4)
    with raises_code(Code.CONFLICT):
        await run(pool, entries.revert, first.revision.id, expected_version=3)


async def test_reverting_a_creation_deletes_and_reverting_that_revives(pool):
    dno = await make.dno(pool)
    tariff, created = await run(pool, tariffs.add, new_tariff())
    deleted, work = await run(pool, entries.revert, created.revision.id)
    assert deleted is None
    assert work.revision.kind is ChangeKind.DELETED
    assert await entry_locations.fetch_entry_locations(pool, [tariff.id]) == {}
    deleted, again = await run(pool, entries.revert, created.revision.id)
    assert (deleted, again.events) == (None, [])
    revived, work = await run(pool, entries.revert, work.revision.id)
    assert (revived.version, revived.prices) == (3, tariff.prices)
    assert work.revision.kind is ChangeKind.REVERTED
    assert await stored(pool, dno) == (revived,)


async def test_an_unknown_revision_cannot_be_reverted(pool):
    with raises_code(Code.NOT_FOUND) as refused:
        await run(pool, entries.revert, uuid4())
    assert refused.value.field == ("input", "revisionId")


async def wait_until_a_session_is_blocked(pool):
    blocked = (
        "SELECT FROM pg_locks WHERE NOT granted AND pid IN"
        " (SELECT pid FROM pg_stat_activity WHERE datname = current_database())"
    )
    await until(lambda: pool.fetch(blocked))
