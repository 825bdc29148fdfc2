"""The day and the time of day that a sentence asks about."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final, NamedTuple

from app.interpreter.sentence import Sentence
from app.interpreter.words import LETTERS, MONTHS, WEEKDAYS, Days, Sign
from app.interpreter.years import FIRST, LAST, year_of

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
# Before them: not "vor Weihnachten", "ohne Silvester".
_BEFORE_NAMED_DAYS: Final = {"an", "am", "zu", "on", "at", "ist", "gilt", "is"}


class Moment(NamedTuple):
    """`tokens`: what was read as day or time, so that nothing else reads it."""

    day: date | None
    minute: int | None
    now: bool
    tokens: set[int]


class _Found(NamedTuple):
    start: int
    end: int
    day: date


class _Time(NamedTuple):
    start: int
    end: int
    minute: int  # of the day


def moment_of(sentence: Sentence, today: date, taken: set[int]) -> Moment:
    """The first day that is named and not taken back; a weekday is the next one, which may be today.

    `taken`: tokens that were read as something else.
    """
    days = sorted([*_written(sentence, today), *_by_name(sentence, today, taken)])
    if FIRST <= today.year <= LAST:
        days = sorted([*days, *_relative(sentence, today)])
    day = sentence.kept(days)[0].day if days else None
    minute, tokens = _minute(sentence)
    tokens |= {i for one in days for i in range(one.start, one.end)}
    return Moment(day, minute, sentence.has(Sign.NOW), tokens)


def _relative(sentence: Sentence, today: date) -> Iterator[_Found]:
    for mark in sentence.marks:
        if isinstance(mark.meaning, Days) and not _is_morning(sentence, mark.start):
            yield _Found(mark.start, mark.end, today + timedelta(mark.meaning.days))
    for i, key in enumerate(sentence.keys):
        if (weekday := WEEKDAYS.get(key)) is not None:
            yield _Found(i, i + 1, today + timedelta((weekday - today.weekday()) % 7))


def _is_morning(sentence: Sentence, i: int) -> bool:
    """ "am Morgen", "heute Morgen", "Guten Morgen"."""
    return sentence[i] == "morgen" and sentence[i - 1] in {"am", "heute", "guten", "jeden", "gestern"}


def _written(sentence: Sentence, today: date) -> Iterator[_Found]:
    """ "5.1.2026", "05.01.", "2026-01-05", "5. Januar 2026", "January 5"."""
    for i, key in enumerate(sentence.keys):
        if match := _DAY.fullmatch(key):
            if any(sentence[j] in LETTERS for j in range(i - 3, i)):
                continue  # "Ihr Schreiben vom 12.03.2026"
            if sentence.gap(i + 1)[:1] == "." or match[3]:
                yield from _of(i, i + 1, match[3], match[2], match[1], today)
        elif len(key) == 4 and key.isdecimal() and sentence.gap(i + 1) == sentence.gap(i + 2) == "-":
            yield from _of(i, i + 3, key, sentence[i + 1], sentence[i + 2], today)
        elif month := MONTHS.get(key):
            before, after = sentence[i - 1], sentence[i + 1]
            if before.isdecimal() and len(before) <= 2:
                year = after if after.isdecimal() and len(after) == 4 else None
                yield from _of(i - 1, i + 1, year, str(month), before, today)
            elif after.isdecimal() and len(after) <= 2:
                year = sentence[i + 2] if sentence[i + 2].isdecimal() and len(sentence[i + 2]) == 4 else None
                yield from _of(i, i + 2, year, str(month), after, today)


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
        yield _Found(start, end, date(number, int(month), int(day)))
    except ValueError:
        return  # the 31st of February: no day


def _minute(sentence: Sentence) -> tuple[int | None, set[int]]:
    """None also of a span, "zwischen 16 und 18 Uhr", which the hours of the whole day answer."""
    if (time := _time(sentence)) is None:
        return None, set()
    return None if _is_of_a_span(sentence, time) else time.minute, {*range(time.start, time.end)}


def _is_of_a_span(sentence: Sentence, time: _Time) -> bool:
    """ "vor 16 Uhr", "16 bis 18 Uhr", "16:00-18:00"; "viertel vor 6 Uhr" is no time that is understood."""
    before, after = sentence[time.start - 1], sentence[time.end]
    if before in _SPANS or (before in _TO and sentence[time.start - 2][:1].isdigit()):
        return True
    if after in _TO:
        return sentence[time.end + 1][:1].isdigit()
    return any(
        sentence.gap(i).strip() in {"-", "–"} and sentence[i - 1][:1].isdigit() and sentence[i][:1].isdigit()
        for i in (time.start, time.end)
    )


def _time(sentence: Sentence) -> _Time | None:
    """ "um 10", "10 Uhr", "10.30 Uhr", "17:30", "5 pm"."""
    for i, key in enumerate(sentence.keys):
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
        if after == "am" and hour <= 12 and sentence[i - 1] == "at":
            return _Time(i, i + 2, (hour % 12) * 60 + minute)
        if after in {"uhr", "oclock"}:
            return _Time(i, i + 2, hour * 60 + minute)
        if sentence[i - 1] in _BEFORE_TIMES and not match[2] and _is_bare(sentence, i):
            return _Time(i, i + 1, hour * 60)
    return None


def _is_bare(sentence: Sentence, i: int) -> bool:
    """Nothing that would make it an amount or a date: "ab 10 kW", "ab 1.1."."""
    return (
        sentence.gap(i + 1).strip() == ""
        and not sentence[i + 1][:1].isdigit()
        and sentence[i - 1] in {"um", "at"}
    )
