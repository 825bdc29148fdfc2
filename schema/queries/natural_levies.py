"""Loads the levies and taxes that a question asks for."""

from app.domain import levy, tags
from app.domain.entry import FIRST_YEAR, LAST_YEAR
from app.domain.levy import of_year
from app.domain.missing_levies import missing_in
from app.domain.question import Interpretation
from app.domain.question_figures import Figures
from schema.context import Context
from schema.queries.natural_found import Found


async def load_levies(context: Context, meaning: Interpretation) -> Found:
    """Also the years in which these levies have a rate, where the year that is asked for has none."""
    (held,) = await context.loaders.levies.load_many([None])
    kinds = set(meaning.details.levies)
    rates = [one for one in held or () if one.kind in kinds]
    year = meaning.year
    if year is None or not FIRST_YEAR <= year <= LAST_YEAR:
        return Found(Figures())
    context.budget.check()
    figures = Figures(
        levies=of_year(rates, year),
        missing_levies=[one for one in missing_in(rates, year) if one.kind in kinds],
    )
    years = [] if figures.levies else sorted({one.year for one in rates if one.valid_from is not None})
    return Found(figures, years=years, used={tags.all_of(levy.FAMILY)})
