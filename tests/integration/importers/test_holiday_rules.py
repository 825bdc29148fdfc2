"""Imports of holiday rules: rows in an operator's words, or one row per rule."""

import pytest

from app.domain.holiday_rule import WITHOUT_YEAR
from app.importers.load import Kind
from tests import factories as make

RULES = Kind["HOLIDAY_RULES"]
WORDS = "dno_slug,year,date,subject,rule,read_how,source_url,source_title\n"
COLUMNS = (
    "dno_slug,year,bridge_days,excluded_dates,working_dates,holidays,holiday_states,christmas,time_stamps,"
    "bridge_day_words,holiday_words,christmas_words,time_stamp_words,verification_status,source_url,source_title\n"
)


def row(
    rule,
    *,
    slug="netze-a",
    year="2026",
    day="",
    subject="bridge_day",
    how="read directly",
    url="https://e.org/u",
) -> str:
    return f'{slug},{year},{day},{subject},"{rule}",{how},{url},\n'


async def rules_of(pool, dno):
    return {rule.year: rule for rule in (await make.fetch_rules(pool, [dno.id])).get(dno.id, ())}


async def test_rows_of_one_operator_and_year_become_one_rule(pool, load):
    dno = await make.dno(pool)
    report = await load(
        RULES,
        WORDS
        + row("bridge day named by the operator", day="2026-05-15")
        + row("bridge day named by the operator", day="2026-01-02")
        + row("nationwide holidays only", subject="holiday", how="read second-hand")
        + row("24 December to 1 January off-peak", subject="christmas")
        + row("all bridge days off-peak", year=""),
    )
    assert (report.inserted, report.refused, report.left_out) == (2, 0, ())
    found = await rules_of(pool, dno)
    assert found.keys() == {2026, WITHOUT_YEAR}
    rule = found[2026]
    assert [str(day) for day in rule.excluded_dates] == ["2026-01-02", "2026-05-15"]
    assert (rule.bridge_days, rule.holidays, rule.christmas) == ("ONE_EXCLUDED", "NATIONWIDE", "ALL_EXCLUDED")
    assert rule.bridge_day_words == "bridge day named by the operator; bridge day named by the operator"
    assert (rule.verification_status, rule.source_url) == (
        "unverified",
        "https://e.org/u",
    )  # that of its least sure row
    assert found[WITHOUT_YEAR].verification_status == "verified"


async def test_rows_that_are_no_rule_of_an_operator_are_left_out_and_reported(pool, load):
    await make.dno(pool)
    report = await load(
        RULES,
        WORDS
        + row("one bridge day off-peak", slug="", year="2015-2018")
        + row("500 EUR a year at least", subject="threshold")
        + row("all bridge days off-peak", year="2025-2026"),
    )
    assert (report.inserted, report.refused) == (2, 0)
    assert [(each.location.line, each.reason) for each in report.left_out] == [
        (2, "the row names no operator"),
        (3, "a threshold is no part of a holiday rule"),
    ]


@pytest.mark.parametrize(
    ("rows", "column"),
    [
        (row("as the case may be"), "rule"),
        (row("bridge day named by the operator", day="2025-05-30"), "date"),
        (row("bridge day named by the operator", day="15.05.26"), "date"),
        (row("all bridge days") + row("bridge days count as working days"), "rule"),
        (
            row("all bridge days") + row("nationwide holidays", subject="holiday", url="https://e.org/v"),
            "source_url",
        ),
        (row("all bridge days", slug="unknown"), "dno_slug"),
        (row("all bridge days", year="1999"), "year"),
        (row("all bridge days", year="2026-2025"), "year"),
        (row("all bridge days", year="2025-"), "year"),
        (row("all bridge days", subject="weather"), "subject"),
        (row("all bridge days", how="guessed"), "read_how"),
    ],
)
async def test_rows_that_are_not_understood_or_contradict_each_other_are_refused(pool, load, rows, column):
    dno = await make.dno(pool)
    report = await load(RULES, WORDS + rows)
    assert [problem.column for problem in report.problems] == [column]
    assert await rules_of(pool, dno) == {}


async def test_one_row_per_rule_is_imported_and_corrections_of_people_are_kept(pool, load):
    dno = await make.dno(pool)
    line = (
        "netze-a,2026,ONE_EXCLUDED,2026-01-02 2026-05-15,2026-08-17,NETWORK_AREA,Baden-Württemberg Bayern,"
        "ALL_EXCLUDED,INTERVAL_END,one,,,stamps,verified,https://example.org,Sheet\n"
    )
    assert (await load(RULES, COLUMNS + line)).inserted == 1
    assert (await load(RULES, COLUMNS + line)).unchanged == 1
    rule = (await rules_of(pool, dno))[2026]
    assert rule.holiday_states == ("Baden-Württemberg", "Bayern")
    assert (rule.bridge_day_words, rule.holiday_words, rule.time_stamps) == ("one", None, "INTERVAL_END")
    async with pool.connection() as connection:
        await connection.execute(
            "SELECT record_author('editor', NULL, NULL); UPDATE holiday_rules SET christmas = 'UNKNOWN'"
        )
    changed = COLUMNS + line.replace("Sheet", "Sheet 2")
    report = await load(RULES, changed)
    assert (report.updated, [kept.reason for kept in report.kept]) == (0, ["last changed by editor"])
    assert (await load(RULES, changed, overwrite=True)).updated == 1
    assert (await rules_of(pool, dno))[2026].christmas == "ALL_EXCLUDED"


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("ALL_EXCLUDED", "SOME", "bridge_days"),
        ("2026-01-02 2026-05-15", "2026-05-15 2026-01-02", "excluded_dates"),
        ("2026-01-02 2026-05-15", "2026-01-02, 15.05.", "excluded_dates"),
        ("Bayern", "Tirol", "holiday_states"),
    ],
)
async def test_columns_with_other_values_are_refused(pool, load, old, new, column):
    await make.dno(pool)
    line = "netze-a,2026,ALL_EXCLUDED,2026-01-02 2026-05-15,,NETWORK_AREA,Bayern,UNKNOWN,UNKNOWN,,,,,verified,,\n"
    report = await load(RULES, COLUMNS + line.replace(old, f'"{new}"', 1))
    assert [problem.column for problem in report.problems] == [column]


async def test_both_layouts_of_one_rule_contradict_each_other(pool, load):
    await make.dno(pool)
    line = "netze-a,2026,ALL_EXCLUDED,,,UNKNOWN,,UNKNOWN,UNKNOWN,,,,,verified,,\n"
    report = await load(RULES, WORDS + row("all bridge days"), COLUMNS + line)
    assert "the same operator and year" in report.problems[0].reason
