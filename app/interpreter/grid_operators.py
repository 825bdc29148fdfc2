"""Questions whose grid it is: "Wer ist mein Netzbetreiber in 80331 München?"."""

from typing import Final

from app.domain.question import Details, Interpretation, NamedPlace, QuestionTopic
from app.interpreter.operators import by_codes, choose
from app.interpreter.reading import Read, is_about_something_else, product_of
from app.interpreter.topics import count_of_questions
from app.interpreter.words import POSTAL_CODE_LABELS, Days, Position, Relative, Sign, Topic

_OPERATORS: Final = frozenset(
    [
        "netzbetreiber", "netzbetreibers", "netzbetreibern", "verteilnetzbetreiber", "stromnetzbetreiber", "vnb", "dso", "dno",
        "operator", "operators", "stromnetz", "stromnetzes", "verteilnetz", "netzgebiet", "netz", "grid", "network",
    ]
)  # fmt: skip
_NAMED_SO: Final = frozenset(
    ["netzbetreiber", "verteilnetzbetreiber", "stromnetzbetreiber", "vnb", "dso", "dno", "operator"]
)
_KEY_WORDS: Final = 3  # "Netz PLZ 80331"
_OF_OTHER_QUESTIONS: Final = (
    Sign.CHEAPEST, Sign.DEAREST, Sign.RANKS, Sign.COMPARES, Sign.WHEN, Sign.CHARGES_A_DEVICE, Sign.CHEAP,
)  # fmt: skip


def grid_operator_of(read: Read) -> Interpretation | None:
    """None: something else is asked for."""
    sentence = read.sentence
    asks = sentence.has(Sign.ASKS_FOR_OPERATOR)
    alone = _is_a_place_alone(read)
    if is_about_something_else(sentence) or not (
        alone or _OPERATORS.intersection(sentence.keys) or (asks and read.postal_code is not None)
    ):
        return None
    if any(
        isinstance(mark.meaning, Topic | Position) and not sentence[mark.start].startswith("einspeis")
        for mark in sentence.marks
    ):
        return None
    if not (read.codes or read.postal_code) and any(not mention.place for mention in sentence.mentions):
        return None  # "My grid operator is Westnetz."
    if sentence.has_any(*_OF_OTHER_QUESTIONS):
        return None
    place = read.postal_code is not None or bool(sentence.mentions) or bool(read.codes)
    if read.amounts.tokens or not (
        (asks and (place or _asks_for_mine(read))) or alone or _is_a_key_word(read)
    ):
        return None
    operator = by_codes(sentence.vocabulary, read.codes) if read.codes else choose(sentence)
    if not read.codes:  # a name or a seat is no evidence of a network
        operator = operator._replace(dno_id=None, several=False)
    if not read.codes and read.postal_code is not None:  # words that nothing explains may be its place
        operator = operator._replace(certainty=0.97, unknown=None)
    return Interpretation(
        data_type=None,
        dno_id=operator.dno_id,
        year=None,
        voltage_level=read.level.level,
        confidence=product_of(0.97 if asks else 0.9, operator.certainty, read.level.certainty),
        candidates=operator.candidates,
        language=read.language,
        topic=QuestionTopic.GRID_OPERATOR,
        details=Details(place=NamedPlace(read.postal_code.code, read.postal_code.city))
        if read.postal_code is not None and not read.codes
        else Details(),
        unknown=operator.unknown,
        lacking=read.postal_code is None and not read.codes,
        questions=max(count_of_questions(sentence), read.postal_code.number if read.postal_code else 1),
    )


def _is_a_place_alone(read: Read) -> bool:
    """ "17213 Malchow", "PLZ 99901 Musterstadt"; a number alone can be anything."""
    if read.postal_code is None:
        return False
    sentence, token = read.sentence, read.postal_code.token
    named = sentence.covered(mention for mention in sentence.mentions if mention.place)
    named.update(range(token + 1, read.postal_code.end))
    rest = {key for i, key in enumerate(sentence.keys) if i not in named and i != token}
    return bool(named) and rest <= POSTAL_CODE_LABELS


def _asks_for_mine(read: Read) -> bool:
    """ "Wer ist mein Netzbetreiber?": the place is missing; not "Welche Netzbetreiber gibt es in Bayern?"."""
    return not read.states and not read.year.named and read.level.level is None


def _is_a_key_word(read: Read) -> bool:
    """ "Netzbetreiber 50667", "Netzbetreiber Köln": no price, no level, no year."""
    sentence = read.sentence
    if read.year.named:
        return False
    if read.postal_code is not None and len(sentence.keys) <= _KEY_WORDS and not sentence.strange:
        return True
    if not _NAMED_SO.intersection(sentence.keys):
        return False
    if any(isinstance(mark.meaning, Relative | Days) for mark in sentence.marks):
        return False
    if read.postal_code is not None or read.codes:
        return True
    return bool(sentence.mentions) and read.level.level is None and not sentence.strange
