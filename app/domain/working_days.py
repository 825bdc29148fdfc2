"""Working days: the days on which peak-load windows apply."""

from datetime import date
from functools import lru_cache

from holidays.countries.germany import Germany

from app.domain.federal_state import canonical_region

SATURDAY = 5


def is_working_day(day: date, region: str | None) -> bool:
    """Monday to Friday, neither from 24 December to 1 January nor a holiday in the whole federal state.

    Without a known state only the holidays of all states count. Holidays of single towns (Augsburg's
    Friedensfest, Bavaria's Mariä Himmelfahrt) do not count.
    """
    return day.weekday() < SATURDAY and not _between_the_years(day) and day not in _holidays(region)


def _between_the_years(day: date) -> bool:
    return (day.month, day.day) >= (12, 24) or (day.month, day.day) == (1, 1)


@lru_cache
def _holidays(region: str | None) -> Germany:
    aliases = Germany.subdivisions_aliases
    return Germany(subdiv=aliases.get(canonical_region(region)) if region else None)
