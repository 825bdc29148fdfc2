"""Stored entries are compared with last year, with all operators, with the figure before and with what others imply."""

from decimal import Decimal

from app.db import known_distribution
from app.db.family_tables import TABLES
from app.db.unit_of_work import unit_of_work
from app.domain.account import Principal, Role
from app.domain.correction import TariffCorrection
from app.domain.entry import VoltageLevel
from app.domain.families import FAMILIES
from app.domain.plausibility_rules import has_rules
from app.domain.price import PriceKind
from tests import factories as make

EDITOR = Principal(Role.EDITOR, name="erika@example.org")


async def find(pool, family, dnos=None, years=None):
    async with pool.connection() as connection, connection.transaction():
        ids = None if dnos is None else [dno.id for dno in dnos]
        return [each async for each in TABLES[family].plausibility.find(connection, ids, years)]


def codes(found):
    """By year: `find` promises no order."""
    return sorted((each.entry.year, [warning.code for warning in each.warnings]) for each in found)


async def correct(pool, tariff, **prices):
    async with unit_of_work(pool, EDITOR) as work:
        change = TariffCorrection(id=tariff.id, prices={name: Decimal(text) for name, text in prices.items()})
        await TABLES["tariffs"].correct(work, change)
    return [(warning.code, warning.message) for warning in work.warnings]


async def ten_operators(pool):
    return [await make.tariff(pool, await make.dno(pool, f"netze-{n}")) for n in range(10)]


async def test_only_entries_of_the_given_operators_and_years_are_compared(pool):
    dno, other = await make.dno(pool), await make.dno(pool, "netze-b")
    for year in (2024, 2026):
        await make.tariff(pool, dno, year, leistung="10")
        await make.tariff(pool, other, year)
    assert codes(await find(pool, "tariffs")) == [(2024, ["UNUSUAL_ORDER", "PAIRS_DO_NOT_MEET"]), (2026, ["UNUSUAL_ORDER", "PAIRS_DO_NOT_MEET"])]  # fmt: skip
    assert len(await find(pool, "tariffs", [dno], [2026])) == 1
    assert await find(pool, "tariffs", [other]) == await find(pool, "tariffs", None, [2025]) == []


async def test_deleted_entries_and_entries_of_deleted_operators_are_not_compared(pool):
    dno, other = await make.dno(pool), await make.dno(pool, "netze-b")
    await make.tariff(pool, dno, leistung="10")
    await make.hlzf(pool, other, windows="06:00-22:00")
    assert len(await find(pool, "tariffs")) == len(await find(pool, "hlzf")) == 1
    await pool.fetch("UPDATE netzentgelte_data SET deleted_at = now()")
    await pool.fetch("UPDATE dnos SET deleted_at = now() WHERE slug = 'netze-b'")
    assert await find(pool, "tariffs") == await find(pool, "hlzf") == []


async def test_a_correction_is_compared_with_the_figures_of_all_operators(pool):
    tariffs = await ten_operators(pool)
    found = await correct(pool, tariffs[0], arbeit="6.40")
    assert ("UNUSUAL_MAGNITUDE", "6.40 ct per kWh is more than 5 times the median 1.26 of 10 figures of this kind.") in found  # fmt: skip
    [stored] = await find(pool, "tariffs")
    assert [(warning.code, warning.message) for warning in stored.warnings] == found
    assert await correct(pool, tariffs[0], arbeit="1.26") == []


async def test_medians_of_many_figures_are_computed_once_a_minute(pool, monkeypatch):
    monkeypatch.setattr(known_distribution, "FEWEST_KEPT", 10)
    now = 0.0
    monkeypatch.setattr(pool, "distribution", known_distribution.KnownDistribution(lambda: now))
    tariffs = await ten_operators(pool)

    async def compared():
        ((_, message),) = [each for each in await correct(pool, tariffs[0], arbeit="6.40") if each[0] == "UNUSUAL_MAGNITUDE"]  # fmt: skip
        assert await correct(pool, tariffs[0], arbeit="1.26") == []
        return message.rpartition(" median ")[2]

    assert await compared() == "1.26 of 10 figures of this kind."
    for n in range(10, 25):
        await make.tariff(pool, await make.dno(pool, f"netze-{n}"), arbeit="1.20")
    now = known_distribution.LIFETIME - 1
    assert await compared() == "1.26 of 10 figures of this kind."
    # Medians of another level are not used for it.
    other = await make.tariff(pool, await make.dno(pool, "netze-x"), voltage_level=VoltageLevel.HS)
    assert "UNUSUAL_MAGNITUDE" not in dict(await correct(pool, other, arbeit="6.40"))
    now += 1
    assert await compared() == "1.20 of 25 figures of this kind."


async def test_medians_of_few_figures_are_computed_for_every_correction(pool):
    tariffs = await ten_operators(pool)
    for number in (11, 12):
        await make.tariff(pool, await make.dno(pool, f"netze-{number}"))
        found = dict(await correct(pool, tariffs[0], arbeit=f"6.4{number - 10}"))
        assert found["UNUSUAL_MAGNITUDE"].endswith(f"of {number} figures of this kind.")


async def test_a_correction_to_a_gross_price_is_compared_with_the_figure_before(pool):
    tariff = await make.tariff(pool, await make.dno(pool), leistung_unter_2500h=None)
    found = await correct(pool, tariff, leistung="69.27", arbeit="1.50")
    gross = (
        "GROSS_FOR_NET",
        "69.27 is 1.19 times the figure before the last change 58.21: gross in the place of net?",
    )
    assert found == [gross]
    [stored] = await find(pool, "tariffs")
    assert [(warning.code, warning.message) for warning in stored.warnings] == found


async def test_gross_prices_are_found_by_what_other_entries_of_the_sheet_imply(pool):
    dno = await make.dno(pool)
    await make.time_of_use(pool, dno, price_st="6.70")
    await make.price(pool, dno, 2026, PriceKind.SLP_ARBEITSPREIS, amount="7.97")
    [energy] = await find(pool, "prices")
    assert [warning.code for warning in energy.warnings] == ["GROSS_FOR_NET"]
    other = await make.dno(pool, "netze-b")
    await make.price(pool, other, 2026, PriceKind.SLP_ARBEITSPREIS, amount="6.70")
    await make.time_of_use(pool, other, price_st="7.97")
    [sheet] = await find(pool, "time_of_use", [other])
    assert "7.97 is 1.19 times the SLP Arbeitspreis 6.70: gross in the place of net?" in [
        warning.message for warning in sheet.warnings
    ]


async def test_families_without_rules_are_not_read(pool):
    await make.levy(pool)
    await make.holiday_rule(pool, await make.dno(pool))
    assert await find(pool, "levies") == await find(pool, "holiday_rules") == []


async def test_entries_found_by_key_have_the_same_warnings(pool):
    dno = await make.dno(pool)
    await make.tariff(pool, dno, 2024, leistung="10", arbeit="0.10")
    await make.tariff(pool, dno, leistung="11.90", arbeit=None)
    await make.tariff(pool, dno, voltage_level=VoltageLevel.HS)
    await make.time_of_use(pool, dno, price_st="6.70", windows="1 00:05-06:00 NT")
    await make.price(pool, dno, 2026, PriceKind.SLP_ARBEITSPREIS, amount="7.97")
    await make.price(pool, dno, 2026, PriceKind.MESSUNG, voltage_level=None, variant="Zweitarif")
    await make.hlzf(pool, dno, windows="06:00-22:00")
    for family in FAMILIES:
        check = TABLES[family.name].plausibility
        key = [key.name for key in family.key]
        async with pool.connection() as connection, connection.transaction():
            found = {
                (
                    str(entry.dno_id),
                    str(entry.year),
                    *(str(getattr(entry, name) or "") for name in key),
                ): warnings
                async for entry, warnings in check.find(connection)
            }
            by_key = dict(
                [each async for each in check.find_by_key(connection, [dno.id], [2024, 2025, 2026])]
            )
        assert by_key == found
        assert bool(found) == has_rules(family), family.name
