"""The year that a sentence asks for, and how surely."""

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from app.interpreter.grammar import (
    LETTERS,
    NOT_A_YEAR_AFTER,
    NUMBERS,
    UNITS,
    YEAR_CUES,
    Mark,
    Relative,
    Sign,
    Topic,
)
from app.interpreter.sentence import Sentence

FIRST, LAST = 1998, 2100  # the market was opened in 1998
_DATE = re.compile(r"(?:\d{1,2}\.)?\d{1,2}\.(\d{4}|\d{2})")
NEAR = 15  # years from today within which two digits are a year


class Year(NamedTuple):
    year: int
    certainty: float
    named: bool = True


class _Found(NamedTuple):
    start: int
    year: int


def year_of(sentence: Sentence, levels: set[int], today: date) -> Year:
    found = list(_explicit(sentence, levels, today))
    if found:
        kept = _undenied(sentence, found)
        years = {one.year for one in kept}
        return Year(max(years), 0.99 if len(years) == 1 else 0.8)
    relative = list(_relative(sentence))
    if moved := [one for one in _undenied(sentence, relative) if one.year]:
        same = len({one.year for one in moved}) == 1
        return Year(today.year + moved[0].year, 0.98 if same else 0.8)
    return Year(today.year, 0.98, named=bool(relative))


def _undenied(sentence: Sentence, found: list[_Found]) -> list[_Found]:
    marks = [Mark(one.start, one.start + 1, Relative(one.year)) for one in found]
    kept = {mark.start for mark in sentence.kept(marks)}
    return [one for one in found if one.start in kept]


def _explicit(sentence: Sentence, levels: set[int], today: date) -> Iterator[_Found]:
    taken = levels | {i for m in sentence.mentions for i in range(m.start, m.end)}
    years: list[_Found] = []
    short: list[_Found] = []
    for i, word in enumerate(sentence.words):
        if i in taken or not word.key[0].isdigit() or _measures(sentence, i):
            continue
        if match := _DATE.fullmatch(word.key):
            if not _of_a_letter(sentence, i):
                years.append(_Found(i, int(match[1]) % 100 + 2000 if len(match[1]) == 2 else int(match[1])))
        elif len(word.key) == 4 and FIRST <= int(word.key) <= LAST:
            years.append(_Found(i, int(word.key)))
        elif len(word.key) == 2 and _is_short_year(sentence, i, today):
            short.append(_Found(i, 2000 + int(word.key)))
    founded = [one for one in years if _tells_a_story(sentence, one.start)]
    yield from [one for one in years if one not in founded] or short


def _measures(sentence: Sentence, i: int) -> bool:
    """ "2500 h", "2000 kWh", "8x150", "§ 19": a number of something else."""
    word, after = sentence.words[i], sentence.words[i + 1] if i + 1 < len(sentence.words) else None
    if not word.key.isdecimal() and not _DATE.fullmatch(word.key):
        return True
    if set("§€$#") & set(word.token.gap) or (
        word.token.gap == "" and i and sentence[i - 1] in {"x", "a", "v"}
    ):
        return True
    if after is None:
        return False
    if set("€%°²³") & set(after.token.gap.split(" ")[0] or after.token.gap.strip()[:1]):
        return True
    return (
        after.key in UNITS
        and after.token.gap.strip() in {"", "-"}
        or (after.key[0].isdigit() and ":" in after.token.gap)
    )


def _of_a_letter(sentence: Sentence, i: int) -> bool:
    """ "Ihr Schreiben vom 12.03.2023": the date of something else."""
    return any(sentence[j] in LETTERS for j in range(i - 3, i))


def _tells_a_story(sentence: Sentence, i: int) -> bool:
    return any(sentence[j] in NOT_A_YEAR_AFTER for j in (i - 1, i - 2)) or sentence[
        i + 1
    ] in NOT_A_YEAR_AFTER - {"nr", "no"}


def _is_short_year(sentence: Sentence, i: int, today: date) -> bool:
    word = sentence.words[i]
    if (
        abs(2000 + int(word.key) - today.year) > NEAR
        or ":" in word.token.gap
        or "," in word.token.gap.strip(", ")
    ):
        return False
    if any(mark in word.token.gap for mark in "'’‘`´"):
        return True
    if sentence[i + 1] == "er" and sentence.words[i + 1].token.gap == "":
        return True
    if (
        i + 1 < len(sentence.words)
        and sentence.words[i + 1].token.gap.startswith((".", ":", "/"))
        and sentence[i + 1][:1].isdigit()
    ):
        return False
    after_year = word.token.gap == "/" and len(sentence[i - 1]) == 4
    return not after_year and (sentence[i - 1] in YEAR_CUES or _among_keywords(sentence, i))


def _among_keywords(sentence: Sentence, i: int) -> bool:
    """Beside a topic, a level or a name, where nothing can be counted: "hlzf 25"."""
    beside = {
        one.end
        for one in (*sentence.mentions, *(m for m in sentence.marks if not isinstance(m.meaning, Sign)))
    }
    before = {
        one.start
        for one in (*sentence.mentions, *(m for m in sentence.marks if isinstance(m.meaning, Topic)))
    }
    at_end = i == len(sentence.words) - 1
    return i in beside and (at_end or not sentence[i + 1].isdigit()) or i + 1 in before


def _relative(sentence: Sentence) -> Iterator[_Found]:
    for mark in sentence.marks:
        if isinstance(mark.meaning, Relative):
            yield _Found(mark.start, mark.meaning.years)
    for i, word in enumerate(sentence.words):
        if word.key in {"jahr", "jahren", "year", "years"} and (number := _number(sentence[i - 1])):
            if sentence[i - 2] == "vor" or sentence[i + 1] in {"ago", "earlier", "before"}:
                yield _Found(i, -number)
            elif sentence[i - 2] == "in":
                yield _Found(i, number)


def _number(word: str) -> int:
    if word.isdecimal() and len(word) <= 2:
        return int(word)
    return NUMBERS.get(word, 1 if word in {"einem", "ein", "a"} else 0)
