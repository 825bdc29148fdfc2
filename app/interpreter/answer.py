"""The text that answers a question, in its language, or names what is missing and what to ask instead."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from types import MappingProxyType
from typing import Final
from uuid import UUID

from app.domain.clock import hh_mm
from app.domain.dno import Dno
from app.domain.entry import LEVEL_ORDER, VoltageLevel
from app.domain.families import NETZENTGELTE, PRICE, TIME_OF_USE
from app.domain.hlzf import SEASON_ORDER, Hlzf
from app.domain.question import Interpretation, QuestionTopic
from app.domain.question_figures import Figures
from app.domain.tariff import Tariff
from app.interpreter.answer_words import Words, listed, marked, number, unknown_levels, words_of
from app.interpreter.bill_answer import bill_of_one, compared_bills, ranked_bills
from app.interpreter.cost_answer import compared_costs, costs_of_levels, ranked
from app.interpreter.levy_answer import no_rates, rates
from app.interpreter.peak_answer import peak_load
from app.interpreter.place_answer import whose_grid
from app.interpreter.price_answer import named_kinds, positions
from app.interpreter.time_of_use_answer import bands_and_windows, hours_of_a_day, price_at_a_moment

NO_FIGURES: Final = Figures()
NO_NAMES: Final[Mapping[UUID, str]] = MappingProxyType({})
_WITHOUT_OPERATOR: Final = (QuestionTopic.RANKING, QuestionTopic.COMPARISON, QuestionTopic.LEVIES)
MAX_NAMES, MAX_YEARS = 5, 4  # more would not be read
_TWO = 2


def answer_of(
    meaning: Interpretation,
    *,
    dno: Dno | None,
    figures: Figures = NO_FIGURES,
    candidates: Sequence[Dno] = (),
    names: Mapping[UUID, str] = NO_NAMES,
    years: Sequence[int] = (),
    levels: Iterable[VoltageLevel] = (),
    at: datetime | None = None,
) -> str:
    """`years` and `levels`: those for which this operator has such data, to offer where there is no value.

    `names`: of the operators of a ranking; `at`: the moment that prices or peak load are asked of.
    """
    words = words_of(meaning)
    if meaning.subject is None:
        text = words.off_topic if meaning.not_held is None else words.not_held[meaning.not_held]
        return text + _about_further_questions(words, meaning)
    if meaning.topic is QuestionTopic.GRID_OPERATOR and meaning.unknown is None:
        text = whose_grid(words, meaning, dno, figures.operators, candidates)
    elif (lacking := _lacking(words, meaning)) is not None:
        text = lacking
    elif meaning.topic is QuestionTopic.LEVIES:
        text = _levies(words, meaning, figures, years)
    elif meaning.topic is QuestionTopic.RANKING and meaning.about is QuestionTopic.BILL:
        text = ranked_bills(words, meaning, figures.bill_ranking, names)
    elif meaning.topic is QuestionTopic.RANKING:
        text = ranked(words, meaning, figures.ranking, names)
    elif meaning.topic is QuestionTopic.COMPARISON:
        text = _compared(words, meaning, candidates, figures)
    elif dno is None:
        text = _unnamed(words, meaning, candidates)
    elif (found := _of_operator(words, meaning, dno, figures, at)) is not None:
        text = found + _about_its_seat(words, meaning, dno)
    else:
        text = _nothing(words, meaning, dno, years, levels)
    return text + _about_further_questions(words, meaning)


def _levies(words: Words, meaning: Interpretation, figures: Figures, years: Sequence[int]) -> str:
    if figures.levies:
        return rates(words, meaning, figures.levies, figures.missing_levies)
    return no_rates(words, meaning, figures.missing_levies, years)


def _lacking(words: Words, meaning: Interpretation) -> str | None:
    """What must be named for the topic; an unknown or missing operator is asked for first."""
    if not meaning.lacking or (meaning.topic is not QuestionTopic.RANKING and meaning.dno_id is None):
        return None
    asked = _asked(words, meaning, _subject(words, meaning))
    if (usage := meaning.details.usage) is not None:
        if usage.peak_load_kw is not None:
            return words.level_missing.format(asked)
        return (words.module_missing if usage.module is None else words.bands_missing).format(asked)
    load_missing = meaning.details.load is None and meaning.voltage_level is not None
    if meaning.topic is QuestionTopic.ANNUAL_COST or load_missing:
        return words.load_missing.format(asked)
    return words.level_missing.format(asked)


def _about_its_seat(words: Words, meaning: Interpretation, dno: Dno) -> str:
    return f" – {words.by_seat.format(dno.name, dno.city)}" if meaning.by_seat and dno.city else ""


def _about_further_questions(words: Words, meaning: Interpretation) -> str:
    if meaning.questions < _TWO:
        return ""
    number = min(meaning.questions - _TWO, len(words.numbers) - 1)
    of_one = meaning.dno_id is not None or meaning.topic in _WITHOUT_OPERATOR
    if of_one and meaning.about is not None:
        rest = words.one_answered.format(words.about[meaning.about])
    else:
        rest = words.none_answered
    return f" – {words.questions.format(words.numbers[number])}{rest}"


def _of_operator(
    words: Words, meaning: Interpretation, dno: Dno, figures: Figures, at: datetime | None
) -> str | None:
    """None: nothing is known."""
    match meaning.subject:
        case QuestionTopic.TIME_OF_USE if at is not None:
            return price_at_a_moment(words, _of_sheet(words, dno, figures), figures.intervals, at)
        case QuestionTopic.TIME_OF_USE if meaning.details.day is not None:
            return hours_of_a_day(words, meaning, _of_sheet(words, dno, figures), figures.intervals)
        case QuestionTopic.PEAK_STATUS:
            return peak_load(words, meaning, dno.name, figures.peak, at)
        case QuestionTopic.BILL:
            bill = figures.bills[0].bill if figures.bills else None
            return bill_of_one(words, meaning, dno.name, bill)
        case QuestionTopic.ANNUAL_COST:
            costs = costs_of_levels(words, meaning, dno.name, figures.costs)
            return costs or _without_a_price(words, meaning, dno, figures)
        case _:
            return _published(words, meaning, dno, figures)


def _without_a_price(words: Words, meaning: Interpretation, dno: Dno, figures: Figures) -> str | None:
    """Tariffs are known, but not the prices of them that the consumption needs."""
    return words.unknown_cost.format(_asked(words, meaning, dno.name)) if figures.tariffs else None


def _of_sheet(words: Words, dno: Dno, figures: Figures) -> str:
    """The operator's name, marked where its § 14a prices are preliminary."""
    return marked(words, dno.name, figures.time_of_use[0].publication) if figures.time_of_use else dno.name


def _published(words: Words, meaning: Interpretation, dno: Dno, figures: Figures) -> str | None:
    """The rows of the data type as they are published."""
    if meaning.data_type is TIME_OF_USE:
        return bands_and_windows(words, dno.name, figures.time_of_use)
    if meaning.data_type is PRICE:
        return positions(words, meaning, dno.name, figures.prices)
    parts = (
        _prices(words, figures.tariffs) if meaning.data_type is NETZENTGELTE else _hours(words, figures.hlzf)
    )
    return _of_levels(words, meaning, dno, parts) if parts else None


def _of_levels(words: Words, meaning: Interpretation, dno: Dno, parts: list[tuple[VoltageLevel, str]]) -> str:
    year = f"{meaning.year} ({words.net_prices})" if meaning.data_type is NETZENTGELTE else f"{meaning.year}"
    if meaning.voltage_level is not None and len(parts) == 1:
        ((level, text),) = parts
        return f"{dno.name}, {words.levels[level]}, {year}: {text}"
    text = "; ".join(f"{words.levels[level]} {text}" for level, text in parts)
    return f"{dno.name}, {year}: {text}{unknown_levels(words, meaning, (level for level, _ in parts))}"


def _compared(words: Words, meaning: Interpretation, candidates: Sequence[Dno], figures: Figures) -> str:
    """The operators one after the other, also those of which nothing is known."""
    if meaning.about is QuestionTopic.BILL and figures.bills:
        return compared_bills(words, meaning, figures.bills, {dno.id: dno.name for dno in candidates})
    texts = [
        _published(words, meaning, dno, _of_dno(figures, dno.id)) or _not_known(words, meaning, dno)
        for dno in candidates
    ]
    conclusion = compared_costs(words, meaning, figures.costs, {dno.id: dno.name for dno in candidates})
    return " | ".join([*texts, conclusion] if conclusion else texts)


def _of_dno(figures: Figures, dno_id: UUID) -> Figures:
    return Figures(
        tariffs=[one for one in figures.tariffs if one.dno_id == dno_id],
        hlzf=[one for one in figures.hlzf if one.dno_id == dno_id],
        time_of_use=[one for one in figures.time_of_use if one.dno_id == dno_id],
        prices=[one for one in figures.prices if one.dno_id == dno_id],
    )


def _prices(words: Words, tariffs: Sequence[Tariff]) -> list[tuple[VoltageLevel, str]]:
    ordered = sorted(tariffs, key=lambda tariff: LEVEL_ORDER[tariff.voltage_level])
    return [(tariff.voltage_level, _price(words, tariff)) for tariff in ordered]


def _price(words: Words, tariff: Tariff) -> str:
    pairs = (
        (tariff.leistung, tariff.arbeit, words.from_2500),
        (tariff.leistung_unter_2500h, tariff.arbeit_unter_2500h, words.below_2500),
    )
    parts = [f"{prices} {hours}" for *pair, hours in pairs if (prices := _pair(words, *pair))]
    return marked(words, ", ".join(parts) or words.unpriced, tariff.publication)


def _pair(words: Words, leistung: Decimal | None, arbeit: Decimal | None) -> str:
    priced = ((words.capacity, leistung), (words.energy, arbeit))
    return ", ".join(text.format(number(words, price)) for text, price in priced if price is not None)


def _hours(words: Words, hlzf: Sequence[Hlzf]) -> list[tuple[VoltageLevel, str]]:
    ordered = sorted(hlzf, key=lambda one: (LEVEL_ORDER[one.voltage_level], SEASON_ORDER[one.season]))
    return [
        (level, f"{words.topics[QuestionTopic.HLZF]} " + ", ".join(_season(words, one) for one in same))
        for level, same in groupby(ordered, key=lambda one: one.voltage_level)
    ]


def _season(words: Words, hlzf: Hlzf) -> str:
    season = words.seasons[hlzf.season]
    if not hlzf.windows:
        return marked(words, f"{season} {words.no_window}", hlzf.publication)
    spans = [f"{hh_mm(window.start)}–{hh_mm(window.end)}" for window in sorted(hlzf.windows)]
    text = f"{season} {words.windows.format(listed(spans, words.both))}"
    return marked(words, text, hlzf.publication)


def _nothing(
    words: Words, meaning: Interpretation, dno: Dno, years: Sequence[int], levels: Iterable[VoltageLevel]
) -> str:
    text = _not_known(words, meaning, dno)
    if meaning.about is QuestionTopic.BILL:
        return f"{text}."
    published = sorted(
        set(levels) - {meaning.voltage_level, *meaning.details.levels}, key=lambda level: LEVEL_ORDER[level]
    )
    if published:
        return (
            text
            + words.other_levels.format(listed([words.levels[one] for one in published], words.both))
            + "."
        )
    if years:
        newest = sorted(years, reverse=True)[:MAX_YEARS]
        return text + words.other_years.format(listed([str(year) for year in newest], words.both)) + "."
    return text + words.no_year + "."


def _not_known(words: Words, meaning: Interpretation, dno: Dno) -> str:
    assert meaning.about is not None
    return words.nothing[meaning.about].format(_asked(words, meaning, dno.name), _subject(words, meaning))


def _subject(words: Words, meaning: Interpretation) -> str:
    """What is asked for."""
    assert meaning.about is not None
    if meaning.about is QuestionTopic.PRICES:
        return named_kinds(words, meaning.details.kinds)
    return words.topics[meaning.about]


def _unnamed(words: Words, meaning: Interpretation, candidates: Sequence[Dno]) -> str:
    asked = _asked(words, meaning, _subject(words, meaning))
    names = _distinct_names(candidates)
    if meaning.unknown is not None:
        return words.unknown.format(asked, meaning.unknown)
    if not names:
        return words.which.format(asked, meaning.year)
    more = len(names) - MAX_NAMES
    shown = [*names[:MAX_NAMES], words.others.format(more)] if more > 0 else names
    return (words.perhaps if len(names) == 1 else words.several).format(asked, listed(shown, words.either))


def _asked(words: Words, meaning: Interpretation, first: str) -> str:
    named = [meaning.voltage_level] if meaning.voltage_level is not None else meaning.details.levels
    level = listed([words.levels[one] for one in named], words.both) if named else None
    year = None if meaning.year is None else str(meaning.year)
    text = ", ".join(part for part in (first, level, year) if part)
    return text[:1].upper() + text[1:] if first == _subject(words, meaning) else text


def _distinct_names(candidates: Sequence[Dno]) -> list[str]:
    """Names; where two have the same, with what the register has to distinguish them."""
    same = Counter(dno.name for dno in candidates)
    return [
        dno.name if same[dno.name] == 1 else dno.official_name or f"{dno.name} ({dno.slug})"
        for dno in candidates
    ]
