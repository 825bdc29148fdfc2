"""The answer about levies and taxes of a year: each rate with its customers and its time, and what is not known."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby

from app.domain.levy import Levy, LevyKind
from app.domain.missing_levies import MissingLevy
from app.domain.question import Interpretation
from app.interpreter.answer_words import Words, amount, listed, number
from app.interpreter.levy_words import LevyWords, levy_words_of

MAX_YEARS = 4  # more would not be read


def rates(
    words: Words, meaning: Interpretation, levies: Sequence[Levy], missing: Sequence[MissingLevy]
) -> str:
    """`levies` and `missing`: of the kinds that are asked for."""
    of_levy = levy_words_of(words)
    assert meaning.year is not None
    texts = [
        f"{of_levy.kinds[kind]} {_rates(words, list(same), meaning.year)}"
        for kind, same in groupby(levies, key=lambda levy: levy.kind)
    ]
    if missing:
        texts.append(of_levy.missing.format(", ".join(dict.fromkeys(_missing(of_levy, missing)))))
    return of_levy.whole_country.format(meaning.year, "; ".join(texts))


def no_rates(
    words: Words, meaning: Interpretation, missing: Sequence[MissingLevy], years: Sequence[int]
) -> str:
    """`years`: in which such levies have a rate."""
    of_levy = levy_words_of(words)
    named = named_levies(words, meaning.details.levies)
    if missing:
        if meaning.details.levy_groups:  # others may be known
            named = ", ".join(dict.fromkeys(_missing(of_levy, missing)))
        text = of_levy.whole_country.format(meaning.year, of_levy.missing.format(named))
    else:
        text = of_levy.not_charged.format(named, meaning.year)
    if not years:
        return f"{text}."
    newest = [str(year) for year in sorted(years, reverse=True)[:MAX_YEARS]]
    return f"{text}{words.other_years.format(listed(newest, words.both))}."


def named_levies(words: Words, kinds: Iterable[LevyKind]) -> str:
    return listed([levy_words_of(words).kinds[kind] for kind in kinds], words.both)


def _rates(words: Words, levies: Sequence[Levy], year: int) -> str:
    of_levy = levy_words_of(words)
    general_first = sorted(levies, key=lambda levy: bool(_group(words, levy)))
    text = ", ".join(_rate(words, levy, year) for levy in general_first)
    return f"{text} ({of_levy.highest})" if levies[0].kind is LevyKind.KONZESSIONSABGABE else text


def _rate(words: Words, levy: Levy, year: int) -> str:
    of_levy = levy_words_of(words)
    value = of_levy.units[levy.unit].format(
        amount(words, levy.value) if levy.unit.value == "percent" else number(words, levy.value)
    )
    marks = (
        _group(words, levy),
        _span(of_levy, levy, year),
        of_levy.statuses.get(levy.verification_status, ""),
    )
    text = ", ".join(mark for mark in marks if mark)
    return f"{value} ({text})" if text else value


def _group(words: Words, levy: Levy) -> str:
    up_to, since, between = levy_words_of(words).inhabitants
    first, last = (_count(words, bound) for bound in (levy.inhabitants_from, levy.inhabitants_to))
    if first and last:
        return between.format(first, last)
    if first or last:
        return since.format(first) if first else up_to.format(last)
    group = levy.customer_group
    return "" if group is None else levy_words_of(words).groups.get(group, group)


def _count(words: Words, inhabitants: int | None) -> str:
    return "" if inhabitants is None else amount(words, Decimal(inhabitants))


def _span(of_levy: LevyWords, levy: Levy, year: int) -> str:
    """The part of the year in which it holds; nothing for a whole year."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    begins = levy.valid_from if levy.valid_from is not None and levy.valid_from > first else None
    ends = levy.valid_to if levy.valid_to is not None and levy.valid_to < last else None
    if begins and ends:
        return of_levy.span.format(begins, ends)
    if begins or ends:
        return of_levy.since.format(begins) if begins else of_levy.until.format(ends)
    return ""


def _missing(of_levy: LevyWords, missing: Iterable[MissingLevy]) -> Iterable[str]:
    for one in missing:
        group = of_levy.groups.get(one.customer_group or "", one.customer_group)
        yield f"{of_levy.kinds[one.kind]} ({group})" if group else of_levy.kinds[one.kind]
