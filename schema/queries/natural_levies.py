"""Loads the levies and taxes that a question asks for."""

from collections.abc import Collection
from datetime import date
from typing import Final

from app.domain import levy, tags
from app.domain.entry import FIRST_YEAR, LAST_YEAR
from app.domain.levy import Levy, of_year
from app.domain.missing_levies import MissingLevy, missing_in
from app.domain.question import Interpretation
from app.domain.question_figures import Figures
from schema.context import Context
from schema.queries.natural_found import Found

# Customers with reduced rates wherever a levy has a rate "non_privileged". Questions name C beside C'.
_PRIVILEGED: Final = ("C'", "rail_and_trolleybus", "shore_power_commercial_shipping", "public_transport_9c")
_NON_PRIVILEGED: Final = "non_privileged"
# What is added to the groups of privileged customers asks for no rate of others.
_BESIDE_PRIVILEGED: Final = frozenset({*_PRIVILEGED, "C", "standard"})


async def load_levies(context: Context, meaning: Interpretation) -> Found:
    """Also the years in which these levies have a rate, where the year that is asked for has none."""
    (held,) = await context.loaders.levies.load_many([None])
    kinds = set(meaning.details.levies)
    of_kinds = [one for one in held or () if one.kind in kinds]
    rates = [one for one in of_kinds if _is_charged(one, meaning.details.inhabitants)]
    year = meaning.year
    if year is None or not FIRST_YEAR <= year <= LAST_YEAR:
        return Found(Figures())
    context.budget.check()
    missing = [one for one in missing_in(of_kinds, year) if one.kind in kinds]
    groups = set(meaning.details.levy_groups)
    of_the_year = of_year(rates, year)
    # A levy without rates of these customers has the same for all, except for those with reduced rates.
    reduced = _reduced(of_the_year, missing, groups, year)
    divided = {one.kind for one in of_the_year if one.customer_group in groups}
    divided |= {one.kind for one in missing if one.customer_group in groups}
    if groups <= _BESIDE_PRIVILEGED:
        divided |= {one.kind for one in reduced}
    rates = [one for one in rates if one.kind not in divided or one.customer_group in groups]
    missing = [one for one in missing if one.kind not in divided or one.customer_group in groups]
    figures = Figures(levies=of_year(rates, year), missing_levies=[*missing, *reduced])
    years = [] if figures.levies else sorted({one.year for one in rates if one.valid_from is not None})
    return Found(figures, years=years, used={tags.all_of(levy.FAMILY)})


def _reduced(
    rates: Collection[Levy], missing: Collection[MissingLevy], groups: Collection[str], year: int
) -> list[MissingLevy]:
    """Reduced rates that are asked for and not held, of levies that these customers do not pay in full."""
    in_full = [one.kind for one in rates if one.customer_group == _NON_PRIVILEGED]
    in_full += [one.kind for one in missing if one.customer_group == _NON_PRIVILEGED]
    held = {(one.kind, one.customer_group) for one in rates}
    return [
        MissingLevy(kind, group, date(year, 1, 1), date(year, 12, 31))
        for kind in dict.fromkeys(in_full)
        for group in _PRIVILEGED
        if group in groups and (kind, group) not in held
    ]


def _is_charged(one: Levy, inhabitants: int | None) -> bool:
    """Whether a concession fee is that of a municipality of this size; other levies do not depend on it."""
    if inhabitants is None or (one.inhabitants_from is None and one.inhabitants_to is None):
        return True
    most = one.inhabitants_to
    return (one.inhabitants_from or 0) <= inhabitants and (most is None or inhabitants <= most)
