"""What the importer would refuse cannot be written by hand either."""

import asyncpg
import pytest

from tests import factories as make

WINDOW = '{"start": "%s", "end": "%s"}'
BAND = '{"quarter": %s, "start": "%s", "end": "%s", "band": "%s"}'


async def refuse(pool, statement, *arguments) -> str:
    async with pool.connection() as connection:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
            await connection.execute(statement, *arguments)
    return refused.value.constraint_name or ""


@pytest.fixture
async def dno(pool):
    return await make.dno(pool)


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("slug", "'Netze A'", "slug_is_ascii"),
        ("slug", "'netze--a'", "slug_is_ascii"),
        ("name", "''", "name_is_given"),
        ("bdew_code", "'12345'", "bdew_code_has_13_digits"),
        ("connection_points_ns", "-1", "connection_points_ns_not_negative"),
        ("capacity_mw_total", "-0.1", "capacity_mw_total_not_negative"),
    ],
)
async def test_an_operator_keeps_the_rules(pool, dno, column, value, rule):
    assert await refuse(pool, f"UPDATE dnos SET {column} = {value}") == rule


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("year", "1999", "year_from_2000_to_2100"),
        ("year", "2101", "year_from_2000_to_2100"),
        ("voltage_level", "'XS'", "voltage_level_is_known"),
        ("leistung", "-0.01", "price_not_negative"),
        ("arbeit", "1.23456", "price_has_at_most_four_decimals"),
        ("leistung_unter_2500h", "1000000", "price_is_below_a_million"),
        ("verification_status", "'sure'", "verification_status_is_known"),
    ],
)
async def test_a_tariff_keeps_the_rules(pool, dno, column, value, rule):
    await make.tariff(pool, dno)
    assert await refuse(pool, f"UPDATE netzentgelte_data SET {column} = {value}") == rule


async def test_no_number_is_no_price(pool, dno):
    await make.tariff(pool, dno)
    for value in ("NaN", "Infinity"):
        assert await refuse(pool, f"UPDATE netzentgelte_data SET arbeit = '{value}'")


@pytest.mark.parametrize(
    "windows",
    [
        "{}",
        "[1]",
        '[{"start": "07:00"}]',
        f"[{WINDOW % ('7:00', '08:00')}]",
        f"[{WINDOW % ('08:00', '08:00')}]",
        f"[{WINDOW % ('08:00', '07:00')}]",
        f"[{WINDOW % ('07:00', '24:01')}]",
        f"[{WINDOW % ('07:00', '09:00')}, {WINDOW % ('08:59', '10:00')}]",
        f"[{WINDOW % ('09:00', '10:00')}, {WINDOW % ('07:00', '08:00')}]",
        '[{"start": "07:00", "end": "08:00", "note": "x"}]',
    ],
)
async def test_windows_are_in_order_and_do_not_overlap(pool, dno, windows):
    await make.hlzf(pool, dno)
    rule = await refuse(pool, f"UPDATE hlzf_data SET windows = '{windows}'")
    assert rule == "windows_are_in_order_and_do_not_overlap"


@pytest.mark.parametrize(
    "windows",
    [
        f"[{BAND % (5, '07:00', '08:00', 'HT')}]",
        f"[{BAND % (1, '07:00', '08:00', 'XT')}]",
        f"[{BAND % (1, '07:00', '07:00', 'HT')}]",
        f"[{BAND % (2, '07:00', '08:00', 'HT')}, {BAND % (1, '07:00', '08:00', 'HT')}]",
        f"[{BAND % (1, '07:00', '09:00', 'HT')}, {BAND % (1, '08:00', '10:00', 'NT')}]",
        '[{"quarter": 1, "start": "07:00", "end": "08:00"}]',
    ],
)
async def test_bands_are_in_order_and_do_not_overlap(pool, dno, windows):
    await make.time_of_use(pool, dno)
    rule = await refuse(pool, f"UPDATE time_of_use_data SET windows = '{windows}'")
    assert rule == "windows_are_in_order_and_do_not_overlap"


async def test_windows_may_touch_and_end_at_midnight(pool, dno):
    entry = await make.hlzf(pool, dno, windows="00:00-12:00, 12:00-24:00")
    assert [window.end for window in entry.windows] == [720, 1440]


async def test_each_place_is_taken_once(pool, dno):
    await make.tariff(pool, dno)
    await make.hlzf(pool, dno)
    await make.time_of_use(pool, dno)
    for table, key in (
        ("netzentgelte_data", "dno_id, year, voltage_level"),
        ("hlzf_data", "dno_id, year, voltage_level, season"),
        ("time_of_use_data", "dno_id, year"),
    ):
        assert await refuse(pool, f"INSERT INTO {table} ({key}) SELECT {key} FROM {table}")


async def test_an_operator_with_entries_stays(pool, dno):
    await make.tariff(pool, dno)
    assert await refuse(pool, "DELETE FROM dnos") == "netzentgelte_data_dno_id_fkey"


async def test_an_account_keeps_the_rules(pool):
    await make.user(pool, "erika@example.org")
    assert await refuse(pool, "UPDATE users SET role = 'BOSS'") == "role_is_known"
    assert await refuse(pool, "UPDATE users SET email = 'erika'") == "email_has_an_at_sign"
    assert (
        await refuse(
            pool, "INSERT INTO users (email, role, password_hash) VALUES ('ERIKA@example.org', 'VIEWER', '!')"
        )
        == "users_email"
    )
