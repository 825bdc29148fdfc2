"""Questions that rank operators: "Günstigster Netzbetreiber in Bayern MS 2026"."""

from typing import Final

from app.domain.entry import VoltageLevel
from app.domain.price import PriceKind
from app.domain.question import Details, Interpretation, NotHeld, QuestionTopic, Usage
from app.interpreter.asked import Asked
from app.interpreter.load_examples import HEAT_PUMP, HOUSEHOLD, example_of
from app.interpreter.operators import is_like_a_region, names_unknown_place
from app.interpreter.positions import customers_of
from app.interpreter.ranks import asks_for_the_last, number_in_digits, rank_of
from app.interpreter.reading import (
    Read,
    data_type_of,
    frame_of,
    is_about_something_else,
    is_abroad,
    load_of,
    product_of,
    unanswered,
)
from app.interpreter.sentence import Sentence
from app.interpreter.topics import asked, count_of_questions
from app.interpreter.usage import as_example, usage_of
from app.interpreter.words import NUMBERS, Sign
from app.interpreter.years import number_in_words

MAX_RANKING: Final = 20


def ranking_of(read: Read) -> Interpretation | None:
    """ "Günstigster Netzbetreiber in Bayern MS 2026"; None where no superlative asks for operators."""
    sentence = read.sentence
    if _asks_by_limit(read) or _asks_which_place(read):
        return unanswered(read, NotHeld.OTHER_RANKING)
    ranks = sentence.has_any(Sign.CHEAPEST, Sign.DEAREST, Sign.RANKS)
    if not ranks and not _RANKED.intersection(sentence.keys):
        return None
    if sentence.has(Sign.WHEN) or is_about_something_else(sentence):
        return None
    if read.codes or not _speaks_of_operators(read):
        return None
    states = {i for one in read.states for i in range(one.start, one.end)}
    mentions = [m for m in sentence.mentions if not states.issuperset(range(m.start, m.end))]
    if any(not mention.place for mention in mentions):
        return unanswered(read, NotHeld.OTHER_RANKING) if _asks_for_a_rank(read) else None
    topic = asked(sentence, frame_of(read)) or Asked(QuestionTopic.NETZENTGELTE, 0.95)
    if not isinstance(topic, Asked):
        return unanswered(read, topic)
    of_states = any(
        key in {"bundesland", "state"}
        and all(one.start != i + (2 if sentence[i + 1] == "of" else 1) for one in read.states)
        for i, key in enumerate(sentence.keys)
    )
    usage = _usage(read, topic)
    if (
        (topic.topic is not QuestionTopic.NETZENTGELTE and usage is None)
        or mentions
        or read.postal_code is not None
        or _asks_for_one_price(sentence)
        or of_states
        or _ranks_places(sentence)
    ):
        return unanswered(read, NotHeld.OTHER_RANKING)
    if _names_a_part_of_a_name(sentence) or _limits_customers(sentence):
        return unanswered(read, NotHeld.OTHER_RANKING)  # "günstigster Netzbetreiber Harzburg"
    if _names_a_part_of_a_state(read, states):
        return unanswered(read, NotHeld.OTHER_RANKING)
    if len({one.state for one in read.states}) > 1 or names_unknown_place(sentence) or is_abroad(sentence):
        return unanswered(read, NotHeld.OTHER_RANKING)  # "in Bayern und Hessen", "in Österreich"
    if (rank_of(sentence) or _number_of_first(sentence)) > MAX_RANKING or asks_for_the_last(sentence):
        return unanswered(read, NotHeld.OTHER_RANKING)
    load = load_of(read) or (None if read.amounts.tokens else example_of(read.level.level))
    return Interpretation(
        data_type=data_type_of(topic.topic if usage is None else QuestionTopic.BILL),
        dno_id=None,
        year=read.year.year,
        voltage_level=read.level.level,
        confidence=product_of(topic.certainty, 0.97, read.year.certainty, read.level.certainty),
        candidates=(),
        language=read.language,
        topic=QuestionTopic.RANKING,
        details=Details(
            dearest=sentence.has(Sign.DEAREST) and not sentence.has(Sign.CHEAPEST),
            region=read.states[0].state if read.states else None,
            load=load if usage is None else None,
            first=_length(sentence),
            usage=usage,
        ),
        lacking=usage is None and (load is None or read.level.level is None),
        questions=max(1 + topic.further, count_of_questions(sentence), read.year.number),
    )


def _ranks_places(sentence: Sentence) -> bool:
    """ "Günstigste Stadt in Bayern", "which town has the highest grid fees", "Städte mit den höchsten Netzentgelten"; not "which city's
    operator"."""
    if any(
        key in _KINDS_OF_COMPANIES or (key in _COMPANIES_OF_THE_GRID and sentence[i - 1] in _OF_THE_GRID)
        for i, key in enumerate(sentence.keys)
    ):
        return False
    ranked = [mark for mark in sentence.marks if mark.meaning in (Sign.CHEAPEST, Sign.DEAREST)]
    starts, ends = {mark.start for mark in ranked}, {mark.end for mark in ranked}
    return any(
        word.token.key in _PLACES_RANKED  # as written: "towns" is corrected to "owns"
        and (
            i in ends
            or sentence[i - 1] in _WHICH_PLACE
            or (sentence[i + 1] in {"mit", "with"} and not starts.isdisjoint({i + 2, i + 3}))
        )
        for i, word in enumerate(sentence.words)
    )


_PLACES_RANKED: Final = frozenset({
    "stadt", "stadte", "stadten", "gemeinde", "gemeinden", "kommune", "kommunen", "ort", "orte", "region", "regionen", "landkreis",
    "landkreise", "kreis", "kreise", "city", "cities", "town", "towns", "municipality", "municipalities", "regions", "district",
    "districts", "states", "areas",
})  # fmt: skip
_WHICH_PLACE: Final = frozenset({"welche", "welcher", "welchem", "welchen", "which", "what"})


def _names_a_part_of_a_state(read: Read, tokens: set[int]) -> bool:
    """ "In Westfalen", "im Rheinland": all of Germany is not meant; and "Sachsen-Anhallt" is not Saxony. Not "in Bayern, nicht in
    Westfalen", "Westfalen (NRW)" and "Mecklenburg und Vorpommern": the state is named, too."""
    sentence = read.sentence
    named = {one.state for one in read.states}
    return any(
        (
            key in _PARTS_OF_STATES
            and _PARTS_OF_STATES[key].isdisjoint(named)
            and not (named and sentence.denied(i))
        )
        or (
            sentence[i - 1] in _SAXONY
            and key in sentence.strange
            and sentence.gap(i) == "-"
            and key[:1] == "a"
        )
        for i, key in enumerate(sentence.keys)
        if i not in tokens
    )


_SAXONY: Final = frozenset({"sachsen", "saxony"})
_PARTS_OF_STATES: Final = {
    part: frozenset(states.split())
    for states, parts in (
        ("Baden-Württemberg", "baden badischen wurttemberg"),
        ("Mecklenburg-Vorpommern", "vorpommern pomerania"),
        ("Nordrhein-Westfalen", "nordrhein westfalen westphalia"),
        ("Nordrhein-Westfalen Rheinland-Pfalz", "rheinland rhineland"),
        ("Rheinland-Pfalz", "pfalz palatinate"),
        ("Sachsen-Anhalt", "anhalt"),
        ("Schleswig-Holstein", "schleswig holstein"),
    )
    for part in parts.split()
}


def _names_a_part_of_a_name(sentence: Sentence) -> bool:
    """ "Netzbetreiber Harzburg", "Netzbetreiber Sauerland": most probably a place; not "for a steel plant"."""
    return any(
        key in sentence.strange
        and (key in sentence.vocabulary.named or is_like_a_region(key))
        and sentence[i - 1] in _OPERATORS
        for i, key in enumerate(sentence.keys)
    )


def _limits_customers(sentence: Sentence) -> bool:
    """ "Mit mehr als 100.000 Kunden": of a size, by which none are chosen; not "2026 Kunden MS", "Netzebene 5 Kunden", and
    "mit 2 Anschlüssen", which are those of the customer."""
    return any(
        key[:1].isdigit()
        and sentence[i + 1] in _COUNTED
        and (_is_limited(sentence[i - 1], key) or len(key) >= _DIGITS_OF_COUNTS)
        for i, key in enumerate(sentence.keys)
    )


def _is_limited(before: str, key: str) -> bool:
    return before in _LIMITS and (len(key) >= _DIGITS_OF_LIMITS or before not in {"mit", "with"})


_DIGITS_OF_LIMITS: Final = 3
_DIGITS_OF_COUNTS: Final = 5  # with the separator: no year
_LIMITS = {
    "als", "uber", "unter", "mit", "ab", "bis", "mindestens", "hochstens", "maximal", "rund", "etwa", "ca", "than", "over",
    "under", "above", "below", "with", "least", "most",
}  # fmt: skip


_COUNTED = {
    "kunden",
    "kundinnen",
    "anschlusse",
    "anschlussen",
    "zahler",
    "zahlern",
    "customers",
    "connections",
}


def _asks_which_place(read: Read) -> bool:
    """ "Auf welchem Platz liegt Westnetz?", "rank of Westnetz", "Wer ist das Schlusslicht?": the rank of one operator, or the last."""
    sentence = read.sentence
    if _RANKS.isdisjoint(sentence.keys) or is_about_something_else(sentence):
        return False
    named = bool(read.codes) or any(not mention.place for mention in sentence.mentions)
    if "schlusslicht" in sentence.keys:
        return named or _speaks_of_operators(read)
    return (named or (bool(sentence.mentions) and _speaks_of_operators(read))) and any(
        (key in _PLACES and sentence[i - 1] in _WHICH and not _HOLDS.isdisjoint(sentence.keys))
        or (key in {"rank", "rang"} and sentence[i + 1] in _OF)
        for i, key in enumerate(sentence.keys)
    )


_PLACES = {"platz", "rang", "rank"}
_RANKS = _PLACES | {"schlusslicht"}
_WHICH = {"welchem", "welchen", "welcher", "wievielten", "which", "what"}
_HOLDS = {
    "liegt", "liegen", "steht", "stehen", "hat", "haben", "belegt", "landet", "rangiert", "kommt", "ist", "is", "hold", "has", "have",
}  # fmt: skip
_OF = {"of", "von", "der"}


def _asks_for_a_rank(read: Read) -> bool:
    """ "Ist Westnetz der teuerste Netzbetreiber?": whether one operator is the first of all."""
    sentence = read.sentence
    if len(sentence.mentions) != 1 or sentence.has(Sign.COMPARES):
        return False
    return any(
        mark.meaning in (Sign.CHEAPEST, Sign.DEAREST) and _ranks_companies(sentence, mark.end)
        for mark in sentence.marks
    )


def _ranks_companies(sentence: Sentence, i: int) -> bool:
    """ "Netzbetreiber", "grid operator", but neither "grid fees" nor "vom günstigsten Netzbetreiber Westnetz", which is named."""
    end = i
    while sentence[end] in _OF_THE_GRID:
        end += 1
    companies = _COMPANIES_RANKED if end == i else _COMPANIES_OF_THE_GRID
    return sentence[end] in companies and all(mention.start != end + 1 for mention in sentence.mentions)


_OF_THE_GRID = {"grid", "network", "distribution", "system", "electricity", "power"}
_COMPANIES_RANKED = {
    "netzbetreiber", "netzbetreibern", "verteilnetzbetreiber", "verteilnetzbetreibern", "stromnetzbetreiber", "vnb", "operator",
    "operators", "dso", "dsos",
}  # fmt: skip
_COMPANIES_OF_THE_GRID = {"operator", "operators", "company", "companies"}
_KINDS_OF_COMPANIES = _COMPANIES_RANKED | {
    "netzgesellschaft", "netzgesellschaften", "versorger", "energieversorger", "stadtwerk", "stadtwerke", "stadtwerken", "utility",
    "utilities",
}  # fmt: skip


def _asks_by_limit(read: Read) -> bool:
    """ "Welche Netzbetreiber liegen unter 5 ct?": those on one side of a price."""
    sentence = read.sentence
    if sentence.mentions or read.codes or read.postal_code or is_about_something_else(sentence):
        return False
    return not _COMPANIES.isdisjoint(sentence.keys) and any(
        sentence[i - 1] in _BOUNDS
        and key[:1].isdigit()
        and (sentence[i + 1] in _MONEY or sentence.gap(i + 1).strip()[:1] in {"€", "%"})
        for i, key in enumerate(sentence.keys)
    )


_COMPANIES = {
    "netzbetreiber",
    "netzbetreibern",
    "verteilnetzbetreiber",
    "vnb",
    "stromnetzbetreiber",
    "operators",
    "dsos",
    "wer",
    "who",
}
_BOUNDS = {
    "unter",
    "uber",
    "als",
    "mindestens",
    "hochstens",
    "maximal",
    "below",
    "above",
    "under",
    "over",
    "than",
}
_MONEY = {"ct", "cent", "cents", "eur", "euro", "euros"}


def _usage(read: Read, topic: Asked) -> Usage | None:
    """The customer whose bills order the operators; None: the annual cost of load metering does."""
    if (usage := usage_of(read, topic)) is not None:
        return as_example(read, usage)
    customers = customers_of(read.sentence)
    if read.amounts.tokens or read.level.level not in {None, VoltageLevel.NS}:
        return None
    if PriceKind.WAERMEPUMPE_ARBEITSPREIS in customers:
        return as_example(read, HEAT_PUMP)
    return HOUSEHOLD if PriceKind.SLP_ARBEITSPREIS in customers else None


_RANKED = {"top"}
_OPERATORS = {
    "netzbetreiber", "netzbetreibern", "verteilnetzbetreiber", "verteilnetzbetreibern", "stromnetzbetreiber", "vnb",
    "netz", "netze", "netzgebiet", "operator", "operators", "dso", "dsos", "grid", "network", "networks", "grids",
    "netzentgelt", "netzentgelte", "netzentgelten", "netznutzungsentgelte", "netzkosten", "netzgebuhren", "stadtwerk",
    "stadtwerke", "stadtwerken", "utility", "utilities", "nne",
}  # fmt: skip
_ONE_PRICE = {
    "leistungspreis",
    "leistungspreise",
    "arbeitspreis",
    "arbeitspreise",
    "lp",
    "ap",
    "capacity",
    "energy",
    "grundpreis",
    "grundpreise",
}


def _speaks_of_operators(read: Read) -> bool:
    named = _OPERATORS | _ONE_PRICE
    return bool(named.intersection(read.sentence.keys)) or (
        read.level.level is not None and bool(read.states)
    )


def _asks_for_one_price(sentence: Sentence) -> bool:
    return bool(_ONE_PRICE.intersection(sentence.keys))


def _length(sentence: Sentence) -> int:
    """ "top 10", "die drei günstigsten", "the sixth cheapest"; five where none is named."""
    if (rank := rank_of(sentence)) is not None:
        return min(max(rank, Details().first), MAX_RANKING)
    if (number := _number_of_first(sentence)) > 1:
        return min(number, MAX_RANKING)
    for i, key in enumerate(sentence.keys):
        if key in _OPERATORS and (number := _number(sentence[i - 1])) > 1:
            return min(number, MAX_RANKING)
    return Details().first


def _number_of_first(sentence: Sentence) -> int:
    """ "Top 30", "die 30 teuersten", "the ten cheapest"; 0: none."""
    ranked = {mark.start for mark in sentence.marks if mark.meaning in (Sign.CHEAPEST, Sign.DEAREST)}
    for i, key in enumerate(sentence.keys):
        if key not in _RANKED and key not in {"die", "the"}:
            continue
        number = _number(sentence[i + 1])
        # "Die 25er Netzentgelte" are of a year.
        if number > 1 and (key in _RANKED or number <= MAX_RANKING or i + 2 in ranked):
            return number
    # "Zehn günstigste Netzbetreiber"; digits there may be those of a year or a level.
    in_words = (
        number_in_words(sentence[start - 1])
        for start in sorted(ranked)
        if sentence[start - 2] not in _NUMBERED
    )
    if number := next((number for number in in_words if number > 1), 0):
        return number
    if not ranked.isdisjoint({1, 2}) and (1 in ranked or sentence[0] == "bitte"):
        return number_in_digits(sentence[min(ranked) - 1])  # "10 günstigste Netzbetreiber"
    return 0


_NUMBERED: Final = frozenset({"netzebene", "ebene", "ne", "level", "modul", "module"})


def _number(word: str) -> int:
    return number_in_digits(word) or NUMBERS.get(word, 0) or number_in_words(word)
