"""The answer about annual costs: of one operator, of several beside each other, and of all in a ranking."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from app.domain.cost import Ranked, utilisation_warnings
from app.domain.entry import LEVEL_ORDER
from app.domain.question import Interpretation, Load
from app.domain.question_figures import TariffCost
from app.interpreter.answer_words import Words, amount, marked, number, unknown_levels
from app.interpreter.bill_words import bill_words_of


def costs_of_levels(
    words: Words, meaning: Interpretation, name: str, costs: Sequence[TariffCost]
) -> str | None:
    """None where no cost can be worked out."""
    load = meaning.details.load
    if not costs or load is None:
        return None
    texts = [(words.levels[one.tariff.voltage_level], _cost(words, one)) for one in costs]
    of = f"{_load(words, load)}"
    if meaning.voltage_level is not None and len(texts) == 1:
        return f"{name}, {texts[0][0]}, {meaning.year}, {of}: {texts[0][1]}, {words.net}"
    text = "; ".join(f"{level} {cost}" for level, cost in texts)
    missing = unknown_levels(words, meaning, (one.tariff.voltage_level for one in costs))
    return f"{name}, {meaning.year}, {of}: {text}, {words.net}{missing}"


def _cost(words: Words, one: TariffCost) -> str:
    parts = (one.cost.total, one.cost.capacity_charge, one.cost.energy_charge)
    text = words.cost.format(*(number(words, part) for part in parts if part is not None))
    return marked(words, text, one.tariff.publication)


def _load(words: Words, load: Load) -> str:
    text = words.assumed if load.assumed else words.load
    text = text.format(amount(words, load.consumption_kwh), amount(words, load.peak_load_kw))
    warnings = utilisation_warnings(load.consumption_kwh, load.peak_load_kw, ())
    return ", ".join([text, *(bill_words_of(words).hints[warning.code] for warning in warnings)])


def compared_costs(
    words: Words, meaning: Interpretation, costs: Sequence[TariffCost], names: Mapping[UUID, str]
) -> str | None:
    """Level by level, who costs how much less than whom; None where fewer than two have a cost."""
    load = meaning.details.load
    if load is None:
        return None
    texts = []
    ordered = sorted(costs, key=lambda one: (LEVEL_ORDER[one.tariff.voltage_level], _total(one)))
    for level, same in groupby(ordered, key=lambda one: one.tariff.voltage_level):
        of_level = list(same)
        if len(of_level) > 1:
            texts.append(f"{words.levels[level]}: {_difference(words, of_level, names)}")
    if not texts:
        return None
    return words.ranked.format(_load(words, load), "; ".join(texts), words.net)


def _difference(words: Words, costs: Sequence[TariffCost], names: Mapping[UUID, str]) -> str:
    totals = ", ".join(
        marked(
            words,
            f"{names[one.tariff.dno_id]} {words.euro.format(number(words, _total(one)))}",
            one.tariff.publication,
        )
        for one in costs
    )
    cheapest, dearest = costs[0], costs[-1]
    difference = _total(dearest) - _total(cheapest)
    if not difference:
        return f"{totals} ({words.equal})"
    said = words.cheaper.format(
        names[cheapest.tariff.dno_id], number(words, difference), names[dearest.tariff.dno_id]
    )
    return f"{totals} – {said}"


def _total(one: TariffCost) -> Decimal:
    assert one.cost.total is not None
    return one.cost.total


def ranked(
    words: Words, meaning: Interpretation, ranking: Sequence[Ranked], names: Mapping[UUID, str]
) -> str:
    region = meaning.details.region
    where = (
        words.levels[meaning.voltage_level] if meaning.voltage_level else None,
        region,
        str(meaning.year),
    )
    asked = ", ".join(part for part in where if part)
    load = meaning.details.load
    if not ranking or load is None:
        return words.no_ranking.format(asked)
    rows = ", ".join(
        marked(
            words,
            f"{one.rank}. {names.get(one.tariff.dno_id, '')} {words.euro.format(number(words, one.cost.total))}",
            one.tariff.publication,
        )
        for one in ranking
        if one.cost.total is not None
    )
    return f"{asked}, {words.ranked.format(_load(words, load), rows, words.net)}"
