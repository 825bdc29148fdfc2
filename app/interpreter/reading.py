"""A sentence with everything that is found in it: operators, codes, level, year, moment, amounts, federal states."""

import re
from datetime import date
from typing import Final, NamedTuple

from app.domain.families import HLZF, LEVY, NETZENTGELTE, PRICE, TIME_OF_USE, DataType
from app.domain.question import Interpretation, Language, Load, NamedPlace, NotHeld, QuestionTopic
from app.interpreter.amounts import Amounts, amounts_of
from app.interpreter.asked import Frame
from app.interpreter.codes import split_codes
from app.interpreter.federal_states import NamedState, states_of
from app.interpreter.levels import ChosenLevel, level_of
from app.interpreter.moments import Moment, moment_of, without_time_of_another_day
from app.interpreter.positions import names_another_product
from app.interpreter.postal_codes import PostalCode, postal_code_of
from app.interpreter.ranks import with_ranks_apart
from app.interpreter.sentence import Sentence
from app.interpreter.spelling import normalise
from app.interpreter.topics import count_of_questions
from app.interpreter.vocabulary import Vocabulary
from app.interpreter.words import ABROAD, ONLY_ENGLISH, ONLY_GERMAN, Sign, Topic
from app.interpreter.years import (
    NEAR,
    Year,
    dates_of_letters,
    is_a_year,
    with_years_in_digits,
    with_years_of_months,
    year_of,
)

SOMETHING_ELSE = 0.1  # confidence of "this is none of the questions that can be answered"
NOT_HELD = 0.3  # confidence of "this is a question about figures that are not held"


class Read(NamedTuple):
    """A sentence with everything that was found in it."""

    sentence: Sentence
    codes: tuple[str, ...]
    language: Language
    level: ChosenLevel
    amounts: Amounts
    moment: Moment
    year: Year
    states: list[NamedState]
    postal_code: PostalCode | None = None


# "§ 14 a EnWG" is a law, and ENWG an operator.
_LAW: Final = r"(?:des )?(?:enwg|energiewirtschaftsgesetz\w*)"
_SECTION: Final = re.compile(rf"(?:{_LAW},? ?)?(?:§ ?)?\b14 ?a\b(?: abs(?:atz|\.)? ?\d)?(?:,? {_LAW})?")


_BEFORE_STREET_NUMBERS: Final = (
    "strasse",
    "str.",
    "str",
    "weg",
    "platz",
    "allee",
    "gasse",
    "nr.",
    "nr",
    "nummer",
)


def _section(match: re.Match[str]) -> str:
    """The paragraph of the law, written alike; nothing where it is part of an address."""
    return " " if match.string[: match.start()].rstrip().endswith(_BEFORE_STREET_NUMBERS) else " 14a "


# "Modul 1, 2 und 3", "Module 1/2".
_MODULES: Final = re.compile(
    r"\b(module?)n? ([1-3](?:(?: ?[,/&+] ?| und | and | oder | or )[1-3](?!\d| \d{3}\b))+)", re.ASCII
)


def _each_module(match: re.Match[str]) -> str:
    """Each number with its word, joined as they are."""
    return re.sub(r"[1-3]", lambda number: f" {match[1]} {number[0]}", match[2])


# "3500 kilowatt hours", "5 GW h", "Kilowatt-Stunden": one unit; not "5 MW H. Müller".
_ENERGIES: Final = re.compile(
    r"\b(?:(kilo|mega|giga|tera)[ -]?watt[ -]?(hours?|stunden?)|(?<=\d)( ?[kmgt]w)[ ·*]h(?!\. ?\w))\b"
)
# "3000 full load hours", "2500 Volllast-Stunden": words for hours of use that are two, or have a hyphen.
_HOURS_OF_USE: Final = re.compile(
    r"(?P<before>\b(?:mit|bei|with|at|ca\.?|etwa|rund|genau|about) )?(?P<number>(?<![\d.,])[\d.,]*\d)[ -]"
    r"(?P<words>(?:full[ -]?load|utili[sz]ation|usage|operating)[ -](?P<hours>hours)"
    r"|(?:(?:jahres-?|voll-?)?(?:be)?nutzungs|voll-?l?last)-?(?:stunden|dauer))\b"
)


def _as_one_unit(match: re.Match[str]) -> str:
    return f"{match[3]}h" if match[3] else f"{match[1]}watt{match[2]}"


_AMOUNT: Final = (
    r"\d(?: ?(?:mio\.?|million|millionen|tsd\.?|tausend|thousand))?"
    r" ?(?:[kmgt]wh?|(?:kilo|mega|giga|tera)watt(?:s|hours?|stunden?)?)\b"
)
_AMOUNT_BEFORE: Final = re.compile(
    rf"{_AMOUNT}(?: ?/ ?a\b| pro jahr| im jahr| per year| (?:jahres)?verbrauch)? ?(?:, ?)?(?:und |and |sowie |/ ?|\()?$"
)
_AMOUNT_BEHIND: Final = re.compile(rf" ?(?:, ?)?(?:und |and |/ ?|\()?[\d.,]*{_AMOUNT}")
_NUMBER_BEHIND: Final = re.compile(
    r"[ :,>=(–-]*(?:(?:unter|über|ab|bis|von|below|above|under|over|of) )?[\d.,]*\d"
)
_AMOUNT_WITHIN: Final = 40  # characters


def _is_joined_to_an_amount(match: re.Match[str]) -> bool:
    """ "5 GWh und 2020 Benutzungsstunden", "2020 Benutzungsstunden, 5 GWh", but not "5 GWh, 2025 Benutzungsdauer"."""
    if match["words"].endswith("dauer"):
        return False
    if _AMOUNT_BEHIND.match(match.string, match.end()):
        return True
    start = max(match.start() - _AMOUNT_WITHIN, 0)
    is_behind = _AMOUNT_BEFORE.search(match.string, start, match.start()) is not None
    return is_behind and _NUMBER_BEHIND.match(match.string, match.end()) is None


def _with_hours_of_use(text: str, today: date) -> str:
    def hours(match: re.Match[str]) -> str:
        before, number = match["before"] or "", match["number"]
        can_be_a_year = is_a_year(number) and abs(int(number) - today.year) <= NEAR
        # "Netzentgelte 2025 Nutzungsstunden": a year.
        if not before and can_be_a_year and not _is_joined_to_an_amount(match):
            return f"{before}{number}, {match['words']}"
        return f"{before}{number} {match['hours'] or 'stunden'}"

    return _HOURS_OF_USE.sub(hours, text)


def read_sentence(text: str, vocabulary: Vocabulary, today: date) -> Read:
    with_units = _with_hours_of_use(_ENERGIES.sub(_as_one_unit, normalise(text)), today)
    in_digits = with_ranks_apart(with_years_of_months(with_years_in_digits(with_units), today))
    written_out = _MODULES.sub(_each_module, _SECTION.sub(_section, in_digits))
    without_codes, codes = split_codes(written_out)
    sentence = Sentence(without_codes, vocabulary)
    language = _language(sentence)
    level = level_of(sentence, language)
    amounts = amounts_of(sentence, language)
    topics = [mark for mark in sentence.marks if isinstance(mark.meaning, Topic)]
    taken = level.tokens | amounts.tokens | sentence.covered(topics) | dates_of_letters(sentence)
    moment = moment_of(sentence, today, taken)
    year = year_of(sentence, taken | moment.hours, today, moment.day)
    of_another_year = year.named and year.year != today.year
    moment = without_time_of_another_day(sentence, moment, of_another_year=of_another_year)
    found = Read(sentence, codes, language, level, amounts, moment, year, states_of(sentence))
    postal_code = postal_code_of(sentence, amounts.tokens)
    if postal_code is not None:
        sentence.take_for_a_place(range(postal_code.token + 1, postal_code.end))
    return found._replace(postal_code=postal_code)


def _language(read: Sentence) -> Language:
    """English only if more of its words stand there than German ones; names are neither."""
    named = read.covered(mention for mention in read.mentions if not mention.everyday)
    german = english = 0
    for i, key in enumerate(read.keys):
        if i not in named and len(key) > 1:  # not "14a"
            german += key in ONLY_GERMAN
            english += key in ONLY_ENGLISH
    return Language.ENGLISH if english > german else Language.GERMAN


def frame_of(read: Read) -> Frame:
    mentions = read.sentence.mentions
    named = bool(read.codes) or any(not mention.place and not mention.everyday for mention in mentions)
    return Frame(
        operator=named,
        place=bool(mentions) or read.postal_code is not None,
        level=read.level.level is not None,
        year=read.year.named,
        load=read.amounts.complete,
        energy=read.amounts.kwh is not None,
        power=read.amounts.kw is not None,
        postal_code=read.postal_code is not None,
    )


def unanswered(read: Read, not_held: NotHeld | None, asked_for: int = 1) -> Interpretation:
    """`asked_for`: how many topics the sentence has."""
    confidence = SOMETHING_ELSE if not_held is None else NOT_HELD
    questions = 1 if not_held is None else max(asked_for, count_of_questions(read.sentence))
    return Interpretation(
        None, None, None, None, confidence, (), read.language, not_held=not_held, questions=questions
    )


def load_of(read: Read) -> Load | None:
    kwh, kw = read.amounts.kwh, read.amounts.kw
    return None if kwh is None or kw is None else Load(kwh, kw)


def place_of(read: Read) -> NamedPlace | None:
    """The place that stands for an operator; none where one is named."""
    if read.codes or read.postal_code is None:
        return None
    if any(not mention.place and not mention.everyday for mention in read.sentence.mentions):
        return None
    return NamedPlace(read.postal_code.code, read.postal_code.city)


def data_type_of(topic: QuestionTopic) -> DataType | None:
    """None: what is asked for is no single kind of published figures."""
    return _DATA_TYPES.get(topic)


_DATA_TYPES: Final = {
    QuestionTopic.NETZENTGELTE: NETZENTGELTE,
    QuestionTopic.HLZF: HLZF,
    QuestionTopic.TIME_OF_USE: TIME_OF_USE,
    QuestionTopic.PRICES: PRICE,
    QuestionTopic.LEVIES: LEVY,
}


def product_of(*certainties: float) -> float:
    product = 1.0
    for certainty in certainties:
        product *= certainty
    return round(product, 3)


def leaves_out(read: Read) -> bool:
    """ "alle außer Bayernwerk", "nicht in Bayern", "vor 2026": what is meant is not named."""
    by_number = read.codes or read.postal_code is not None
    parts = (
        [
            range(i, _end_of(read.level.tokens, i))
            for i in sorted(read.level.tokens)
            if i - 1 not in read.level.tokens
        ],
        [] if by_number else [range(mention.start, mention.end) for mention in read.sentence.mentions],
        [range(state.start, state.end) for state in read.states],
    )
    return read.year.left_out or any(map(read.sentence.all_left_out, parts))


def _end_of(tokens: set[int], start: int) -> int:
    return next(i for i in range(start + 1, start + len(tokens) + 1) if i not in tokens)


_NOT_OURS = (Sign.TRICK, Sign.GAS, Sign.OTHER_MEDIUM, Sign.OTHER_MATTER)


def is_about_something_else(sentence: Sentence) -> bool:
    return sentence.has_any(*_NOT_OURS) or names_another_product(sentence)


def is_abroad(sentence: Sentence) -> bool:
    """Whether another country is named, but not the "Sächsische Schweiz"."""
    return any(
        word.token.key in ABROAD and not sentence[i - 1].endswith(_OF_REGIONS)
        for i, word in enumerate(sentence.words)
    )


_OF_REGIONS = ("ische", "ischen", "ischer")
