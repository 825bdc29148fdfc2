"""The check of a calendar year that is given as an argument."""

from app.domain.entry import FIRST_YEAR, LAST_YEAR
from app.errors import BadInput


def check_year(year: int) -> None:
    """Raises BadInput."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise BadInput(f"A year lies between {FIRST_YEAR} and {LAST_YEAR}.", argument="year")
