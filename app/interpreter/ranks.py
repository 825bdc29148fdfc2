"""Ranks: "zweitgünstigster", "the third cheapest", "der 12. teuerste", "Platz 30"."""

import re
from typing import Final

from app.interpreter.sentence import Sentence
from app.interpreter.words import DASHES, TO, Sign
from app.interpreter.years import FROM_ONE_IN_WORDS, FROM_TEN_IN_WORDS, TENS, number_in_words

_U, _O = "(?:ü|ue?)", "(?:ö|oe?)"
_RANKS: Final = {
    2: "zweit", 3: "dritt", 4: "viert", 5: "fünft|funft|fuenft", 6: "sechst", 7: "siebt|siebent", 8: "acht", 9: "neunt", 10: "zehnt",
}  # fmt: skip
_IN_ENGLISH: Final = ("second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_TENS_IN_ENGLISH: Final = {english: 10 * ten for ten, (_, english) in enumerate(TENS, 2)}
_OF_ONE_WORD: Final = {
    **{
        word: rank
        for rank, word in enumerate(
            ("eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth"),
            11,
        )
    },
    **{f"{word[:-1]}ieth": ten for word, ten in _TENS_IN_ENGLISH.items()},
}  # fmt: skip
_SUPERLATIVES: Final = (
    f"(?:g{_U}nstig|billig|preiswert|teuer|niedrig|h{_O}ch|gering|klein|kostspielig)st\\w{{1,2}}"
)
_JOINED: Final = re.compile(
    rf"\b(?:{'|'.join(f'(?P<rank{rank}>{words})' for rank, words in _RANKS.items())})-?(?P<superlative>{_SUPERLATIVES})\b"
)
_WORDS: Final = {
    **{word: rank for rank, word in enumerate(_IN_ENGLISH, 2)},
    **{f"{word}e{ending}": rank for rank, words in _RANKS.items() for word in words.split("|") for ending in ("", "n", "r", "s")},
}  # fmt: skip
_PLACES_IN_ENGLISH: Final = "places?|positions?|ranks?"
# "Fünfundzwanzigster teuerster", "auf dem zwölften Platz", "zwölftgünstigster", "the twenty-fifth cheapest", "the 30th cheapest".
_SUPERLATIVES_IN_ENGLISH: Final = "(?:(?:cheap|dear|costli|pric[ei]+|low|high)est|most)"
_FROM_TEN: Final = re.compile(
    rf"\b({FROM_TEN_IN_WORDS})s?t(?:e[nrs]?)?[ -]?(?=(?:{_SUPERLATIVES}|pl(?:a|ä|ae)tze?n?|rang)\b)"
)
_FROM_TEN_IN_ENGLISH: Final = re.compile(
    rf"\b(?:(?:^|(?<=the )|(?=\w+ (?:{_PLACES_IN_ENGLISH})\b))(?P<digits>\d{{1,3}})(?:st|nd|rd|th)"
    rf"|(?P<ten>{'|'.join(_TENS_IN_ENGLISH)})[ -]?(?P<one>first|{'|'.join(_IN_ENGLISH[:-1])})"
    rf"|(?P<one_word>{'|'.join(_OF_ONE_WORD)}))[ -](?=(?:{_SUPERLATIVES_IN_ENGLISH}|{_PLACES_IN_ENGLISH})\b)"
)
# "Platz zwölf", "Plätze elf bis zwanzig", "number thirty".
_BEHIND_A_PLACE: Final = re.compile(
    rf"\b(?P<place>pl(?:a|ä|ae)tze?n?|rang|nummer|nr\.?|number|{_PLACES_IN_ENGLISH})"
    rf" (?P<first>{FROM_ONE_IN_WORDS})(?: (?P<to>bis|to|und|and) (?P<last>{FROM_ONE_IN_WORDS}))?\b"
)


def with_ranks_apart(text: str) -> str:
    """The rank as a number with a full stop before the superlative."""
    text = _BEHIND_A_PLACE.sub(_place_in_digits, text)
    text = _FROM_TEN.sub(lambda match: f"{number_in_words(match[1])}. ", text)
    return _JOINED.sub(_apart, _FROM_TEN_IN_ENGLISH.sub(_in_digits, text))


def _place_in_digits(match: re.Match[str]) -> str:
    first = f"{match['place']} {number_in_words(match['first'])}"
    return f"{first} {match['to']} {number_in_words(match['last'])}" if match["last"] else first


def _in_digits(match: re.Match[str]) -> str:
    if match["digits"]:
        return f"{match['digits']}. "
    if match["one_word"]:
        return f"{_OF_ONE_WORD[match['one_word']]}. "
    return f"{_TENS_IN_ENGLISH[match['ten']] + 1 + ('first', *_IN_ENGLISH).index(match['one'])}. "


def _apart(match: re.Match[str]) -> str:
    rank = next(rank for rank in _RANKS if match[f"rank{rank}"])
    return f"{rank}. {match['superlative']}"


_PLACES: Final = frozenset({"platz", "platze", "platzen", "rang", "range", "place", "places", "position"})
_NUMBERED: Final = frozenset({"nummer", "nr", "number", "no"})
_OF: Final = frozenset({"der", "of", "in", "im", "unter", "among", "auf", "on", "bei"})
_MAX_DIGITS: Final = 3  # "2026. Günstigster …" is a year


def rank_of(sentence: Sentence) -> int | None:
    """Which one of a ranking is asked for, the last of several; None: the first ones."""
    for mark in sentence.marks:
        if mark.meaning in (Sign.CHEAPEST, Sign.DEAREST):
            before = sentence[mark.start - 1]
            if (rank := number_in_digits(before)) and sentence.gap(mark.start).startswith("."):
                return rank
            if before in _WORDS:
                return _WORDS[before]
    for i, key in enumerate(sentence.keys):
        if key in _PLACES and (rank := _of_a_place(sentence, i)):
            return rank
        if key in _NUMBERED and sentence[i + 2] in _OF and (rank := number_in_digits(sentence[i + 1])):
            return rank  # "Nummer 30 der günstigsten", but not "Kunde Nr. 30"
    return None


def asks_for_the_last(sentence: Sentence) -> bool:
    """ "Letzter Platz", "der letzte im Ranking", "the last of the cheapest": how many there are is not known here."""
    ranked = {mark.start for mark in sentence.marks if mark.meaning in (Sign.CHEAPEST, Sign.DEAREST)}
    ranked.update(i for i, key in enumerate(sentence.keys) if key in _RANKINGS)
    return any(key in _LAST and _is_of_all(sentence, i + 1, ranked) for i, key in enumerate(sentence.keys))


def _is_of_all(sentence: Sentence, i: int, ranked: set[int]) -> bool:
    if sentence[i] in _PLACES:
        return True
    if sentence[i] == "one":
        i += 1
    if sentence[i] in _OF_ALL and i + 1 in ranked:
        return True
    return (sentence[i], sentence[i + 1]) in _OF_ALL_IN_TWO_WORDS and i + 2 in ranked


_LAST: Final = frozenset(
    {"letzte", "letzter", "letzten", "letztes", "vorletzte", "vorletzter", "vorletzten", "last"}
)
_RANKINGS: Final = frozenset({"ranking", "rangliste", "rangfolge"})
_OF_ALL: Final = frozenset({"der", "im", "in"})
_OF_ALL_IN_TWO_WORDS: Final = frozenset(
    [("in", "der"), ("von", "den"), ("unter", "den"), ("of", "the"), ("among", "the"), ("in", "the")]
)


def _of_a_place(sentence: Sentence, i: int) -> int:
    """ "Platz 30", "Plätze 21 bis 30", "auf dem 30. Platz"; 0: none."""
    if rank := number_in_digits(sentence[i + 1]):
        to = i + 3 if sentence[i + 2] in TO else i + 2
        joined = to == i + 3 or not DASHES.isdisjoint(sentence.gap(to))
        return max(rank, number_in_digits(sentence[to]) if joined else 0)
    before = sentence[i - 1]
    if before in _WORDS:  # "auf dem dritten Platz"
        return _WORDS[before]
    return number_in_digits(before) if sentence.gap(i).startswith(".") else 0


def number_in_digits(word: str) -> int:
    """Of at most three digits; 0: none."""
    return int(word) if word.isdecimal() and word.isascii() and len(word) <= _MAX_DIGITS else 0
