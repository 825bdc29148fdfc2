"""The year that a sentence asks for, and how surely."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import Final, NamedTuple

from app.interpreter.grammar import Mark, years_away
from app.interpreter.positions import names_a_device
from app.interpreter.sentence import Sentence
from app.interpreter.spelling import key as key_of
from app.interpreter.units import SCALES
from app.interpreter.words import (
    LETTERS,
    MONTHS,
    NOT_A_YEAR_BESIDE,
    NUMBERS,
    ONLY_ENGLISH,
    ONLY_GERMAN,
    UNITS,
    YEAR_CUES,
    Level,
    Position,
    Relative,
    Sign,
    Topic,
)

FIRST, LAST = 1998, 2100  # the market was opened in 1998
EARLIEST_WRITTEN = 1900  # a year without figures is still the one that is asked for
NEAR = 15  # years from today within which two digits are a year

_DATE = re.compile(r"(?:\d{1,2}\.)?\d{1,2}\.(\d{4})|\d{1,2}\.\d{1,2}\.(\d{2})")
_APOSTROPHES = frozenset("'’‘`´")
_YEAR = frozenset(["jahr", "jahre", "kalenderjahr", "year"])
_BOUNDS = frozenset(["vor", "nach", "before", "after"])
_BEFORE_BOUNDS = _YEAR | {"dem", "the"}
_CONTRACTS = frozenset(
    [
        "vertrag",
        "vertrage",
        "vertragen",
        "altvertrag",
        "altvertrage",
        "anlage",
        "anlagen",
        "contract",
        "contracts",
        "bestandsanlage",
        "bestandsanlagen",
        "angeschlossen",
        "eingebaut",
        "installiert",
        "inbetriebnahme",
        "angeschafft",
        "gekauft",
        "installed",
        "connected",
    ]
)
# Devices "vor 2024", "vor dem 1.1.2024" and "nach dem 31.12.2023" are kinds of devices.
_SECTION_14A = frozenset([2023, 2024])
_NEW_YEAR = re.compile(r"0?1\.0?1\..*")
_SEARCHED = frozenset(["frage", "fragen", "gefragt", "suche", "suchen", "gesucht"])
_CURRENCIES = frozenset("§€$#£")
_MEASURES = frozenset("€%°²³")


# Years in words, up to 2099: "zweitausendfünfundzwanzig", "zwanzig fünfundzwanzig", "twenty twenty-five".
_U, _O = "[üu]e?", "[öo]e?"
_ONES: Final = (
    "eins|one", "zwei|two", "drei|three", "vier|four", f"f{_U}nf|five", "sechs|six", "sieben|seven", "acht|eight",
    "neun|nine",
)  # fmt: skip
_TEENS: Final = (
    "zehn|ten", "elf|eleven", f"zw{_O}lf|twelve", "dreizehn|thirteen", "vierzehn|fourteen", f"f{_U}nfzehn|fifteen",
    "sechzehn|sixteen", "siebzehn|seventeen", "achtzehn|eighteen", "neunzehn|nineteen",
)  # fmt: skip
TENS: Final = (
    ("zwanzig", "twenty"), ("dreissig", "thirty"), ("vierzig", "forty"), (f"f{_U}nfzig", "fifty"),
    ("sechzig", "sixty"), ("siebzig", "seventy"), ("achtzig", "eighty"), ("neunzig", "ninety"),
)  # fmt: skip


def _from_ten() -> Iterator[tuple[int, str]]:
    yield from enumerate(_TEENS, 10)
    for ten, (german, english) in enumerate(TENS, 2):
        yield 10 * ten, f"{german}|{english}"
        for one, words in enumerate(_ONES, 1):
            in_german, in_english = words.split("|")
            in_german = in_german.removesuffix("s") if one == 1 else in_german
            yield 10 * ten + one, f"{in_german}und{german}|{english}[ -]?{in_english}"


_FROM_TEN: Final = dict(_from_ten())
_NUMBERED: Final = {number: re.compile(words) for number, words in (*enumerate(_ONES, 1), *_FROM_TEN.items())}
FROM_ONE_IN_WORDS: Final = "|".join(pattern.pattern for pattern in reversed(_NUMBERED.values()))
FROM_TEN_IN_WORDS: Final = "|".join(reversed(_FROM_TEN.values()))
_ANY_IN_WORDS: Final = re.compile(FROM_ONE_IN_WORDS)
_IN_WORDS: Final = re.compile(
    rf"\b(?:zweitausend(?:und)? ?|two thousand (?:and )?)({FROM_ONE_IN_WORDS})\b"
    rf"|\b(?:zwanzig|twenty)[ -]?({FROM_TEN_IN_WORDS})\b"
)


def with_years_in_digits(text: str) -> str:
    """The same text; what is no year there is the same number."""
    text = _FROM_NOW.sub(r"in \1", _YEARS_ABBREVIATED.sub(r"year\1", _FAR.sub(_years_away, text)))
    return _IN_WORDS.sub(lambda match: str(2000 + number_in_words(match[1] or match[2])), text)


def with_years_of_months(text: str, today: date) -> str:
    """ "Dez 24", "Januar '25" and "3. Dezember 25" as "dez 2024" and so on: in German no day stands behind its month. Two digits alone
    are no year where the text speaks of a day: "Mittwoch, Dezember 24", "Dezember 24 um 17 Uhr", "December 24", "Dezember 24, 2026"."""
    if _MONTH_AND_YEAR.search(text) is None:
        return text
    german_words = _is_german(text)
    speaks_of_a_day = _OF_DAYS.search(text) is not None

    def in_full(match: re.Match[str]) -> str:
        before = text[max(match.start() - _DAY_WITHIN, 0) : match.start()]
        behind = _WORD.match(text, match.end())
        if before[-1:].isalnum() or (behind and key_of(behind[1]) in _AMOUNTS):
            return match[0]
        year = 2000 + int(match["year"])
        near = today.year - _YEARS_AGO <= year <= today.year + _YEARS_AHEAD
        is_german = german_words or key_of(match["month"]) not in _ENGLISH_MONTHS
        alone = near and is_german and not speaks_of_a_day
        if not (match["quote"] or alone or (near and _DAY_BEFORE.search(before))):
            return match[0]
        return f"{match['month']}{match['dot']} {year}"

    return _MONTH_AND_YEAR.sub(in_full, text)


def _is_german(text: str) -> bool:
    """Whether words show it: "Netzentgelte Nov 25", not "HLZF Nov 25"."""
    keys = {key_of(word) for word in _WORD.findall(text)}
    return len(keys & ONLY_GERMAN) > len(keys & ONLY_ENGLISH)


_YEARS_AGO, _YEARS_AHEAD = 6, 2  # of two digits without an apostrophe behind a month
_MONTH_AND_YEAR: Final = re.compile(  # begins with the month, so that few places have to be tried
    r"(?P<month>januar|jänner|jan|februar|feb|märz|maerz|mär|april|apr|mai|juni|jun|juli|jul|august|aug|september|sept|sep"
    r"|oktober|okt|november|nov|dezember|dez)(?P<dot>\.?)(?:(?P<quote> ['’‘`´])| ?)(?P<year>\d\d)\b"
    r"(?![.:,]\d| ?[/%€–-]|,? (?:und |oder |bis )?\d{1,3}\b(?!\.)|\. ?(?:jan|jän|feb|m[aä]|apr|ju|aug|sep|okt|nov|dez))"
)
_DAY_BEFORE: Final = re.compile(r"(?<!\d)[0-3]?\d\. ?$")
_DAY_WITHIN: Final = 5  # characters
# Another year, a time or a part of a day, a weekday, a day by its name.
_OF_DAYS: Final = re.compile(
    r"\b20\d\d\b|jahr|year|(?:\b|\d)uhr\b|\d:\d|\b\d{1,2} ?(?:h|am|pm)\b|\b(?:um|gegen|at) \d"
    r"|(?:morgen|mittag|abend|nacht)s?\b|\bfrüh\b|tonight|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|\b(?:mo|di|mi|do|fr|sa|so|am|den|on|ist|is)\b\.?,? (?:jan|jän|feb|m[aä]|apr|ju|aug|sep|okt|nov|dez)"
    r"|heute|gestern|jetzt|gerade|silvester|neujahr|weihnacht|today|tomorrow|yesterday|\bnow\b|christmas"
)
_WORD: Final = re.compile(r" ?([^\W\d_]+)")
_AMOUNTS: Final = UNITS | SCALES.keys()
# Where "November 25" is a day in an English sentence.
_ENGLISH_MONTHS: Final = frozenset({
    "jan", "feb", "april", "apr", "jun", "jul", "august", "aug", "september", "sept", "sep", "november", "nov",
})  # fmt: skip


_FROM_NOW: Final = re.compile(r"\b(\w+ years?) from (?:now|today)\b(?! on)")
_YEARS_ABBREVIATED: Final = re.compile(r"\byr(s?)\b")  # "last yr", "2 yrs ago"
# "Vorvorletztes Jahr", "Vorvorvorjahr", "überübernächstes Jahr"; the nearer ones are phrases.
_FAR: Final = re.compile(
    r"\b(?:im |in dem |das )?(?:(?P<last>(?:vor){2,})-?letzte[smnr]? jahr(?:e?s)?"
    r"|(?P<before>(?:vor){3,})jahr(?:e?s)?"
    r"|(?P<next>(?:über|uber|ueber){2,})-?n(?:ä|a|ae)chste[smnr]? jahr(?:e?s)?)\b"
)


def _years_away(match: re.Match[str]) -> str:
    """As "vor 3 Jahren", which is read anyway."""
    if match["next"]:
        return f"in {match['next'].count('b') + 1} jahren"
    return f"vor {match['last'].count('v') + 1 if match['last'] else match['before'].count('v')} jahren"


def number_in_words(words: str) -> int:
    """Up to 99; 0: none."""
    if _ANY_IN_WORDS.fullmatch(words) is None:
        return 0
    return next(number for number, pattern in _NUMBERED.items() if pattern.fullmatch(words))


class Year(NamedTuple):
    year: int
    certainty: float
    named: bool = True
    number: int = 1  # of years that are named
    left_out: bool = False  # "nicht 2026", "vor 2026": any other one is meant


class _Found(NamedTuple):
    """`plain`: it can mean nothing else than a year, as "jetzt" can."""

    start: int
    year: int
    plain: bool = True


def year_of(sentence: Sentence, taken: set[int], today: date, day: date | None = None) -> Year:
    """What is written as a year counts before the year of a day that is named, "next year", and the year of today.

    `taken`: tokens that were read as something else.
    """
    relative = sentence.kept(list(_relative(sentence)))
    several, steps = _spans_years(sentence, today), _steps(sentence)
    explicit = _explicit(sentence, taken, today)
    asked = _without_bounds(sentence, explicit, today)
    found = sentence.kept(asked)
    left_out = all(
        _is_a_bound(sentence, one.start) or sentence.leaves_out(one.start) for one in found
    ) or sentence.all_left_out([range(one.start, one.start + 1) for one in asked])
    if left_out and _is_corrected(sentence, found, relative):
        found = []
    if found:
        years = {one.year for one in found}
        beside = {
            today.year + other.year
            for other in relative
            if any(_stand_side_by_side(sentence, one, other) for one in found)
        }
        if all(_is_compared_with(sentence, one.start) for one in found):
            beside.add(today.year)
        return _newest(years | beside, steps, 0.99, several=several)._replace(left_out=left_out)
    if day is not None and not explicit:  # not "installiert vor dem 1.1.2024"
        return Year(day.year, 0.98)
    if steps and not relative:  # "das Jahr davor": before one that is not named
        return Year(today.year, 0.98, left_out=True)
    if not (explicit or relative) and today.month >= _LATE_IN_THE_YEAR:
        relative = list(_new_year(sentence))
    if not any(one.plain for one in relative if not one.year):
        relative = [one for one in relative if one.year] or relative  # "aktuell" may mean anything
    years = {today.year + one.year for one in relative} or {today.year}
    if sentence.has(Sign.CHANGES) and any(_begins_a_span(sentence, one.start) for one in relative):
        years.add(today.year)
    return _newest(years, steps, 0.98, several=several)._replace(named=bool(relative))


def year_beside(sentence: Sentence, day: range, taken: set[int], today: date) -> int | None:
    """Of a day that has none of its own: "HLZF 2024 am 3. Januar", "nächstes Jahr am 3. Januar"; the newest of "2024 und 2025 am
    3. Januar". None where several years are named elsewhere, or one in another clause, since or until which something holds, or with which is compared."""
    found = sentence.kept(_without_bounds(sentence, _explicit(sentence, taken, today), today))
    ends = _ENDS_OF_CLAUSES if found else _ENDS_OF_CLAUSES | {",", ":"}
    if not found:
        relative = sentence.kept(list(_relative(sentence)))
        found = [one._replace(year=today.year + one.year) for one in relative]
    if len({one.year for one in found}) == 1:
        return _year_of_day(sentence, found[0], day, ends)
    on_one_side = all(one.start < day.start for one in found) or all(one.start >= day.stop for one in found)
    if not on_one_side or not all(_stand_side_by_side(sentence, *pair) for pair in pairwise(found)):
        return None
    years = [_year_of_day(sentence, one, day, ends) for one in found]
    return None if None in years else max((year for year in years if year), default=None)


def _year_of_day(sentence: Sentence, found: _Found, day: range, ends: frozenset[str]) -> int | None:
    """None where it is of something else than the day."""
    year, start = found.year, found.start
    before = start - 1
    while sentence[before] in _BEFORE_COMPARED or sentence[before] in _SMALL_WORDS:
        before -= 1
    if sentence[before] in _OF_OTHER_DAYS or sentence.leaves_out(start):
        return None
    if sentence[start + 1][:1].isdigit() and sentence.gap(start + 1) in _SLASHES:
        return None  # "2025/26 am 3. Januar"
    between = range(start + 1, day.start + 1) if start < day.start else range(day.stop, start + 1)
    return (
        year
        if FIRST <= year <= LAST and not any(_ends_a_clause(sentence, i, ends) for i in between)
        else None
    )


def _ends_a_clause(sentence: Sentence, i: int, ends: frozenset[str]) -> bool:
    """Not "am 3.1. 2024", "18:00"."""
    gap = sentence.gap(i)
    if _DAY_AND_MONTH.fullmatch(sentence[i - 1]):
        gap = gap.removeprefix(".")
    return gap != ":" and not ends.isdisjoint(gap)


_OF_OTHER_DAYS: Final = frozenset({
    "seit", "since", "wie", "als", "than", "like", "unlike", "gegenuber", "zu", "to", "bis", "until", "till", "vs", "versus",
})  # fmt: skip
_ENDS_OF_CLAUSES: Final = frozenset(".;?!")
_DAY_AND_MONTH: Final = re.compile(r"\d{1,2}\.\d{1,2}")


def _is_corrected(sentence: Sentence, found: Sequence[_Found], relative: Sequence[_Found]) -> bool:
    """ "Nicht 2023, sondern letztes Jahr": the year that is meant is named, too."""
    return any(
        one.start < correction < other.start
        for one in found
        for other in relative
        for correction in sentence.corrections
    )


def _is_compared_with(sentence: Sentence, i: int) -> bool:
    """ "Höher als 2024": than this year."""
    before = i - 1
    while sentence[before] in _BEFORE_COMPARED:
        before -= 1
    return sentence[before] in {"als", "than", "gegenuber"}


def _begins_a_span(sentence: Sentence, i: int) -> bool:
    """ "Seit letztem Jahr gestiegen", "since last year": until now."""
    before = i - 1
    while sentence[before] in _SMALL_WORDS:
        before -= 1
    return sentence[before] in {"seit", "since"}


_BEFORE_COMPARED: Final = _YEAR | {"im", "in", "noch"}


def _newest(years: set[int], steps: set[int], certainty: float, *, several: bool) -> Year:
    """`steps`: to years before or after those; `several`: more of them are asked for than are named."""
    years = years | {min(years) + step for step in steps}
    number = max(len(years), 2) if several else len(years)
    return Year(max(years), certainty if number == 1 else 0.8, number=number)


def _steps(sentence: Sentence) -> set[int]:
    """ "Das Jahr davor", "the year after": from the year that is named before."""
    relative = sentence.covered(mark for mark in sentence.marks if isinstance(mark.meaning, Relative))
    return {
        step
        for i, key in enumerate(sentence.keys)
        if key in _YEAR and i not in relative and not sentence[i - 1][:1].isdigit()
        for words, step in ((_EARLIER, -1), (_LATER, 1))
        if sentence[i + 1] in words and not _is_before_something(sentence, i + 2)
        if sentence[i + 1] != "earlier" or not _number(sentence[i - 1])  # "a year earlier": before today
    }


def _is_before_something(sentence: Sentence, i: int) -> bool:
    """ "The year before 2024" is a bound, "the year before last" a year, and "per year before taxes" none of both."""
    if sentence[i][:1].isdigit():
        return True
    if sentence[i - 1] not in _PREPOSITIONS or not sentence[i]:
        return False
    return sentence[i] not in _AFTER_STEPS and _PAUSES.isdisjoint(sentence.gap(i))


_EARLIER: Final = frozenset({"davor", "zuvor", "vorher", "before", "earlier"})
_LATER: Final = frozenset({"danach", "darauf", "after", "later"})
_PREPOSITIONS: Final = frozenset({"before", "after"})
_AFTER_STEPS: Final = frozenset({"at", "in", "of", "for", "from", "and", "or", "as", "to", "please", "too"})
_PAUSES: Final = frozenset("?!,;.:()-–—")


def _stand_side_by_side(sentence: Sentence, one: _Found, other: _Found) -> bool:
    """ "2024 und letztes Jahr", "von 2020 bis heute"."""
    first, second = sorted((one.start, other.start))
    between = sentence.keys[first + 1 : second]
    within = _JOINED_WITHIN if one.plain and other.plain else 1  # "2024 und was ist jetzt …"
    if any(not _PAUSES.isdisjoint(sentence.gap(i)) for i in range(first + 1, second + 1)):
        return False  # "2025, bis heute haben wir …"
    return len(between) <= within and not _JOINING.isdisjoint(between)


_JOINED_WITHIN: Final = 4  # tokens
_JOINING: Final = frozenset({"und", "and", "sowie", "oder", "or", "bis", "to", "until", "till"})


def _spans_years(sentence: Sentence, today: date) -> bool:
    """Whether figures of several years are asked for: "gestiegen", "die letzten drei Jahre", "MS seit 2020", "MS bis 2024"."""
    if sentence.has_any(Sign.CHANGES, Sign.COMPARED):
        return True
    keywords = {mark.end for mark in sentence.marks if isinstance(mark.meaning, Topic | Level | Position)}
    keywords |= {mention.end for mention in sentence.mentions}
    for i, key in enumerate(sentence.keys):
        if key in {"jahre", "jahren", "years"}:
            counted = _number(sentence[i - 1]) > 1 and sentence[i - 2] in _LAST
            if counted or sentence[i - 1] in _LAST:
                return True
        bound = sentence[i + 1] if key in _SINCE | _UNTIL and i in keywords else ""
        if is_a_year(bound) and int(bound) < today.year:
            return True
    return False


_SINCE: Final = frozenset({"seit", "since"})
_UNTIL: Final = frozenset({"bis", "until", "till"})


def is_a_year(key: str) -> bool:
    return len(key) == 4 and key.isdecimal() and FIRST <= int(key) <= LAST


_LAST: Final = frozenset(
    [
        "letzten", "letzte", "letzter", "vergangenen", "vergangene", "vergangener", "nachsten", "nachste", "kommenden", "last",
        "past", "previous", "next",
    ]
)  # fmt: skip


def _without_bounds(sentence: Sentence, found: list[_Found], today: date) -> list[_Found]:
    """ "Verträge vor 2024" is a kind of contract, "2023 eingebaut" one of device; "vor 2026" alone remains, since no year is asked
    for by it."""
    if names_a_device(sentence):
        found = [
            one for one in found if one.year >= today.year or not _is_of_installation(sentence, one.start)
        ]
    asked = [one for one in found if not _is_a_bound(sentence, one.start)]
    if asked or not _CONTRACTS.isdisjoint(sentence.keys):
        return asked
    of_devices = names_a_device(sentence) and all(one.year in _SECTION_14A for one in found)
    return asked if of_devices else found


def _is_of_installation(sentence: Sentence, i: int) -> bool:
    """ "Wärmepumpe, eingebaut 2021", "Wärmepumpe 2023 eingebaut", "wir haben 2022 eine Wallbox gekauft", but not "Wallbox installiert.
    2025", "Netzentgelt 2025 eingebaut" and "2025 Wallbox, eingebaut 2021"."""
    before = i - 1 if sentence[i - 1] not in MONTHS else i - 2
    if sentence[before] in _INSTALLED and not _is_apart(sentence, before + 1):
        return True
    keywords = {mark.end for mark in sentence.marks if isinstance(mark.meaning, Topic | Level)}
    keywords |= {mention.end for mention in sentence.mentions}
    if _HAVE.isdisjoint(sentence.keys[max(i - _VERB_WITHIN, 0) : i]):
        return (
            i not in keywords
            and sentence[i + 1] in _INSTALLED
            and not _is_apart(sentence, i + 1)
            and (_is_apart(sentence, i + 2) or not sentence[i + 2][:1].isdigit())
        )
    for j in range(i + 1, len(sentence.keys)):
        if _is_apart(sentence, j) or j + 1 in keywords:
            return False
        if sentence[j] in _INSTALLED:
            return True
    return False


def _is_apart(sentence: Sentence, i: int) -> bool:
    return not _ENDS_OF_INSTALLATION.isdisjoint(sentence.gap(i))


_INSTALLED: Final = frozenset({"eingebaut", "installiert", "inbetriebnahme", "angeschafft", "gekauft"})
_HAVE: Final = frozenset({"wurde", "habe", "haben"})
_VERB_WITHIN: Final = 3  # tokens: "wurde im Jahr 2023"
_ENDS_OF_INSTALLATION: Final = frozenset("?!,;:.()-–—")


def _is_a_bound(sentence: Sentence, i: int) -> bool:
    """ "vor 2026", "after the year 2025", but not "nach 2025er Preisblatt", "Frage nach 2025", "nach dem 1.1.2025"."""
    before = i - 1
    while sentence[before] in _BEFORE_BOUNDS:
        before -= 1
    if sentence[before] in {"nach", "after"} and (
        _NEW_YEAR.fullmatch(sentence[i]) or sentence[before - 1] in _SEARCHED
    ):
        return False
    return sentence.spells(before, _BOUNDS) and sentence[i + 1] not in {"er", "preisblatt"}


def _explicit(sentence: Sentence, taken: set[int], today: date) -> list[_Found]:
    taken = taken | sentence.covered(sentence.mentions)
    years: list[_Found] = []
    short: list[_Found] = []
    for i, key in enumerate(sentence.keys):
        if i in taken or not key[0].isdigit() or _counts(sentence, i, today):
            continue
        if year := _written(sentence, i):
            years.append(_Found(i, year))
        elif _ends_a_span(sentence, i):
            years.append(_Found(i, 2000 + int(key)))
        elif len(key) == 2 and (
            _is_short_year(sentence, i, today) or _is_of_a_short_span(sentence, i, today)
        ):
            short.append(_Found(i, 2000 + int(key)))
    return [one for one in years if not _is_beside_excluded_word(sentence, one.start)] or short


def _written(sentence: Sentence, i: int) -> int | None:
    """The year of "2024", "01.01.2024", "1.2024" and "1.1.24"."""
    key = sentence.keys[i]
    if match := _DATE.fullmatch(key):
        return int(match[1] or f"20{match[2]}")
    year = int(key) if len(key) == 4 and key.isdecimal() else 0
    return year if EARLIEST_WRITTEN <= year <= LAST or (year and sentence[i - 1] in _YEAR) else None


def _counts(sentence: Sentence, i: int, today: date) -> bool:
    """ "2500 h", "2000 kWh", "8x150", "§ 19", "1,73", "7:30": a number of something else."""
    key, gap, after = sentence.keys[i], sentence.gap(i), sentence.gap(i + 1)
    if not key.isdecimal() and not _DATE.fullmatch(key):
        return True
    if _CURRENCIES & set(gap) or (gap == "" and sentence[i - 1] in {"x", "a", "v"}):
        return True
    if _MEASURES & set(after.strip()[:1]) or (gap == ":" and sentence[i - 1][:1].isdigit()):
        return True
    if sentence[i + 1] in UNITS:
        if _stands_before_a_word(sentence, i, today):
            return False
        return after in {"", " ", "-"}
    return sentence[i + 1][:1].isdigit() and after == ":"


def _stands_before_a_word(sentence: Sentence, i: int, today: date) -> bool:
    """ "Wer war 2024 am günstigsten?", "for 2024 we need", "2025 module 2", "Netzentgelte 2024 Haushalte": a year, although the
    word can be a unit; "mit 2024 Haushalten", "insgesamt 2024 Kunden", "(2024 Kunden)" are counted, and so are 2000 customers."""
    key, after = sentence[i], sentence[i + 1]
    if after == "am" and (_DATE.fullmatch(key) or _APOSTROPHES & {*sentence.gap(i)}):
        return True
    if not is_a_year(key) or abs(int(key) - today.year) > NEAR:
        return False
    if after in _CUSTOMERS:
        set_off = not {*",()"}.isdisjoint(sentence.gap(i))
        return not set_off and not _is_counted(sentence, i + 2) and _is_where_years_stand(sentence, i)
    return after in _WORDS_LIKE_UNITS


def _is_counted(sentence: Sentence, behind: int) -> bool:
    """ "2024 Kunden versorgt", "2024 Haushalte mit je 3500 kWh"."""
    if sentence[behind] in {"mit", "zu", "with"}:
        behind += 1
    return sentence[behind] in {"versorgt", "je"}


_WORDS_LIKE_UNITS: Final = frozenset({"am", "we", "module"})
_CUSTOMERS: Final = frozenset({"haushalte", "kunden", "households", "customers"})


def dates_of_letters(sentence: Sentence) -> set[int]:
    """The tokens of "12. März 2023" in "Ihr Schreiben vom 12. März 2023", "your email of March 12, 2023", "invoice from 2023-03-12", and
    "12.03.2023"; not "invoices from 1 January 2025 onwards"."""
    found: set[int] = set()
    for i, key in enumerate(sentence.keys):
        if "." in key and any(sentence[j] in LETTERS for j in range(i - 3, i)):
            found.add(i)
        if key not in _BEHIND_LETTERS or sentence[i - 1] not in LETTERS:
            continue
        end = start = i + 2 if sentence[i + 1] in _ARTICLES else i + 1
        while end < start + _PARTS_OF_DATES and _is_part_of_a_date(sentence[end]):
            end += 1
            if any(map(is_a_year, sentence.keys[start + 1 : end])):
                break
        parts = sentence.keys[start:end]
        if sentence[end] in _BEHIND_FIRST_DAYS:
            continue
        if any(map(is_a_year, parts)) and sum(map(_is_number_or_month, parts)) == _DAY_MONTH_YEAR:
            found.update(range(start, end))
    return found


def _is_part_of_a_date(key: str) -> bool:
    return _is_number_or_month(key) or key in _WITHIN_DATES


def _is_number_or_month(key: str) -> bool:
    return key in MONTHS or (key.isdecimal() and len(key) in {1, 2, 4})


_BEHIND_LETTERS: Final = frozenset({"vom", "von", "of", "from", "dated"})
_BEHIND_FIRST_DAYS: Final = frozenset({"on", "onwards", "an", "ab", "bis", "to", "until", "till", "through"})
_ARTICLES: Final = frozenset({"dem", "the"})
_WITHIN_DATES: Final = frozenset({"st", "nd", "rd", "th", "of"})
_DAY_MONTH_YEAR: Final = 3  # numbers, or two and a month
_PARTS_OF_DATES: Final = 5  # tokens: "3rd of May 2024"


def _is_beside_excluded_word(sentence: Sentence, i: int) -> bool:
    before = i - 2 if sentence[i - 1].isalpha() else i - 1
    return any(sentence[j] in NOT_A_YEAR_BESIDE for j in (before, i - 1, i + 1))


def _ends_a_span(sentence: Sentence, i: int) -> bool:
    """ "2023/24", "2023-25"."""
    before, key = sentence[i - 1], sentence.keys[i]
    if len(key) != 2 or sentence.gap(i) not in _SLASHES or not is_a_year(before):
        return False
    return int(before) < 2000 + int(key) <= int(before) + NEAR and sentence.gap(i + 1)[:1] not in _SLASHES | {
        "."
    }


_SLASHES: Final = frozenset("/-–—")


def _is_short_year(sentence: Sentence, i: int, today: date) -> bool:
    gap = sentence.gap(i)
    if abs(2000 + int(sentence.keys[i]) - today.year) > NEAR:
        return False
    if _APOSTROPHES & set(gap) or (sentence[i + 1] == "er" and sentence.gap(i + 1) == ""):
        return True
    if sentence.gap(i + 1)[:1] in {".", "/"} and sentence[i + 1][:1].isdigit():
        return False
    if sentence[i - 1] in _BEFORE_DAYS and sentence.gap(i + 1)[:1] == ".":
        return False  # "am 24. Hochlast"
    if sentence[i - 1] not in _YEAR and (_counts_something(sentence, i) or _counts_hours(sentence, i)):
        return False
    if _is_a_label(sentence, i - 1):
        return False
    after_year = gap == "/" and len(sentence[i - 1]) == 4
    return not after_year and (sentence[i - 1] in YEAR_CUES or _among_keywords(sentence, i))


def _is_a_label(sentence: Sentence, i: int) -> bool:
    """ "Hauptstraße 25, Lemgo", "Halle 12": street numbers and the like, but not "Ring 25" where that is part of a name."""
    is_label = sentence[i] in _LABELS or sentence[i].endswith(_STREETS)
    return is_label and i not in sentence.covered(sentence.mentions)


_STREETS: Final = ("strasse", "str", "weg", "platz", "allee", "gasse", "damm")
_LABELS: Final = frozenset(
    {"halle", "tor", "gebaude", "haus", "los", "block", "raum", "etage", "ring", "ufer"}
)


def _is_of_a_short_span(sentence: Sentence, i: int, today: date) -> bool:
    """ "Winter 25/26": two years in a row."""
    first = i if sentence.gap(i + 1) == "/" else i - 1
    pair = [sentence[first], sentence[first + 1]]
    if sentence.gap(first + 1) != "/" or any(len(key) != 2 or not key.isdecimal() for key in pair):
        return False
    if sentence.gap(first) not in {"", " "} or sentence.gap(first + 2)[:1] in _SLASHES | {"."}:
        return False
    if sentence[first + 2] in _NO_SPANS_BEFORE or not _is_where_years_stand(sentence, first):
        return False
    start, end = map(int, pair)
    near = abs(2000 + start - today.year) <= NEAR
    return near and end == start + 1 and not _is_beside_excluded_word(sentence, first)


def _is_where_years_stand(sentence: Sentence, i: int) -> bool:
    """At the beginning, or behind a keyword, an operator or "Winter", but not behind "Hauptstraße", "Raum" or "am"."""
    keywords = {mark.end for mark in sentence.marks if isinstance(mark.meaning, Topic | Level)}
    keywords |= {mention.end for mention in sentence.mentions}
    return i == 0 or i in keywords or sentence[i - 1] in _BEFORE_SHORT_SPANS


_NO_SPANS_BEFORE: Final = UNITS | MONTHS.keys() | {"o"}  # "17/18 o'clock"
_BEFORE_SHORT_SPANS: Final = (YEAR_CUES - {"ab", "from"}) | {
    "winter", "wintersaison", "winterhalbjahr", "saison", "season", "geschaftsjahr", "wirtschaftsjahr", "preisblatt",
}  # fmt: skip


def _among_keywords(sentence: Sentence, i: int) -> bool:
    """Beside a topic, a level or a name, where nothing can be counted: "hlzf 25"."""
    keywords = [mark for mark in sentence.marks if isinstance(mark.meaning, Topic | Level)]
    after = {mark.end for mark in keywords} | {mention.end for mention in sentence.mentions}
    before = {mark.start for mark in keywords if isinstance(mark.meaning, Topic)}
    before |= {mention.start for mention in sentence.mentions}
    return (i in after and not sentence[i + 1].isdigit()) or i + 1 in before


def _counts_something(sentence: Sentence, i: int) -> bool:
    """ "In Rosenheim 12 Mietshäuser", "für 12 Antworten"."""
    if sentence.gap(i + 1) != " " or i + 1 in sentence.covered([*sentence.mentions, *sentence.marks]):
        return False
    return sentence[i + 1].endswith(_COUNTED)


def _counts_hours(sentence: Sentence, i: int) -> bool:
    """ "24 günstigste Stunden"."""
    return any(mark.start == i + 1 and sentence[mark.end - 1] in _HOURS for mark in sentence.marks)


_HOURS: Final = frozenset({"stunde", "stunden", "viertelstunde", "viertelstunden", "hour", "hours"})
_COUNTED: Final = (
    "hauser", "hausern", "gebaude", "gebauden", "parteien", "liegenschaften", "objekte", "objekten", "betriebe", "betrieben",
    "stationen", "wallboxen", "pumpen", "anlagen", "mieter", "mietern", "bewohner", "bewohnern", "betten", "zimmer", "zimmern",
    "platze", "platzen", "fahrzeuge", "fahrzeugen", "autos", "busse", "bussen", "hallen", "gemeinden", "antworten", "abfragen",
)  # fmt: skip
_BEFORE_DAYS: Final = frozenset({"am", "vom", "zum"})


def _relative(sentence: Sentence) -> Iterator[_Found]:
    for mark in sentence.marks:
        if isinstance(mark.meaning, Relative):
            yield _Found(mark.start, mark.meaning.years, sentence[mark.end - 1] in _YEAR)
            yield from _shortened(sentence, mark)
    for i, key in enumerate(sentence.keys):
        if key in {"jahr", "jahren", "year", "years"} and (number := _number(sentence[i - 1])):
            if sentence[i - 2] == "vor" or sentence[i + 1] in {"ago", "earlier"}:
                yield _Found(i, -number)
            elif sentence[i - 2] == "in":
                yield _Found(i, number)
            elif sentence[i + 1] == "back" and (
                not sentence[i + 2] or _ends_a_clause(sentence, i + 2, _ENDS_OF_CLAUSES | {",", ":"})
            ):
                yield _Found(i, -number)  # not "10 years back to back"


def _new_year(sentence: Sentence) -> Iterator[_Found]:
    """ "Im neuen Jahr", where something is asked, it is no wish ("Viel Erfolg im neuen Jahr!") and nothing has changed."""
    if sentence.has(Sign.CHANGES):
        return
    for i, key in enumerate(sentence.keys):
        is_new = key == "jahr" and sentence.keys[max(i - 2, 0) : i] == _IN_THE_NEW
        if is_new and sentence[i - 3] not in _WISHED and not sentence.leaves_out(i - 2):
            end = i + 1
            while end < len(sentence.keys) and _ENDS_OF_CLAUSES.isdisjoint(sentence.gap(end)):
                end += 1
            begin = i
            while begin and _ENDS_OF_CLAUSES.isdisjoint(sentence.gap(begin)):
                begin -= 1
            asks = any(
                begin <= mark.start < end and isinstance(mark.meaning, Topic | Position)
                for mark in sentence.marks
            )
            if asks and "!" not in sentence.gap(end):
                yield _Found(i, 1)


_IN_THE_NEW: Final = ["im", key_of("neuen")]
_WISHED: Final = frozenset({"bald", "uns", "erfolg", "gute", "gutes", "gluck", "gesundheit", "start"})
_LATE_IN_THE_YEAR: Final = 9  # September: from then on figures of the next year are published


def _shortened(sentence: Sentence, mark: Mark) -> Iterator[_Found]:
    """ "Dieses und letztes Jahr", "this year and last": the year is written once."""
    if sentence[mark.end - 1] not in _YEAR:
        return
    before = mark.start - 1
    while sentence[before] in _SMALL_WORDS:
        before -= 1
    if sentence[before] in _JOINING and (away := years_away(sentence[before - 1])) is not None:
        yield _Found(before - 1, away)
    after = mark.end + 1
    if sentence[mark.end] not in _JOINING:
        return
    while sentence[after] in _SMALL_WORDS:
        after += 1
    if sentence[after + 1] not in _YEAR and (away := years_away(sentence[after])) is not None:
        yield _Found(after, away)


_SMALL_WORDS: Final = frozenset({"im", "in", "the", "das", "dem"})


def _number(word: str) -> int:
    return int(word) if word.isdecimal() and len(word) <= 2 else NUMBERS.get(word, 0)
