"""What a sentence asks for: one of the topics, figures that are not held, or something that is not ours to answer."""

from collections.abc import Sequence
from itertools import pairwise

from app.domain.question import NotHeld, QuestionTopic
from app.interpreter.asked import Asked, Frame
from app.interpreter.grammar import Mark
from app.interpreter.positions import names_a_device, names_included_levies_alone, position_asked_for
from app.interpreter.sentence import Sentence
from app.interpreter.separation import are_set_apart
from app.interpreter.units import IN_KW
from app.interpreter.words import NUMBERS, QUESTIONS, Position, Sign, Topic, Weight

_N, _H, _T = QuestionTopic.NETZENTGELTE, QuestionTopic.HLZF, QuestionTopic.TIME_OF_USE


def asked(sentence: Sentence, frame: Frame) -> Asked | NotHeld | None:
    """None: anything else than the topics."""
    if sentence.has(Sign.TRICK):
        return None
    if sentence.has_any(Sign.GAS, Sign.OTHER_MEDIUM) and not sentence.has(Sign.POWER):
        return None
    if sentence.has(Sign.DEFINITION) and not frame.named:
        return None
    if _asks_for_a_procedure(sentence):
        return None
    topics = [mark for mark in sentence.marks if isinstance(mark.meaning, Topic)]
    if frame.load or frame.power:  # "peak load 1.1 MW": an amount
        topics = [mark for mark in topics if not _is_an_amount(sentence, mark, frame)]
    kept = sentence.kept(topics)
    found = _by_topic(sentence, kept, frame)
    if found is None or found.topic is not _H:
        found = _by_hours(sentence, found, frame) or found
    if found is not None and found.topic is _T and not _is_about_the_law(sentence, kept, frame):
        return None
    if found is not None and found.topic is _N and _asks_for_a_connection(sentence, kept, frame):
        return NotHeld.OTHER_POSITION
    position = position_asked_for(sentence, kept, found, frame)
    if isinstance(position, NotHeld):
        return position
    if isinstance(position, Asked):
        further = _further(sentence, kept, _N if found is None else found.topic)
        return position._replace(further=position.further + further)
    if found is None:
        return None
    return found._replace(further=_further(sentence, kept, found.topic) + position)


def _asks_for_a_procedure(sentence: Sentence) -> bool:
    """ "Wie beantrage ich Modul 3?", "Wie kann ich Modul 2 bei der Syna kündigen?"; not where a topic or a position stands before it
    or behind a pause or "an", as in "wie melde ich mich an netzentgelte westnetz"."""
    if sentence.has(Sign.ASKS) or sentence.has(Sign.WHEN):
        return False
    starts = [mark.start for mark in sentence.marks if isinstance(mark.meaning, Topic | Position)]
    for i, key in enumerate(sentence.keys):
        if key != "wie" or sentence[i + 2] not in _WHO_APPLIES:
            continue
        verb, rest = sentence[i + 1], sentence.keys[i + 3 :]
        end = i + 3 + rest.index("an") if verb in _REGISTERING and "an" in rest else len(sentence.keys)
        if any(start < i or start > end or not _is_one_clause(sentence, i, start) for start in starts):
            continue
        if verb in _APPLYING or (verb in _CAN and _ends_with_applying(sentence, i)):
            return True
        if verb in {"stelle", "stellt", "stellen"} and "antrag" in rest:
            return True
    return False


def _is_one_clause(sentence: Sentence, start: int, end: int) -> bool:
    return not any(sentence.gap(i).strip() for i in range(start + 1, end + 1))


def _ends_with_applying(sentence: Sentence, start: int) -> bool:
    """Not "ohne zu kündigen", "ohne es anmelden zu müssen"."""
    end = start + 1
    while end < len(sentence.keys) and not sentence.gap(end).strip():
        end += 1
    return sentence[end - 1] in _TO_APPLY and sentence[end - 2] != "zu"


_WHO_APPLIES = {"ich", "man", "wir"}
_REGISTERING = {"melde", "meldet", "melden"}
_APPLYING = _REGISTERING | {
    "beantrage",
    "beantragt",
    "beantragen",
    "kundige",
    "kundigt",
    "kundigen",
}
_CAN = {"kann", "konnen", "muss", "mussen"}
_TO_APPLY = {"beantragen", "anmelden", "abmelden", "kundigen"}


def _is_an_amount(sentence: Sentence, mark: Mark, frame: Frame) -> bool:
    """ "Lastspitze von 100 kW", but no windows: "Zeitfenster für 800 kW"."""
    if mark.meaning != Topic(_H, Weight.AROUND):
        return False
    if frame.load:
        return True
    if sentence.has_any(Sign.WHEN, Sign.NOW) or not sentence[mark.end - 1].endswith(_PEAKS):
        return False
    after = mark.end + 1 if sentence[mark.end] in {"von", "of"} else mark.end
    return sentence[mark.start - 1] in IN_KW or (
        sentence[after][:1].isdigit() and not IN_KW.keys().isdisjoint(sentence.keys[after + 1 : after + 3])
    )


_PEAKS = ("last", "spitze", "load", "peak", "peaks", "demand")


def _asks_for_a_connection(sentence: Sentence, kept: Sequence[Mark], frame: Frame) -> bool:
    """ "Was kostet der Netzanschluss?": the price of a connection, where no price of the use of the grid is named."""
    if frame.load or frame.energy or any(_topic(mark).weight > Weight.HINT for mark in kept):
        return False
    return bool(kept) and any(
        key in _CONNECTIONS and sentence[i - 1] != "am" and not _is_there_already(sentence, i, frame)
        for i, key in enumerate(sentence.keys)
    )


def _is_there_already(sentence: Sentence, i: int, frame: Frame) -> bool:
    """ "Unser Netzanschluss liegt in MS", but not "Was kostet unser Netzanschluss?"."""
    return (
        frame.level
        and sentence[i - 1] in _OF_THE_CALLER
        and sentence[i - 2] not in {"kostet", "kosten", "costs"}
    )


_OF_THE_CALLER = {"unser", "unseren", "unserem", "mein", "meinen", "meinem", "our", "my"}
_CONNECTIONS = {"netzanschluss", "netzanschlusses", "netzanschlusse", "stromanschluss", "stromanschlusses"}


def _by_topic(sentence: Sentence, kept: list[Mark], frame: Frame) -> Asked | None:
    weight = max((_topic(mark).weight for mark in kept), default=None)
    match weight:
        case Weight.PLAIN:
            return Asked(_asked_for(sentence, kept), _plainly(sentence))
        case Weight.LIKELY | Weight.AROUND:
            return _likely(sentence, kept, frame)
        case Weight.HINT:
            return _by_price(sentence, frame)
        case _:
            return _by_operator(sentence, frame)


def _topic(mark: Mark) -> Topic:
    assert isinstance(mark.meaning, Topic)
    return mark.meaning


def _plainly(sentence: Sentence) -> float:
    doubts = (Sign.GAS, Sign.OTHER_MEDIUM, Sign.OTHER_PRODUCT, Sign.OTHER_MATTER, Sign.DEFINITION)
    return 0.9 if sentence.has_any(*doubts) else 0.99


def _likely(sentence: Sentence, topics: list[Mark], frame: Frame) -> Asked | None:
    framed = frame.named or sentence.of_the_grid
    if sentence.has(Sign.OTHER_PRODUCT) or not framed:
        return None
    if sentence.has(Sign.OTHER_MATTER) and not (frame.level or frame.operator):
        return None
    around = all(_topic(mark).weight is Weight.AROUND for mark in topics)
    if (
        around
        and sentence.strange
        and not (frame.operator or frame.place or frame.level or sentence.of_the_grid)
    ):
        return None  # "peak performance now"
    doubtful = sentence.has_any(Sign.OTHER_MATTER, Sign.DEFINITION) or not (
        frame.level or frame.operator or frame.place
    )
    return Asked(_asked_for(sentence, topics), 0.8 if doubtful else 0.97)


def _by_price(sentence: Sentence, frame: Frame) -> Asked | None:
    """A price is a grid charge where the sentence speaks of the grid, of a level or of an operator alone."""
    if _names_another_product(sentence) or sentence.has_any(Sign.OTHER_MATTER, Sign.DEFINITION):
        return None
    if frame.load:
        return Asked(_N, 0.93)
    grid = sentence.has(Sign.GRID)
    if sentence.has(Sign.POWER) and not (grid or frame.level):
        return None
    if frame.level and (frame.operator or frame.place or grid):
        return Asked(_N, 0.95)
    if grid and (frame.operator or frame.place):
        return Asked(_N, 0.93)
    if (frame.operator or grid or frame.level) and not sentence.strange:
        return Asked(_N, 0.85)
    return None


def _names_another_product(sentence: Sentence) -> bool:
    return sentence.has(Sign.OTHER_PRODUCT) and not names_included_levies_alone(sentence)


def _by_operator(sentence: Sentence, frame: Frame) -> Asked | None:
    """ "netze bw ns 2024": an operator and nothing that asks for anything else, not even "What is Westnetz?"."""
    another = _names_another_product(sentence)
    if frame.load and not (another or sentence.has(Sign.OTHER_MATTER)):
        return Asked(_N, 0.9) if frame.operator or frame.level else None
    if (
        another
        or sentence.has_any(Sign.OTHER_MATTER, Sign.DEFINITION)
        or sentence.strange
        or (QUESTIONS.intersection(sentence.keys) and not frame.level)
    ):
        return None
    if frame.operator or (frame.level and (frame.place or sentence.of_the_grid)):
        return Asked(_N, 0.93)
    if frame.place and sentence.names_the_grid and _has_become_dearer(sentence):
        return Asked(_N, 0.9)  # "Ist das Netz in Wedel teurer geworden?"
    if frame.place and frame.energy and not sentence.has(Sign.POWER):
        return Asked(_N, 0.9)  # "3500 kWh Malchow"
    return None


def _has_become_dearer(sentence: Sentence) -> bool:
    return any(
        one in {"teurer", "gunstiger", "billiger"} and other == "geworden"
        for one, other in pairwise(sentence.keys)
    )


def _by_hours(sentence: Sentence, found: Asked | None, frame: Frame) -> Asked | None:
    """ "Wann ist der Strom am günstigsten?", "Wann soll ich laden?": the grid's part of it is that of § 14a."""
    if sentence.has_any(Sign.OTHER_PRODUCT, Sign.OTHER_MATTER):
        return None
    charges = sentence.has(Sign.CHARGES_A_DEVICE)
    if not (
        sentence.has(Sign.WHEN)
        or _asks_for_hours(sentence)
        or (charges and sentence.has_any(Sign.NOW, Sign.CHEAP, Sign.CHEAPEST))
    ):
        return None
    devices = names_a_device(sentence) or bool(_OF_A_HOUSEHOLD.intersection(sentence.keys))
    runs = devices and bool(_RUNNING.intersection(sentence.keys))
    clock = bool(_CHEAPER.intersection(sentence.keys)) and bool(_OF_THE_CLOCK.intersection(sentence.keys))
    of_hours = charges or runs or clock or sentence.has_any(Sign.CHEAPEST, Sign.DEAREST, Sign.CHEAP)
    of_power = frame.operator or sentence.has_any(Sign.POWER, Sign.GRID) or names_a_device(sentence)
    if not (of_hours and of_power):
        return None
    if found is not None and sentence.has(Sign.COMPARES):
        return None
    return Asked(_T, 0.93)


def _asks_for_hours(sentence: Sentence) -> bool:
    """ "Die günstigsten 3 Stunden morgen", "cheapest four hours"; without a number they are a topic."""
    return any(
        mark.meaning in (Sign.CHEAPEST, Sign.DEAREST, Sign.CHEAP)
        and _is_a_number_of_hours(sentence[mark.end])
        and sentence[mark.end + 1] in _OF_THE_CLOCK
        for mark in sentence.marks
    )


def _is_a_number_of_hours(key: str) -> bool:
    """Of one day: "2500 Stunden" are those of use."""
    return key in NUMBERS or (key.isdecimal() and len(key) <= 2 and int(key) <= 24)


_OF_A_HOUSEHOLD = {
    "trockner", "waschetrockner", "waschmaschine", "spulmaschine", "geschirrspuler", "boiler", "dryer", "dishwasher",
}  # fmt: skip
_CHEAPER = {"gunstiger", "billiger", "cheaper"}
_OF_THE_CLOCK = {
    "uhr",
    "uhrzeit",
    "uhrzeiten",
    "stunde",
    "stunden",
    "nachts",
    "tagsuber",
    "abends",
    "hour",
    "hours",
    "night",
}
_RUNNING = {"laufen", "lauft", "einschalten", "anschalten", "betreiben", "heizen", "run", "heat"}


def _is_about_the_law(sentence: Sentence, kept: Sequence[Mark], frame: Frame) -> bool:
    """Not "Zeitvariabler Stromtarif", "14a Klasse" and "cheapest time to fly to Bremen": where nothing names the grid, § 14a or
    electricity, and words stand there that nothing explains."""
    if sentence.has(Sign.OTHER_PRODUCT) and not sentence.has(Sign.GRID) and not _names_the_law(sentence):
        return False
    if (
        frame.operator
        or frame.postal_code
        or sentence.of_the_grid
        or sentence.has(Sign.POWER)
        or names_a_device(sentence)
    ):
        return True
    return len(kept) > 1 or not sentence.strange or (frame.year and _names_the_law(sentence))


def _names_the_law(sentence: Sentence) -> bool:
    return any(key in _OF_THE_LAW or key.startswith("netz") for key in sentence.keys)


_OF_THE_LAW = {"14", "modul", "module", "modul3", "enwg"}


def _asked_for(sentence: Sentence, topics: list[Mark]) -> QuestionTopic:
    """Of two topics the one after the first word that asks, else the first."""
    strong = _strong(sentence, topics) or topics
    known = [mark.start for mark in sentence.marks if mark.meaning is Sign.KNOWN_ALREADY]
    fresh = [mark for mark in strong if not any(0 <= at - mark.end <= 3 for at in known)] or strong
    asks = min((mark.start for mark in sentence.marks if mark.meaning is Sign.ASKS), default=-1)
    after = [mark for mark in fresh if mark.start > asks]
    return _topic((after or fresh)[0]).topic


def _strong(sentence: Sentence, topics: Sequence[Mark]) -> list[Mark]:
    """Without those that only specify another: "Netzentgelte nach § 14a" are one topic, not two."""
    strong = [mark for mark in topics if _topic(mark).weight >= Weight.LIKELY]
    if not any(_topic(mark).topic is _T for mark in strong):
        return strong
    kept = []
    for mark in strong:
        others = [other for other in strong if _topic(other).topic is _T]
        if _topic(mark).topic is _T or all(are_set_apart(sentence, mark, other) for other in others):
            kept.append(mark)
    return kept


def _further(sentence: Sentence, kept: Sequence[Mark], topic: QuestionTopic) -> int:
    """How many other topics are asked for beside it, set apart from it."""
    strong = _strong(sentence, kept)
    mine = [mark for mark in strong if _topic(mark).topic is topic]
    others = {
        _topic(mark).topic
        for mark in strong
        if _topic(mark).topic is not topic and any(are_set_apart(sentence, mark, one) for one in mine)
    }
    return len(others)


def count_of_questions(sentence: Sentence) -> int:
    """Sentences that each ask something, and questions after "und": "… und wann gelten …"."""
    starts = [i for i, key in enumerate(sentence.keys) if key in _ASKING]
    found, last = 0, None
    for i in starts:
        if last is None and sentence[i - 1] in {"und", "and"} and _is_spoken_of(sentence, 0, i):
            found = 1  # "Netzentgelte der Syna, und wann …": the first one asks without a word for it
        if last is None or _separates(sentence, last, i):
            found, last = found + 1, i
    return max(found, 1)


_ASKING = QUESTIONS | {"welche", "welches", "welcher", "welchen", "wieviel", "which"}


def _separates(sentence: Sentence, before: int, i: int) -> bool:
    """Whether something stands between two words that ask, and the second begins a question of its own."""
    ends = any("?" in sentence.gap(j) for j in range(before + 1, i + 1))
    after_and = sentence[i - 1] in {"und", "and"} and i - before > 2 and _goes_on(sentence, i)
    return (ends or after_and) and _is_spoken_of(sentence, before, i)


def _goes_on(sentence: Sentence, i: int) -> bool:
    """Not "… und wann?", "… und wie lange?": more of the same question."""
    return len(sentence.keys) - i > 2


def _is_spoken_of(sentence: Sentence, start: int, end: int) -> bool:
    """Whether a topic or an operator stands there."""
    topics = [mark.start for mark in sentence.marks if isinstance(mark.meaning, Topic)]
    return any(start <= at < end for at in (*topics, *(mention.start for mention in sentence.mentions)))
