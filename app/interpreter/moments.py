"""The day and the time of day that a sentence asks about."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from app.domain.question import QuestionTopic
from app.interpreter.sentence import Sentence
from app.interpreter.words import (
    AND_OR,
    DASHES,
    MONTHS,
    NEXT,
    NUMBERS,
    PREVIOUS,
    THIS,
    UNITS,
    WEEKDAYS,
    Days,
    Sign,
    Topic,
)
from app.interpreter.years import FIRST, LAST, year_beside, year_of

_DAY: Final = re.compile(r"(\d{1,2})\.(\d{1,2})(?:\.(\d{4}|\d{2}))?")
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3])(?:[.:]([0-5]\d))?")
_HALF_DAYS: Final = {"am": 0, "pm": 12}
_BEFORE_TIMES: Final = {"um", "at", "gegen", "ab"}
_SPANS: Final = {"vor", "nach", "zwischen", "bis", "before", "after", "between", "until", "by"}
_TO: Final = {"und", "bis", "and", "to", "until"}
_NAMED_DAYS: Final = {
    "heiligabend": (24, 12),
    "weihnachten": (25, 12),
    "christmas": (25, 12),
    "silvester": (31, 12),
    "neujahr": (1, 1),
}
_DAYS_OF_CHRISTMAS: Final = {"eve": (24, 12), "day": (25, 12)}  # "Christmas Eve"
# "Easter Monday" is not the next Monday.
_FEASTS: Final = frozenset(
    {"easter", "whit", "pentecost", "good", "palm", "ash", "maundy", "shrove", "black", "cyber"}
)
# Before them: not "vor Weihnachten", "ohne Silvester".
_BEFORE_NAMED_DAYS: Final = {"an", "am", "zu", "on", "at", "ist", "gilt", "is"}


class Moment(NamedTuple):
    """`hours`: tokens that were read as times of the day or as days without a year, so that nothing reads years in them. `days`: how many are named.
    `of_any_year`: the day is a date without a year."""

    day: date | None
    minute: int | None
    now: bool
    hours: set[int]
    days: int = 1
    of_any_year: bool = False


class _Found(NamedTuple):
    """`of_any_year`: no year is written. `beside`: where the day is called otherwise, as "Dienstag" in "Dienstag, 5. Januar"."""

    start: int
    end: int
    day: date
    of_any_year: bool = False
    beside: tuple[int, ...] = ()


class _Time(NamedTuple):
    start: int
    end: int
    minute: int  # of the day


def moment_of(sentence: Sentence, today: date, taken: set[int]) -> Moment:
    """The first day that is named and not taken back; a weekday is the next one, which may be today.

    `taken`: tokens that were read as something else.
    """
    days = sorted([*_written(sentence, today, taken), *_by_name(sentence, today, taken)])
    if FIRST <= today.year <= LAST:
        days = _together(sentence, days, sorted(_relative(sentence, today)))
    minute, hours = _minute(sentence)
    hours |= {one.end - 2 for one in days if sentence[one.end - 1] in _WEEKS | _DAYS}
    found = kept = sentence.kept(_without_spans(sentence, days))
    if minute is None:  # not "ab 5.1.2027 um 10 Uhr"
        kept = [one for one in found if not _is_of_validity(sentence, one)]
    if kept:  # "Stand 1.12.2026, am 5.1.2027", "HLZF 24. Dezember"
        no_years = [one for one in found if one not in kept or one.of_any_year]
        hours |= {i for one in no_years for i in range(one.start, one.end)}
    day = _in_named_year(sentence, kept, today, taken | hours) if kept else None
    of_any_year = bool(kept) and kept[0].of_any_year
    return Moment(day, minute, sentence.has(Sign.NOW), hours, _number(sentence, kept), of_any_year)


def without_time_of_another_day(sentence: Sentence, moment: Moment, *, of_another_year: bool) -> Moment:
    """A time alone is today's: not that of a day that is not understood, of a season or another year, "im Winter um 17 Uhr"."""
    of_today = moment.now or sentence.has(Sign.NOW_OR_THIS_YEAR)
    if moment.minute is None or moment.day is not None or of_today:
        return moment
    is_another = of_another_year or _names_another_time(sentence)
    return moment._replace(minute=None) if is_another else moment


def _names_another_time(sentence: Sentence) -> bool:
    """In the clause of the time: not "Ich habe 3 Tage Zeit. Ist um 17 Uhr Hochlast?"."""
    return any(
        (key in _PERIODS and sentence[i - 1] not in _WISHES)
        or (_OF_WEEKDAYS.fullmatch(key) or key.endswith(_ENDS_OF_DAYS))
        # As written: "Nacht" is taken for "nach".
        or (sentence.words[i].token.key in _PARTS_OF_DAYS and sentence[i - 1] in _EVERY)
        or (key in MONTHS and (key != "may" or sentence[i - 1] in {"in", "of"}))
        or (key == "fall" and sentence[i - 1] in {"in", "this", "next", "last"})
        or (key == "quarter" and sentence[i + 1] not in {"past", "to"})
        or (key == "q" and sentence[i + 1] in {"1", "2", "3", "4"})
        or _is_a_number_of_a_day(sentence, i)
        for i in _clause_of_the_time(sentence)
        for key in (sentence[i],)
    )


def _clause_of_the_time(sentence: Sentence) -> range:
    time = _time(sentence)
    at = 0 if time is None else time.start
    start, end = at, at + 1
    while start > 0 and not _begins_a_clause(sentence, start):
        start -= 1
    while end < len(sentence.keys) and not _begins_a_clause(sentence, end):
        end += 1
    return range(start, end)


def _begins_a_clause(sentence: Sentence, i: int) -> bool:
    """Not behind "3.", "z. B.", "ca." and within a name: "St. Ingbert"."""
    gap, before = sentence.gap(i), sentence[i - 1]
    if not {"?", "!"}.isdisjoint(gap):
        return True
    is_abbreviated = before[:1].isdigit() or len(before) == 1 or before in _ABBREVIATED
    return "." in gap and not is_abbreviated and not any(m.start < i < m.end for m in sentence.mentions)


def _is_a_number_of_a_day(sentence: Sentence, i: int) -> bool:
    """ "Am 3. um 17 Uhr", "am 31 um 17 Uhr", "on the 3rd at 5 pm", "on 25/12", "on 12/03/2026", which is two days in British and
    American English; not "Ebene 1/2/3"."""
    first, second, third = sentence[i], sentence[i + 1], sentence[i + 2]
    if not first.isdecimal():
        return False
    gap = sentence.gap(i + 1)
    if second in _ORDINAL and gap == "":
        return True
    if sentence[i - 1] in _BEFORE_DAYS and (gap.startswith(". ") or second in _BEFORE_TIMES):
        return True
    if gap not in {"/", "-"} or not second.isdecimal() or max(len(first), len(second)) > 2:
        return False
    if sentence.gap(i + 2) == gap and third.isdecimal():
        return len(third) in {2, 4}
    return gap == "/" and sentence[i - 1] in {"am", "on"}


_WISHES: Final = frozenset({
    "schone", "schonen", "schones", "frohe", "frohes", "guten", "gutes", "good", "happy", "merry", "nice", "great",
    "lovely",
})  # fmt: skip
_ABBREVIATED: Final = frozenset({"ca", "bspw", "bzw", "evtl", "ggf", "st", *_HALF_DAYS})  # "5 p.m."
_PERIODS: Final = frozenset({
    "winter", "sommer", "fruhling", "fruhjahr", "herbst", "summer", "spring", "autumn", "quartal", "quartale", "quarters", "monat",
    "monate", "monaten", "month", "months", "woche", "wochen", "week", "weeks", "wochenende", "wochenenden", "weekend", "weekends",
    "weekday", "weekdays", "werktags", "werktage", "werktagen", "wochentags", "tage", "tagen", "days", "holiday", "holidays",
    "ostern", "easter", "pfingsten", "himmelfahrt", "fronleichnam", "allerheiligen", "eve", "tag", "day", "taglich", "daily", *_NAMED_DAYS,
})  # fmt: skip
# "Montag", "montags", "Freitagabend".
_OF_WEEKDAYS: Final = re.compile(
    f"(?:{'|'.join(WEEKDAYS)})(?:s|fruh|(?:morgen|vormittag|mittag|nachmittag|abend|nacht)s?)?"
)
_PARTS_OF_DAYS: Final = frozenset({
    "morgen", "vormittag", "mittag", "nachmittag", "abend", "nacht", "morning", "noon", "afternoon", "evening", "night",
})  # fmt: skip
# "Ostermontag", "Karfreitag", "Werktag", "Weihnachtsfeiertage".
_ENDS_OF_DAYS: Final = (
    "montag", "sonntag", "freitag", "feiertag", "feiertage", "feiertagen", "feiertags", "werktag", "arbeitstag", "arbeitstage",
    "arbeitstagen", "wochentag", "wochentage", "wochentagen", "weihnachtstag",
)  # fmt: skip


def _in_named_year(sentence: Sentence, kept: list[_Found], today: date, taken: set[int]) -> date:
    """Of the first day: "HLZF 2024 am 3. Januar" is of the year that stands beside it, but "31.12. und 1.1.2027" are of two years."""
    found = kept[0]
    if not found.of_any_year or (found.day.month, found.day.day) == _LEAP_DAY:
        return found.day
    if (last := _joined_with_year(sentence, kept)) is not None:
        day = found.day.replace(year=last.year)
        return day if day <= last else day.replace(year=last.year - 1)
    if not all(one.of_any_year for one in kept):
        return found.day
    tokens = (found.start, found.end - 1, *found.beside)
    year = year_beside(sentence, range(min(tokens), max(tokens) + 1), taken, today)
    if year is None:
        return found.day
    day = found.day.replace(year=year)
    fits = all(WEEKDAYS.get(sentence[i]) == day.weekday() for i in found.beside)
    return day if fits else found.day


def _joined_with_year(sentence: Sentence, kept: list[_Found]) -> date | None:
    """ "24.12., 25.12. und 26.12.2025"."""
    for one, other in pairwise(kept):
        if not _are_joined(sentence, one, other):
            return None
        if not other.of_any_year:
            return (
                other.day if sentence[other.start][:1].isdigit() or sentence[other.start] in MONTHS else None
            )
    return None


def _without_spans(sentence: Sentence, days: list[_Found]) -> list[_Found]:
    """ "1.1.2026 bis 31.12.2026", "1.12.-28.2.", "zwischen dem 1.12. und 28.2." are no single days."""
    spans = [(one, other) for one, other in pairwise(days) if _is_span(sentence, one, other)]
    return [day for day in days if not any(day in span for span in spans)]


def _is_of_validity(sentence: Sentence, day: _Found) -> bool:
    """ "Gültig ab 1.1.2027", "Stand 01.01.2026", "valid from 1 January 2027", "by 25/12/2026": since when or until when figures hold."""
    if not sentence[day.start][:1].isdigit() and sentence[day.start] not in MONTHS:
        return False  # "ab Montag"
    before = day.start - 1
    while sentence[before] in _BEFORE_DATES | {"zum"}:
        before -= 1
    if sentence[before] == "of":
        return sentence[before - 1] == "as"
    if sentence[before] in _SINCE_OR_UNTIL:
        return True
    return sentence[day.start - 1] == "zum" and (day.day.month, day.day.day) == _FIRST_OF_A_YEAR


def _is_span(sentence: Sentence, one: _Found, other: _Found) -> bool:
    end = one.end
    if not one.of_any_year and sentence[end - 1] != sentence[end] == str(one.day.year):
        end += 1  # "1. Januar 2024 bis …"
    if end == other.start:
        return sentence.gap(other.start).strip(" .") in DASHES
    before = one.start - 1
    while sentence[before] in _BEFORE_LAST_DAYS:
        before -= 1
    joining = AND_OR | _THROUGH if sentence[before] in {"zwischen", "between"} else _THROUGH
    between = sentence.keys[end + 1 : other.start]
    return sentence[end] in joining and _BEFORE_LAST_DAYS.issuperset(between)


def _number(sentence: Sentence, days: list[_Found]) -> int:
    """Of the days that are asked for: those that are joined, but not "Stand 1.1.2026: ist heute …"."""
    joined = {
        day.day for one, other in pairwise(days) if _are_joined(sentence, one, other) for day in (one, other)
    }
    return max(len(joined), 1)


def _are_joined(sentence: Sentence, one: _Found, other: _Found) -> bool:
    """ "Heute und morgen", "heute oder erst am Freitag", "Montag, Dienstag", "heute bei Westnetz und am Freitag"."""
    before = other.start
    while before > one.end and sentence[before - 1] in _BEFORE_LAST_DAYS:
        before -= 1
    if before == one.end:
        return bool({",", "/", "&", "+"} & {*sentence.gap(before)})
    return sentence[before - 1] in AND_OR or (
        sentence[one.end] in AND_OR and not _PAUSES & {*sentence.gap(other.start)}
    )


def _together(sentence: Sentence, written: list[_Found], relative: list[_Found]) -> list[_Found]:
    """ "Dienstag, 5. Januar" and "morgen, den 1.12." are one day, as it is written; the weekday may show in which year."""
    found = list(written)
    for one in relative:
        beside = [i for i, day in enumerate(written) if _are_one_day(sentence, one, day)]
        if not beside:
            found.append(one)
            continue
        found[beside[0]] = found[beside[0]]._replace(beside=(*found[beside[0]].beside, one.start))
        if found[beside[0]].of_any_year and sentence[one.start] in WEEKDAYS:
            day = found[beside[0]].day
            can_be_later = day.year < LAST and (day.month, day.day) != _LEAP_DAY
            later = day.replace(year=day.year + 1) if can_be_later else day
            if day.weekday() != WEEKDAYS[sentence[one.start]] == later.weekday():
                found[beside[0]] = found[beside[0]]._replace(day=later)
    return sorted(found)


def _are_one_day(sentence: Sentence, one: _Found, written: _Found) -> bool:
    if one.start > written.start:
        return one.start == written.end  # "5. Januar (Dienstag)"
    return all(sentence[i] in _BEFORE_DATES for i in range(one.end, written.start))


def _relative(sentence: Sentence, today: date) -> Iterator[_Found]:
    for mark in sentence.marks:
        if isinstance(mark.meaning, Days) and not _is_morning(sentence, mark.start):
            weeks = _weeks_later(sentence, mark.end)
            end = mark.end + (3 if weeks else 0)
            weeks += _weeks_from(sentence, mark.start)
            yield _Found(mark.start, end, today + timedelta(mark.meaning.days + 7 * weeks))
    for i, key in enumerate(sentence.keys):
        if (weekday := WEEKDAYS.get(key)) is not None:
            away = _days_to(sentence, i, weekday - today.weekday())
            if away is not None:
                end = i + (4 if _weeks_later(sentence, i + 1) else 1)
                yield _Found(i, end, today + timedelta(away))


def _days_to(sentence: Sentence, i: int, from_today: int) -> int | None:
    """To "letzten Montag", "Montag nächster Woche", "Montag in zwei Wochen"; None of "jeden Montag", "ersten Montag im Januar",
    "Montag bis Freitag".

    `from_today`: to the one of this week.
    """
    before, after = sentence[i - 1], sentence[i + 2]
    of_a_month = sentence[i + 1] in {"im", "in", "des", "of"} and (
        after in MONTHS or after in _MONTH or (after == "the" and sentence[i + 3] in {"month", "year"})
    )
    if (
        before in _EVERY
        or before in _COUNTED
        or before in _FEASTS
        or of_a_month
        or _is_of_a_span_of_weekdays(sentence, i)
    ):
        return None
    if (weeks := _weeks_away(sentence, i)) is not None:
        return from_today + 7 * weeks
    ahead = from_today % 7
    if before in PREVIOUS:
        return ahead - 7
    if before == "ubernachsten":
        return (ahead or 7) + 7
    if before in NEXT:
        ahead = ahead or 7
    return ahead + 7 * (_weeks_later(sentence, i + 1) + _weeks_from(sentence, i))


def _weeks_away(sentence: Sentence, i: int) -> int | None:
    """Of a weekday: "Montag nächster Woche", "Monday of last week", "nächste Woche Montag", "next week on Monday"."""
    before = i - 2 if sentence[i - 1] in {"am", "on"} else i - 1
    after = i + 1
    while sentence[after] in {"der", "of", "the", "in"}:
        after += 1
    for which, week in ((before - 1, before), (after, after + 1)):
        if sentence[week] in _WEEK and (week == before or not _PAUSES & {*sentence.gap(after)}):
            found = (weeks for words, weeks in _WHICH_WEEK if sentence[which] in words)
            return next(found, None)
    return None


def _is_of_a_span_of_weekdays(sentence: Sentence, i: int) -> bool:
    """ "Montag bis Freitag", "Montag bis zum Freitag", "Monday to Friday"."""
    to = i - 2 if sentence[i - 1] == "zum" else i - 1
    if sentence[to] in _THROUGH and sentence[to - 1] in WEEKDAYS:
        return True
    last = i + 3 if sentence[i + 2] == "zum" else i + 2
    if sentence[i + 1] in _THROUGH and sentence[last] in WEEKDAYS:
        return True
    return any(
        sentence[j - 1] in WEEKDAYS and sentence[j] in WEEKDAYS and sentence.gap(j).strip() in DASHES
        for j in (i, i + 1)
    )


def _weeks_later(sentence: Sentence, i: int) -> int:
    """ "Heute in einer Woche", "Montag in 2 Wochen", "Montag in 14 Tagen"."""
    number, unit = sentence[i + 1], sentence[i + 2]
    if sentence[i] != "in" or unit not in _WEEKS | _DAYS:
        return 0
    if number == "einer":
        return 1
    counted = int(number) if number.isdecimal() and len(number) <= 2 else NUMBERS.get(number, 0)
    return counted if unit in _WEEKS else 0 if counted % 7 else counted // 7


def _weeks_from(sentence: Sentence, i: int) -> int:
    """ "A week from Monday", "two weeks from today", "Monday week"."""
    if sentence[i + 1] == "week" and sentence[i] in WEEKDAYS and sentence.gap(i + 1) == " ":
        return 0 if sentence[i + 2][:1].isdigit() else 1
    unit, number = sentence[i - 2], sentence[i - 3]
    if sentence[i - 1] != "from" or unit not in _WEEKS:
        return 0
    return int(number) if number.isdecimal() and len(number) <= 2 else NUMBERS.get(number, 0)


_WEEK: Final = {"woche", "week"}
_WEEKS: Final = frozenset({"woche", "wochen", "week", "weeks"})
_DAYS: Final = frozenset({"tage", "tagen", "days"})
_THROUGH: Final = {"bis", "to", "through", "until"}
_JOINING: Final = {"und", "oder", "bis", "and", "or", "to"}
_BEFORE_DAYS: Final = {"am", "den", "dem"}
_BEFORE_LAST_DAYS: Final = {
    "am",
    "an",
    "den",
    "dem",
    "der",
    "zum",
    "erst",
    "auch",
    "on",
    "the",
    "einschliesslich",
    "inklusive",
}
_LEAP_DAY: Final = (2, 29)
_ORDINAL: Final = {"st", "nd", "rd", "th"}
_SINCE_OR_UNTIL: Final = {
    "ab", "seit", "bis", "stand", "gultig", "wirksam", "from", "since", "until", "by", "before", "effective", "valid",
}  # fmt: skip
_FIRST_OF_A_YEAR: Final = (1, 1)
_BEFORE_DATES: Final = {"der", "den", "dem", "the"}
_EVERY: Final = {"jede", "jeden", "jeder", "jedem", "every", "each"}
_COUNTED: Final = {
    "ersten", "erster", "zweiten", "zweiter", "dritten", "dritter", "vierten", "vierter", "first", "second", "third", "fourth",
}  # fmt: skip
_MONTH: Final = {"monat", "monats", "jahr", "jahres"}
_WHICH_WEEK: Final = (
    (PREVIOUS, -1), (THIS, 0), (NEXT, 1), ({"ubernachste", "ubernachster"}, 2),
)  # fmt: skip


def _is_morning(sentence: Sentence, i: int) -> bool:
    """ "am Morgen", "heute Morgen", "Guten Morgen"."""
    before = {"am", "heute", "guten", "jeden", "gestern"}
    return sentence[i] == "morgen" and sentence[i - 1] in before and sentence.gap(i)[:1] != ","


def _written(sentence: Sentence, today: date, taken: set[int]) -> Iterator[_Found]:
    """ "5.1.2026", "05.01.", "2026-01-05", "5. Januar 2026", "January 5"."""
    for i, key in enumerate(sentence.keys):
        if i in taken:
            continue  # "Ihr Schreiben vom 12.03.2026"
        if match := _DAY.fullmatch(key):
            # Behind the last token nothing is kept: "… am 24.12.", "… 3.12. und 4.12."
            joined = _is_joined_to_a_day(sentence, i)
            at_the_end = i + 1 == len(sentence.keys) and (sentence[i - 1] in _BEFORE_DAYS or joined)
            if sentence.gap(i + 1)[:1] == "." or match[3] or at_the_end:
                yield from _of(i, i + 1, match[3], match[2], match[1], today)
        elif len(key) == 4 and key.isdecimal() and sentence.gap(i + 1) == sentence.gap(i + 2) == "-":
            yield from _of(i, i + 3, key, sentence[i + 1], sentence[i + 2], today)
        elif key.isdecimal() and sentence.gap(i + 1) == sentence.gap(i + 2) == "/":
            yield from _with_slashes(sentence, i, today)
        elif month := MONTHS.get(key):
            at = _before_month(sentence, i)
            before, after = sentence[at], sentence[i + 1]
            if before.isdecimal() and len(before) <= 2:
                year = after if after.isdecimal() and len(after) == 4 else None
                yield from _of(at, i + 1, year, str(month), before, today)
                if (first := _first_of_days(sentence, at)) is not None:
                    yield from _of(first, first + 1, year, str(month), sentence[first], today)
            elif after.isdecimal() and len(after) <= 2:
                year = sentence[i + 2] if sentence[i + 2].isdecimal() and len(sentence[i + 2]) == 4 else None
                yield from _of(i, i + 2, year, str(month), after, today)


def _with_slashes(sentence: Sentence, i: int, today: date) -> Iterator[_Found]:
    """ "25/12/2026", "12/25/2026"; none of "12/03/2026", which is another day in British and in American English."""
    first, second, year = sentence[i], sentence[i + 1], sentence[i + 2]
    numbers_of_days = len(first) <= 2 and second.isdecimal() and len(second) <= 2
    if not (numbers_of_days and year.isdecimal() and len(year) == 4):
        return
    if int(first) > _MONTHS_OF_A_YEAR or first == second:
        yield from _of(i, i + 3, year, second, first, today)
    elif int(second) > _MONTHS_OF_A_YEAR:
        yield from _of(i, i + 3, year, first, second, today)


_MONTHS_OF_A_YEAR: Final = 12


def _before_month(sentence: Sentence, month: int) -> int:
    """Where the day stands: "3 December", "3rd December", "3rd of December"."""
    at = month - 2 if sentence[month - 1] == "of" else month - 1
    return at - 1 if sentence[at] in _ORDINAL and sentence.gap(at) == "" else at


def _is_joined_to_a_day(sentence: Sentence, i: int) -> bool:
    """ "3.12. und 4.12", "1.12.-28.2", but not "1.5 bis 2.5"."""
    first = i - 2 if sentence[i - 1] in _JOINING else i - 1
    gap = sentence.gap(first + 1)
    if _DAY.fullmatch(sentence[first]) is None or gap[:1] != ".":
        return False
    return first == i - 2 or gap[1:].strip() in DASHES


def _first_of_days(sentence: Sentence, last: int) -> int | None:
    """Where "3." stands in "3. und 4. Dezember", "3.-5. Dezember"."""
    joined = sentence[last - 1] in _JOINING
    first = last - 2 if joined else last - 1
    gap = sentence.gap(first + 1).strip()
    if not (sentence[first].isdecimal() and len(sentence[first]) <= 2 and gap[:1] == "."):
        return None
    return first if joined or gap[1:].strip() in {*DASHES, "/"} else None


def _by_name(sentence: Sentence, today: date, taken: set[int]) -> Iterator[_Found]:
    """ "An Weihnachten", "Silvester 2027", without a year the next one; of several, of several years, or left out, none."""
    found = [i for i, key in enumerate(sentence.keys) if key in _NAMED_DAYS]
    if len(found) != 1:
        return
    i = found[0]
    if (
        (i > 0 and sentence[i - 1] not in _BEFORE_NAMED_DAYS)
        or sentence[i - 2] == "bis"
        or sentence.denied(i)
    ):
        return
    day, month = _NAMED_DAYS[sentence[i]]
    if sentence[i] == "christmas":
        day, month = _DAYS_OF_CHRISTMAS.get(sentence[i + 1], (day, month))
    year = year_of(sentence, taken, today)
    if year.left_out or year.number > 1:
        return
    number = year.year if year.named else today.year + ((month, day) < (today.month, today.day))
    yield from _of(i, i + 1, str(number), str(month), str(day), today)


def _of(start: int, end: int, year: str | None, month: str, day: str, today: date) -> Iterator[_Found]:
    if not (month.isdecimal() and day.isdecimal()):
        return
    number = today.year if year is None else int(year) if len(year) == 4 else 2000 + int(year)
    if not FIRST <= number <= LAST:
        return
    try:
        yield _Found(start, end, date(number, int(month), int(day)), year is None)
    except ValueError:
        return  # the 31st of February: no day


def _minute(sentence: Sentence) -> tuple[int | None, set[int]]:
    """None also of a span, "zwischen 16 und 18 Uhr", which the hours of the whole day answer."""
    hours = {*_hours_of_spans(sentence)}
    if (time := _time(sentence)) is None:
        return None, hours
    hours |= {*range(time.start, time.end)}
    if _is_of_a_span(sentence, time):
        return None, hours
    return time.minute + (_HALF_A_DAY if _is_of_the_evening(sentence, time) else 0), hours


def _hours_of_spans(sentence: Sentence) -> Iterator[int]:
    """ "Modul 3 zwischen 16 und 20", "HLZF von 16 bis 20", "laden ab 22": hours of the day in questions about hours, but not
    "Netzentgelte Modul 3 ab 24", "HLZF von 22 bis 24"."""
    topics = {mark.meaning.topic for mark in sentence.marks if isinstance(mark.meaning, Topic)}
    of_bands = QuestionTopic.TIME_OF_USE in topics
    charges = sentence.has(Sign.CHARGES_A_DEVICE)
    if not (of_bands or charges or QuestionTopic.HLZF in topics) or sentence.has(Sign.CHANGES):
        return
    of_hours_alone = (of_bands or charges) and _PRICES.isdisjoint(sentence.keys)
    for i, key in enumerate(sentence.keys):
        if not _is_an_hour(key):
            continue
        if sentence[i - 1] in _FROM and sentence[i + 1] in _TO and _is_an_hour(end := sentence[i + 2]):
            if of_bands or of_hours_alone or int(key) < int(end) <= _NO_YEARS_UNTIL:
                yield from (i, i + 2)
        elif of_hours_alone and (sentence[i - 1] in _SPANS or (sentence[i - 1] == "ab" and key != "24")):
            yield i


def _is_an_hour(key: str) -> bool:
    return key.isdecimal() and key.isascii() and len(key) <= 2 and int(key) <= 24


def _is_of_the_evening(sentence: Sentence, time: _Time) -> bool:
    """ "5 Uhr nachmittags", "7 o'clock in the evening", "heute Abend um 7", "um 6 Uhr heute Abend"; "Guten Abend" is none."""
    if not 60 <= time.minute < _HALF_A_DAY:
        return False
    before = time.start - 1
    while sentence[before] in _BEFORE_TIMES:
        before -= 1
    if sentence[before] in _EVENING and sentence[before - 1] not in _GREETING:
        return not _PAUSES & {*sentence.gap(before + 1)}
    after = time.end
    while sentence[after] in _BEFORE_EVENINGS or sentence[after] in WEEKDAYS:
        after += 1
    return sentence[after] in _EVENING and not _PAUSES & {*sentence.gap(time.end)}


_FROM: Final = {"zwischen", "von", "between", "from"}
_PRICES: Final = frozenset({
    "netzentgelt", "netzentgelte", "netzentgelten", "entgelt", "entgelte", "preis", "preise", "preisen", "preisblatt", "kosten",
    "netzkosten", "price", "prices", "fee", "fees", "charges", "costs",
})  # fmt: skip
_NO_YEARS_UNTIL: Final = 21  # "Von 22 bis 24" can be years
_HALF_A_DAY: Final = 12 * 60  # minutes
_EVENING: Final = {"nachmittag", "nachmittags", "abend", "abends", "afternoon", "evening"}
_BEFORE_EVENINGS: Final = {
    "am",
    "in",
    "the",
    "on",
    "this",
    "heute",
    "morgen",
    "gestern",
    "tomorrow",
    "yesterday",
}
_GREETING: Final = {"guten", "schonen", "good"}
_PAUSES: Final = frozenset("?!,;.")


def _is_of_a_span(sentence: Sentence, time: _Time) -> bool:
    """ "vor 16 Uhr", "16 bis 18 Uhr", "10 am to 2 pm", "16:00-18:00"; "viertel vor 6 Uhr" is no time that is understood."""
    before, after = sentence[time.start - 1], sentence[time.end]
    if before in _SPANS or (before in _TO and _ends_a_time(sentence, time.start - 2)):
        return True
    if after in _TO:
        return sentence[time.end + 1][:1].isdigit()
    return any(
        sentence.gap(i).strip() in {"-", "–"} and _ends_a_time(sentence, i - 1) and sentence[i][:1].isdigit()
        for i in (time.start, time.end)
    )


def _ends_a_time(sentence: Sentence, i: int) -> bool:
    """ "10", "10 am", "noon"."""
    if sentence[i] in _HALF_DAYS:
        return sentence[i - 1][:1].isdigit()
    return sentence[i][:1].isdigit() or sentence[i] in {"noon", "midnight"}


def _time(sentence: Sentence) -> _Time | None:
    """ "um 10", "10 Uhr", "10.30 Uhr", "17:30", "5 pm", "noon"."""
    for i, key in enumerate(sentence.keys):
        if key == "noon":
            return _Time(i, i + 1, _HALF_A_DAY)
        match = _CLOCK.fullmatch(key)
        if match is None:
            continue
        hour, minute = int(match[1]), int(match[2] or 0)
        after, end = sentence[i + 1], i + 1
        if sentence.gap(i + 1) == ":" and re.fullmatch(r"[0-5]\d", after):
            minute, end = int(after), i + 2
            if sentence[end] in _HALF_DAYS and hour <= 12:
                hour = hour % 12 + _HALF_DAYS[sentence[end]]
            return _Time(i, end, hour * 60 + minute)
        if after in _HALF_DAYS and hour <= 12 and sentence.gap(i + 1).strip() == "" and after != "am":
            return _Time(i, i + 2, (hour % 12 + _HALF_DAYS[after]) * 60 + minute)
        if after == "am" and hour <= 12 and _is_before_noon(sentence, i + 1):
            return _Time(i, i + 2, (hour % 12) * 60 + minute)
        if after in {"uhr", "oclock", "h"} and match[2] is None and _is_minutes(sentence, i + 2):
            return _Time(i, i + 3, hour * 60 + int(sentence[i + 2]))
        if after in {"uhr", "oclock"}:
            return _Time(i, i + 2, hour * 60 + minute)
        if (after, sentence[i + 2]) == ("o", "clock"):
            return _Time(i, i + 3, hour * 60 + minute)
        if sentence[i - 1] in _BEFORE_TIMES and not match[2] and _is_bare(sentence, i):
            return _Time(i, i + 1, hour * 60)
    return None


def _is_before_noon(sentence: Sentence, i: int) -> bool:
    """ "At 3 am", "Saturday 3 am", "3am", but not "Modul 3 am Montag"."""
    before = sentence[i - 2]
    return before in _BEFORE_HOURS or (sentence.gap(i) == "" and before not in {"modul", "module"})


_BEFORE_HOURS: Final = {"at", "today", "tonight", "tomorrow", "yesterday"} | {
    day for day in WEEKDAYS if day.endswith("day")
}


def _is_minutes(sentence: Sentence, i: int) -> bool:
    """ "17 Uhr 30", "17h30", but not "17 Uhr, 30 kW" and "2500 h 26"."""
    gap = sentence.gap(i)
    spoken = sentence[i - 1] != "h" or (gap == " " and sentence[i - 3] in _BEFORE_TIMES)
    joined = gap == (" " if spoken else "")
    return joined and re.fullmatch(r"[0-5]\d", sentence[i]) is not None and sentence[i + 1] not in UNITS


def _is_bare(sentence: Sentence, i: int) -> bool:
    """Nothing that would make it an amount or a date: "ab 10 kW", "ab 1.1."."""
    return (
        sentence.gap(i + 1).strip() == ""
        and not sentence[i + 1][:1].isdigit()
        and sentence[i - 1] in {"um", "at"}
    )
