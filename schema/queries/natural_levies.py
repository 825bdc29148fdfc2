"""Loads the levies and taxes that a question asks for."""

from app.domain import levy, tags
from app.domain.entry import FIRST_YEAR, LAST_YEAR
from app.domain.levy import Levy, of_year
from app.domain.missing_levies import missing_in
from app.domain.question import Interpretation
from app.domain.question_figures import Figures
from schema.context import Context
from schema.queries.natural_found import Found


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
    # A levy without rates of these customers has the same for all.
    divided = {one.kind for one in of_year(rates, year) if one.customer_group in groups}
    divided |= {one.kind for one in missing if one.customer_group in groups}
    rates = [one for one in rates if one.kind not in divided or one.customer_group in groups]
    figures = Figures(
        levies=of_year(rates, year),
        missing_levies=[one for one in missing if one.kind not in divided or one.customer_group in groups],
    )
    years = [] if figures.levies else sorted({one.year for one in rates if one.valid_from is not None})
    return Found(figures, years=years, used={tags.all_of(levy.FAMILY)})


def _is_charged(one: Levy, inhabitants: int | None) -> bool:
    """Whether a concession fee is that of a municipality of this size; other levies do not depend on it."""
    if inhabitants is None or (one.inhabitants_from is None and one.inhabitants_to is None):
        return True
    most = one.inhabitants_to
    return (one.inhabitants_from or 0) <= inhabitants and (most is None or inhabitants <= most)
