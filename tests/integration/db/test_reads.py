"""Every read takes many keys, sends one statement and returns a dict."""

from collections.abc import AsyncIterator
from decimal import Decimal
from uuid import uuid4

import pytest

from app.db import aliases, dnos, entry_locations, hlzf, revisions, tariffs, time_of_use, years
from app.db.pool import Pool, open_pool
from app.domain.directory import Directories
from app.domain.entry import DnoYear, EntryLocation, VoltageLevel
from app.domain.hlzf import Season, TimeWindow
from app.domain.revision import ChangeKind, FieldChange
from app.domain.time_of_use import TimeOfUseBand, TimeOfUsePrice, TimeOfUseWindow
from tests import factories as make


async def _directory(pool: Pool):
    return (await Directories().of((await dnos.fetch_directory(pool, [None]))[None])).entries


@pytest.fixture
async def other_pool(settings) -> AsyncIterator[Pool]:
    """As of another instance."""
    async with open_pool(settings) as opened:
        yield opened


async def _delete(pool: Pool, table: str, entry_id) -> None:
    async with pool.connection() as connection:
        await connection.execute(f"UPDATE {table} SET deleted_at = now() WHERE id = $1", entry_id)


async def test_operators_are_found_by_slug_and_by_id(pool):
    a = await make.dno(pool, "netze-a", connection_points_ns=5, capacity_mw_total=Decimal("1.50"))
    b = await make.dno(pool, "netze-b")
    before = pool.statements
    assert await dnos.fetch_by_slug(pool, ["netze-a", "netze-b", "netze-c"]) == {"netze-a": a, "netze-b": b}
    assert await dnos.fetch_by_id(pool, [a.id, uuid4()]) == {a.id: a}
    assert pool.statements - before == 2
    assert a.statistics.connection_points == 5
    assert str(a.statistics.capacity_mw) == "1.50"


async def test_a_deleted_operator_is_absent(pool):
    dno = await make.dno(pool)
    await _delete(pool, "dnos", dno.id)
    assert await dnos.fetch_by_slug(pool, [dno.slug]) == {}
    assert await dnos.fetch_by_id(pool, [dno.id]) == {}
    assert await _directory(pool) == ()


async def test_an_invalid_slug_does_not_fail_its_batch(pool):
    dno = await make.dno(pool)
    assert await dnos.fetch_by_slug(pool, ["\0", "\ud800", "", dno.slug]) == {dno.slug: dno}
    before = pool.statements
    assert await dnos.fetch_by_slug(pool, ["\0"]) == {}
    assert pool.statements == before


async def test_the_directory_is_sorted_in_german_order(pool):
    for number, name in enumerate(["Zwickau", "Überland", "ulm", "Aßlar", "Assling", "Ärzen", "Aerzen"]):
        await make.dno(pool, f"n-{number}", name=name)
    directory = await _directory(pool)
    assert [entry.name for entry in directory] == [
        "Aerzen", "Ärzen", "Aßlar", "Assling", "Überland", "ulm", "Zwickau",
    ]  # fmt: skip


async def test_unknown_connection_points_are_not_zero(pool):
    await make.dno(pool, "a")
    await make.dno(pool, "b", connection_points_ns=0)
    await make.dno(pool, "c", connection_points_ns=2**31 - 1, connection_points_hoes=2**31 - 1)
    directory = await _directory(pool)
    assert [entry.connection_points for entry in directory] == [None, 0, 2 * (2**31 - 1)]


async def test_the_directory_is_sent_again_only_after_a_change_of_one_of_its_rows(pool, other_pool):
    async def record():
        return (await dnos.fetch_directory(pool, [None]))[None]

    empty = await record()
    assert await record() is empty
    first = await make.dno(pool, "netze-a", name="A", region="Bayern")
    second = await make.dno(pool, "netze-b", name="B", region="Sachsen")
    changes = [
        "UPDATE dnos SET name = 'C' WHERE slug = 'netze-a'",
        "UPDATE dnos SET name = CASE slug WHEN 'netze-a' THEN 'B' ELSE 'C' END",  # as if they were exchanged
        "UPDATE dnos SET region = NULL WHERE slug = 'netze-a'",
        "UPDATE dnos SET connection_points_ms = 0 WHERE slug = 'netze-b'",
        "UPDATE dnos SET deleted_at = now() WHERE slug = 'netze-b'",
        "UPDATE dnos SET deleted_at = NULL WHERE slug = 'netze-b'",
    ]
    seen = [empty, before := await record()]
    assert {entry.id for entry in await _directory(pool)} == {first.id, second.id}
    for change in changes:
        async with other_pool.connection() as connection:
            await connection.execute(change)
        seen.append(await record())
        assert seen[-1] != seen[-2], change
        assert await record() is seen[-1]
        # As a process reads it that has not read it before.
        assert seen[-1] == (await dnos.fetch_directory(other_pool, [None]))[None]
    assert before not in seen[2:]


async def test_tariffs_are_sorted_from_the_highest_voltage_level_to_the_lowest(pool):
    a, b = await make.dno(pool, "netze-a"), await make.dno(pool, "netze-b")
    ns = await make.tariff(pool, a, 2025, VoltageLevel.NS)
    hs = await make.tariff(pool, a, 2025, VoltageLevel.HS, leistung="58.20", arbeit=None)
    other = await make.tariff(pool, b, 2026, VoltageLevel.MS)
    deleted = await make.tariff(pool, a, 2025, VoltageLevel.MS)
    await _delete(pool, "netzentgelte_data", deleted.id)
    before = pool.statements
    keys = [DnoYear(a.id, 2025), DnoYear(b.id, 2026), DnoYear(b.id, 2025)]
    assert await tariffs.fetch_by_dno_year(pool, keys) == {keys[0]: (hs, ns), keys[1]: (other,)}
    assert pool.statements - before == 1
    assert (str(hs.leistung), hs.arbeit) == ("58.20", None)
    assert hs.voltage_level is VoltageLevel.HS


async def test_hlzf_are_sorted_by_level_and_season(pool):
    dno = await make.dno(pool)
    autumn = await make.hlzf(pool, dno, season=Season.AUTUMN, windows="")
    winter = await make.hlzf(pool, dno, windows="07:30-13:00, 16:00-24:00")
    high = await make.hlzf(pool, dno, voltage_level=VoltageLevel.HS, season=Season.SUMMER)
    key = DnoYear(dno.id, 2025)
    before = pool.statements
    assert await hlzf.fetch_by_dno_year(pool, [key, DnoYear(dno.id, 2024)]) == {key: (high, winter, autumn)}
    assert pool.statements - before == 1
    assert winter.windows == (TimeWindow(450, 780), TimeWindow(960, 1440))
    assert autumn.windows == ()


async def test_time_of_use_tariffs_contain_bands_and_windows(pool):
    dno = await make.dno(pool)
    made = await make.time_of_use(pool, dno, price_ht=None, windows="2 00:00-24:00 ST")
    key = DnoYear(dno.id, 2026)
    assert await time_of_use.fetch_by_dno_year(pool, [key]) == {key: (made,)}
    assert made.bands == (
        TimeOfUsePrice(TimeOfUseBand.ST, Decimal("6.70")),
        TimeOfUsePrice(TimeOfUseBand.NT, Decimal("1.34")),
    )
    assert made.windows == (TimeOfUseWindow(2, 0, 1440, TimeOfUseBand.ST),)


async def test_years_are_those_of_any_family_newest_first(pool):
    a, b = await make.dno(pool, "netze-a"), await make.dno(pool, "netze-b")
    await make.tariff(pool, a, 2024)
    await make.tariff(pool, a, 2025)
    await make.hlzf(pool, a, 2025)
    await make.time_of_use(pool, a, 2026)
    await make.price(pool, a, 2027)
    deleted = await make.tariff(pool, b, 2024)
    await _delete(pool, "netzentgelte_data", deleted.id)
    before = pool.statements
    assert await years.fetch_years(pool, [a.id, b.id]) == {a.id: (2027, 2026, 2025, 2024)}
    assert await years.fetch_dnos_with_data(pool, [2024, 2026, 2030]) == {2024: {a.id}, 2026: {a.id}}
    assert pool.statements - before == 2


async def test_the_location_of_an_entry_is_found_by_its_id(pool):
    dno = await make.dno(pool)
    tariff, windows, bands = (
        await make.tariff(pool, dno),
        await make.hlzf(pool, dno),
        await make.time_of_use(pool, dno),
    )
    before = pool.statements
    assert await entry_locations.fetch_entry_locations(pool, [tariff.id, windows.id, bands.id, uuid4()]) == {
        tariff.id: EntryLocation("tariffs", dno.id, 2025),
        windows.id: EntryLocation("hlzf", dno.id, 2025),
        bands.id: EntryLocation("time_of_use", dno.id, 2026),
    }
    assert pool.statements - before == 1


async def test_history_uses_the_field_names_of_the_api(pool):
    dno = await make.dno(pool)
    tariff = await make.tariff(pool, dno, leistung="58.20")
    windows = await make.hlzf(pool, dno)
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE netzentgelte_data SET leistung_unter_2500h = 20.50, verification_status = 'verified',"
            " source_url = 'https://example.org' WHERE id = $1",
            tariff.id,
        )
        await connection.execute("UPDATE hlzf_data SET windows = '[]' WHERE id = $1", windows.id)
    before = pool.statements
    found = await revisions.fetch_by_entry(pool, [tariff.id, windows.id, uuid4()])
    assert pool.statements - before == 1
    assert set(found) == {tariff.id, windows.id}
    corrected, created = found[tariff.id]
    assert (corrected.kind, corrected.version, created.kind, created.version) == (
        ChangeKind.CORRECTED, 2, ChangeKind.CREATED, 1,
    )  # fmt: skip
    assert corrected.changes == (
        FieldChange("leistungUnter2500h", "18.30", "20.50"),
        FieldChange("verificationStatus", "UNVERIFIED", "VERIFIED"),
        FieldChange("sourceUrl", None, "https://example.org"),
    )
    assert FieldChange("leistung", None, "58.20") in created.changes
    assert found[windows.id][0].changes == (FieldChange("windows", "07:30-13:00, 16:00-19:00", ""),)
    assert await revisions.fetch_by_id(pool, [created.id, uuid4()]) == {created.id: created}


async def test_aliases_contain_their_source(pool):
    dno = await make.dno(pool)
    alias = await make.alias(pool, dno, "SWM")
    assert await aliases.fetch_aliases(pool, [None]) == {None: (alias,)}
