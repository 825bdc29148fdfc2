"""What the words of an operator mean for working days."""

from datetime import date

import pytest

from app.importers.holiday_rule_words import Meaning, NotUnderstood, Subject, meaning_of

BRIDGE_DAY, HOLIDAY = Subject.BRIDGE_DAY, Subject.HOLIDAY
CHRISTMAS, TIME_STAMPS = Subject.CHRISTMAS, Subject.TIME_STAMPS
DAY = date(2026, 8, 15)


@pytest.mark.parametrize(
    ("subject", "words", "field", "expected"),
    [
        (BRIDGE_DAY, "bridge days count as working days", "bridge_days", "WORKING_DAYS"),
        (BRIDGE_DAY, "Brückentage gelten als Werktage", "bridge_days", "WORKING_DAYS"),
        (BRIDGE_DAY, "all bridge days off-peak (plural, no limit stated)", "bridge_days", "ALL_EXCLUDED"),
        (BRIDGE_DAY, "Alle Brückentage sind ausgenommen", "bridge_days", "ALL_EXCLUDED"),
        (BRIDGE_DAY, "at most one bridge day off-peak, not named", "bridge_days", "ONE_EXCLUDED"),
        (BRIDGE_DAY, "maximal ein Brückentag", "bridge_days", "ONE_EXCLUDED"),
        (BRIDGE_DAY, "not mentioned: weekends and holidays only", "bridge_days", "UNKNOWN"),
        (HOLIDAY, "nationwide holidays only", "holidays", "NATIONWIDE"),
        (HOLIDAY, "bundesweite Feiertage", "holidays", "NATIONWIDE"),
        (HOLIDAY, "Bavarian public holidays off-peak", "holidays", "STATE"),
        (HOLIDAY, "Feiertage des Bundeslandes", "holidays", "STATE"),
        (HOLIDAY, "only holidays valid in the whole network area count", "holidays", "NETWORK_AREA"),
        (CHRISTMAS, "24 December to 1 January off-peak", "christmas", "ALL_EXCLUDED"),
        (CHRISTMAS, "24.12. bis 01.01. Nebenzeit", "christmas", "ALL_EXCLUDED"),
        (CHRISTMAS, "days between Christmas and New Year off-peak", "christmas", "BETWEEN_EXCLUDED"),
        (CHRISTMAS, "zwischen Weihnachten und Neujahr", "christmas", "BETWEEN_EXCLUDED"),
        (
            TIME_STAMPS,
            "printed times are meter stamps: 09:15 means 09:00-09:15",
            "time_stamps",
            "INTERVAL_END",
        ),
        (
            TIME_STAMPS,
            "end of the quarter-hour, but the printed window is plain clock time",
            "time_stamps",
            "CLOCK_TIME",
        ),
        (
            TIME_STAMPS,
            "end of the quarter-hour, no example: first quarter-hour open",
            "time_stamps",
            "UNKNOWN",
        ),
    ],
)
def test_words_have_a_meaning(subject, words, field, expected):
    assert getattr(meaning_of(subject, words, None), field) == expected


def test_a_named_day_is_off_peak_unless_it_does_not_count():
    named = meaning_of(BRIDGE_DAY, "bridge day named by the operator", date(2022, 5, 27))
    assert (named.bridge_days, named.excluded_dates) == ("ONE_EXCLUDED", {date(2022, 5, 27)})
    area = meaning_of(
        HOLIDAY,
        "only holidays valid in the whole network area (Bavaria and Baden-Württemberg) count;"
        " Mariä Himmelfahrt named as not counting",
        DAY,
    )
    assert area.holiday_states == {"Bayern", "Baden-Württemberg"}
    assert (area.working_dates, area.excluded_dates) == ({DAY}, set())
    counts = meaning_of(HOLIDAY, "Bavarian public holidays, Mariä Himmelfahrt too", DAY)
    assert (counts.working_dates, counts.excluded_dates) == (set(), {DAY})


def test_a_federal_state_whose_name_is_part_of_another_is_not_mistaken():
    area = meaning_of(HOLIDAY, "the whole network area: Sachsen-Anhalt, Thuringia", None)
    assert area.holiday_states == {"Sachsen-Anhalt", "Thüringen"}


@pytest.mark.parametrize(
    ("subject", "words", "day"),
    [
        (BRIDGE_DAY, "as the case may be", None),
        (BRIDGE_DAY, "", None),
        (BRIDGE_DAY, "bridge day named by the operator", None),
        (HOLIDAY, "public holidays", None),
        (CHRISTMAS, "around Christmas", None),
        (CHRISTMAS, "24 December to 1 January off-peak", DAY),
        (TIME_STAMPS, "as printed", None),
    ],
)
def test_words_that_are_not_understood_are_refused(subject, words, day):
    with pytest.raises(NotUnderstood):
        meaning_of(subject, words, day)


def test_two_rows_state_more_together_and_do_not_contradict_each_other():
    one = meaning_of(BRIDGE_DAY, "bridge day named by the operator", date(2022, 5, 27))
    other = meaning_of(BRIDGE_DAY, "bridge day named by the operator", date(2022, 6, 17))
    both = one.joined(other).joined(meaning_of(HOLIDAY, "nationwide holidays only", None))
    assert both.excluded_dates == {date(2022, 5, 27), date(2022, 6, 17)}
    assert (both.bridge_days, both.holidays) == ("ONE_EXCLUDED", "NATIONWIDE")
    assert Meaning().joined(both) == both.joined(Meaning()) == both
    with pytest.raises(NotUnderstood, match="contradicts ONE_EXCLUDED"):
        both.joined(meaning_of(BRIDGE_DAY, "bridge days count as working days", None))
